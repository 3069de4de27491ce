"""Leasing letters: which are ours to hand over, in whose turn, and every change under the lease that was given."""

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
    """A leased letter with what makes its copies agree, and the turn in which it may leave."""

    item: QueuedLetter
    lease: str
    message_id: str
    date: datetime | None
    turn: datetime | None


@dataclass(frozen=True, slots=True)
class ClaimedBatch:
    """What is ours now; when nothing is, the seconds until something may be (None: nothing waits for its turn)."""

    claims: Sequence[ClaimedLetter]
    wait: float | None = None


def database_clock_offset() -> timedelta:
    """How far the database's clock is ahead of ours: leases of several machines must be told by one clock. SQLite has ours."""
    if db.session.get_bind().dialect.name == "sqlite":
        return timedelta(0)
    begun = clock.machine_time()
    theirs = db.session.scalars(select(func.clock_timestamp())).one()
    db.session.rollback()
    ended = clock.machine_time()
    ahead: timedelta = theirs.astimezone(UTC) - (begun + (ended - begun) / 2)
    return ahead if abs(ahead) > NOISE + (ended - begun) / 2 else timedelta(0)


def claim_letters(
    limits: SendingPace, ahead: timedelta, slack: timedelta = timedelta(0)
) -> ClaimedBatch:
    """Leases the most urgent letters that are due, as many as the pace allows; none while sending is paused.

    `slack`: how far ahead a turn is drawn at least, where a commit takes longer than a turn lasts.
    """
    lease = random_id()
    with transaction():
        channel = channel_row()  # locked: the pace is shared by all machines
        moment = clock.now() + ahead  # not before: the lock may have been waited for
        if channel.paused_because or (channel.away_until and channel.away_until > clock.now()):
            return ClaimedBatch(())
        share = pace.recovered_share(channel.share, channel.slowed_at, clock.now())
        space = pace.spacing(limits.per_minute, share)
        turn = (
            None
            if space is None
            else max(moment + slack, _honest(channel.next_turn, moment, space))
        )
        if turn is not None and turn - moment > LEASE / 2:
            return ClaimedBatch(
                (),
                (
                    (turn - moment).total_seconds() - LEASE.total_seconds() / 2
                    if _something_waits(moment)
                    else None
                ),
            )
        most = min(BATCH if turn is None else 1, _left_today(limits.per_day))
        found = _lease(lease, moment, turn, most) if most > 0 else []
        if found:
            _debit(channel, len(found), limits, turn + space if turn and space else None)
        return ClaimedBatch(found)


def _honest(next_turn: datetime | None, moment: datetime, space: timedelta) -> datetime:
    """The next turn, unless it lies further ahead than any can be drawn: then a clock has gone back since."""
    return moment if next_turn is None or next_turn - moment > LEASE / 2 + space else next_turn


