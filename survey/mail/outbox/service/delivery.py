"""Handing over what is due.

A letter is handed over in two commits. Commit A comes before the server hears of it: whether it is
still due is looked at, what must be stored with it is stored, and the row says `sending`. Commit B
stores the outcome. Commit B of one letter and commit A of the next are one commit. Every change
after a claim names the lease, so that a process that slept past its lease changes nothing.
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
from survey.mail.outbox.service.letter_types import ALARM, LetterType, NotNow, Writer, letter_types
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
    """The counts of one pass of sending, and the problem that ended it.

    notes: what somebody should look at, while the other letters go on.
    """

    sent: int = 0
    later: int = 0
    failed: int = 0
    cancelled: int = 0
    unknown: int = 0
    problem: str = ""
    notes: list[str] = field(default_factory=list)
    reached_server: bool = field(default=False, compare=False)

    def lines(self) -> tuple[str, ...]:
        """The lines to print: counts, notes, problem; no name, address or confidential count.

        Only what is worth saying. A letter to staff that was not due any more is counted as sent:
        one that fails to turn up would say who has answered.
        """
        numbers = {
            "sent": self.sent + self.cancelled,
            "to be tried again": self.later,
            "failed": self.failed,
            "unknown": self.unknown,
        }
        parts = [f"{number} {name}" for name, number in numbers.items() if number]
        letters = f"letters: {', '.join(parts)}" if parts else ""
        return tuple(line for line in (letters, *self.notes, self.problem) if line)


@dataclass(slots=True)
class _Pass:
    """The state of one pass of sending: where letters go, how fast, and what came of it so far.

    clock_offset: how far the database's clock is ahead of ours.
    unwritten: by wave, letters in a row that could not be written.
    writers: by letter type, of the batch under way.
    refused, unanswered: letters in a row that the server refused, or did not answer.
    slack: how far ahead turns are drawn, once one was missed.
    """

    channel: Channel
    config: Config
    limits: SendingPace
    clock_offset: timedelta
    report: DeliveryReport
    unwritten: dict[str, int] = field(default_factory=dict)
    writers: dict[str, Writer] = field(default_factory=dict)
    refused: int = 0
    unanswered: int = 0
    slack: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class _FinishedAttempt:
    """An attempt to hand a letter over whose outcome is not stored yet."""

    claim: ClaimedLetter
    attempt: DeliveryAttempt
    has_begun: bool = True  # whether the attempt was counted when it began

    @property
    def letter_type(self) -> LetterType:
        """The type of the letter that was handed over."""
        return letter_types()[self.claim.letter.kind]


def deliver_letters(*, seconds: float = 300.0, channel: Channel | None = None) -> DeliveryReport:
    """Hands over all due letters, for at most so many seconds; nothing while paused.

    Where there is a pace, it waits for the turn of each letter. First it fails letters that waited
    too long, and frees those that a dead sender left behind. Nothing leaves while the server is
    away. `channel`: where letters go instead of to the mail server of the settings.
    """
    config, report = current_app.config["CANDOUR"], DeliveryReport()
    _give_up_expired(report)
    pause = pausing.channel_pause()
    if pause:
        report.problem = PAUSED.format(reason=pause[0])
        return report
    if _is_away():
        return report
    clock_offset = leases.database_clock_offset()
    with _among_senders(config, clock_offset):
        leases.reclaim_abandoned(clock_offset)
        limits = pace_for(config.mail_url, config.mail_per_minute)
        run = _Pass(channel or channel_for(config), config, limits, clock_offset, report)
        try:
            _deliver_until_nothing_is_due(run, time.monotonic() + seconds)
        finally:
            run.channel.close()
    if report.reached_server and not report.problem and _was_away():
        with transaction():
            pausing.channel_row().away_times = 0
    return report


def _deliver_until_nothing_is_due(run: _Pass, end: float) -> None:
    """Claims and hands over batches until `end` (monotonic), a problem or a shutdown."""
    while time.monotonic() < end and not run.report.problem and not shutdown.is_shutting_down():
        batch = leases.claim_letters(run.limits, run.clock_offset, run.slack)
        if batch.claims:
            _deliver_batch(run, batch.claims)
        elif batch.wait is None or not _wait(min(batch.wait, end - time.monotonic())):
            return


def _wait(seconds: float) -> bool:
    """Waits so many seconds; False when the program is shutting down."""
    return not shutdown.wait_for_shutdown(max(0.0, seconds))


def _deliver_batch(run: _Pass, batch: Sequence[ClaimedLetter]) -> None:
    """Writes and hands over a batch; on a problem with the server gives the rest back.

    A problem is a server that is away, refuses us, refuses five letters in a row, or leaves three
    unanswered; a shutdown ends it too. Commit B of one letter is commit A of the next, while
    nothing waits between them: `previous` is the attempt whose outcome is still to be stored.
    """
    previous: _FinishedAttempt | None = None
    run.writers.clear()
    for position, claim in enumerate(batch):
        rest = batch[position + 1 :]
        if previous and not run.channel.is_ready:
            _store_outcome(run, previous)
            previous = None
        refusal = run.channel.connect()
        if refusal:
            _store_outcome(run, previous)
            _stop_for_server(run, refusal, [claim, *rest])
            return
        if shutdown.is_shutting_down():
            _store_outcome(run, previous)
            leases.release_claims([claim, *rest], run.limits)
            return
        previous = _attempt_delivery(run, previous, claim, batch)
        if previous and previous.attempt.outcome in {DeliveryOutcome.AWAY, DeliveryOutcome.PAUSED}:
            _store_outcome(run, previous)
            _stop_for_server(run, previous.attempt, rest)
            return
        if run.refused == FAULTS_IN_A_ROW:
            _store_outcome(run, previous)
            _pause_after_refusals(run, rest)
            return
        if run.unanswered == UNANSWERED_IN_A_ROW:
            _store_outcome(run, previous)
            _stop_for_server(run, DeliveryAttempt(DeliveryOutcome.AWAY, "", UNANSWERED), rest)
            return
    _store_outcome(run, previous)


def _wait_for_turn(run: _Pass, claim: ClaimedLetter) -> bool:
    """Waits for the letter's turn; False when it is over, or when we are to stop."""
    if claim.turn is None:
        return True
    early = (claim.turn - clock.now() - run.clock_offset).total_seconds()
    if early > 0 and not _wait(early):
        return False
    return _is_punctual(run, claim, clock.now() + run.clock_offset)


