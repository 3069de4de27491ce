"""Handing over what is due.

A letter is handed over in two commits: A, before the server hears of it (still due? what must be stored is stored, the
row says `sending`), and B, with what came of it. B of one letter and A of the next are one commit. Every change after
a claim names the lease, so that a process that slept past its lease changes nothing.
"""

import contextlib
import logging
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

from survey.config import Config
from survey.database import db, transaction
from survey.kernel import clock, shutdown
from survey.kernel.errors import Refused
from survey.kernel.hints import RESUME_MAIL, SEE_MAIL
from survey.mail.outbox.rules import pace
from survey.mail.outbox.service import leases, pausing
from survey.mail.outbox.service.alarms import raise_alarm
from survey.mail.outbox.service.leases import ClaimedLetter
from survey.mail.outbox.service.letter_types import ALARM, NotNow, Writer, letter_types
from survey.mail.outbox.service.senders import among_senders
from survey.mail.outbox.tables import MailChannelRow
from survey.mail.rules import states
from survey.mail.rules.letter import Letter
from survey.mail.rules.return_address import envelope_sender
from survey.mail.rules.states import DeliveryAttempt, DeliveryOutcome, LetterState
from survey.mail.smtp.rules.presets import SendingPace, pace_for
from survey.mail.smtp.service.message import Message
from survey.mail.smtp.service.sender import Channel, channel_for

log = logging.getLogger(__name__)
FAULTS_IN_A_ROW = 5
UNANSWERED_IN_A_ROW = MOST_UNANSWERED = 3
GOING_OUT, DONE = "going out", "done"
UNANSWERED = "the mail server takes letters and does not answer"
PAUSED = f"Sending is paused: {{reason}}. Nothing is lost. When it is mended: {RESUME_MAIL}"


@dataclass(slots=True)
class DeliveryReport:
    """What one pass of handing over came to."""

    sent: int = 0
    later: int = 0
    failed: int = 0
    cancelled: int = 0
    unknown: int = 0
    problem: str = ""
    notes: list[str] = field(
        default_factory=list
    )  # what somebody should look at, while the other letters go on
    reached_server: bool = field(default=False, compare=False)

    def lines(self) -> tuple[str, ...]:
        """One line per thing worth saying; no name, no address, and nothing of a kind that is not told.

        A letter to staff that was not due any more is said to be sent: one that fails to turn up would tell who has answered.
        """
        named = {
            "sent": self.sent + self.cancelled,
            "to be tried again": self.later,
            "failed": self.failed,
            "unknown": self.unknown,
        }
        parts = [f"{number} {name}" for name, number in named.items() if number]
        return tuple(
            line
            for line in (f"letters: {', '.join(parts)}" if parts else "", *self.notes, self.problem)
            if line
        )


@dataclass(slots=True)
class _Pass:
    """One pass: where letters go, how fast, what came of it; letters in a row that nobody could write or the server would not have."""

    line: Channel
    config: Config
    limits: SendingPace
    ahead: timedelta
    report: DeliveryReport
    unwritten: dict[str, int] = field(default_factory=dict)  # by wave
    writers: dict[str, Writer] = field(default_factory=dict)  # by kind, of the batch under way
    refused: int = 0
    unanswered: int = 0
    slack: timedelta = timedelta(0)  # how far ahead turns are drawn, once one was missed


@dataclass(frozen=True, slots=True)
class _Done:
    """An attempt whose outcome waits to be noted."""

    claim: ClaimedLetter
    attempt: DeliveryAttempt
    begun: bool = True  # whether the attempt was counted when it began


