"""The outbox: queue, cancel, hand over, look.

A letter is handed over in two commits: A, before the server hears of it (still due? what must be stored is stored, the
row says `sending`), and B, with what came of it. B of one letter and A of the next are one commit. Every change after
a claim names the lease, so that a process that slept past its lease changes nothing.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parseaddr

from flask import Flask, current_app
from sqlalchemy import ColumnElement, delete, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from survey.database import db, transaction
from survey.kernel.clock import now
from survey.kernel.ending import is_ending
from survey.kernel.errors import Refused
from survey.kernel.ids import random_id
from survey.mail import rules
from survey.mail.letter import Letter, wire_address
from survey.mail.message import Message
from survey.mail.rules import Attempt, Outcome, State
from survey.mail.sender import Channel, channel_for
from survey.mail.tables import MailChannelRow, OutboxRow

LEASE = timedelta(seconds=60)
BATCH = 20
FAULTS_IN_A_ROW = 5
GOING_OUT, DONE = "going out", "done"
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
    """A kind of letter: how urgent, whether an unknown outcome is tried again, and who writes it (None: not due any more).

    The numbers of a kind that is not `told` would say who has answered: they are shown nowhere, and its rows are forgotten.
    """

    name: str
    priority: int
    again: bool
    write: Callable[[Item], Draft | None]
    told: bool = True


@dataclass(slots=True)
class Report:
    """What one pass of handing over came to."""

    sent: int = 0
    later: int = 0
    failed: int = 0
    cancelled: int = 0
    unknown: int = 0
    problem: str = ""
    faults: int = 0  # letters in a row that could not be written or that the server would not have
    quiet: set[str] = field(default_factory=set)  # kinds that were dealt with and whose numbers are not told
    reached_server: bool = field(default=False, compare=False)

    def lines(self) -> tuple[str, ...]:
        """One line per thing worth saying; no name, no address, and no number of a kind that is not told."""
        named = {"sent": self.sent, "to be tried again": self.later, "failed": self.failed, "unknown": self.unknown}
        parts = [f"{number} {name}" for name, number in named.items() if number]
        quiet = [f"{kind}: {GOING_OUT}" for kind in sorted(self.quiet)]
        return tuple(line for line in (f"letters: {', '.join(parts)}" if parts else "", *quiet, self.problem) if line)


@dataclass(frozen=True, slots=True)
class Status:
    """Letters by kind and state, and why nothing goes out, if so; of kinds that are not told, only whether they are done."""

    numbers: dict[str, dict[str, int]]
    progress: dict[str, str]
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
    minute: int | None  # the minute whose pace it was counted for


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
        for at in range(0, len(rows), 500):
            statement = _insert(OutboxRow).values(rows[at : at + 500]).on_conflict_do_nothing(index_elements=["dedupe_key"])
            session.connection().execute(statement)


def queue_another(kind: str, wave: str, recipient: str, *, unless_waiting: Sequence[str]) -> None:
    """Queues one more letter of this kind for somebody, unless one of these kinds still waits for them (and waits on until the commit)."""
    ours = (OutboxRow.wave == wave, OutboxRow.recipient == recipient)
    with transaction() as session:
        waiting = select(OutboxRow.id).where(*ours, OutboxRow.kind.in_(unless_waiting), OutboxRow.state == State.READY.value)
        if not session.scalars(waiting.with_for_update()).all():
            earlier = session.scalar(select(func.count()).select_from(OutboxRow).where(*ours, OutboxRow.kind == kind)) or 0
            queue(kind, wave, [recipient], number=earlier + 1)


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
    failed = select(OutboxRow.recipient, OutboxRow.last_reason, OutboxRow.last_code)
    failed = failed.where(OutboxRow.state == State.FAILED.value, OutboxRow.kind.not_in(_quiet()))
    if wave:
        query, failed = query.where(OutboxRow.wave == wave), failed.where(OutboxRow.wave == wave)
    numbers: dict[str, dict[str, int]] = {}
    for kind, state, number in db.session.execute(query):
        numbers.setdefault(kind, {})[state] = number
    moving = {State.READY.value, State.LEASED.value, State.SENDING.value}
    progress = {kind: GOING_OUT if moving & set(numbers.pop(kind)) else DONE for kind in _quiet() if kind in numbers}
    channel = db.session.get(MailChannelRow, 1)
    failures = tuple((recipient, f"{reason} ({code})" if code else str(reason)) for recipient, reason, code in db.session.execute(failed))
    return Status(numbers, progress, channel.paused_because if channel else None, failures)


def waits_since() -> datetime | None:
    """Since when the oldest letter that could have gone is due; kinds that are not told stay aside, their time would count them."""
    query = select(func.min(OutboxRow.next_at)).where(OutboxRow.state == State.READY.value, OutboxRow.kind.not_in(_quiet()))
    found: datetime | None = db.session.scalar(query)
    return found if found and found <= now() else None


def retry(wave: str) -> int:
    """Puts what failed back in the queue, but for kinds that are not told; says how many."""
    query = update(OutboxRow).where(OutboxRow.wave == wave, OutboxRow.state.in_([State.FAILED.value, State.BOUNCED.value]))
    query = query.where(OutboxRow.kind.not_in(_quiet()))
    with transaction() as session:
        return int(session.connection().execute(query.values(state=State.READY.value, next_at=now())).rowcount)


def is_queued(wave: str, kind: str) -> bool:
    """Whether a letter of this kind was ever queued for this wave."""
    return db.session.scalar(select(OutboxRow.id).where(OutboxRow.wave == wave, OutboxRow.kind == kind).limit(1)) is not None


def states_of(recipients: Sequence[str]) -> dict[str, tuple[str, datetime | None]]:
    """By recipient: the state of their letter, and when it was handed over; kinds that are not told stay aside."""
    found: dict[str, tuple[str, datetime | None]] = {}
    for at in range(0, len(recipients), 500):
        query = select(OutboxRow.recipient, OutboxRow.state, OutboxRow.sent_at)
        query = query.where(OutboxRow.recipient.in_(recipients[at : at + 500]), OutboxRow.kind.not_in(_quiet()))
        found |= {recipient: (state, sent_at) for recipient, state, sent_at in db.session.execute(query)}
    return found


def forget_quiet(wave: str) -> None:
    """Inside the counting transaction: letters that only those who had not answered got leave no row behind."""
    with transaction() as session:
        session.connection().execute(delete(OutboxRow).where(OutboxRow.wave == wave, OutboxRow.kind.in_(_quiet())))


def blank(recipients: Sequence[str]) -> None:
    """Takes the recipients out of their letters' rows, for whoever is erased; what waits for them is not due any more."""
    with transaction() as session:
        query = update(OutboxRow).where(OutboxRow.recipient.in_(list(recipients)))
        session.connection().execute(query.values(recipient="", dedupe_key=literal("erased:").concat(OutboxRow.id)))


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
    row = db.session.get(MailChannelRow, 1, populate_existing=True)
    if row and row.paused_because:
        report.problem = f"Sending is paused: {row.paused_because}. Nothing is lost. When it is mended: candour mail resume"
        return report
    if row and row.away_until and row.away_until > now():
        return report
    _take_back_leases()
    line = channel or channel_for(config)
    try:
        while time.monotonic() < end and not report.problem and not is_ending():
            claims = _claim(config.mail_per_minute)
            if not claims:
                break
            _drain(line, claims, report)
    finally:
        line.close()
    if report.reached_server and not report.problem and row and row.away_times:
        with transaction():
            _channel_row().away_times = 0
    return report