def _is_punctual(run: _Pass, claim: ClaimedLetter, now: datetime) -> bool:
    """Whether a letter may still leave in its turn; if not, sets `run.slack`.

    It may not when a commit took so long; then the next turns are drawn ahead.
    """
    is_punctual = pace.is_punctual(claim.turn, now)
    if not is_punctual and claim.turn is not None:
        run.slack = min(2 * (now - claim.turn), leases.LEASE / 3)
    return is_punctual


def _attempt_delivery(
    run: _Pass,
    previous: _FinishedAttempt | None,
    claim: ClaimedLetter,
    batch: Sequence[ClaimedLetter],
) -> _FinishedAttempt | None:
    """Writes one letter and hands it over; None when it was not handed over.

    Stores the outcome of `previous` with the first commit; the outcome given is stored with the
    next. A letter that cannot be written now is put off; one with an error fails.
    """
    try:
        writer = _find_writer(run, claim.letter.kind, batch)
        message = _begin(run, previous, claim, writer)
    except SQLAlchemyError:
        _store_outcome(run, previous)
        raise
    except NotNow:
        _store_outcome(run, previous)
        leases.put_off(claim, run.limits)
        return None
    except Exception as error:  # noqa: BLE001 - one person's letter must not keep the others
        _store_outcome(run, previous)
        _fail_unwritten(run, claim, error)
        return None
    if message is None:
        return None
    run.unwritten.pop(claim.letter.wave, None)
    attempt = run.channel.deliver(message)
    run.refused = run.refused + 1 if attempt.reason == states.REFUSES_LETTER else 0
    run.unanswered = run.unanswered + 1 if attempt.outcome is DeliveryOutcome.LOST else 0
    return _FinishedAttempt(claim, attempt)


def _find_writer(run: _Pass, letter_type: str, batch: Sequence[ClaimedLetter]) -> Writer:
    """The function that writes the letters of one type in this batch, kept in `run.writers`.

    The first call for a type reads at once what all of its letters need.
    """
    if letter_type not in run.writers:
        letters = [claim.letter for claim in batch if claim.letter.kind == letter_type]
        run.writers[letter_type] = letter_types()[letter_type].writer(letters)
    return run.writers[letter_type]