def deliver_letters(*, seconds: float = 300.0, channel: Channel | None = None) -> DeliveryReport:
    """Hands over what is due until nothing is, waiting for its turn where there is a pace, for at most so many seconds."""
    config, report = current_app.config["CANDOUR"], DeliveryReport()
    _give_up(report)
    paused = pausing.channel_pause()
    if paused:
        report.problem = PAUSED.format(reason=paused[0])
        return report
    if _is_away():
        return report
    ahead = leases.database_clock_offset()
    with _among_senders(config, ahead):
        leases.reclaim_abandoned(ahead)
        limits = pace_for(config.mail_url, config.mail_per_minute)
        run = _Pass(channel or channel_for(config), config, limits, ahead, report)
        try:
            _until_nothing_is_due(run, time.monotonic() + seconds)
        finally:
            run.line.close()
    if report.reached_server and not report.problem and _was_away():
        with transaction():
            pausing.channel_row().away_times = 0
    return report


def _until_nothing_is_due(run: _Pass, end: float) -> None:
    while time.monotonic() < end and not run.report.problem and not shutdown.is_shutting_down():
        claimed = leases.claim_letters(run.limits, run.ahead, run.slack)
        if claimed.claims:
            _drain(run, claimed.claims)
        elif claimed.wait is None or not _wait(min(claimed.wait, end - time.monotonic())):
            return


def _wait(seconds: float) -> bool:
    """Waits for a turn; False when we are to stop."""
    return not shutdown.wait_for_shutdown(max(0.0, seconds))


def _drain(run: _Pass, batch: Sequence[ClaimedLetter]) -> None:
    """Writes and hands over a batch; commit B of one letter is commit A of the next, while nothing waits between them."""
    done: _Done | None = None
    run.writers.clear()
    for at, claim in enumerate(batch):
        if done and not run.line.is_ready:
            _settle(run, done)
            done = None
        refused = run.line.connect()
        if refused:
            _settle(run, done)
            _server_problem(run, refused, batch[at:])
            return
        if shutdown.is_shutting_down():
            _settle(run, done)
            leases.release_claims(batch[at:], run.limits)
            return
        done = _attempt(run, done, claim, batch)
        if done and done.attempt.outcome in {DeliveryOutcome.AWAY, DeliveryOutcome.PAUSED}:
            _settle(run, done)
            _server_problem(run, done.attempt, batch[at + 1 :])
            return
        if run.refused == FAULTS_IN_A_ROW:
            _settle(run, done)
            _too_many_refusals(run, batch[at + 1 :])
            return
        if run.unanswered == UNANSWERED_IN_A_ROW:
            _settle(run, done)
            _server_problem(
                run, DeliveryAttempt(DeliveryOutcome.AWAY, "", UNANSWERED), batch[at + 1 :]
            )
            return
    _settle(run, done)


def _is_our_turn(run: _Pass, claim: ClaimedLetter) -> bool:
    """Waits for the turn that was drawn; False when it is over, or when we are to stop."""
    if claim.turn is None:
        return True
    early = (claim.turn - clock.now() - run.ahead).total_seconds()
    if early > 0 and not _wait(early):
        return False
    return _is_punctual(run, claim, clock.now() + run.ahead)


def _is_punctual(run: _Pass, claim: ClaimedLetter, moment: datetime) -> bool:
    """Whether a letter may still leave in its turn; where it may not, because a commit took so long, the next turns are drawn ahead."""
    punctual = pace.is_punctual(claim.turn, moment)
    if not punctual and claim.turn is not None:
        run.slack = min(2 * (moment - claim.turn), leases.LEASE / 3)
    return punctual


def _attempt(
    run: _Pass, done: _Done | None, claim: ClaimedLetter, batch: Sequence[ClaimedLetter]
) -> _Done | None:
    """Writes a letter and hands it over; what came of it is noted with the next commit."""
    try:
        message = _begin(run, done, claim, _writer(run, claim.item.kind, batch))
    except SQLAlchemyError:
        _settle(run, done)
        raise
    except NotNow:
        _settle(run, done)
        leases.put_off(claim, run.limits)
        return None
    except Exception as error:  # noqa: BLE001 - one person's letter must not keep the others
        _settle(run, done)
        _unwritten(run, claim, error)
        return None
    if message is None:
        return None
    run.unwritten.pop(claim.item.wave, None)
    attempt = run.line.deliver(message)
    run.refused = run.refused + 1 if attempt.reason == states.REFUSES_LETTER else 0
    run.unanswered = run.unanswered + 1 if attempt.outcome is DeliveryOutcome.LOST else 0
    return _Done(claim, attempt)


