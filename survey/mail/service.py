"""The outbox: queue, cancel, hand over, look.

A letter is handed over in two commits: A, before the server hears of it (still due? what must be stored is stored, the
row says `sending`), and B, with what came of it. B of one letter and A of the next are one commit. Every change after
a claim names the lease, so that a process that slept past its lease changes nothing.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr

from flask import Flask, current_app
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from survey.database import db, transaction
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.kernel.ids import random_id
from survey.mail import rules
from survey.mail.letter import Letter, wire_address
from survey.mail.rules import Attempt, Outcome, State
from survey.mail.sender import Channel, Message, channel_for
from survey.mail.tables import MailChannelRow, OutboxRow

LEASE = timedelta(seconds=60)
BATCH = 20
FAULTS_IN_A_ROW = 5
_EXTENSION = "candour_mail"


@dataclass(frozen=True, slots=True)
class Item:
    """A letter that is about to be written."""

    id: str
    kind: str
    wave: str
    recipient: str
    letter_version: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A written letter, and what commit A must do: say whether it is still due, and store what must be stored."""

    letter: Letter
    store: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of letter: how urgent, whether an unknown outcome is tried again, and who writes it (None: not due any more)."""

    name: str
    priority: int
    again: bool
    write: Callable[[Item], Draft | None]


@dataclass(slots=True)
class Report:
    """What one pass of handing over came to."""

    sent: int = 0
    later: int = 0
    failed: int = 0
    cancelled: int = 0
    unknown: int = 0
    problem: str = ""

    def lines(self) -> tuple[str, ...]:
        """One line per thing worth saying; no name, no address."""
        named = {"sent": self.sent, "to be tried again": self.later, "failed": self.failed, "unknown": self.unknown}
        parts = [f"{number} {name}" for name, number in named.items() if number]
        return tuple(line for line in (f"letters: {', '.join(parts)}" if parts else "", self.problem) if line)


@dataclass(frozen=True, slots=True)
class Status:
    """Letters by kind and state, and why nothing goes out, if so."""

    numbers: dict[str, dict[str, int]]
    paused_because: str | None
    failures: tuple[tuple[str, str], ...]

    def counts(self, kind: str) -> dict[str, int]:
        """The states of one kind."""
        return self.numbers.get(kind, {})


@dataclass(frozen=True, slots=True)
class _Claim:
    """A leased letter with what makes its copies agree."""

    item: Item
    lease: str
    message_id: str
    date: datetime | None


def register(app: Flask, kind: Kind) -> None:
    """Makes a kind of letter known to the sender."""
    app.extensions.setdefault(_EXTENSION, {})[kind.name] = kind


def queue(kind: str, wave: str, recipients: Sequence[str], *, number: int = 1, letter_version: int = 1) -> None:
    """Queues one letter per recipient inside the caller's transaction; one that is queued already is left as it is."""
    known = _kinds()[kind]
    domain = wire_address(parseaddr(current_app.config["CANDOUR"].mail_from)[1]).partition("@")[2]
    moment = now()
    rows = [
        {
            "id": random_id(),
            "dedupe_key": f"{wave}:{kind}:{number}:{recipient}",
            "kind": kind,
            "wave": wave,
            "recipient": recipient,
            "letter_version": letter_version,
            "state": State.READY.value,
            "priority": known.priority,
            "next_at": moment,
            "attempts": 0,
            "message_id": f"<{random_id()}@{domain}>",
        }
        for recipient in recipients
    ]
    with transaction() as session:
        insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
        for at in range(0, len(rows), 500):
            statement = insert(OutboxRow).values(rows[at : at + 500]).on_conflict_do_nothing(index_elements=["dedupe_key"])
            session.connection().execute(statement)


def cancel(wave: str, kind: str | None = None) -> None:
    """Takes back what waits for a wave; what is being handed over runs its course."""
    waiting = [State.READY.value, State.LEASED.value]
    query = update(OutboxRow).where(OutboxRow.wave == wave, OutboxRow.state.in_(waiting))
    if kind:
        query = query.where(OutboxRow.kind == kind)
    with transaction() as session:
        session.connection().execute(query.values(state=State.CANCELLED.value, lease_token=None, lease_until=None))


def status(wave: str | None = None) -> Status:
    """Letters by kind and state; failures with our reason, for whoever looks after the mail."""
    query = select(OutboxRow.kind, OutboxRow.state, func.count()).group_by(OutboxRow.kind, OutboxRow.state)
    failed = select(OutboxRow.recipient, OutboxRow.last_reason, OutboxRow.last_code).where(OutboxRow.state == State.FAILED.value)
    if wave:
        query, failed = query.where(OutboxRow.wave == wave), failed.where(OutboxRow.wave == wave)
    numbers: dict[str, dict[str, int]] = {}
    for kind, state, number in db.session.execute(query):
        numbers.setdefault(kind, {})[state] = number
    channel = db.session.get(MailChannelRow, 1)
    failures = tuple((recipient, f"{reason} ({code})") for recipient, reason, code in db.session.execute(failed))
    return Status(numbers, channel.paused_because if channel else None, failures)


