"""Letters that are queued: taking them back, what became of them, and what is kept of them afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, and_, case, delete, func, insert, literal, or_, select, update

from survey.database import connection, db, transaction
from survey.kernel import clock
from survey.mail.outbox.service.delivery import DONE, GOING_OUT
from survey.mail.outbox.service.letter_types import confidential_types, letter_types
from survey.mail.outbox.service.pausing import channel_pause
from survey.mail.outbox.tables import LetterTotalRow, OutboxRow
from survey.mail.rules.states import LetterState
from survey.mail.rules.wording import TAKEN_BACK

KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """Letters by kind and state, and why nothing goes out, if so; of kinds that are not told, only whether they are done."""

    numbers: dict[str, dict[str, int]]
    progress: dict[str, str]
    paused_because: str | None
    failures: tuple[tuple[str, str], ...]

    def counts(self, kind: str) -> dict[str, int]:
        """The states of one kind."""
        return self.numbers.get(kind, {})


def cancel_letters(wave: str, kind: str | None = None, recipient: str | None = None) -> None:
    """Takes back what waits for a wave, or of it one kind; what is being handed over runs its course.

    Of one `recipient`: their letter is not due any more, and looks like every other that was not.
    """
    waiting = [LetterState.READY.value, LetterState.LEASED.value]
    query = update(OutboxRow).where(OutboxRow.wave == wave, OutboxRow.state.in_(waiting))
    if kind:
        query = query.where(OutboxRow.kind == kind)
    if recipient:
        query = query.where(OutboxRow.recipient == recipient)
    with transaction():
        facts = {
            "state": LetterState.CANCELLED.value,
            "last_reason": None if recipient else TAKEN_BACK,
            "last_code": None,
            "lease_token": None,
            "lease_until": None,
        }
        connection().execute(query.values(**facts))


def delivery_status(wave: str | None = None) -> DeliveryStatus:
    """Letters by kind and state; failures with our reason, for whoever looks after the mail."""
    query = select(OutboxRow.kind, OutboxRow.state, func.count()).group_by(
        OutboxRow.kind, OutboxRow.state
    )
    failed = select(OutboxRow.recipient, OutboxRow.last_reason, OutboxRow.last_code)
    failed = failed.where(
        OutboxRow.state.in_([LetterState.FAILED.value, LetterState.BOUNCED.value]),
        OutboxRow.kind.not_in(confidential_types()),
    )
    if wave:
        query, failed = query.where(OutboxRow.wave == wave), failed.where(OutboxRow.wave == wave)
    numbers: dict[str, dict[str, int]] = {}
    for kind, state, number in db.session.execute(query):
        numbers.setdefault(kind, {})[state] = number
    moving = {LetterState.READY.value, LetterState.LEASED.value, LetterState.SENDING.value}
    progress = {
        kind: GOING_OUT if moving & set(numbers.pop(kind)) else DONE
        for kind in confidential_types()
        if kind in numbers
    }
    for kind, state, number in db.session.execute(_totals(wave)):
        numbers.setdefault(kind, {})[state] = number
    paused = channel_pause()
    failures = tuple(
        (recipient, f"{reason} ({code})" if code else str(reason))
        for recipient, reason, code in db.session.execute(failed)
    )
    return DeliveryStatus(numbers, progress, paused[0] if paused else None, failures)


def oldest_due_at() -> datetime | None:
    """Since when the oldest letter that could have gone is due; kinds that are not told stay aside, their time would count them."""
    query = select(func.min(OutboxRow.next_at)).where(
        OutboxRow.state == LetterState.READY.value, OutboxRow.kind.not_in(confidential_types())
    )
    found: datetime | None = db.session.scalar(query)
    return found if found and found <= clock.now() else None


def is_queued(wave: str, kind: str, number: int = 1) -> bool:
    """Whether a letter of this kind and number was ever queued for this wave."""
    numbered = OutboxRow.dedupe_key.startswith(f"{wave}:{kind}:{number}:", autoescape=True)
    return (
        db.session.scalar(
            select(OutboxRow.id)
            .where(OutboxRow.wave == wave, OutboxRow.kind == kind, numbered)
            .limit(1)
        )
        is not None
    )


def recipients_lately_written_to(wave: str, since: datetime, until: datetime) -> frozenset[str]:
    """Recipients for whom a letter of this wave still waits or was handed over meanwhile, of whatever kind. For reminding only.

    Of a letter whose outcome nobody knows, the moment when it was handed over counts.
    """
    waits = OutboxRow.state.in_(
        [LetterState.READY.value, LetterState.LEASED.value, LetterState.SENDING.value]
    )
    at = case(
        (OutboxRow.state == LetterState.UNKNOWN.value, OutboxRow.date_header),
        else_=OutboxRow.sent_at,
    )
    query = select(OutboxRow.recipient).where(
        OutboxRow.wave == wave, waits | ((at > since) & (at <= until))
    )
    return frozenset(db.session.scalars(query))


def forget_confidential_letters(wave: str, *, sum_up: bool = False) -> None:
    """Inside the counting transaction: letters that only those who had not answered got leave no row behind, at most totals."""
    with transaction():
        if sum_up:
            _sum_up(wave)
        connection().execute(
            delete(OutboxRow).where(
                OutboxRow.wave == wave, OutboxRow.kind.in_(confidential_types())
            )
        )


def _sum_up(wave: str) -> None:
    """Totals of what the server heard of; how many were taken back is not kept, for it would say how many answered meanwhile."""
    summed = [name for name, kind in letter_types().items() if kind.summed]
    heard = [
        state.value
        for state in (
            LetterState.SENT,
            LetterState.BOUNCED,
            LetterState.FAILED,
            LetterState.UNKNOWN,
            LetterState.SENDING,
        )
    ]
    state = case(
        (OutboxRow.state == LetterState.SENDING.value, LetterState.UNKNOWN.value),
        else_=OutboxRow.state,
    )  # on its way: nobody will hear
    query = select(OutboxRow.kind, state, func.count()).group_by(OutboxRow.kind, state)
    query = query.where(
        OutboxRow.wave == wave, OutboxRow.kind.in_(summed), OutboxRow.state.in_(heard)
    )
    rows = [
        {"wave": wave, "kind": kind, "state": state, "number": number}
        for kind, state, number in db.session.execute(query)
    ]
    if rows:
        db.session.execute(insert(LetterTotalRow), rows)


def _totals(wave: str | None) -> Select[str, str, int]:
    query = select(LetterTotalRow.kind, LetterTotalRow.state, func.sum(LetterTotalRow.number))
    query = query.where(LetterTotalRow.wave == wave) if wave else query
    return query.group_by(LetterTotalRow.kind, LetterTotalRow.state)


def erase_recipients(recipients: Sequence[str]) -> None:
    """Takes the recipients out of their letters' rows, for whoever is erased; what waits for them is not due any more."""
    with transaction():
        query = update(OutboxRow).where(OutboxRow.recipient.in_(list(recipients)))
        connection().execute(
            query.values(recipient="", dedupe_key=literal("erased:").concat(OutboxRow.id))
        )


def erase_old_recipients(wave: str, closed_at: datetime, moment: datetime) -> None:
    """Takes the recipients out of a wave's letters 30 days after its close; out of those that came later, 30 days after they left."""
    if moment - closed_at < KEPT:
        return
    bound = [name for name, kind in letter_types().items() if kind.lasts is None]
    last = func.coalesce(OutboxRow.sent_at, OutboxRow.date_header, OutboxRow.next_at)
    old = or_(OutboxRow.kind.in_(bound), and_(OutboxRow.kind.not_in(bound), last < moment - KEPT))
    theirs = (OutboxRow.wave == wave, OutboxRow.recipient != "", old)
    if db.session.scalar(select(OutboxRow.id).where(*theirs).limit(1)) is not None:
        with transaction():
            query = update(OutboxRow).where(*theirs)
            connection().execute(
                query.values(recipient="", dedupe_key=literal("ended:").concat(OutboxRow.id))
            )
