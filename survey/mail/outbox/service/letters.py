"""Letters in the outbox: taking them back, what became of them, what is kept of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, and_, case, delete, func, insert, literal, or_, select, update

from survey.database import connection, db, transaction
from survey.kernel import clock
from survey.mail.outbox.service.delivery import DONE, GOING_OUT
from survey.mail.outbox.service.letter_types import confidential_types, letter_types
from survey.mail.outbox.service.pausing import channel_pause
from survey.mail.outbox.tables import LetterTotalRow, OutboxRow
from survey.mail.rules.letter import Recipient
from survey.mail.rules.states import LetterState
from survey.mail.rules.wording import TAKEN_BACK

KEPT = timedelta(days=30)
_RECIPIENTS_A_STATEMENT = 500
_WAITING = (LetterState.READY.value, LetterState.LEASED.value)
_MOVING = (*_WAITING, LetterState.SENDING.value)
_NOT_ARRIVED = (LetterState.FAILED.value, LetterState.BOUNCED.value)
_HANDED_OVER = (
    LetterState.SENT.value,
    LetterState.BOUNCED.value,
    LetterState.FAILED.value,
    LetterState.UNKNOWN.value,
    LetterState.SENDING.value,
)


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """How many letters of each type are in which state, and why nothing goes out, if so.

    progress: of letter types with confidential counts, only whether they are done.
    failures: the recipient and our reason, of letters with public counts.
    """

    numbers: dict[str, dict[str, int]]
    progress: dict[str, str]
    paused_because: str | None
    failures: tuple[tuple[str, str], ...]

    def counts(self, letter_type: str) -> dict[str, int]:
        """The numbers of one letter type by state; empty when there are none."""
        return self.numbers.get(letter_type, {})


def cancel_letters(wave: str, letter_type: str | None = None, recipient: str | None = None) -> None:
    """Cancels waiting letters of a wave, or only those of one type or one recipient.

    What is being handed over runs its course. A letter of one `recipient` keeps no reason: it is
    not due any more, and looks like every other that was not. Without a recipient they count as
    taken back.
    """
    query = update(OutboxRow).where(OutboxRow.wave == wave, OutboxRow.state.in_(_WAITING))
    if letter_type:
        query = query.where(OutboxRow.kind == letter_type)
    if recipient:
        query = query.where(OutboxRow.recipient == recipient)
    with transaction():
        cancelled = {
            "state": LetterState.CANCELLED.value,
            "last_reason": None if recipient else TAKEN_BACK,
            "last_code": None,
            "lease_token": None,
            "lease_until": None,
        }
        connection().execute(query.values(**cancelled))


def cancel_letters_to(wave: str, recipients: Sequence[Recipient]) -> None:
    """Cancels all letters of a wave that wait for these recipients, without a reason.

    They look like every other letter that was not due any more. `queue_cancelled_again` takes it
    back.
    """
    cancelled = {
        "state": LetterState.CANCELLED.value,
        "last_reason": None,
        "last_code": None,
        "lease_token": None,
        "lease_until": None,
    }
    with transaction():
        for some in _in_chunks(recipients):
            query = update(OutboxRow).where(
                OutboxRow.wave == wave,
                OutboxRow.recipient.in_(some),
                OutboxRow.state.in_(_WAITING),
            )
            connection().execute(query.values(**cancelled))


def queue_cancelled_again(wave: str, recipients: Sequence[Recipient]) -> None:
    """Queues letters of a wave again that were cancelled while these recipients could get none.

    What was taken back by hand stays so. Whether a letter is due is looked at when it leaves.
    """
    with transaction():
        for some in _in_chunks(recipients):
            query = update(OutboxRow).where(
                OutboxRow.wave == wave,
                OutboxRow.recipient.in_(some),
                OutboxRow.state == LetterState.CANCELLED.value,
                func.coalesce(OutboxRow.last_reason, "") != TAKEN_BACK,
            )
            connection().execute(query.values(state=LetterState.READY.value, next_at=clock.now()))


def recipients_waited_for(letter_type: str) -> frozenset[str]:
    """The recipients of letters of this type that wait, or are being handed over."""
    query = select(OutboxRow.recipient).where(
        OutboxRow.kind == letter_type, OutboxRow.state.in_(_MOVING)
    )
    return frozenset(db.session.scalars(query))


def _in_chunks(recipients: Sequence[Recipient]) -> Iterator[Sequence[Recipient]]:
    """The recipients, some hundred at a time."""
    for start in range(0, len(recipients), _RECIPIENTS_A_STATEMENT):
        yield recipients[start : start + _RECIPIENTS_A_STATEMENT]


def delivery_status(wave: str | None = None) -> DeliveryStatus:
    """Counts letters by type and state; lists failures with reasons, for those who run mail.

    Of letter types with confidential counts it says only whether they are done; totals kept of
    counted waves are added.
    """
    numbers = _numbers_by_state(wave)
    progress = {}
    for letter_type in confidential_types():
        if letter_type in numbers:
            is_moving = not numbers.pop(letter_type).keys().isdisjoint(_MOVING)
            progress[letter_type] = GOING_OUT if is_moving else DONE
    for letter_type, state, number in db.session.execute(_totals(wave)):
        numbers.setdefault(letter_type, {})[state] = number
    pause = channel_pause()
    return DeliveryStatus(numbers, progress, pause[0] if pause else None, _failures(wave))


def _numbers_by_state(wave: str | None) -> dict[str, dict[str, int]]:
    """How many letters of each type are in which state, of one wave or all."""
    columns = (OutboxRow.kind, OutboxRow.state)
    query = select(*columns, func.count()).group_by(*columns)
    if wave:
        query = query.where(OutboxRow.wave == wave)
    numbers: dict[str, dict[str, int]] = {}
    for letter_type, state, number in db.session.execute(query):
        numbers.setdefault(letter_type, {})[state] = number
    return numbers


def _failures(wave: str | None) -> tuple[tuple[str, str], ...]:
    """Recipient and reason of letters that failed or bounced; of confidential types none."""
    query = select(OutboxRow.recipient, OutboxRow.last_reason, OutboxRow.last_code)
    query = query.where(
        OutboxRow.state.in_(_NOT_ARRIVED), OutboxRow.kind.not_in(confidential_types())
    )
    if wave:
        query = query.where(OutboxRow.wave == wave)
    return tuple(
        (recipient, f"{reason} ({code})" if code else str(reason))
        for recipient, reason, code in db.session.execute(query)
    )


def oldest_due_at() -> datetime | None:
    """When the oldest letter that waits became due; None when none is due.

    Letters with confidential counts are left out: their time would count them.
    """
    query = select(func.min(OutboxRow.next_at)).where(
        OutboxRow.state == LetterState.READY.value, OutboxRow.kind.not_in(confidential_types())
    )
    due_at: datetime | None = db.session.scalar(query)
    return due_at if due_at and due_at <= clock.now() else None


def is_queued(wave: str, letter_type: str, number: int = 1) -> bool:
    """Whether a letter of this type and number was ever queued for this wave."""
    prefix = f"{wave}:{letter_type}:{number}:"
    query = select(OutboxRow.id).where(
        OutboxRow.wave == wave,
        OutboxRow.kind == letter_type,
        OutboxRow.dedupe_key.startswith(prefix, autoescape=True),
    )
    return db.session.scalar(query.limit(1)) is not None


def recipients_lately_written_to(wave: str, since: datetime, until: datetime) -> frozenset[str]:
    """Recipients with a letter of this wave that waits or was handed over in this time.

    After `since`, up to `until`. Letters of every type; for reminding only. Of a letter whose
    outcome nobody knows, the moment when it was handed over counts.
    """
    handed_over_at = case(
        (OutboxRow.state == LetterState.UNKNOWN.value, OutboxRow.date_header),
        else_=OutboxRow.sent_at,
    )
    is_recent = (handed_over_at > since) & (handed_over_at <= until)
    query = select(OutboxRow.recipient).where(
        OutboxRow.wave == wave, OutboxRow.state.in_(_MOVING) | is_recent
    )
    return frozenset(db.session.scalars(query))


def forget_confidential_letters(wave: str, *, sum_up: bool = False) -> None:
    """Deletes the wave's letters with confidential counts; `sum_up` keeps totals.

    Inside the counting transaction. Only those got them who had not answered, so no row may stay
    behind.
    """
    with transaction():
        if sum_up:
            _store_totals(wave)
        connection().execute(
            delete(OutboxRow).where(
                OutboxRow.wave == wave, OutboxRow.kind.in_(confidential_types())
            )
        )


def _store_totals(wave: str) -> None:
    """Stores a wave's totals of letters that the server heard of, for types that keep them.

    How many were taken back is not kept: it would say how many answered meanwhile. A letter on its
    way counts as unknown, for nobody will hear of it.
    """
    types_with_totals = [
        name for name, letter_type in letter_types().items() if letter_type.keeps_totals
    ]
    final_state = case(
        (OutboxRow.state == LetterState.SENDING.value, LetterState.UNKNOWN.value),
        else_=OutboxRow.state,
    )
    query = select(OutboxRow.kind, final_state, func.count()).where(
        OutboxRow.wave == wave,
        OutboxRow.kind.in_(types_with_totals),
        OutboxRow.state.in_(_HANDED_OVER),
    )
    query = query.group_by(OutboxRow.kind, final_state)
    rows = [
        {"wave": wave, "kind": letter_type, "state": state, "number": number}
        for letter_type, state, number in db.session.execute(query)
    ]
    if rows:
        db.session.execute(insert(LetterTotalRow), rows)


def _totals(wave: str | None) -> Select[str, str, int]:
    """The query for the totals kept of confidential letters, of one wave or all."""
    query = select(LetterTotalRow.kind, LetterTotalRow.state, func.sum(LetterTotalRow.number))
    if wave:
        query = query.where(LetterTotalRow.wave == wave)
    return query.group_by(LetterTotalRow.kind, LetterTotalRow.state)


def erase_recipients(recipients: Sequence[Recipient]) -> None:
    """Removes these recipients (references) from all their letters' rows, waiting ones too.

    What waits for them is not due any more. Their dedupe keys, which name them, are replaced.
    """
    with transaction():
        for some in _in_chunks(recipients):
            query = update(OutboxRow).where(OutboxRow.recipient.in_(some))
            connection().execute(
                query.values(recipient="", dedupe_key=literal("erased:").concat(OutboxRow.id))
            )


def erase_old_recipients(wave: str, closed_at: datetime, now: datetime) -> None:
    """Removes the recipients from a wave's letters 30 days after its close; earlier, nothing.

    Out of letters that came later (those that last a fixed time), 30 days after they left.
    """
    if now - closed_at < KEPT:
        return
    bound_to_wave = [
        name for name, letter_type in letter_types().items() if letter_type.lasts_for is None
    ]
    is_bound = OutboxRow.kind.in_(bound_to_wave)
    left_at = func.coalesce(OutboxRow.sent_at, OutboxRow.date_header, OutboxRow.next_at)
    is_old = or_(is_bound, and_(OutboxRow.kind.not_in(bound_to_wave), left_at < now - KEPT))
    which = (OutboxRow.wave == wave, OutboxRow.recipient != "", is_old)
    if db.session.scalar(select(OutboxRow.id).where(*which).limit(1)) is None:
        return
    with transaction():
        query = update(OutboxRow).where(*which)
        connection().execute(
            query.values(recipient="", dedupe_key=literal("ended:").concat(OutboxRow.id))
        )