def _writer(run: _Pass, name: str, batch: Sequence[ClaimedLetter]) -> Writer:
    """Who writes the letters of one kind in this batch; reads at once what they need."""
    if name not in run.writers:
        run.writers[name] = letter_types()[name].writer(
            [claim.item for claim in batch if claim.item.kind == name]
        )
    return run.writers[name]


def _begin(run: _Pass, done: _Done | None, claim: ClaimedLetter, write: Writer) -> Message | None:
    """Writes a letter, then commits B of the one before and A of this one; None when it is not ours or not due any more."""
    draft = write(claim.item)
    date = claim.date or clock.now().replace(microsecond=0)
    message = _message(run, draft.letter, claim, date) if draft else None
    if (
        done and not letter_types()[claim.item.kind].told
    ):  # counting holds the wave, then these rows: wait for it without one of them
        _settle(run, done)
        done = None
    in_time = _is_our_turn(run, claim)  # after writing, which takes its time too
    with transaction():
        noted = done is not None and _note(done)
        due = in_time and draft is not None and draft.store()
        if due:
            ours = leases.update_claimed(
                claim,
                leases.BEGIN_SENDING,
                {"date": date, "until": clock.now() + run.ahead + leases.LEASE},
            )
        else:
            ours = leases.update_claimed(claim, leases.DROP if in_time else leases.RELEASE, {})
            leases.refund_budget(int(ours), run.limits)
    if done and noted:
        _count(run.report, done)
    if ours and in_time and not due:
        _count_cancelled(run.report, claim)
    return message if ours and due else None


def _message(run: _Pass, letter: Letter, claim: ClaimedLetter, date: datetime) -> Message:
    return Message(
        letter,
        run.config.mail_from,
        claim.message_id,
        date,
        envelope_sender(run.config.mail_from, run.config.bounce_address, claim.message_id),
    )


def _unwritten(run: _Pass, claim: ClaimedLetter, error: Exception) -> None:
    """A letter that could not be written has failed; five in a row of one wave pause that wave's mail, and only that."""
    wave = claim.item.wave
    run.unwritten[wave] = run.unwritten.get(wave, 0) + 1
    reason = (
        error.sentence
        if isinstance(error, Refused)
        else f"the letter could not be written ({type(error).__name__})"
    )
    _settle(run, _Done(claim, DeliveryAttempt(DeliveryOutcome.FAILED, "", reason), begun=False))
    if run.unwritten[wave] == FAULTS_IN_A_ROW:
        pausing.pause_wave(
            wave, f"five letters in a row could not be written: {reason}", actor=pausing.OF_ITSELF
        )
        said = (
            f"The mail of {wave} is paused: five letters in a row could not be written. See:"
            f" {SEE_MAIL} {wave}"
        )
        run.report.notes.append(said)
        log.error(said)
        raise_alarm(wave)


def _too_many_refusals(run: _Pass, left: Sequence[ClaimedLetter]) -> None:
    leases.release_claims(left, run.limits)
    pausing.pause_sending("the mail server refused five letters in a row", actor=pausing.OF_ITSELF)
    run.report.problem = (
        f"The mail server refused five letters in a row, so sending is paused. See: {SEE_MAIL}"
    )
    log.error(run.report.problem)


def _settle(run: _Pass, done: _Done | None) -> None:
    if done:
        with transaction():
            noted = _note(done)
        if noted:
            _count(run.report, done)