def retry(wave: str) -> int:
    """Puts what failed back in the queue; says how many."""
    query = update(OutboxRow).where(OutboxRow.wave == wave, OutboxRow.state.in_([State.FAILED.value, State.BOUNCED.value]))
    with transaction() as session:
        return int(session.connection().execute(query.values(state=State.READY.value, next_at=now())).rowcount)


def pause(reason: str) -> None:
    """Nothing goes out until somebody resumes."""
    with transaction():
        channel = _channel_row()
        channel.paused_because, channel.paused_at = reason, now()


def resume() -> None:
    """Lets letters go out again."""
    with transaction():
        channel = _channel_row()
        channel.paused_because = channel.paused_at = channel.away_until = None
        channel.away_times = 0


def deliver(*, seconds: float = 300.0, channel: Channel | None = None) -> Report:
    """Hands over what is due until nothing is, for at most so many seconds."""
    report, end = Report(), time.monotonic() + seconds
    config = current_app.config["CANDOUR"]
    row = db.session.get(MailChannelRow, 1)
    if row and row.paused_because:
        report.problem = f"Sending is paused: {row.paused_because}. Nothing is lost. When it is mended: candour mail resume"
        return report
    if row and row.away_until and row.away_until > now():
        return report
    _take_back_leases()
    line = channel or channel_for(config)
    try:
        while time.monotonic() < end and not report.problem:
            claims = _claim(min(BATCH, _room(config.mail_per_minute)))
            if not claims:
                break
            _drain(line, claims, report)
    finally:
        line.close()
    return report


def _drain(line: Channel, claims: list[_Claim], report: Report) -> None:
    """Writes and hands over a batch; commit B of one letter is commit A of the next."""
    pending: tuple[_Claim, Attempt] | None = None
    faults = 0
    for at, claim in enumerate(claims):
        refused = line.connect()
        if refused:
            _settle(pending, report)
            _server_problem(refused, claims[at:], report)
            return
        try:
            draft = _kinds()[claim.item.kind].write(claim.item)
        except Exception as error:  # noqa: BLE001 - one person's letter must not keep the others
            reason = error.message if isinstance(error, Refused) else f"the letter could not be written ({type(error).__name__})"
            _settle(pending, report)
            pending = None
            _settle((claim, Attempt(Outcome.FAILED, "", reason)), report)
            faults += 1
            if faults == FAULTS_IN_A_ROW:
                pause("five letters in a row could not be written")
                _release(claims[at + 1 :])
                report.problem = "Five letters in a row could not be written, so sending is paused. See: candour mail status"
                return
            continue
        date = claim.date or now().replace(microsecond=0)
        begun = _commit(pending, claim, draft, date, report)
        pending = None
        if not begun or draft is None:
            continue
        attempt = line.deliver(Message(draft.letter, current_app.config["CANDOUR"].mail_from, claim.message_id, date))
        faults = 0
        if attempt.outcome in {Outcome.AWAY, Outcome.PAUSED}:
            _settle((claim, attempt), report)
            _server_problem(attempt, claims[at + 1 :], report)
            return
        pending = (claim, attempt)
    _settle(pending, report)


def _commit(pending: tuple[_Claim, Attempt] | None, claim: _Claim, draft: Draft | None, date: datetime, report: Report) -> bool:
    """Commit B of the letter before and commit A of this one; False when this one is not ours or not due any more."""
    with transaction():
        if pending:
            _note(*pending, report)
        if draft is None or not draft.store():
            if _change(claim, State.LEASED, state=State.CANCELLED.value, lease_token=None, lease_until=None):
                report.cancelled += 1
            return False
        return _change(
            claim,
            State.LEASED,
            state=State.SENDING.value,
            attempts=OutboxRow.attempts + 1,
            date_header=date,
            lease_until=now() + LEASE,
        )


def _settle(pending: tuple[_Claim, Attempt] | None, report: Report) -> None:
    if pending:
        with transaction():
            _note(*pending, report)


