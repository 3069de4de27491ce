"""The employee's pages: no cookie, no script but one, and a GET that writes nothing."""

import logging
from collections.abc import Mapping
from dataclasses import replace

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
from survey.answering.rules.form import FORM_SIZE, padded
from survey.answering.rules.survey_page import SurveyPage
from survey.answering.service import (
    Submission,
    SubmissionOutcome,
    build_survey_page,
    next_steps,
    promise_terms,
    submit_answers,
)
from survey.database import db
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.organisation.rules.promise import PromiseTerms, promise_on_form
from survey.organisation.service import find_organisation, latest_attacks
from survey.people.service.stopping import stop_mails, take_up_mails
from survey.providers.service import list_providers, provider_by_id
from survey.vault.rules.ceremony_files import fingerprint
from survey.vault.service import co_keys
from survey.waves import service as waves
from survey.waves.rules.waves import MINIMUM_GROUP, Wave, WaveState, printed_time

log = logging.getLogger(__name__)
blueprint = Blueprint("answering", __name__)
_PAGES = "candour_survey_pages"
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
    """The survey page: the same bytes for everybody, whatever a mail filter appended to its address."""
    item = _wave(wave)
    page = _page(item)
    if page and language is not None and language.partition("#")[0] != page.language:
        abort(404)
    if page is None or not item.takes_answers(now()):
        return _reply(_state(item))
    return _reply(_rendered(page, {}, {}, None))


@blueprint.post("/s/<wave>")
@csrf.exempt  # type: ignore[untyped-decorator]  # the code is the authority, and no cookie is set
@open_to("everyone")
def answer(wave: str) -> BaseResponse:
    """Takes a form; whatever is wrong, the page comes back with everything still on it."""
    form = request.form.to_dict(flat=False)
    try:
        item = _wave(wave)
        if not _asks(item):
            return _reply(_state(item))
        if item.slug not in _remembered():
            _page(
                item
            )  # once in a process, for a form that comes back when the database does not answer
        submission = submit_answers(item, form, now())
        page = None if submission.outcome is SubmissionOutcome.SENT else _page(item)
    except SQLAlchemyError as error:
        known = _remembered().get(wave.partition("#")[0])
        if known is None:
            return outage(error)
        db.session.rollback()
        return _form(
            known,
            Submission(SubmissionOutcome.UNAVAILABLE, {}),
            SubmissionOutcome.UNAVAILABLE.value,
            503,
        )
    if page is None:
        return redirect(url_for("answering.thanks", wave=item.slug), 303)
    if submission.outcome is SubmissionOutcome.CODE_REFUSED and item.takes_answers(now()):
        wait = code_limit().fail(request.remote_addr or "", request.form.get("token", ""))
        if wait:
            response = _form(page, submission, "limited", 429)
            response.headers["Retry-After"] = str(wait)
            return response
    return _form(page, submission, submission.outcome.value, STATUS[submission.outcome])


@blueprint.errorhandler(SQLAlchemyError)
def outage(error: SQLAlchemyError) -> Response:
    """The database does not answer: a plain page that says so."""
    db.session.rollback()
    log.error("a page could not be shown, the database failed: %s", type(error).__name__)
    message = (
        "Nothing is lost: go back to the page you came from, leave it open and try again later."
    )
    title = (
        "This cannot be done right now"
        if request.path.startswith("/stop/")
        else "We cannot take answers right now"
    )
    return _reply(render_template("answering/state.html", title=title, message=message), 503)


@blueprint.get("/s/<wave>/thanks")
@open_to("everyone")
def thanks(wave: str) -> Response:
    """The same thanks for everybody, safe to reload."""
    item = _wave(wave)
    page = _page(item) or abort(404)
    return _reply(render_template("answering/thanks.html", page=page, steps=next_steps(item, page)))


@blueprint.get("/s/<wave>/sent.css")
@open_to("everyone")
def sent(
    wave: str,  # noqa: ARG001 - named by the address
) -> Response:
    """Makes the browser forget the filled-in form, so that Back shows an empty one."""
    response = Response("", mimetype="text/css")
    response.headers["Clear-Site-Data"] = '"cache"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/promise")
@open_to("everyone")
def promise() -> str:
    """What is stored about an employee, what is not, who could learn what."""
    facts = find_organisation(_sender())
    running = [
        w
        for w in waves.list_waves()
        if w.state is WaveState.OPEN or (w.state is WaveState.CLOSED and w.is_strict)
    ]
    upcoming = co_keys.announced_co_keys()
    if running:
        item = running[-1]
        provider = provider_by_id(item.provider_id).name
        closes = printed_time(item.closes, item.timezone, several_zones=facts.several_zones)
        sentences = promise_on_form(promise_terms(item, facts, provider, closes))
    else:
        names = [known.name for known in list_providers()]
        provider = names[0] if len(names) == 1 else "the IT provider"
        general = PromiseTerms(
            facts.name, provider, facts.comments_read_by, facts.host, "on the date in your mail"
        )
        sentences = promise_on_form(
            replace(general, representatives=tuple(key.name for key in upcoming))
        )
    holders = [
        (item.named, key.name, fingerprint(key.public)) for item in running for key in item.co_keys
    ]
    holders += [("the next survey", key.name, fingerprint(key.public)) for key in upcoming]
    second = running[-1].co_keys if running else upcoming
    page = {
        "organisation": facts,
        "provider": provider,
        "sentences": sentences,
        "holders": holders,
        "second": second,
    }
    page |= {
        "least": running[-1].minimum_group if running else MINIMUM_GROUP,
        "attacks": latest_attacks(),
    }
    return render_template("answering/promise.html", **page)