def _begin(
    run: _Pass, previous: _FinishedAttempt | None, claim: ClaimedLetter, write: Writer
) -> Message | None:
    """Writes a letter and marks it as being sent; None when it is not ours or not due any more.

    The same commit stores the outcome of `previous`: commit B of the one before is commit A of this
    one. It waits for the turn first. A letter that is not due is cancelled, one that missed its
    turn becomes ready again.
    """
    prepared = write(claim.letter)
    date = claim.date or clock.now().replace(microsecond=0)
    message = _build_message(run, prepared.letter, claim, date) if prepared else None
    if previous and not letter_types()[claim.letter.kind].has_public_counts:
        # Counting holds the wave, then these rows: wait for it without one of them.
        _store_outcome(run, previous)
        previous = None
    is_in_time = _wait_for_turn(run, claim)  # after writing, which takes its time too
    with transaction():
        is_stored = previous is not None and _update_outcome(previous)
        is_due = is_in_time and prepared is not None and prepared.store()
        if is_due:
            until = clock.now() + run.clock_offset + leases.LEASE
            is_ours = leases.update_claimed(
                claim, leases.BEGIN_SENDING, {"date": date, "until": until}
            )
        else:
            statement = leases.DROP if is_in_time else leases.RELEASE
            is_ours = leases.update_claimed(claim, statement, {})
            leases.refund_budget(int(is_ours), run.limits)
    if previous and is_stored:
        _count_outcome(run.report, previous)
    if is_ours and is_in_time and not is_due:
        _count_cancelled(run.report, claim)
    return message if is_ours and is_due else None


def _build_message(run: _Pass, letter: Letter, claim: ClaimedLetter, date: datetime) -> Message:
    """The finished message with its headers, from a written letter."""
    config = run.config
    sender = envelope_sender(config.mail_from, config.bounce_address, claim.message_id)
    return Message(letter, config.mail_from, claim.message_id, date, sender)


def _fail_unwritten(run: _Pass, claim: ClaimedLetter, error: Exception) -> None:
    """Fails a letter that could not be written; the fifth in a row of a wave pauses its mail.

    Only that wave's mail is paused, with a note in the report, and administrators get an alarm.
    """
    wave = claim.letter.wave
    run.unwritten[wave] = run.unwritten.get(wave, 0) + 1
    if isinstance(error, Refused):
        reason = error.sentence
    else:
        reason = f"the letter could not be written ({type(error).__name__})"
    failure = DeliveryAttempt(DeliveryOutcome.FAILED, "", reason)
    _store_outcome(run, _FinishedAttempt(claim, failure, has_begun=False))
    if run.unwritten[wave] != FAULTS_IN_A_ROW:
        return
    pausing.pause_wave(
        wave, f"five letters in a row could not be written: {reason}", actor=pausing.OF_ITSELF
    )
    note = (
        f"The mail of {wave} is paused: five letters in a row could not be written. See:"
        f" {SEE_MAIL} {wave}"
    )
    run.report.notes.append(note)
    log.error(note)
    raise_alarm(wave)


def _pause_after_refusals(run: _Pass, rest: Sequence[ClaimedLetter]) -> None:
    """Pauses all sending after five refusals in a row; the rest of the batch waits."""
    leases.release_claims(rest, run.limits)
    pausing.pause_sending("the mail server refused five letters in a row", actor=pausing.OF_ITSELF)
    run.report.problem = (
        f"The mail server refused five letters in a row, so sending is paused. See: {SEE_MAIL}"
    )
    log.error(run.report.problem)


def _store_outcome(run: _Pass, finished: _FinishedAttempt | None) -> None:
    """Stores the outcome of an attempt in a separate commit and counts it; None does nothing."""
    if finished:
        with transaction():
            is_stored = _update_outcome(finished)
        if is_stored:
            _count_outcome(run.report, finished)


def _update_outcome(finished: _FinishedAttempt) -> bool:
    """Writes an attempt's outcome into its row; False when the lease is not ours any more.

    Retries get a later time; halves the pace when the server asked for fewer letters.
    """
    claim, attempt = finished.claim, finished.attempt
    now, tries = clock.now(), claim.letter.attempts + finished.has_begun
    to, next_at = LetterState.READY, None
    match attempt.outcome:
        case DeliveryOutcome.SENT:
            to = LetterState.SENT
        case DeliveryOutcome.FAILED:
            to = LetterState.FAILED
        case DeliveryOutcome.LATER:
            next_at = now + _retry_delay(tries)
        case DeliveryOutcome.LOST if not _is_tried_again(finished):
            to = LetterState.UNKNOWN
        case DeliveryOutcome.LOST:
            next_at = now + _retry_delay(tries)
        case _:  # the server is away, refuses us or dropped the line: the attempt does not count
            next_at, tries = now, claim.letter.attempts
    if attempt.slower:
        pausing.slow_down()
    values = {
        "to": to.value,
        "code": attempt.code or None,
        "reason": attempt.reason or None,
        "tries": tries,
        "next": next_at,
        "sent": now if to is LetterState.SENT else None,
    }
    return leases.update_claimed(claim, leases.STORE_OUTCOME, values)