def _note(claim: _Claim, attempt: Attempt, report: Report) -> None:
    """Writes down what came of an attempt, if the lease is still ours."""
    facts: dict[str, object] = {
        "last_code": attempt.code or None,
        "last_reason": attempt.reason or None,
        "lease_token": None,
        "lease_until": None,
    }
    match attempt.outcome:
        case Outcome.SENT:
            facts |= {"state": State.SENT.value, "sent_at": now()}
            report.sent += 1
        case Outcome.FAILED:
            facts |= {"state": State.FAILED.value}
            report.failed += 1
        case Outcome.LATER:
            seconds = rules.delay(claim.item.attempts + 1, random.random())  # noqa: S311 - spreads retries, hides nothing
            facts |= {"state": State.READY.value, "next_at": now() + timedelta(seconds=seconds)}
            report.later += 1
        case Outcome.LOST if not _kinds()[claim.item.kind].again:
            facts |= {"state": State.UNKNOWN.value}
            report.unknown += 1
        case Outcome.LOST:
            facts |= {"state": State.READY.value, "next_at": now()}
            report.later += 1
        case _:  # the server is away or refuses us: the attempt does not count
            facts |= {"state": State.READY.value, "next_at": now(), "attempts": claim.item.attempts}
    _change(claim, None, **facts)


def _server_problem(attempt: Attempt, left: list[_Claim], report: Report) -> None:
    """The server is away (tried again after a growing while) or refuses us (paused until somebody looks)."""
    _release(left)
    with transaction():
        row = _channel_row()
        shown = f"{attempt.reason}{f' ({attempt.code})' if attempt.code else ''}"
        if attempt.outcome is Outcome.PAUSED:
            row.paused_because, row.paused_at = shown, now()
            report.problem = f"Sending is paused: {shown}. Nothing is lost. When it is mended: candour mail resume"
        else:
            row.away_times = min(row.away_times + 1, 10)
            row.away_until = now() + timedelta(seconds=min(30 * 2 ** (row.away_times - 1), 900))
            report.problem = f"No mail left: {shown}. Nothing is lost; the next try follows by itself."


def _claim(most: int) -> list[_Claim]:
    """Leases the most urgent letters that are due."""
    if most < 1:
        return []
    lease, moment = random_id(), now()
    query = (
        select(OutboxRow)
        .where(OutboxRow.state == State.READY.value, OutboxRow.next_at <= moment, OutboxRow.kind.in_(list(_kinds())))
        .order_by(OutboxRow.priority, OutboxRow.next_at, OutboxRow.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    with transaction() as session:
        rows = session.scalars(query).all()
        for row in rows:
            row.state, row.lease_token, row.lease_until = State.LEASED.value, lease, moment + LEASE
        if rows:
            channel = _channel_row()
            minute = int(moment.timestamp() // 60)
            channel.used = len(rows) + (channel.used if channel.minute == minute else 0)
            channel.minute = minute
        return [
            _Claim(
                Item(row.id, row.kind, row.wave, row.recipient, row.letter_version, row.attempts), lease, row.message_id, row.date_header
            )
            for row in rows
        ]


def _release(claims: list[_Claim]) -> None:
    with transaction():
        for claim in claims:
            _change(claim, State.LEASED, state=State.READY.value, lease_token=None, lease_until=None)


def _take_back_leases() -> None:
    """Letters whose process is gone: leased ones wait again; of those being sent, the kind says whether to try again."""
    again = [name for name, kind in _kinds().items() if kind.again]
    over = OutboxRow.lease_until < now()
    free = {"lease_token": None, "lease_until": None}
    with transaction() as session:

        def move(state: State, where: ColumnElement[bool], to: State) -> None:
            query = update(OutboxRow).where(OutboxRow.state == state.value, over, where)
            session.connection().execute(query.values(state=to.value, **free))

        move(State.LEASED, OutboxRow.id.is_not(None), State.READY)
        move(State.SENDING, OutboxRow.kind.in_(again), State.READY)
        move(State.SENDING, OutboxRow.kind.not_in(again), State.UNKNOWN)


def _change(claim: _Claim, was: State | None, **facts: object) -> bool:
    """Changes a row that is still leased to us; False when it is not."""
    query = update(OutboxRow).where(OutboxRow.id == claim.item.id, OutboxRow.lease_token == claim.lease)
    if was:
        query = query.where(OutboxRow.state == was.value)
    return bool(db.session.connection().execute(query.values(**facts)).rowcount == 1)


def _room(per_minute: int | None) -> int:
    """How many letters the pace still allows in this minute."""
    if per_minute is None:
        return BATCH
    channel = db.session.get(MailChannelRow, 1, populate_existing=True)
    minute = int(now().timestamp() // 60)
    return per_minute - (channel.used if channel and channel.minute == minute else 0)


def _channel_row() -> MailChannelRow:
    row = db.session.get(MailChannelRow, 1, with_for_update=True, populate_existing=True)
    if row is None:
        row = MailChannelRow(number=1, away_times=0, minute=0, used=0)
        db.session.add(row)
        db.session.flush()
    return row


def _kinds() -> dict[str, Kind]:
    found: dict[str, Kind] = current_app.extensions.get(_EXTENSION, {})
    return found