def _lease(lease: str, moment: datetime, turn: datetime | None, most: int) -> list[ClaimedLetter]:
    query = (
        select(*_NEEDED)
        .where(*_is_due(moment))
        .order_by(OutboxRow.priority, OutboxRow.next_at, OutboxRow.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    rows = connection().execute(query).all()
    if rows:
        ours = update(OutboxRow).where(OutboxRow.id.in_([row.id for row in rows]))
        connection().execute(
            ours.values(
                state=LetterState.LEASED.value, lease_token=lease, lease_until=moment + LEASE
            )
        )
    return [
        ClaimedLetter(
            QueuedLetter(
                row.id, row.kind, row.wave, row.recipient, row.letter_version, row.attempts
            ),
            lease,
            row.message_id,
            row.date_header,
            turn,
        )
        for row in rows
    ]


def _something_waits(moment: datetime) -> bool:
    query = select(OutboxRow.id).where(*_is_due(moment)).limit(1)
    return db.session.scalar(query) is not None


def _is_due(moment: datetime) -> tuple[ColumnElement[bool], ...]:
    waits = or_(OutboxRow.wave.not_in(select(MailPauseRow.wave)), OutboxRow.kind == ALARM)
    return (
        OutboxRow.state == LetterState.READY.value,
        OutboxRow.next_at <= moment,
        OutboxRow.kind.in_(list(letter_types())),
        waits,
    )


def _left_today(per_day: int | None) -> int:
    if per_day is None:
        return BATCH
    hour = _hour()
    used = (
        db.session.scalar(
            select(func.sum(MailBudgetRow.used)).where(MailBudgetRow.hour > hour - HOURS_A_DAY)
        )
        or 0
    )
    return max(0, per_day - int(used))


def _debit(
    channel: MailChannelRow, number: int, limits: SendingPace, next_turn: datetime | None
) -> None:
    channel.next_turn = next_turn
    if limits.per_day is not None:
        row = upsert(MailBudgetRow).values(hour=_hour(), used=number)
        added = row.on_conflict_do_update(
            index_elements=["hour"], set_={"used": MailBudgetRow.used + number}
        )
        connection().execute(added)
        connection().execute(
            delete(MailBudgetRow).where(MailBudgetRow.hour <= _hour() - HOURS_A_DAY)
        )


def _hour() -> int:
    return int(clock.now().timestamp() // 3600)


def release_claims(claims: Sequence[ClaimedLetter], limits: SendingPace) -> None:
    """Gives back what was claimed and not begun."""
    with transaction():
        refund_budget(sum(update_claimed(one, RELEASE, {}) for one in claims), limits)


def put_off(claim: ClaimedLetter, limits: SendingPace) -> None:
    """Gives a letter back about which nothing can be decided now."""
    with transaction():
        if update_claimed(claim, PUT_OFF, {"next": clock.now() + NOT_NOW}):
            refund_budget(1, limits)


def refund_budget(number: int, limits: SendingPace) -> None:
    """Inside a transaction: letters that did not leave do not count for the day."""
    if limits.per_day is not None and number:
        query = update(MailBudgetRow).where(
            MailBudgetRow.hour == _hour(), MailBudgetRow.used >= number
        )
        connection().execute(query.values(used=MailBudgetRow.used - number))


def reclaim_abandoned(ahead: timedelta, *, all_of_them: bool = False) -> None:
    """Letters whose process is gone: leased ones wait again; of those being sent, the kind says whether to try again.

    `all_of_them`: no other sender is alive, so no lease needs to be waited for.
    """
    again = [name for name, kind in letter_types().items() if kind.again]
    over = (
        OutboxRow.lease_until.is_not(None)
        if all_of_them
        else OutboxRow.lease_until < clock.now() + ahead
    )
    with transaction():

        def move(state: LetterState, where: ColumnElement[bool], to: LetterState) -> None:
            query = update(OutboxRow).where(OutboxRow.state == state.value, over, where)
            connection().execute(query.values(state=to.value, lease_token=None, lease_until=None))

        move(LetterState.LEASED, OutboxRow.id.is_not(None), LetterState.READY)
        move(LetterState.SENDING, OutboxRow.kind.in_(again), LetterState.READY)
        move(LetterState.SENDING, OutboxRow.kind.not_in(again), LetterState.UNKNOWN)


def give_up_expired() -> list[tuple[str, str]]:
    """Letters that have waited longer than their kind lasts have failed; gives kind and wave of each, once."""
    late = (OutboxRow.state == LetterState.READY.value, OutboxRow.give_up_at <= clock.now())
    if db.session.scalar(select(OutboxRow.id).where(*late).limit(1)) is None:
        return []
    with transaction() as session:
        found = session.execute(
            select(OutboxRow.kind, OutboxRow.wave).where(*late).distinct()
        ).all()
        connection().execute(
            update(OutboxRow)
            .where(*late)
            .values(state=LetterState.FAILED.value, last_reason=GIVEN_UP)
        )
        return [(kind, wave) for kind, wave in found]


_NEEDED = (
    *(
        OutboxRow.id,
        OutboxRow.kind,
        OutboxRow.wave,
        OutboxRow.recipient,
        OutboxRow.letter_version,
        OutboxRow.attempts,
    ),
    *(OutboxRow.message_id, OutboxRow.date_header),
)
_OURS = (OutboxRow.id == bindparam("row"), OutboxRow.lease_token == bindparam("lease"))
_FREE = {"lease_token": None, "lease_until": None}
RELEASE = (
    update(OutboxRow)
    .where(*_OURS, OutboxRow.state == LetterState.LEASED.value)
    .values(state=LetterState.READY.value, **_FREE)
)
PUT_OFF = (
    update(OutboxRow)
    .where(*_OURS, OutboxRow.state == LetterState.LEASED.value)
    .values(
        state=LetterState.READY.value,
        next_at=bindparam("next", type_=OutboxRow.next_at.type),
        **_FREE,
    )
)
DROP = (
    update(OutboxRow)
    .where(*_OURS, OutboxRow.state == LetterState.LEASED.value)
    .values(state=LetterState.CANCELLED.value, **_FREE)
)
BEGIN_SENDING = (
    update(OutboxRow)
    .where(*_OURS, OutboxRow.state == LetterState.LEASED.value)
    .values(
        state=LetterState.SENDING.value,
        attempts=OutboxRow.attempts + 1,
        date_header=bindparam("date", type_=OutboxRow.date_header.type),
        lease_until=bindparam("until", type_=OutboxRow.lease_until.type),
    )
)
STORE_OUTCOME = (
    update(OutboxRow)
    .where(*_OURS)
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


def update_claimed(claim: ClaimedLetter, statement: object, facts: Mapping[str, object]) -> bool:
    """Changes a row that is still leased to us; False when it is not."""
    given = {"row": claim.item.id, "lease": claim.lease, **facts}
    return bool(connection().execute(statement, given).rowcount == 1)  # type: ignore[call-overload]