def _retry_delay(tries: int) -> timedelta:
    """The time until the next try, longer after each, varied at random."""
    seconds = states.retry_delay(tries, random.random())  # noqa: S311 - spreads retries, hides nothing
    return timedelta(seconds=seconds)


def _is_tried_again(finished: _FinishedAttempt) -> bool:
    """Whether a letter of unknown outcome is retried: its type allows it, and tries are left.

    At most three tries: a server that does not answer may have it all the same.
    """
    tries = finished.claim.letter.attempts + 1
    return finished.letter_type.is_sent_again and tries < MOST_UNANSWERED


def _count_outcome(report: DeliveryReport, finished: _FinishedAttempt) -> None:
    """Adds an outcome to the report; nothing for a type with confidential counts.

    Not even that one went: letters that only those get who have not answered would say by it that
    there are such people.
    """
    outcome = finished.attempt.outcome
    report.reached_server |= outcome is DeliveryOutcome.SENT
    if not finished.letter_type.has_public_counts:
        return
    match outcome:
        case DeliveryOutcome.SENT:
            report.sent += 1
        case DeliveryOutcome.FAILED:
            report.failed += 1
        case DeliveryOutcome.LOST if not _is_tried_again(finished):
            report.unknown += 1
        case DeliveryOutcome.LATER | DeliveryOutcome.LOST:
            report.later += 1


def _count_cancelled(report: DeliveryReport, claim: ClaimedLetter) -> None:
    """Counts a letter that was not due any more, if its type goes to staff and is public."""
    letter_type = letter_types()[claim.letter.kind]
    if letter_type.has_public_counts and letter_type.goes_to_staff:
        report.cancelled += 1


def _stop_for_server(run: _Pass, attempt: DeliveryAttempt, rest: Sequence[ClaimedLetter]) -> None:
    """Ends the pass because the server is away or refuses us; the rest of the batch waits.

    A server that is away is tried again after a growing while; one that refuses us pauses sending
    until somebody looks.
    """
    leases.release_claims(rest, run.limits)
    reason = f"{attempt.reason} ({attempt.code})" if attempt.code else attempt.reason
    if attempt.outcome is DeliveryOutcome.PAUSED:
        pausing.pause_sending(reason, actor=pausing.OF_ITSELF)
        run.report.problem = PAUSED.format(reason=reason)
        log.error(run.report.problem)
        return
    with transaction():
        if attempt.slower:
            pausing.slow_down()
        pausing.note_server_away(reached_before=run.report.reached_server)
    run.report.problem = f"No mail left: {reason}. Nothing is lost; the next try follows by itself."


def _give_up_expired(report: DeliveryReport) -> None:
    """Fails letters that waited too long, notes it, and queues an alarm about each wave.

    Alarms that come too late are noted only.
    """
    for letter_type, wave in leases.give_up_expired():
        note = (
            f"{letter_type}: letters about {wave} could not be delivered in time and were given up."
            f" See: {SEE_MAIL} {wave}"
        )
        report.notes.append(note)
        log.error(note)
        if letter_type != ALARM:
            raise_alarm(wave)


@contextlib.contextmanager
def _among_senders(config: Config, clock_offset: timedelta) -> Iterator[None]:
    """Counts this process as a sender inside the `with` block, on SQLite only.

    If no other sender is alive, letters that dead ones left behind are freed at once, without
    waiting for their leases.
    """
    if config.database_file is None:
        yield
        return

    def reclaim_all() -> None:
        """Frees all leased letters, for no other sender is alive."""
        leases.reclaim_abandoned(clock_offset, all_of_them=True)

    with among_senders(config.folder / "senders.lock", reclaim_all):
        yield


def _is_away() -> bool:
    """Whether the server is noted as away until a time that has not come yet."""
    row = db.session.get(MailChannelRow, 1, populate_existing=True)
    return bool(row and row.away_until and row.away_until > clock.now())


def _was_away() -> bool:
    """Whether absences of the server have been counted since it was last reached."""
    row = db.session.get(MailChannelRow, 1, populate_existing=True)
    return bool(row and row.away_times)
