"""Leasing letters: which letters this process may hand over, and when.

Every change of a leased letter names its lease, so a process that lost the lease changes nothing.
Leases and turns are measured by the database's clock, which all machines share.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, delete, func, or_, select, update

from survey.database import connection, db, transaction
from survey.kernel import clock
from survey.kernel.ids import random_id
from survey.mail.outbox.rules import pace
from survey.mail.outbox.service.letter_types import ALARM, QueuedLetter, letter_types
from survey.mail.outbox.service.pausing import channel_row, upsert
from survey.mail.outbox.tables import MailBudgetRow, MailChannelRow, MailPauseRow, OutboxRow
from survey.mail.rules.states import LetterState
from survey.mail.smtp.rules.presets import SendingPace

LEASE = timedelta(seconds=60)
BATCH = 100
NOT_NOW = timedelta(seconds=30)
NOISE = timedelta(seconds=0.1)  # a question to the database takes its time
HOURS_A_DAY = 25  # a day is the hour under way and the 24 before it, so that no 24 hours see more
GIVEN_UP = "not delivered in time, so it was given up"


@dataclass(frozen=True, slots=True)
class ClaimedLetter:
    """A letter leased to this process, and the turn in which it may leave; None: at once.

    Message-ID and date are kept here, so that all copies of the letter agree.
    """

    letter: QueuedLetter
    lease: str
    message_id: str
    date: datetime | None
    turn: datetime | None


@dataclass(frozen=True, slots=True)
class ClaimedBatch:
    """The letters just leased to us, or how long to wait before asking again.

    wait: when there are none, the seconds until there may be some; None: nothing waits for a turn.
    """

    claims: Sequence[ClaimedLetter]
    wait: float | None = None


def database_clock_offset() -> timedelta:
    """How far the database's clock is ahead of ours; zero on SQLite, which has our clock.

    Rolls back what the session had begun, except on SQLite. Leases of several machines must be
    measured by one clock. A difference that the time of the question alone explains counts as none.
    """
    if db.session.get_bind().dialect.name == "sqlite":
        return timedelta(0)
    asked_at = clock.machine_time()
    database_time = db.session.scalars(select(func.clock_timestamp())).one()
    db.session.rollback()
    half_a_trip = (clock.machine_time() - asked_at) / 2
    offset: timedelta = database_time.astimezone(UTC) - (asked_at + half_a_trip)
    return offset if abs(offset) > NOISE + half_a_trip else timedelta(0)


def claim_letters(
    limits: SendingPace, clock_offset: timedelta, slack: timedelta = timedelta(0)
) -> ClaimedBatch:
    """Leases the most urgent due letters for a minute, as many as the pace allows.

    One at a time where there is a pace; they count for the day, and the next turn is stored.
    Nothing is leased while sending is paused, the server is away, or the next turn is far off.
    `slack`: how far ahead a turn is drawn at least, where a commit takes longer than a turn lasts.
    """
    lease = random_id()
    with transaction():
        channel = channel_row()  # locked: the pace is shared by all machines
        # Not read before: the lock may have been waited for.
        database_now = clock.now() + clock_offset
        is_away = channel.away_until and channel.away_until > clock.now()
        if channel.paused_because or is_away:
            return ClaimedBatch(())
        share = pace.recovered_share(channel.share, channel.slowed_at, clock.now())
        space = pace.spacing(limits.per_minute, share)
        turn = None
        if space is not None:
            possible_turn = _possible_turn(channel.next_turn, database_now, space)
            turn = max(database_now + slack, possible_turn)
        if turn is not None and turn - database_now > LEASE / 2:
            return _claim_nothing_until(turn, database_now)
        most = min(BATCH if turn is None else 1, _count_left_today(limits.per_day))
        claims = _lease_letters(lease, database_now, turn, most) if most > 0 else []
        if claims:
            next_turn = turn + space if turn and space else None
            _charge_budget(channel, len(claims), limits, next_turn)
        return ClaimedBatch(claims)


def _possible_turn(next_turn: datetime | None, now: datetime, space: timedelta) -> datetime:
    """The stored next turn; `now` if there is none or it is too far ahead to be true.

    A clock has gone back since a turn that far ahead was drawn.
    """
    if next_turn is None or next_turn - now > LEASE / 2 + space:
        return now
    return next_turn


def _claim_nothing_until(turn: datetime, now: datetime) -> ClaimedBatch:
    """An empty batch: wait until half a lease before the turn; no wait if nothing is due."""
    if not _has_due_letters(now):
        return ClaimedBatch((), None)
    return ClaimedBatch((), (turn - now).total_seconds() - LEASE.total_seconds() / 2)


def _lease_letters(
    lease: str, now: datetime, turn: datetime | None, most: int
) -> list[ClaimedLetter]:
    """Leases at most `most` due letters for a minute, the most urgent first; gives them."""
    query = (
        select(*_CLAIMED_COLUMNS)
        .where(*_due_conditions(now))
        .order_by(OutboxRow.priority, OutboxRow.next_at, OutboxRow.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    rows = connection().execute(query).all()
    if rows:
        ours = update(OutboxRow).where(OutboxRow.id.in_([row.id for row in rows]))
        connection().execute(
            ours.values(state=LetterState.LEASED.value, lease_token=lease, lease_until=now + LEASE)
        )
    claims = []
    for row in rows:
        letter = QueuedLetter(
            row.id, row.kind, row.wave, row.recipient, row.letter_version, row.attempts
        )
        claims.append(ClaimedLetter(letter, lease, row.message_id, row.date_header, turn))
    return claims


def _has_due_letters(now: datetime) -> bool:
    """Whether any letter may leave now, of the types that this program can write."""
    query = select(OutboxRow.id).where(*_due_conditions(now)).limit(1)
    return db.session.scalar(query) is not None


def _due_conditions(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """The SQL conditions for letters that may leave now: ready, due, known type, not paused.

    A pause of the wave does not hold up alarms.
    """
    is_not_paused = OutboxRow.wave.not_in(select(MailPauseRow.wave))
    return (
        OutboxRow.state == LetterState.READY.value,
        OutboxRow.next_at <= now,
        OutboxRow.kind.in_(list(letter_types())),
        or_(is_not_paused, OutboxRow.kind == ALARM),
    )


def _count_left_today(per_day: int | None) -> int:
    """How many letters may still be claimed in this day; a full batch without a limit.

    The day is the hour under way and the 24 before it.
    """
    if per_day is None:
        return BATCH
    is_of_today = MailBudgetRow.hour > _hour() - HOURS_A_DAY
    used = db.session.scalar(select(func.sum(MailBudgetRow.used)).where(is_of_today)) or 0
    return max(0, per_day - int(used))


def _charge_budget(
    channel: MailChannelRow, number: int, limits: SendingPace, next_turn: datetime | None
) -> None:
    """Stores the next turn, and adds `number` to the count of the hour if the day has a limit.

    Deletes the counts of hours that are past the day.
    """
    channel.next_turn = next_turn
    if limits.per_day is None:
        return
    row = upsert(MailBudgetRow).values(hour=_hour(), used=number)
    connection().execute(
        row.on_conflict_do_update(
            index_elements=["hour"], set_={"used": MailBudgetRow.used + number}
        )
    )
    is_past = MailBudgetRow.hour <= _hour() - HOURS_A_DAY
    connection().execute(delete(MailBudgetRow).where(is_past))


def _hour() -> int:
    """The number of the current hour, counted from the epoch."""
    return int(clock.now().timestamp() // 3600)


def release_claims(claims: Sequence[ClaimedLetter], limits: SendingPace) -> None:
    """Makes leased letters that were not begun `ready` again, and refunds the day's count."""
    with transaction():
        released = sum(update_claimed(claim, RELEASE, {}) for claim in claims)
        refund_budget(released, limits)


