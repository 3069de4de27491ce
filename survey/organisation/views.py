"""The page on which the facts about the client are set."""

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from survey.access.rules.open_to import open_to
from survey.access.service.current import current_actor
from survey.access.service.programs import tell_program
from survey.kernel.errors import Refused
from survey.organisation.forms import OrganisationForm
from survey.organisation.service import (
    accounts_that_may_read,
    find_organisation,
    set_organisation,
)

blueprint = Blueprint("organisation", __name__)


@blueprint.route("/organisation", methods=["GET", "POST"])
@open_to("manager")
def organisation() -> str | Response | tuple[str, int]:
    """Shows the facts about the client, first suggested by the sender's address; POST stores."""
    client = find_organisation(current_app.config["CANDOUR"].mail_from)
    form = OrganisationForm(client, accounts_that_may_read())
    problem = None
    if request.method == "POST" and form.validate():
        try:
            _save(form)
        except Refused as refused:
            tell_program(refused)
            problem = refused
        else:
            flash("Saved. These facts hold for every survey that opens from now on.")
            return redirect(url_for("organisation.organisation"), 303)
    page = render_template(
        "organisation/organisation.html", form=form, problem=problem, client=client
    )
    return (page, 400) if problem else page


def _save(form: OrganisationForm) -> None:
    """Stores what was typed, in the name of who is signed in; refuses faulty facts."""
    set_organisation(
        form.name.data or "",
        form.contact_name.data or "",
        form.contact_email.data or "",
        form.comments_read_by.data or "",
        form.host.data or "",
        several_zones=bool(form.several_zones.data),
        language=form.language.data,
        mail_domains=form.typed_domains(),
        provider_runs_mail=form.typed_answer(),
        readers=form.typed_readers(),
        weekend=form.typed_weekend(),
        actor=current_actor(),
    )
