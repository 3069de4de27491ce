"""The employee's pages: no cookie, no script but one, and a GET that writes nothing."""

import logging
from collections.abc import Mapping

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as BaseResponse

from survey.access.rules.open_to import open_to
from survey.access.service.csrf import csrf
from survey.access.service.limits import code_limit
from survey.answering.rules.form import FORM_SIZE, pad_page
from survey.answering.rules.survey_page import SurveyPage
from survey.answering.service import (
    Submission,
    SubmissionOutcome,
    build_survey_page,
    next_steps,
    promise_of_next,
    promises_of,
    promises_of_next,
    readers_on_page,
    staff_lists_of_waves,
    submit_answers,
)
from survey.copies.service import ELSEWHERE_COUNTS, copies_made_elsewhere
from survey.database import db
from survey.kernel.clock import now
from survey.kernel.errors import NotFound, Refused
from survey.organisation.rules.organisation import Organisation
from survey.organisation.rules.promise import promise_on_copies
from survey.organisation.service import latest_attacks
from survey.people.service.stopping import stop_mails, take_up_mails
from survey.vault.rules.ceremony_files import fingerprint
from survey.vault.service import co_keys
from survey.waves import service as waves
from survey.waves.rules.waves import MINIMUM_GROUP, Wave, WaveState, printed_time

log = logging.getLogger(__name__)
blueprint = Blueprint("answering", __name__)
_PAGES = "candour_survey_pages"  # where an app keeps the last page of each wave
LONGEST_SECRET = 200
STATUS = {
    SubmissionOutcome.PROBLEMS: 400,
    SubmissionOutcome.CODE_REFUSED: 410,
    SubmissionOutcome.UNAVAILABLE: 503,
}
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; script-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@blueprint.get("/s/<wave>")
@blueprint.get("/s/<wave>/<language>")
@open_to("everyone")
def survey(wave: str, language: str | None = None) -> Response:
    """The survey page, the same bytes for everybody; outside its dates a page that says so.

    What a mail filter appended to its address makes no difference; another language is 404.
    """
    this_wave = _wave_or_404(wave)
    page = _survey_page(this_wave)
    if page and language is not None and language.partition("#")[0] != page.language:
        abort(404)
    if page is None or not this_wave.takes_answers(now()):
        return _reply(_state_page(this_wave))
    return _reply(_rendered(page, {}, {}, None))


@blueprint.post("/s/<wave>")
@csrf.exempt  # type: ignore[untyped-decorator]  # the code is the authority, and no cookie is set
@open_to("everyone", from_anywhere=True)
def answer(wave: str) -> BaseResponse:
    """Stores the answers of a posted form; on any fault, gives the form back as it was filled.

    Slows down an address that sends wrong codes (429).
    """
    form = request.form.to_dict(flat=False)
    try:
        this_wave = _wave_or_404(wave)
        if not _has_survey_page(this_wave):
            return _reply(_state_page(this_wave))
        if this_wave.slug not in _remembered_pages():
            # Once in a process, for a form that comes back when the database does not answer.
            _survey_page(this_wave)
        submission = submit_answers(this_wave, form, now())
        page = None if submission.outcome is SubmissionOutcome.SENT else _survey_page(this_wave)
    except SQLAlchemyError as error:
        return _form_without_database(wave, error)
    if page is None:
        return redirect(url_for("answering.thanks", wave=this_wave.slug), 303)
    if submission.outcome is SubmissionOutcome.CODE_REFUSED and this_wave.takes_answers(now()):
        wait = code_limit().fail(request.remote_addr or "", request.form.get("token", ""))
        if wait:
            response = _form(page, submission, "limited", 429)
            response.headers["Retry-After"] = str(wait)
            return response
    return _form(page, submission, submission.outcome.value, STATUS[submission.outcome])


def _form_without_database(wave: str, error: SQLAlchemyError) -> Response:
    """The filled form again, on the page kept in memory, when the database failed (503).

    With the advice to try again later; a plain page where no page of this wave was kept.
    """
    page = _remembered_pages().get(_without_fragment(wave))
    if page is None:
        return outage(error)
    db.session.rollback()
    outcome = SubmissionOutcome.UNAVAILABLE
    return _form(page, Submission(outcome, {}), outcome.value, STATUS[outcome])


@blueprint.errorhandler(SQLAlchemyError)
def outage(error: SQLAlchemyError) -> Response:
    """A plain page with status 503: the database does not answer. Logs the kind of error."""
    db.session.rollback()
    log.error("a page could not be shown, the database failed: %s", type(error).__name__)
    title = "We cannot take answers right now"
    if request.path.startswith("/stop/"):
        title = "This cannot be done right now"
    message = (
        "Nothing is lost: go back to the page you came from, leave it open and try again later."
    )
    return _reply(render_template("answering/state.html", title=title, message=message), 503)


