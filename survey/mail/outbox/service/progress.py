"""What people may see of the outbox, and what they may do about it.

How far the letters are, which failed; retry, take back, pause. Nothing here shows a number or a
recipient of a letter type with confidential counts, or of one that this version does not know. A
letter that was not due any more is shown as if sent.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import current_app
from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    delete,
    false,
    func,
    insert,
    select,
    true,
    update,
)

from survey.access.service.audit import record
from survey.database import connection, db, transaction
from survey.kernel.clock import now
from survey.mail.outbox.rules.pace import ASSUMED, recovered_share
from survey.mail.outbox.service.delivery import DONE, GOING_OUT
from survey.mail.outbox.service.letter_types import (
    has_public_counts,
    letter_types,
    public_staff_types,
)
from survey.mail.outbox.service.pausing import paused_waves
from survey.mail.outbox.tables import LetterTotalRow, MailChannelRow, OutboxRow
from survey.mail.rules import wording
from survey.mail.rules.letter import LetterId, Recipient
from survey.mail.rules.states import LetterState
from survey.mail.rules.wording import TAKEN_BACK, MailPause, StateCounts, StatedPace
from survey.mail.smtp.rules.presets import pace_for

_Numbers = Select[str, str, bool, bool, bool, int] | CompoundSelect[str, str, bool, bool, bool, int]
_WAITING = (LetterState.READY.value, LetterState.LEASED.value)
_MOVING = (*_WAITING, LetterState.SENDING.value)
_NOT_ARRIVED = (LetterState.FAILED.value, LetterState.BOUNCED.value)
_RECIPIENTS_A_QUERY = 500


@dataclass(frozen=True, slots=True)
class LetterCounts:
    """How many letters are in which state, by type, as people may see it.

    counts: by letter type with public counts.
    confidential: by letter type with confidential counts, in words: going out or done.
    unknown_kinds: letter types that this version cannot write.
    later: of those that wait, how many were put off by the server.
    """

    counts: dict[str, StateCounts]
    confidential: dict[str, str]
    unknown_kinds: tuple[str, ...]
    later: int = 0

    def of(self, letter_type: str) -> StateCounts:
        """The counts of one letter type; zero when there are none or they are confidential."""
        return self.counts.get(letter_type, StateCounts())


@dataclass(frozen=True, slots=True)
class ChannelState:
    """Whether all mail is paused, or until when the mail server is away."""

    pause: MailPause | None = None
    away_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class NotArrived:
    """One letter that failed or came back, with reason and advice; the person is a reference."""

    id: LetterId
    kind: str
    recipient: Recipient
    state: str
    why: str
    advice: str


def letter_counts(wave: str | None = None) -> LetterCounts:
    """Counts the letters of a wave, or all letters, by type as people may see it.

    Of a wave also the totals that are kept of letters with confidential counts.
    """
    known_types = letter_types()
    numbers: dict[str, dict[str, int]] = {}
    is_moving: dict[str, bool] = {}  # by letter type with confidential counts
    unknown_types: set[str] = set()
    put_off = 0
    rows = db.session.execute(_numbers_by_type(wave))
    for name, state, is_taken_back, is_put_off, is_total, number in rows:
        letter_type = known_types.get(name)
        if letter_type is None:
            if state in _MOVING and not is_total:
                unknown_types.add(name)
        elif is_total:
            numbers.setdefault(name, {})[state] = number
        elif letter_type.has_public_counts:
            # A letter to staff that was cancelled counts as sent, unless it was taken back.
            may_be_cancelled = is_taken_back or not letter_type.goes_to_staff
            public_state = wording.public_state(state, TAKEN_BACK if may_be_cancelled else None)
            by_state = numbers.setdefault(name, {})
            by_state[public_state] = by_state.get(public_state, 0) + number
            if is_put_off:
                put_off += number
        else:
            is_moving[name] = is_moving.get(name, False) or state in _MOVING
    counts = {name: wording.counts_by_state(by_state) for name, by_state in sorted(numbers.items())}
    confidential = {
        name: GOING_OUT if moving else DONE for name, moving in sorted(is_moving.items())
    }
    return LetterCounts(counts, confidential, tuple(sorted(unknown_types)), put_off)


def _numbers_by_type(wave: str | None) -> _Numbers:
    """The query for numbers of letters by type and state, of one wave or all.

    Three marks follow type and state: taken back; put off; a total that is kept of a counted wave.
    """
    is_taken_back = (OutboxRow.state == LetterState.CANCELLED.value) & (
        func.coalesce(OutboxRow.last_reason, "") == TAKEN_BACK
    )
    is_put_off = (OutboxRow.state == LetterState.READY.value) & (OutboxRow.next_at > now())
    columns = (
        OutboxRow.kind,
        OutboxRow.state,
        is_taken_back.label("back"),
        is_put_off.label("later"),
    )
    query = select(*columns, false().label("sum"), func.count()).group_by(*columns)
    if not wave:
        return query
    totals = select(
        LetterTotalRow.kind, LetterTotalRow.state, false(), false(), true(), LetterTotalRow.number
    )
    return query.where(OutboxRow.wave == wave).union_all(totals.where(LetterTotalRow.wave == wave))


def channel_state() -> ChannelState:
    """Whether mail is paused or the server is away, as stored; neither when all is in order."""
    row = db.session.get(MailChannelRow, 1, populate_existing=True)
    if row is None:
        return ChannelState()
    pause = MailPause(row.paused_because, row.paused_at) if row.paused_because else None
    is_away = row.away_until and row.away_until > now()
    return ChannelState(pause, row.away_until if is_away else None)


def stated_pace() -> StatedPace:
    """How many letters may leave now a minute and a day, and which setting or server says so."""
    config = current_app.config["CANDOUR"]
    limits = pace_for(config.mail_url, config.mail_per_minute)
    row = db.session.get(MailChannelRow, 1, populate_existing=True)
    share = recovered_share(row.share, row.slowed_at, now()) if row else 1.0
    per_minute, because = limits.per_minute, ""
    if share < 1:
        per_minute = max(1, round((limits.per_minute or ASSUMED) * share))
        because = "the mail server asked for fewer"
    elif config.mail_per_minute:
        because = "as your settings say"
    elif limits.per_minute:
        because = "what this mail server allows"
    return StatedPace(per_minute, limits.per_day, because)


def not_arrived(wave: str, letter_type: str) -> tuple[NotArrived, ...]:
    """The letters of a type that failed or came back; empty where its counts are confidential.

    In no order that tells a time.
    """
    if not has_public_counts(letter_type):
        return ()
    query = (
        select(OutboxRow)
        .where(_is_of(wave, letter_type), OutboxRow.state.in_(_NOT_ARRIVED))
        .order_by(OutboxRow.id)
    )
    return tuple(
        NotArrived(
            id=row.id,
            kind=row.kind,
            recipient=row.recipient,
            state=row.state,
            why=wording.reason_in_words(row.last_reason, row.last_code),
            advice=wording.advice(row.state, row.last_code),
        )
        for row in db.session.scalars(query)
    )


def public_states(recipients: Sequence[str], letter_type: str) -> dict[str, str]:
    """By recipient: the state of the newest letter of a type, as it may be shown.

    Empty where the counts of this type are confidential.
    """
    states: dict[str, str] = {}
    if not has_public_counts(letter_type):
        return states
    for start in range(0, len(recipients), _RECIPIENTS_A_QUERY):
        some_recipients = recipients[start : start + _RECIPIENTS_A_QUERY]
        query = (
            select(OutboxRow.recipient, OutboxRow.state, OutboxRow.last_reason)
            .where(OutboxRow.recipient.in_(some_recipients), OutboxRow.kind == letter_type)
            .order_by(OutboxRow.letter_version)  # the newest comes last, and stays
        )
        for recipient, state, reason in db.session.execute(query):
            states[recipient] = wording.public_state(state, reason)
    return states


def failure_reasons(wave: str, letter_type: str) -> dict[str, int]:
    """How many letters of a type did not arrive for each reason; no name, no address.

    Empty where the counts of this type are confidential.
    """
    return dict(Counter(letter.why for letter in not_arrived(wave, letter_type)).most_common())


def failed_counts() -> dict[str, dict[str, int]]:
    """How many letters failed or came back, by wave and by letter type with public counts."""
    columns = (OutboxRow.wave, OutboxRow.kind)
    query = (
        select(*columns, func.count())
        .where(OutboxRow.state.in_(_NOT_ARRIVED))
        .group_by(*columns)
        .order_by(*columns)
    )
    counts: dict[str, dict[str, int]] = {}
    for wave, letter_type, number in db.session.execute(query):
        if has_public_counts(letter_type):
            counts.setdefault(wave, {})[letter_type] = number
    return counts


def retry_letters(wave: str, letter_type: str, letter_id: str | None = None, *, actor: str) -> int:
    """Queues failed or bounced letters again, one or all, and audits it; gives their number.

    Zero where the counts of this type are confidential. Pressed twice, the second finds nothing.
    Whether a letter is still due is looked at when it leaves, and nobody learns of that.
    """
    if not has_public_counts(letter_type):
        return 0
    query = update(OutboxRow).where(_is_of(wave, letter_type), OutboxRow.state.in_(_NOT_ARRIVED))
    if letter_id is not None:
        query = query.where(OutboxRow.id == letter_id)
    with transaction():
        queued_again = {
            "state": LetterState.READY.value,
            "next_at": now(),
            "give_up_at": None,
            "bounced_at": None,
        }
        number = int(connection().execute(query.values(**queued_again)).rowcount)
        if number:
            entry = {"wave": wave, "kind": letter_type, "letters": number}
            record("mail queued again", entry, actor)
    return number


def withdraw_letters(wave: str, letter_types: Sequence[str], *, actor: str) -> int:
    """Cancels waiting letters of these types, audited; gives how many with public counts.

    They count as taken back, for good. What is being handed over runs its course.
    """
    taken_back = {
        "state": LetterState.CANCELLED.value,
        "last_reason": TAKEN_BACK,
        "last_code": None,
        "lease_token": None,
        "lease_until": None,
    }
    public_number = 0
    with transaction():
        for letter_type in letter_types:
            query = update(OutboxRow).where(
                _is_of(wave, letter_type), OutboxRow.state.in_(_WAITING)
            )
            number = int(connection().execute(query.values(**taken_back)).rowcount)
            if has_public_counts(letter_type):
                public_number += number
        record("waiting mail cancelled", {"wave": wave, "letters": public_number}, actor)
    return public_number


def erase_delivery_traces(wave: str) -> None:
    """Makes rows of sent and needless letters to staff alike; erases their times and reasons.

    Inside the counting. A letter that its person's answer may have made needless could otherwise be
    recognised by its row at any later time. So all of them are `sent` and keep no time and no
    reason. The rows are also inserted anew: the order in which they lie would show which were
    needless.
    """
    of_wave = (OutboxRow.wave == wave, OutboxRow.kind.in_(public_staff_types()))
    is_sent = OutboxRow.state == LetterState.SENT.value
    is_needless = (
        OutboxRow.state == LetterState.CANCELLED.value,
        func.coalesce(OutboxRow.last_reason, "") != TAKEN_BACK,
    )
    without_traces = {
        "sent_at": None,
        "date_header": None,
        "attempts": 1,
        "last_code": None,
        "last_reason": None,
    }
    needless_as_sent = (
        update(OutboxRow).where(*of_wave, *is_needless).values(state=LetterState.SENT.value)
    )
    with transaction():
        execute = connection().execute
        execute(needless_as_sent)
        execute(update(OutboxRow).where(*of_wave, is_sent).values(**without_traces))
        query = select(OutboxRow.__table__).where(*of_wave).order_by(OutboxRow.id)
        rows = execute(query).mappings().all()
        execute(delete(OutboxRow).where(*of_wave))
        if rows:
            execute(insert(OutboxRow), [dict(row) for row in rows])


def confidential_totals(wave: str, letter_type: str) -> dict[str, int]:
    """A counted wave's letters of a confidential type, by final state; empty for a void wave.

    Their counts were confidential while the wave was open.
    """
    query = select(LetterTotalRow.state, LetterTotalRow.number).where(
        LetterTotalRow.wave == wave, LetterTotalRow.kind == letter_type
    )
    return dict(sorted((state, number) for state, number in db.session.execute(query)))


def pause_of(wave: str) -> MailPause | None:
    """Why and since when the mail of one wave is paused; None when it is not."""
    pause = paused_waves().get(wave)
    return MailPause(*pause) if pause else None


def _is_of(wave: str, letter_type: str) -> ColumnElement[bool]:
    """The SQL condition for letters of this wave and type."""
    return (OutboxRow.wave == wave) & (OutboxRow.kind == letter_type)
