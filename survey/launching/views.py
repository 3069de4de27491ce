"""The pages that plan a survey and open a wave by hand."""

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response
from wtforms.fields.choices import SelectChoice

from survey.access.rules.open_to import open_to
from survey.access.service.current import current_actor
from survey.access.service.programs import tell_program
from survey.findings.words.rules.printing import percent
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
from survey.statistics.detectable import POWER
from survey.statistics.planning import RATES, USUAL_SHARE, outlook
from survey.vault.service.spare_copies import spare_copies
from survey.waves import service as waves
from survey.waves.rules.thirds import usual_questionnaire
from survey.waves.rules.waves import Wave

blueprint = Blueprint("launching", __name__)


@blueprint.route("/surveys", methods=["GET", "POST"])
@open_to("manager")
def surveys() -> str | Response | tuple[str, int]:
    """Lists all surveys and waves; when the form is sent, adds a survey with its first wave."""
    form = _survey_form()
    problem = None
    if request.method == "POST":
        try:
            wave = _plan_survey(form)
        except Refused as refused:
            tell_program(refused)
            problem = refused
        else:
            warnings = warn_of_people_asked_twice(wave)
            flash(" ".join(["Planned. Nothing has been sent.", *warnings]))
            return redirect(url_for("console.results", wave=wave.slug), 303)
    page = render_template(
        "launching/surveys.html",
        surveys=waves.list_surveys(),
        waves=waves.list_waves(),
        form=form,
        problem=problem,
    )
    return (page, 400) if problem else page


def _survey_form() -> SurveyForm:
    """The form for a new survey, with the providers and questionnaires that can be chosen."""
    form = SurveyForm()
    form.provider.choices = [
        SelectChoice(provider.slug, provider.name) for provider in list_providers()
    ]
    form.questionnaire.choices = [USUAL]
    for questionnaire in list_questionnaires():
        label = f"{questionnaire.title} ({len(questionnaire.questions)} questions)"
        form.questionnaire.choices.append(SelectChoice(questionnaire.slug, label))
    form.timezone.data = form.timezone.data or current_app.config["CANDOUR"].timezone
    return form


def _plan_survey(form: SurveyForm) -> Wave:
    """Adds the survey that was typed and gives its first wave; refuses a form with faults.

    Refuses an audience that names no department, too.
    """
    if not form.validate():
        faults = tuple(
            f"{form[name].label.text}: {', '.join(sentences)}"
            for name, sentences in form.errors.items()
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
    _, first_wave = add_survey(plan)
    return first_wave


@blueprint.route("/waves/<wave>/open", methods=["GET", "POST"])
@open_to("manager")
def open_by_hand(wave: str) -> str | Response:
    """Shows what opening the wave would do; when the button is pressed, opens it."""
    config = current_app.config["CANDOUR"]
    if request.method == "POST":
        opened = open_wave(wave, now(), config.key_dir, actor=current_actor())
        flash(f"{opened.slug} is open. {opened.invited} invitations are on their way.")
        return redirect(url_for("console.results", wave=opened.slug), 303)
    preview = preview_wave(wave)
    return render_template(
        "launching/open_by_hand.html",
        preview=preview,
        usual_share=percent(USUAL_SHARE),
        power=percent(POWER),
        prospects=[outlook_in_words(outlook(preview.invited, rate)) for rate in RATES],
        key_dir=config.key_dir,
        spare_copies=spare_copies(preview.wave),
        mail_notes=notes_on_mail(preview, config, now()),
    )
