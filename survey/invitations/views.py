"""Surveys: what is planned, and planning one; correcting an address, which ends codes and invites afresh."""

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response
from wtforms.fields.choices import SelectChoice

from survey.access.current import current_actor
from survey.access.open_to import open_to
from survey.invitations import staff
from survey.invitations.forms import USUAL, AddressForm, SurveyForm
from survey.invitations.reaching import asked_twice
from survey.invitations.service import add_survey
from survey.kernel.errors import Refused
from survey.people.service import people_in, person
from survey.providers.service import list_providers
from survey.questionnaires.service import list_questionnaires
from survey.waves import service as waves
from survey.waves.rounds import usual_questionnaire
from survey.waves.rules import Wave, WaveState, check_skips, check_state_change, printed

CHANGES = {
    "pause": ("paused", waves.pause_survey),
    "resume": ("active", waves.resume_survey),
    "end": ("ended", waves.end_survey),
}
blueprint = Blueprint("invitations", __name__)


@blueprint.route("/surveys", methods=["GET", "POST"])
@open_to("manager")
def surveys() -> str | Response | tuple[str, int]:
    """All surveys with their waves; the form plans one."""
    form = SurveyForm()
    form.provider.choices = [SelectChoice(p.slug, p.name) for p in list_providers()]
    form.questionnaire.choices = [
        USUAL,
        *(SelectChoice(q.slug, f"{q.title} ({len(q.questions)} questions)") for q in list_questionnaires()),
    ]
    form.timezone.data = form.timezone.data or current_app.config["CANDOUR"].timezone
    problem = None
    if request.method == "POST":
        try:
            planned = _plan(form)
        except Refused as refused:
            problem = refused
        else:
            flash(" ".join(["Planned. Nothing has been sent.", *asked_twice(planned)]))
            return redirect(url_for("findings.results", wave=planned.slug), 303)
    facts = {"surveys": waves.list_surveys(), "waves": waves.list_waves(), "form": form, "problem": problem}
    page = render_template("invitations/surveys.html", **facts)
    return (page, 400) if problem else page


@blueprint.route("/surveys/<survey>/<change>", methods=["GET", "POST"])
@open_to("manager")
def change_survey(survey: str, change: str) -> str | Response:
    """A page of its own that says what pausing, resuming or ending a survey does; the button does it."""
    to, make_it = CHANGES.get(change) or abort(404)
    found = waves.survey(survey)
    if request.method == "POST":
        changed = make_it(survey, actor=current_actor())
        flash(f"{changed.name} is {'taken up again' if to == 'active' else changed.state}.")
        return redirect(url_for("invitations.surveys"), 303)
    check_state_change(found, to)
    ours = waves.list_waves(found.slug)
    running = next((item for item in ours if item.state is WaveState.OPEN), None)
    planned = [item for item in ours if item.state is WaveState.PLANNED]
    facts = {"survey": found, "change": change, "running": running, "planned": planned, "printed": printed}
    return render_template("invitations/change_survey.html", **facts)


@blueprint.route("/waves/<wave>/skip", methods=["GET", "POST"])
@open_to("manager")
def skip_wave(wave: str) -> str | Response | tuple[str, int]:
    """A page of its own that says what skipping a planned wave does; the button does it."""
    item = waves.wave(wave)
    check_skips(item)
    problem = None
    if request.method == "POST":
        try:
            skipped = waves.skip(item.slug, request.form.get("reason", ""), actor=current_actor())
        except Refused as refused:
            problem = refused.message
        else:
            flash(f"{skipped.slug} is skipped.")
            return redirect(url_for("invitations.surveys"), 303)
    facts = {"wave": item, "opens": printed(item.opens, item.timezone), "problem": problem, "reason": request.form.get("reason", "")}
    page = render_template("invitations/skip_wave.html", **facts)
    return (page, 400) if problem else page


@blueprint.route("/people/<person_id>/address", methods=["GET", "POST"])
@open_to("manager")
def correct_address(person_id: str) -> str | tuple[str, int] | Response:
    """Gives somebody another address; what that means for open waves happens whether they have answered or not, and looks the same."""
    known, form = person(person_id) or abort(404), AddressForm()
    problems = form.email.errors if form.is_submitted() and not form.validate() else ()
    if form.is_submitted() and not problems:
        try:
            corrected = staff.correct_address(known.email, form.email.data, actor=current_actor())
        except Refused as refused:
            problems = (refused.message,)
        else:
            flash(f"{corrected.name} is now {corrected.email}.")
            return redirect(url_for("people.list_people", department=known.department), 303)
    return render_template("invitations/correct_address.html", person=known, form=form, problems=problems), 400 if problems else 200


def _plan(form: SurveyForm) -> Wave:
    if not form.validate():
        raise Refused(
            "The survey was not planned.", details=tuple(f"{form[name].label.text}: {', '.join(f)}" for name, f in form.errors.items())
        )
    people_in(form.audience.data)
    plan = waves.Plan(
        form.name.data,
        form.provider.data,
        form.questionnaire.data or usual_questionnaire(form.recurrence),
        form.recurrence,
        form.opens.data,
        form.days.data,
        form.timezone.data,
        form.audience.data,
        reminders=int(form.reminders.data),
    )
    return add_survey(plan)[1]
