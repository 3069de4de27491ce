"""The manager's list of waves, and one wave in whatever state it is in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from survey.access.rules.open_to import open_to
from survey.access.service.current import current_account, current_actor, manages
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
from survey.copies.service import due_set_aside_copies
from survey.counting.service import counting_progress
from survey.findings.comments.service import may_read_comments
from survey.findings.document.rules.document import FindingsDocument
from survey.findings.rules import Findings
from survey.findings.service.documents import earlier_findings, find_findings
from survey.findings.words.rules.presentation import present_document
from survey.findings.words.rules.trends import is_document_of_third
from survey.findings.words.rules.view_model import Presentation
from survey.findings.words.rules.wording import named_date
from survey.followups.service.follow_ups import follow_up_standing, waves_awaiting_follow_up
from survey.invitations.service.invitations import number_answered
from survey.jobs.heartbeat import is_beating
from survey.kernel.clock import now
from survey.kernel.errors import Refused
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
    """One wave in the list: its provider, a line on its state, and how many were not reached."""

    wave: Wave
    provider: str
    says: str
    unreached: str


@dataclass(frozen=True, slots=True)
class SurveyAnswer:
    """What a survey's newest findings say over time, and their wave."""

    wave: Wave
    results: Presentation


@blueprint.get("/")
@open_to("viewer")
def dashboard() -> str:
    """The first page: all waves, newest first, problems with mail, and follow-ups to send.

    Each wave has its headline, or before that its state and date.
    """
    lines = [
        WaveLine(
            wave=wave,
            provider=provider_by_id(wave.provider_id).name,
            says=_state_in_words(wave),
            unreached=unreached_in_words(wave),
        )
        for wave in reversed(waves.list_waves())
    ]
    return render_template(
        "console/dashboard.html",
        lines=lines,
        answers=_answers(),
        notices=mail_notices(now()),
        channel=mail.channel_state(),
        manages=manages(),
        follow_ups=waves_awaiting_follow_up(now()),
        named_day=named_day,
    )


@blueprint.get("/waves")
@open_to("viewer")
def list_waves() -> Response:
    """Redirects to the first page, which holds the list of waves."""
    return redirect(url_for("console.dashboard"))


@blueprint.get("/waves/<wave>")
@open_to("viewer")
def results(wave: str) -> str | Response:
    """The results page of a counted wave; redirects to its progress page before that.

    It is rendered from the frozen document.
    """
    this_wave = waves.find_wave(wave)
    if not this_wave.is_published:
        return redirect(url_for("console.progress", wave=this_wave.slug))
    findings = find_findings(this_wave.slug)
    earlier = earlier_findings(this_wave)
    if this_wave.is_third:
        return _page_of_third(findings, earlier)
    whole_waves = [document for document in earlier if not is_document_of_third(document)]
    may_act = manages()
    return render_template(
        "console/results.html",
        results=present_document(findings.document, earlier, request.args.get("trend")),
        charts=drawings,
        closed=named_date(findings.document["wave"]["closed"]),
        previous=whole_waves[-1]["wave"]["slug"] if whole_waves else None,
        thirds=waves.thirds_of(this_wave),
        manages=may_act,
        may_read=may_read_comments(this_wave, current_account()),
        readers=waves.readers_in_words(this_wave),
        reader_changes=this_wave.reader_changes,
        copies=copies_to_destroy(this_wave) if may_act else (),
        set_aside=due_set_aside_copies() if may_act else (),
        follow_up=follow_up_standing(this_wave, now()),
        named_day=named_day,
    )


@blueprint.get("/waves/<wave>/progress")
@open_to("viewer")
def progress(wave: str) -> str | Response:
    """The page of a wave that is not counted, or void: counts and dates only.

    Redirects to the results once it is counted.
    """
    this_wave = waves.find_wave(wave)
    if this_wave.is_published:
        return redirect(url_for("console.results", wave=this_wave.slug))
    is_open = this_wave.state is WaveState.OPEN
    return render_template(
        "console/progress.html",
        wave=this_wave,
        manages=manages(),
        provider=provider_by_id(this_wave.provider_id),
        says=_state_in_words(this_wave),
        spare=spare_copies(this_wave),
        copies=copies_to_destroy(this_wave) if manages() else (),
        set_aside=due_set_aside_copies() if manages() else (),
        sending=mail_of_wave(this_wave, now()),
        sent_means=SENT_MEANS,
        counting=counting_progress(this_wave),
        is_beating=is_beating(now()),
        at=now(),
        **(_figures_while_open(this_wave) if is_open else {}),
    )