def put_off(claim: ClaimedLetter, limits: SendingPace) -> None:
    """Gives a leased letter back to wait 30 seconds, because nothing can be decided now.

    Refunds the day's count.
    """
    with transaction():
        if update_claimed(claim, PUT_OFF, {"next": clock.now() + NOT_NOW}):
            refund_budget(1, limits)


def refund_budget(number: int, limits: SendingPace) -> None:
    """Takes letters that did not leave off the count of this hour, inside a transaction."""
    if limits.per_day is not None and number:
        query = update(MailBudgetRow).where(
            MailBudgetRow.hour == _hour(), MailBudgetRow.used >= number
        )
        connection().execute(query.values(used=MailBudgetRow.used - number))


def reclaim_abandoned(clock_offset: timedelta, *, all_of_them: bool = False) -> None:
    """Frees letters whose lease has ended, because the process that held them is gone.

    Leased ones become `ready`; those being sent become `ready` or `unknown`, as the letter type
    says. `all_of_them`: no other sender is alive, so no lease needs to be waited for.
    """
    sent_again = [name for name, letter_type in letter_types().items() if letter_type.is_sent_again]
    is_abandoned: ColumnElement[bool]
    if all_of_them:
        is_abandoned = OutboxRow.lease_until.is_not(None)
    else:
        is_abandoned = OutboxRow.lease_until < clock.now() + clock_offset
    with transaction():

        def move(state: LetterState, where: ColumnElement[bool], to: LetterState) -> None:
            """Moves abandoned letters from one state to another and removes their lease."""
            query = update(OutboxRow).where(OutboxRow.state == state.value, is_abandoned, where)
            connection().execute(query.values(state=to.value, lease_token=None, lease_until=None))

        move(LetterState.LEASED, OutboxRow.id.is_not(None), LetterState.READY)
        move(LetterState.SENDING, OutboxRow.kind.in_(sent_again), LetterState.READY)
        move(LetterState.SENDING, OutboxRow.kind.not_in(sent_again), LetterState.UNKNOWN)