@blueprint.get("/s/<wave>/thanks")
@open_to("everyone")
def thanks(wave: str) -> Response:
    """The thanks page, the same for everybody and safe to reload; 404 for a wave without pages."""
    this_wave = _wave_or_404(wave)
    page = _survey_page(this_wave) or abort(404)
    steps = next_steps(this_wave, page)
    return _reply(render_template("answering/thanks.html", page=page, steps=steps))


@blueprint.get("/s/<wave>/sent.css")
@open_to("everyone")
def sent(
    wave: str,  # noqa: ARG001 - named by the address
) -> Response:
    """Empty CSS that makes the browser drop the filled form, so that Back shows an empty one."""
    response = Response("", mimetype="text/css")
    response.headers["Clear-Site-Data"] = '"cache"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/promise")
@blueprint.get("/promise/<wave>")
@open_to("everyone")
def promise(wave: str | None = None) -> str:
    """The page on what is stored about an employee, what is not, and who could learn what.

    It states what one wave promised: the one in the address (404 unless it was opened here), else
    the newest that is open; else what the next one would promise.
    """
    running = [each for each in waves.list_waves() if _is_running(each)]
    if wave is None:
        shown = running[-1] if running else None
    else:
        shown = _promising_wave(_without_fragment(wave))
    promised = promise_of_next() if shown is None else waves.promise_of(shown, _sender())
    upcoming = co_keys.announced_co_keys()
    sealing = [*running, *([shown] if shown and shown not in running else [])]
    holders = [
        (each.named, key.name, fingerprint(key.public)) for each in sealing for key in each.co_keys
    ]
    holders += [("the next survey", key.name, fingerprint(key.public)) for key in upcoming]
    return render_template(
        "answering/promise.html",
        wave=shown,
        others=[each for each in running if shown and each.id != shown.id],
        organisation=promised.organisation,
        provider=promised.provider,
        reader=readers_on_page(shown, promised),
        sentences=promises_of(shown, promised) if shown else promises_of_next(promised, upcoming),
        holders=holders,
        second_keys=shown.co_keys if shown else upcoming,
        minimum_group=shown.minimum_group if shown else MINIMUM_GROUP,
        attacks=latest_attacks(),
        staff_lists=staff_lists_of_waves(promised.organisation.name),
        copies=promise_on_copies(
            promised.organisation.host,
            current_app.config["CANDOUR"].days_of_copies,
            has_others=bool(copies_made_elsewhere(now() - ELSEWHERE_COUNTS)),
        ),
    )


def _promising_wave(slug: str) -> Wave:
    """The wave of this slug, which opened here and so has promised something; else NotFound."""
    wave = next((each for each in waves.list_waves() if each.slug == slug), None)
    if wave is None or not _has_survey_page(wave):
        raise NotFound("wave", f"No survey {slug[:80]!r} has opened here.")
    return wave


def _is_running(wave: Wave) -> bool:
    """Whether a wave takes answers, or is closed and they wait for its second key."""
    if wave.state is WaveState.CLOSED:
        return wave.is_strict
    return wave.state is WaveState.OPEN


@blueprint.get("/stop/<wave>")
@blueprint.get("/stop/<wave>/<secret>")
@open_to("everyone")
def stop(wave: str, secret: str = "") -> Response:
    """The page that asks whether to stop survey mails; looks nothing up and changes nothing.

    It is the same for every secret, with anything that a mail filter appended to the address.
    """
    return _stop_page("ask", wave, secret)


@blueprint.post("/stop/<wave>")
@csrf.exempt  # type: ignore[untyped-decorator]  # the secret is the authority, and no cookie is set
@open_to("everyone", from_anywhere=True)
def confirm_stop(wave: str) -> Response:
    """Stops survey mails and says so in a sentence; an unknown secret gets the same sentence."""
    secret = request.form.get("token", "")
    stop_mails(secret)
    return _stop_page("stopped", wave, secret)


@blueprint.post("/stop/<wave>/<secret>")
@csrf.exempt  # type: ignore[untyped-decorator]  # as above; no cookie comes along
@open_to("everyone", from_anywhere=True)
def one_click(wave: str, secret: str) -> Response:
    """Stops survey mails for a mail program's own button (RFC 8058); any other post only asks."""
    if request.form.get("List-Unsubscribe") != "One-Click":
        return _stop_page("ask", wave, secret)
    stop_mails(secret)
    return _stop_page("stopped", wave, secret)


@blueprint.get("/stop/<wave>/again")
@open_to("everyone")
def again(wave: str) -> Response:
    """The page that asks whether survey mails may come again; changes nothing."""
    return _stop_page("ask again", wave, "")