@blueprint.get("/stop/<wave>")
@blueprint.get("/stop/<wave>/<secret>")
@open_to("everyone")
def stop(wave: str, secret: str = "") -> Response:
    """One button; the same page for every secret, and nothing is looked up, whatever a mail filter appended to the address."""
    return _stop_page("ask", wave, secret)


@blueprint.post("/stop/<wave>")
@csrf.exempt  # type: ignore[untyped-decorator]  # the secret is the authority, and no cookie is set
@open_to("everyone")
def confirm_stop(wave: str) -> Response:
    """Stops survey mails and says so in a sentence; an unknown secret gets the same sentence."""
    secret = request.form.get("token", "")
    stop_mails(secret)
    return _stop_page("stopped", wave, secret)


@blueprint.post("/stop/<wave>/<secret>")
@csrf.exempt  # type: ignore[untyped-decorator]  # as above; mail programs send neither cookie nor token
@open_to("everyone")
def one_click(wave: str, secret: str) -> Response:
    """What a mail program's own button posts (RFC 8058); any other post of this address asks first."""
    if request.form.get("List-Unsubscribe") != "One-Click":
        return _stop_page("ask", wave, secret)
    stop_mails(secret)
    return _stop_page("stopped", wave, secret)


@blueprint.get("/stop/<wave>/again")
@open_to("everyone")
def again(wave: str) -> Response:
    """One button that takes survey mails up again."""
    return _stop_page("ask again", wave, "")


@blueprint.post("/stop/<wave>/again")
@csrf.exempt  # type: ignore[untyped-decorator]  # as above
@open_to("everyone")
def take_up_again(wave: str) -> Response:
    """Takes survey mails up again and says so; an unknown secret gets the same sentence."""
    secret = request.form.get("token", "")
    take_up_mails(secret)
    return _stop_page("taken up", wave, secret)


def _stop_page(state: str, wave: str, secret: str) -> Response:
    facts = find_organisation(_sender())
    page = {
        "state": state,
        "wave": wave.partition("#")[0],
        "secret": secret[:LONGEST_SECRET],
        "organisation": facts,
    }
    return _reply(render_template("answering/stop.html", **page))


def _wave(slug: str) -> Wave:
    """The wave of this address, without what a mail filter may have appended to it."""
    try:
        return waves.find_wave(slug.partition("#")[0])
    except Refused:
        abort(404)


def _asks(item: Wave) -> bool:
    """Whether a wave has, or had, a survey page: it was opened here."""
    return bool(item.questionnaire_version) and not item.imported


def _page(item: Wave) -> SurveyPage | None:
    if not _asks(item):
        return None
    page = build_survey_page(item, _sender())
    _remembered()[item.slug] = page
    return page


def _remembered() -> dict[str, SurveyPage]:
    """The last page of each wave: what a form is shown on when the database does not answer."""
    found: dict[str, SurveyPage] = current_app.extensions.setdefault(_PAGES, {})
    return found


def _sender() -> str:
    return str(current_app.config["CANDOUR"].mail_from)


def _form(page: SurveyPage, submission: Submission, status: str, code: int) -> Response:
    given = {name: values[0] for name, values in request.form.to_dict(flat=False).items()}
    body = _rendered(page, given, submission.problems, status)
    return _reply(padded(body), code)


def _rendered(
    page: SurveyPage, given: dict[str, str], problems: Mapping[str, str], status: str | None
) -> str:
    return render_template(
        "answering/survey.html",
        page=page,
        given=given,
        problems=problems,
        status=status,
        form_size=FORM_SIZE,
    )


def _state(item: Wave) -> str:
    """The page of a wave that takes no answers: static, no code asked."""
    several = find_organisation(_sender()).several_zones
    if item.state is WaveState.PLANNED:
        title = f"Opens on {printed_time(item.opens, item.timezone, several_zones=several)}"
        message = "Your invitation comes by mail when the survey opens."
    else:
        was_held = item.questionnaire_version and item.closes_at <= now()
        title = (
            f"Closed on {printed_time(item.closes, item.timezone, several_zones=several)}"
            if was_held
            else "This survey is closed"
        )
        goes_on = waves.find_survey(item.survey).state == "active"
        upcoming = [
            w
            for w in waves.list_waves()
            if goes_on and w.survey_id == item.survey_id and w.state is WaveState.PLANNED
        ]
        if item.is_third:
            message = (
                "A third of the people is asked each month, and everybody once in three months."
            )
            return render_template("answering/state.html", title=title, message=message)
        message = (
            f"The next survey opens on {upcoming[0].opens.day} {upcoming[0].opens:%B %Y}."
            if upcoming
            else "Thank you for your interest."
        )
    return render_template("answering/state.html", title=title, message=message)


def _reply(body: str, code: int = 200) -> Response:
    response = make_response(body, code)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response