@blueprint.post("/waves/<wave>/copies")
@open_to("manager")
def confirm_copies(wave: str) -> Response:
    """Records a manager's word that all exported copies of an ended wave's key are destroyed."""
    this_wave = waves.find_wave(wave)
    confirmed = confirm_copies_destroyed(this_wave, actor=current_actor())
    flash(
        "Recorded: all copies of the key are destroyed."
        if confirmed
        else "No copy of the key waits to be confirmed."
    )
    return redirect(url_for("console.results", wave=this_wave.slug), 303)


def _figures_while_open(wave: Wave) -> dict[str, Any]:
    """What the page of an open wave shows besides: reminders, failed mail, rounded answers.

    How many have answered is rounded down to a multiple of the minimum group, so that nobody can
    tell who just answered.
    """
    answered = number_answered(wave.id)
    return {
        "reminds_from": coming_reminders(wave, now()),
        "no_reminder": why_no_reminder(wave),
        "missing": unreached_people(wave) if manages() else None,
        "at_least": answered // wave.minimum_group * wave.minimum_group,
        "closes": printed_time(wave.closes, wave.timezone),
    }


def _state_in_words(wave: Wave) -> str:
    """A wave in one line: its headline once published, else its state and date, or why void."""
    if wave.is_published:
        return _headline(wave)
    match wave.state:
        case WaveState.PLANNED:
            if waves.find_survey(wave.survey).state == "paused":
                return "Planned, but the survey is paused"
            return f"Opens on {wave.opens.day} {wave.opens:%B %Y}"
        case WaveState.OPEN:
            return f"Open until {wave.closes.day} {wave.closes:%B %Y}"
        case WaveState.CLOSED:
            doing = "counting"
            if wave.is_strict:
                holders = " or ".join(key.name for key in wave.co_keys)
                doing = f"waiting for {holders}"
            return f"Closed on {wave.closes.day} {wave.closes:%B %Y}, {doing}"
    return (
        "Too few answers to show anything"
        if wave.void_reason is VoidReason.TOO_FEW_ANSWERS
        else f"Void: {wave.void_words}"
    )


def _headline(wave: Wave) -> str:
    """The headline of a published wave, or why this version of Candour cannot read it."""
    try:
        return str(find_findings(wave.slug).document["headline"])
    except Refused as refusal:
        return str(refusal)


def _answers() -> list[SurveyAnswer]:
    """What the newest findings of each survey say over time, surveys in the order of their names.

    Empty where no survey has enough waves for a trend.
    """
    newest = {
        wave.survey: wave for wave in waves.list_waves() if wave.is_published and not wave.is_third
    }
    answers = []
    for survey in sorted(newest):
        try:
            findings = find_findings(newest[survey].slug)
        except Refused:  # made by a newer version: its line in the table says so
            continue
        results = present_document(findings.document)
        if results.trends_in_short:
            answers.append(SurveyAnswer(findings.wave, results))
    return answers


def _page_of_third(findings: Findings, earlier: Sequence[FindingsDocument]) -> str:
    """The page of one third of a quarter: scores and ranges, a trend, and no verdict.

    `earlier`: the documents of the survey's earlier waves, oldest first.
    """
    return render_template(
        "console/third.html",
        results=present_document(findings.document, earlier, request.args.get("trend")),
        charts=drawings,
        closed=named_date(findings.document["wave"]["closed"]),
        quarter=waves.pool_of(findings.wave),
        copies=copies_to_destroy(findings.wave) if manages() else (),
        set_aside=due_set_aside_copies() if manages() else (),
    )