def give_up_expired() -> list[tuple[str, str]]:
    """Fails letters that waited longer than their type lasts; gives each type and wave once."""
    is_late = (OutboxRow.state == LetterState.READY.value, OutboxRow.give_up_at <= clock.now())
    if db.session.scalar(select(OutboxRow.id).where(*is_late).limit(1)) is None:
        return []
    with transaction() as session:
        query = select(OutboxRow.kind, OutboxRow.wave).where(*is_late).distinct()
        types_and_waves = session.execute(query).all()
        failed = {"state": LetterState.FAILED.value, "last_reason": GIVEN_UP}
        connection().execute(update(OutboxRow).where(*is_late).values(**failed))
        return [(letter_type, wave) for letter_type, wave in types_and_waves]


_CLAIMED_COLUMNS = (
    OutboxRow.id,
    OutboxRow.kind,
    OutboxRow.wave,
    OutboxRow.recipient,
    OutboxRow.letter_version,
    OutboxRow.attempts,
    OutboxRow.message_id,
    OutboxRow.date_header,
)
_IS_OURS = (OutboxRow.id == bindparam("row"), OutboxRow.lease_token == bindparam("lease"))
_IS_LEASED_TO_US = (*_IS_OURS, OutboxRow.state == LetterState.LEASED.value)
_FREE = {"lease_token": None, "lease_until": None}
RELEASE = update(OutboxRow).where(*_IS_LEASED_TO_US).values(state=LetterState.READY.value, **_FREE)
PUT_OFF = (
    update(OutboxRow)
    .where(*_IS_LEASED_TO_US)
    .values(
        state=LetterState.READY.value,
        next_at=bindparam("next", type_=OutboxRow.next_at.type),
        **_FREE,
    )
)
DROP = update(OutboxRow).where(*_IS_LEASED_TO_US).values(state=LetterState.CANCELLED.value, **_FREE)
BEGIN_SENDING = (
    update(OutboxRow)
    .where(*_IS_LEASED_TO_US)
    .values(
        state=LetterState.SENDING.value,
        attempts=OutboxRow.attempts + 1,
        date_header=bindparam("date", type_=OutboxRow.date_header.type),
        lease_until=bindparam("until", type_=OutboxRow.lease_until.type),
    )
)
STORE_OUTCOME = (
    update(OutboxRow)
    .where(*_IS_OURS)
    .values(
        state=bindparam("to"),
        last_code=bindparam("code"),
        last_reason=bindparam("reason"),
        attempts=bindparam("tries"),
        next_at=func.coalesce(bindparam("next", type_=OutboxRow.next_at.type), OutboxRow.next_at),
        sent_at=func.coalesce(bindparam("sent", type_=OutboxRow.next_at.type), OutboxRow.sent_at),
        **_FREE,
    )
)


def update_claimed(claim: ClaimedLetter, statement: object, values: Mapping[str, object]) -> bool:
    """Runs an UPDATE on a claimed letter; False when it is not leased to us any more."""
    parameters = {"row": claim.letter.id, "lease": claim.lease, **values}
    return bool(connection().execute(statement, parameters).rowcount == 1)  # type: ignore[call-overload]