def _drain(line: Channel, claims: list[_Claim], report: Report) -> None:
    """Writes and hands over a batch; commit B of one letter is commit A of the next, while nothing waits between them."""
    pending: tuple[_Claim, Attempt] | None = None
    for at, claim in enumerate(claims):
        if is_ending():
            _settle(pending, report)
            _release(claims[at:])
            return
        if pending and not line.is_ready:
            _settle(pending, report)
            pending = None
        refused = line.connect()
        if refused:
            _settle(pending, report)
            _server_problem(refused, claims[at:], report)
            return
        if claim.minute is not None and claim.minute != _minute():  # the pace was counted for another minute
            _settle(pending, report)
            _release(claims[at:])
            return
        pending = _attempt(line, pending, claim, report)
        if pending and pending[1].outcome in {Outcome.AWAY, Outcome.PAUSED}:
            _settle(pending, report)
            _server_problem(pending[1], claims[at + 1 :], report)
            return
        if report.faults == FAULTS_IN_A_ROW:
            _settle(pending, report)
            _too_many_faults(claims[at + 1 :], report)
            return
    _settle(pending, report)


def _attempt(line: Channel, pending: tuple[_Claim, Attempt] | None, claim: _Claim, report: Report) -> tuple[_Claim, Attempt] | None:
    """Writes a letter and hands it over; what came of it is noted with the next commit."""
    try:
        message = _begin(pending, claim, report)
    except SQLAlchemyError:
        _settle(pending, report)
        raise
    except Exception as error:  # noqa: BLE001 - one person's letter must not keep the others
        _settle(pending, report)
        report.faults += 1
        return claim, Attempt(Outcome.FAILED, "", _unwritten(error))
    if message is None:
        return None
    attempt = line.deliver(message)
    report.faults = report.faults + 1 if attempt.reason == rules.REFUSES_LETTER else 0
    return claim, attempt