@blueprint.post("/stop/<wave>/again")
@csrf.exempt  # type: ignore[untyped-decorator]  # as above
@open_to("everyone", from_anywhere=True)
def take_up_again(wave: str) -> Response:
    """Lets survey mails come again and says so; an unknown secret gets the same sentence."""
    secret = request.form.get("token", "")
    take_up_mails(secret)
    return _stop_page("taken up", wave, secret)


def _stop_page(state: str, wave: str, secret: str) -> Response:
    """The page about stopping survey mails in a `state`, such as "ask" or "stopped"."""
    slug = _without_fragment(wave)
    organisation, promise_address = _stated_for(slug)
    body = render_template(
        "answering/stop.html",
        state=state,
        wave=slug,
        secret=secret[:LONGEST_SECRET],
        organisation=organisation,
        promise_address=promise_address,
    )
    return _reply(body)


def _stated_for(slug: str) -> tuple[Organisation, str]:
    """The client as the wave of this slug promised it, and the address of that promise.

    For a wave that was not opened here, or is unknown, those of the next one.
    """
    try:
        wave = waves.find_wave(slug)
    except Refused:
        return promise_of_next().organisation, "/promise"
    address = f"/promise/{wave.slug}" if _has_survey_page(wave) else "/promise"
    return waves.promise_of(wave, _sender()).organisation, address


def _wave_or_404(slug: str) -> Wave:
    """The wave of this address, without what a mail filter may have appended; else 404."""
    try:
        return waves.find_wave(_without_fragment(slug))
    except Refused:
        abort(404)


def _without_fragment(address: str) -> str:
    """A part of an address without a fragment that a mail filter encoded into it."""
    return address.partition("#")[0]


def _has_survey_page(wave: Wave) -> bool:
    """Whether a wave has, or had, a survey page: it was opened here."""
    return bool(wave.questionnaire_version) and not wave.imported


def _survey_page(wave: Wave) -> SurveyPage | None:
    """Builds the survey page of a wave and keeps it in memory; None for a wave without one."""
    if not _has_survey_page(wave):
        return None
    page = build_survey_page(wave, _sender())
    _remembered_pages()[wave.slug] = page
    return page


def _remembered_pages() -> dict[str, SurveyPage]:
    """The last page of each wave in memory, by slug, for when the database does not answer."""
    pages: dict[str, SurveyPage] = current_app.extensions.setdefault(_PAGES, {})
    return pages


def _sender() -> str:
    """The sender's address from the settings."""
    return str(current_app.config["CANDOUR"].mail_from)


def _form(page: SurveyPage, submission: Submission, status: str, code: int) -> Response:
    """The survey page with what was typed and its problems, padded to a fixed size."""
    given = {name: values[0] for name, values in request.form.to_dict(flat=False).items()}
    body = _rendered(page, given, submission.problems, status)
    return _reply(pad_page(body), code)


def _rendered(
    page: SurveyPage, given: dict[str, str], problems: Mapping[str, str], status: str | None
) -> str:
    """The survey page as HTML, with what was typed, its problems and a status."""
    return render_template(
        "answering/survey.html",
        page=page,
        given=given,
        problems=problems,
        status=status,
        form_size=FORM_SIZE,
    )


def _state_page(wave: Wave) -> str:
    """The page of a wave that takes no answers: when it opens, or that it is closed; no form."""
    several_zones = waves.promise_of(wave, _sender()).organisation.several_zones
    if wave.state is WaveState.PLANNED:
        opens = printed_time(wave.opens, wave.timezone, several_zones=several_zones)
        title = f"Opens on {opens}"
        message = "Your invitation comes by mail when the survey opens."
    else:
        title = "This survey is closed"
        was_held = wave.questionnaire_version and wave.closes_at <= now()
        if was_held:
            closes = printed_time(wave.closes, wave.timezone, several_zones=several_zones)
            title = f"Closed on {closes}"
        message = _what_comes_next(wave)
    return render_template("answering/state.html", title=title, message=message)


def _what_comes_next(wave: Wave) -> str:
    """A sentence for the page of a closed wave: when the next survey opens, or thanks."""
    if wave.is_third:
        return "A third of the people is asked each month, and everybody once in three months."
    if waves.find_survey(wave.survey).state == "active":
        for other in waves.list_waves():
            if other.survey_id == wave.survey_id and other.state is WaveState.PLANNED:
                return f"The next survey opens on {other.opens.day} {other.opens:%B %Y}."
    return "Thank you for your interest."


def _reply(body: str, code: int = 200) -> Response:
    """A response with the headers of the employee's pages: strict CSP, no referrer, not cached."""
    response = make_response(body, code)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response