def _note(done: _Done) -> bool:
    """Writes down what came of an attempt; False when the lease is not ours any more."""
    claim, attempt = done.claim, done.attempt
    moment, tries = clock.now(), claim.item.attempts + done.begun
    to, following = LetterState.READY, None
    match attempt.outcome:
        case DeliveryOutcome.SENT:
            to = LetterState.SENT
        case DeliveryOutcome.FAILED:
            to = LetterState.FAILED
        case DeliveryOutcome.LATER:
            following = moment + timedelta(seconds=states.retry_delay(tries, random.random()))  # noqa: S311 - spreads retries, hides nothing
        case DeliveryOutcome.LOST if not _is_tried_again(done):
            to = LetterState.UNKNOWN
        case DeliveryOutcome.LOST:
            following = moment + timedelta(seconds=states.retry_delay(tries, random.random()))  # noqa: S311
        case _:  # the server is away, refuses us or dropped the line: the attempt does not count
            following, tries = moment, claim.item.attempts
    if attempt.slower:
        pausing.slow_down()
    facts = {
        "to": to.value,
        "code": attempt.code or None,
        "reason": attempt.reason or None,
        "tries": tries,
        "next": following,
        "sent": moment if to is LetterState.SENT else None,
    }
    return leases.update_claimed(claim, leases.STORE_OUTCOME, facts)


def _is_tried_again(done: _Done) -> bool:
    """Whether a letter of unknown outcome is sent once more: by its kind, but not for ever, for a server that never answers may have it."""
    return (
        letter_types()[done.claim.item.kind].again
        and done.claim.item.attempts + 1 < MOST_UNANSWERED
    )


def _count(report: DeliveryReport, done: _Done) -> None:
    kind, outcome = letter_types()[done.claim.item.kind], done.attempt.outcome
    report.reached_server |= outcome is DeliveryOutcome.SENT
    if (
        not kind.told
    ):  # not even that one went: letters that only the silent get say by it that there are any
        return
    match outcome:
        case DeliveryOutcome.SENT:
            report.sent += 1
        case DeliveryOutcome.FAILED:
            report.failed += 1
        case DeliveryOutcome.LOST if not _is_tried_again(done):
            report.unknown += 1
        case DeliveryOutcome.LATER | DeliveryOutcome.LOST:
            report.later += 1


def _count_cancelled(report: DeliveryReport, claim: ClaimedLetter) -> None:
    kind = letter_types()[claim.item.kind]
    if kind.told and kind.to_staff:
        report.cancelled += 1


def _server_problem(run: _Pass, attempt: DeliveryAttempt, left: Sequence[ClaimedLetter]) -> None:
    """The server is away (tried again after a growing while) or refuses us (paused until somebody looks)."""
    leases.release_claims(left, run.limits)
    shown = f"{attempt.reason}{f' ({attempt.code})' if attempt.code else ''}"
    if attempt.outcome is DeliveryOutcome.PAUSED:
        pausing.pause_sending(shown, actor=pausing.OF_ITSELF)
        run.report.problem = PAUSED.format(reason=shown)
        log.error(run.report.problem)
        return
    with transaction():
        if attempt.slower:
            pausing.slow_down()
        pausing.note_server_away(reached_before=run.report.reached_server)
    run.report.problem = f"No mail left: {shown}. Nothing is lost; the next try follows by itself."


def _give_up(report: DeliveryReport) -> None:
    for kind, wave in leases.give_up_expired():
        said = (
            f"{kind}: letters about {wave} could not be delivered in time and were given up. See:"
            f" {SEE_MAIL} {wave}"
        )
        report.notes.append(said)
        log.error(said)
        if kind != ALARM:
            raise_alarm(wave)


@contextlib.contextmanager
def _among_senders(config: Config, ahead: timedelta) -> Iterator[None]:
    """On SQLite a sender that finds itself alone need not wait for the leases of those that died."""
    if config.database_file is None:
        yield
        return
    with among_senders(
        config.folder / "senders.lock", lambda: leases.reclaim_abandoned(ahead, all_of_them=True)
    ):
        yield


def _is_away() -> bool:
    row = db.session.get(MailChannelRow, 1, populate_existing=True)
    return bool(row and row.away_until and row.away_until > clock.now())


def _was_away() -> bool:
    row = db.session.get(MailChannelRow, 1, populate_existing=True)
    return bool(row and row.away_times)