def _begin(pending: tuple[_Claim, Attempt] | None, claim: _Claim, report: Report) -> Message | None:
    """Writes a letter, then commits B of the one before and A of this one; None when it is not ours or not due any more."""
    draft = _kinds()[claim.item.kind].write(claim.item)
    date = claim.date or now().replace(microsecond=0)
    message = Message(draft.letter, current_app.config["CANDOUR"].mail_from, claim.message_id, date) if draft else None
    facts = {"state": State.SENDING.value, "attempts": OutboxRow.attempts + 1, "date_header": date, "lease_until": now() + LEASE}
    with transaction():
        noted = pending is not None and _note(*pending)
        due = draft is not None and draft.store()
        if not due:
            facts = {"state": State.CANCELLED.value, "lease_token": None, "lease_until": None}
        ours = _change(claim, State.LEASED, **facts)
    if pending and noted:
        _count(*pending, report)
    if ours and not due:
        _count_cancelled(claim, report)
    return message if ours and due else None


def _count_cancelled(claim: _Claim, report: Report) -> None:
    if _kinds()[claim.item.kind].told:
        report.cancelled += 1
    else:
        report.quiet.add(claim.item.kind)


def _unwritten(error: Exception) -> str:
    return error.message if isinstance(error, Refused) else f"the letter could not be written ({type(error).__name__})"


def _too_many_faults(left: list[_Claim], report: Report) -> None:
    _release(left)
    pause("five letters in a row could not be written or were refused")
    report.problem = "Five letters in a row could not be written or were refused, so sending is paused. See: candour mail status"


def _settle(pending: tuple[_Claim, Attempt] | None, report: Report) -> None:
    if pending:
        with transaction():
            noted = _note(*pending)
        if noted:
            _count(*pending, report)


