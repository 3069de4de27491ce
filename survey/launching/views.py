"""Planning a survey, and opening a wave by hand."""

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response
from wtforms.fields.choices import SelectChoice

from survey.access.rules.open_to import open_to
from survey.access.service.current import current_actor
from survey.access.service.programs import tell_program
from survey.findings.words.rules.wording import outlook_in_words
from survey.invitations.service.recipients import warn_of_people_asked_twice
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.launching.forms import USUAL, SurveyForm
from survey.launching.service.opening import open_wave
from survey.launching.service.preview import notes_on_mail, preview_wave
from survey.launching.service.surveys import add_survey
from survey.people.service.directory import people_in
from survey.providers.service import list_providers
from survey.questionnaires.service import list_questionnaires
from survey.statistics.planning import RATES, outlook
from survey.vault.service.spare_copies import spare_copies
from survey.waves import service as waves
from survey.waves.rules.thirds import usual_questionnaire
from survey.waves.rules.waves import Wave

blueprint = Blueprint("launching", __name__)


@blueprint.route("/surveys", methods=["GET", "POST"])
@open_to("manager")
def surveys() -> str | Response | tuple[str, int]:
    """All surveys with their waves; the form plans one."""
    form = SurveyForm()
    form.provider.choices = [SelectChoice(p.slug, p.name) for p in list_providers()]
    form.questionnaire.choices = [
        USUAL,
        *(
            SelectChoice(q.slug, f"{q.title} ({len(q.questions)} questions)")
            for q in list_questionnaires()
        ),
    ]
    form.timezone.data = form.timezone.data or current_app.config["CANDOUR"].timezone
    problem = None
    if request.method == "POST":
        try:
            planned = _plan(form)
        except Refused as refused:
            tell_program(refused)
            problem = refused
        else:
            flash(
                " ".join(["Planned. Nothing has been sent.", *warn_of_people_asked_twice(planned)])
            )
            return redirect(url_for("console.results", wave=planned.slug), 303)
    facts = {
        "surveys": waves.list_surveys(),
        "waves": waves.list_waves(),
        "form": form,
        "problem": problem,
    }
    page = render_template("launching/surveys.html", **facts)
    return (page, 400) if problem else page


def _plan(form: SurveyForm) -> Wave:
    if not form.validate():
        faults = tuple(
            f"{form[name].label.text}: {', '.join(said)}" for name, said in form.errors.items()
        )
        raise Refused("survey-not-planned", "The survey was not planned.", details=faults)
    people_in(form.audience.data)
    plan = waves.SurveyPlan(
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


@blueprint.route("/waves/<wave>/open", methods=["GET", "POST"])
@open_to("manager")
def open_by_hand(wave: str) -> str | Response:
    """A page of its own that says what opening will do; the button does it."""
    if request.method == "POST":
        item = open_wave(wave, now(), current_app.config["CANDOUR"].key_dir, actor=current_actor())
        flash(f"{item.slug} is open. {item.invited} invitations are on their way.")
        return redirect(url_for("console.results", wave=item.slug), 303)
    plan, config = preview_wave(wave), current_app.config["CANDOUR"]
    prospects = [outlook_in_words(outlook(plan.invited, rate)) for rate in RATES]
    facts = {"key_dir": config.key_dir, "spare": spare_copies(plan.wave)}
    facts |= {"mail_notes": notes_on_mail(plan, config, now())}
    return render_template("launching/open_by_hand.html", plan=plan, prospects=prospects, **facts)
