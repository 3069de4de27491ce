"""The manager's list of waves, and one wave in whatever state it is in."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from survey.access.rules.open_to import open_to
from survey.access.service.current import current_actor, manages
from survey.accountability.rules.replies import named_day
from survey.charts import drawings
from survey.console.service.wave_mail import (
    coming_reminders,
    mail_notices,
    mail_of_wave,
    unreached_in_words,
    unreached_people,
    why_no_reminder,
)
from survey.counting.service import counting_progress
from survey.findings.document.rules.document import FindingsDocument
from survey.findings.rules import Findings
from survey.findings.service.documents import comments_of, earlier_findings, find_findings
from survey.findings.words.rules.presentation import present_document
from survey.findings.words.rules.trends import is_document_of_third
from survey.findings.words.rules.wording import named_date
from survey.followups.service.follow_ups import follow_up_standing, waves_awaiting_follow_up
from survey.invitations.service.invitations import number_answered
from survey.jobs.heartbeat import is_beating
from survey.kernel.clock import now
from survey.mail import service as mail
from survey.mail.rules.wording import SENT_MEANS
from survey.providers.service import provider_by_id
from survey.vault.service.spare_copies import (
    confirm_copies_destroyed,
    copies_to_destroy,
    spare_copies,
)
from survey.waves import service as waves
from survey.waves.rules.waves import VoidReason, Wave, WaveState, printed_time

blueprint = Blueprint("console", __name__)


@dataclass(frozen=True, slots=True)
class WaveLine:
    """One wave in the list."""

    wave: Wave
    provider: str
    says: str
    unreached: str


@blueprint.get("/")
@open_to("viewer")
def dashboard() -> str:
    """All waves, newest first, each with what it says or when it will."""
    lines = [
        WaveLine(item, provider_by_id(item.provider_id).name, _says(item), unreached_in_words(item))
        for item in reversed(waves.list_waves())
    ]
    return render_template(
        "console/dashboard.html",
        lines=lines,
        notices=mail_notices(now()),
        channel=mail.channel_state(),
        manages=manages(),
        follow_ups=waves_awaiting_follow_up(now()),
        named_day=named_day,
    )


@blueprint.get("/waves")
@open_to("viewer")
def list_waves() -> Response:
    """The list stands on the first page."""
    return redirect(url_for("console.dashboard"))


@blueprint.get("/waves/<wave>")
@open_to("viewer")
def results(wave: str) -> str | Response:
    """The results of a counted wave, rendered from its frozen document; before that, how far it has come."""
    item = waves.find_wave(wave)
    if not item.is_published:
        return redirect(url_for("console.progress", wave=item.slug))
    found, before = find_findings(item.slug), earlier_findings(item)
    may_act = manages()
    if item.is_third:
        return _third(found, before)
    before_it = [document for document in before if not is_document_of_third(document)]
    return render_template(
        "console/results.html",
        shown=present_document(found.document, before, request.args.get("trend")),
        charts=drawings,
        closed=named_date(found.document["wave"]["closed"]),
        previous=before_it[-1]["wave"]["slug"] if before_it else None,
        thirds=waves.thirds_of(item),
        manages=may_act,
        comments=comments_of(found) if may_act else (),
        copies=copies_to_destroy(item) if may_act else (),
        loop_of=follow_up_standing(item, now()),
        named_day=named_day,
    )


@blueprint.get("/waves/<wave>/progress")
@open_to("viewer")
def progress(wave: str) -> str | Response:
    """Before a wave is counted: counts and dates only."""
    item = waves.find_wave(wave)
    if item.is_published:
        return redirect(url_for("console.results", wave=item.slug))
    facts = {
        "wave": item,
        "manages": manages(),
        "provider": provider_by_id(item.provider_id),
        "says": _says(item),
    }
    facts |= {"spare": spare_copies(item), "copies": copies_to_destroy(item) if manages() else ()}
    facts |= {"sending": mail_of_wave(item, now()), "sent_means": SENT_MEANS}
    facts |= {"counting": counting_progress(item), "is_beating": is_beating(now()), "at": now()}
    if item.state is WaveState.OPEN:
        facts |= {
            "reminds_from": coming_reminders(item, now()),
            "no_reminder": why_no_reminder(item),
        }
        facts |= {"missing": unreached_people(item) if manages() else None}
        at_least = number_answered(item.id) // item.minimum_group * item.minimum_group
        facts |= {"at_least": at_least, "closes": printed_time(item.closes, item.timezone)}
    return render_template("console/progress.html", **facts)


@blueprint.post("/waves/<wave>/copies")
@open_to("manager")
def confirm_copies(wave: str) -> Response:
    """A manager says that every exported copy of an ended wave's key is destroyed."""
    item = waves.find_wave(wave)
    confirmed = confirm_copies_destroyed(item, actor=current_actor())
    flash(
        "Recorded: all copies of the key are destroyed."
        if confirmed
        else "No copy of the key waits to be confirmed."
    )
    return redirect(url_for("console.results", wave=item.slug), 303)


def _says(item: Wave) -> str:
    if item.is_published:
        return str(find_findings(item.slug).document["headline"])
    match item.state:
        case WaveState.PLANNED:
            if waves.find_survey(item.survey).state == "paused":
                return "Planned, but the survey is paused"
            return f"Opens on {item.opens.day} {item.opens:%B %Y}"
        case WaveState.OPEN:
            return f"Open until {item.closes.day} {item.closes:%B %Y}"
        case WaveState.CLOSED:
            doing = (
                f"waiting for {' or '.join(key.name for key in item.co_keys)}"
                if item.is_strict
                else "counting"
            )
            return f"Closed on {item.closes.day} {item.closes:%B %Y}, {doing}"
    return (
        "Too few answers to show anything"
        if item.void_reason is VoidReason.TOO_FEW_ANSWERS
        else f"Void: {item.void_words}"
    )


def _third(found: Findings, before: Sequence[FindingsDocument]) -> str:
    """One third of a quarter: a score, its range, its place in the trend, and no verdict."""
    return render_template(
        "console/third.html",
        shown=present_document(found.document, before, request.args.get("trend")),
        charts=drawings,
        closed=named_date(found.document["wave"]["closed"]),
        quarter=waves.pool_of(found.wave),
        copies=copies_to_destroy(found.wave) if manages() else (),
    )