def _note(claim: _Claim, attempt: Attempt) -> bool:
    """Writes down what came of an attempt; False when the lease is not ours any more."""
    facts: dict[str, object] = {
        "last_code": attempt.code or None,
        "last_reason": attempt.reason or None,
        "lease_token": None,
        "lease_until": None,
    }
    match attempt.outcome:
        case Outcome.SENT:
            facts |= {"state": State.SENT.value, "sent_at": now()}
        case Outcome.FAILED:
            facts |= {"state": State.FAILED.value}
        case Outcome.LATER:
            seconds = rules.delay(claim.item.attempts + 1, random.random())  # noqa: S311 - spreads retries, hides nothing
            facts |= {"state": State.READY.value, "next_at": now() + timedelta(seconds=seconds)}
        case Outcome.LOST if not _kinds()[claim.item.kind].again:
            facts |= {"state": State.UNKNOWN.value}
        case Outcome.LOST:
            facts |= {"state": State.READY.value, "next_at": now()}
        case _:  # the server is away, refuses us or dropped the line: the attempt does not count
            facts |= {"state": State.READY.value, "next_at": now(), "attempts": claim.item.attempts}
    return _change(claim, None, **facts)


def _count(claim: _Claim, attempt: Attempt, report: Report) -> None:
    report.reached_server |= attempt.outcome is Outcome.SENT
    if not _kinds()[claim.item.kind].told:
        report.quiet.add(claim.item.kind)
        return
    match attempt.outcome:
        case Outcome.SENT:
            report.sent += 1
        case Outcome.FAILED:
            report.failed += 1
        case Outcome.LOST if not _kinds()[claim.item.kind].again:
            report.unknown += 1
        case Outcome.LATER | Outcome.LOST:
            report.later += 1


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
            row.away_times = 1 if report.reached_server else min(row.away_times + 1, 10)
            row.away_until = now() + timedelta(seconds=min(30 * 2 ** (row.away_times - 1), 900))
            report.problem = f"No mail left: {shown}. Nothing is lost; the next try follows by itself."


def _claim(per_minute: int | None) -> list[_Claim]:
    """Leases the most urgent letters that are due, as many as the pace allows; none while sending is paused."""
    lease, moment = random_id(), now()
    query = (
        select(OutboxRow)
        .where(OutboxRow.state == State.READY.value, OutboxRow.next_at <= moment, OutboxRow.kind.in_(list(_kinds())))
        .order_by(OutboxRow.priority, OutboxRow.next_at, OutboxRow.id)
        .with_for_update(skip_locked=True)
    )
    with transaction() as session:
        channel = _channel_row()  # locked: the pace is shared by all machines
        minute = _minute()
        used = channel.used if channel.minute == minute else 0
        most = 0 if channel.paused_because else min(BATCH, BATCH if per_minute is None else per_minute - used)
        rows = session.scalars(query.limit(most)).all() if most > 0 else []
        for row in rows:
            row.state, row.lease_token, row.lease_until = State.LEASED.value, lease, moment + LEASE
        if rows:
            channel.minute, channel.used = minute, used + len(rows)
        counted = None if per_minute is None else minute
        return [
            _Claim(
                Item(row.id, row.kind, row.wave, row.recipient, row.letter_version, row.attempts),
                lease,
                row.message_id,
                row.date_header,
                counted,
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


def _minute() -> int:
    return int(now().timestamp() // 60)


def _channel_row() -> MailChannelRow:
    row = _locked_channel()
    if row is None:
        first = _insert(MailChannelRow).values(number=1, away_times=0, minute=0, used=0)
        db.session.connection().execute(first.on_conflict_do_nothing())  # another process may be as fast
        row = _locked_channel()
    assert row
    return row


def _locked_channel() -> MailChannelRow | None:
    return db.session.get(MailChannelRow, 1, with_for_update=True, populate_existing=True)


def _insert(table: type[MailChannelRow | OutboxRow]) -> sqlite.Insert | postgresql.Insert:
    return (postgresql.insert if db.session.get_bind().dialect.name == "postgresql" else sqlite.insert)(table)


def _kinds() -> dict[str, Kind]:
    found: dict[str, Kind] = current_app.extensions.get(_EXTENSION, {})
    return found


def _quiet() -> list[str]:
    return [name for name, kind in _kinds().items() if not kind.told]
