"""What is asked, as the employee will see it."""

from flask import Blueprint, render_template

from survey.access.rules.open_to import open_to
from survey.questionnaires import service

blueprint = Blueprint("questionnaires", __name__)


@blueprint.get("/questionnaires")
@open_to("viewer")
def list_questionnaires() -> str:
    """Shows all questionnaires, each with its length."""
    return render_template(
        "questionnaires/list_questionnaires.html", questionnaires=service.list_questionnaires()
    )


@blueprint.get("/questionnaires/<slug>")
@open_to("viewer")
def show_questionnaire(slug: str) -> str:
    """Shows one questionnaire, question by question; refuses an unknown slug."""
    return render_template(
        "questionnaires/show_questionnaire.html",
        questionnaire=service.find_questionnaire(slug),
    )
