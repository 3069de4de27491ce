"""What people may see of the outbox, and what they may do about it: how far the letters are, which failed, retry, take back, pause.

Nothing here tells a number or a recipient of a kind that is not told, or of a kind that this version does not know; and a
letter that was not due any more is told as if sent.
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
from survey.mail.rules.states import LetterState
from survey.mail.rules.wording import TAKEN_BACK, MailPause, StateCounts, StatedPace
from survey.mail.smtp.rules.presets import pace_for

_Numbers = Select[str, str, bool, bool, bool, int] | CompoundSelect[str, str, bool, bool, bool, int]
_MOVING = (LetterState.READY.value, LetterState.LEASED.value, LetterState.SENDING.value)
_NOT_ARRIVED = (LetterState.FAILED.value, LetterState.BOUNCED.value)


@dataclass(frozen=True, slots=True)
class LetterCounts:
    """How far the letters are: counts by kind, words for kinds whose numbers are not told, names of kinds nobody here can write."""

    counts: dict[str, StateCounts]
    quiet: dict[str, str]
    unknown_kinds: tuple[str, ...]
    later: int = 0  # of those that wait, how many were put off by the server

    def of(self, kind: str) -> StateCounts:
        """The counts of one kind."""
        return self.counts.get(kind, StateCounts())


@dataclass(frozen=True, slots=True)
class ChannelState:
    """Whether anything leaves at all: paused, or until when the server is away."""

    pause: MailPause | None = None
    away_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class NotArrived:
    """One letter that did not arrive; whom it was for is a reference."""

    id: str
    kind: str
    recipient: str
    state: str
    why: str
    advice: str


def letter_counts(wave: str | None = None) -> LetterCounts:
    """How far the letters of a wave, or all letters, are; of a wave also what is kept of quiet kinds."""
    kinds = letter_types()
    numbers: dict[str, dict[str, int]] = {}
    moving: dict[str, bool] = {}
    unknown: set[str] = set()
    put_off = 0
    for kind, state, is_back, is_later, is_sum, number in db.session.execute(_by_kind(wave)):
        if kind not in kinds:
            unknown |= {kind} if state in _MOVING and not is_sum else set()
        elif is_sum:
            numbers.setdefault(kind, {})[state] = number
        elif kinds[kind].told:
            name = wording.public_state(
                state, TAKEN_BACK if is_back or not kinds[kind].to_staff else None
            )
            numbers.setdefault(kind, {}).setdefault(name, 0)
            numbers[kind][name] += number
            put_off += number if is_later else 0
        else:
            moving[kind] = moving.get(kind, False) or state in _MOVING
    return LetterCounts(
        {kind: wording.counts_by_state(states) for kind, states in sorted(numbers.items())},
        {kind: GOING_OUT if is_moving else DONE for kind, is_moving in sorted(moving.items())},
        tuple(sorted(unknown)),
        put_off,
    )


def _by_kind(wave: str | None) -> _Numbers:
    """Numbers of letters by kind and state, whether taken back, put off, or the sum that is kept of a wave."""
    taken_back = (OutboxRow.state == LetterState.CANCELLED.value) & (
        func.coalesce(OutboxRow.last_reason, "") == TAKEN_BACK
    )
    later = (OutboxRow.state == LetterState.READY.value) & (OutboxRow.next_at > now())
    columns = (OutboxRow.kind, OutboxRow.state, taken_back.label("back"), later.label("later"))
    query = select(*columns, false().label("sum"), func.count()).group_by(*columns)
    if not wave:
        return query
    sums = select(
        LetterTotalRow.kind, LetterTotalRow.state, false(), false(), true(), LetterTotalRow.number
    )
    return query.where(OutboxRow.wave == wave).union_all(sums.where(LetterTotalRow.wave == wave))


def channel_state() -> ChannelState:
    """The mail channel: paused, away, or in order."""
    row = db.session.get(MailChannelRow, 1, populate_existing=True)
    if row is None:
        return ChannelState()
    pause = MailPause(row.paused_because, row.paused_at) if row.paused_because else None
    return ChannelState(
        pause, row.away_until if row.away_until and row.away_until > now() else None
    )


def stated_pace() -> StatedPace:
    """How fast letters may leave, and who says so."""
    config = current_app.config["CANDOUR"]
    limits = pace_for(config.mail_url, config.mail_per_minute)
    row = db.session.get(MailChannelRow, 1, populate_existing=True)
    share = recovered_share(row.share, row.slowed_at, now()) if row else 1.0
    if share < 1:
        return StatedPace(
            max(1, round((limits.per_minute or ASSUMED) * share)),
            limits.per_day,
            "the mail server asked for fewer",
        )
    if config.mail_per_minute:
        return StatedPace(limits.per_minute, limits.per_day, "as your settings say")
    return StatedPace(
        limits.per_minute,
        limits.per_day,
        "what this mail server allows" if limits.per_minute else "",
    )


def not_arrived(wave: str, kind: str) -> tuple[NotArrived, ...]:
    """The letters of a told kind that failed or came back, in no order that tells a time."""
    if not has_public_counts(kind):
        return ()
    query = (
        select(OutboxRow)
        .where(_theirs(wave, kind), OutboxRow.state.in_(_NOT_ARRIVED))
        .order_by(OutboxRow.id)
    )
    return tuple(
        NotArrived(
            row.id,
            row.kind,
            row.recipient,
            row.state,
            wording.reason_in_words(row.last_reason, row.last_code),
            wording.advice(row.state, row.last_code),
        )
        for row in db.session.scalars(query)
    )


def public_states(recipients: Sequence[str], kind: str) -> dict[str, str]:
    """By recipient: the state of their letter of a told kind, as it may be told."""
    found: dict[str, str] = {}
    for at in range(0, len(recipients) if has_public_counts(kind) else 0, 500):
        query = select(OutboxRow.recipient, OutboxRow.state, OutboxRow.last_reason)
        query = query.where(
            OutboxRow.recipient.in_(recipients[at : at + 500]), OutboxRow.kind == kind
        )
        query = query.order_by(OutboxRow.letter_version)  # of several the newest
        found |= {
            recipient: wording.public_state(state, reason)
            for recipient, state, reason in db.session.execute(query)
        }
    return found


def failure_reasons(wave: str, kind: str) -> dict[str, int]:
    """Why letters of a told kind did not arrive, and how many for each reason; no name, no address."""
    return dict(Counter(letter.why for letter in not_arrived(wave, kind)).most_common())


def failed_counts() -> dict[str, dict[str, int]]:
    """By wave and told kind: how many letters failed or came back."""
    columns = (OutboxRow.wave, OutboxRow.kind)
    found: dict[str, dict[str, int]] = {}
    for wave, kind, number in db.session.execute(
        select(*columns, func.count())
        .where(OutboxRow.state.in_(_NOT_ARRIVED))
        .group_by(*columns)
        .order_by(*columns)
    ):
        if has_public_counts(kind):
            found.setdefault(wave, {})[kind] = number
    return found


def retry_letters(wave: str, kind: str, letter: str | None = None, *, actor: str) -> int:
    """Puts what failed or came back in the queue again, one letter or all of a told kind; says how many that were.

    Pressed twice, the second finds nothing. Whether a letter is still due is looked at when it leaves, and tells nobody.
    """
    if not has_public_counts(kind):
        return 0
    which = update(OutboxRow).where(_theirs(wave, kind), OutboxRow.state.in_(_NOT_ARRIVED))
    if letter is not None:
        which = which.where(OutboxRow.id == letter)
    with transaction():
        again = {
            "state": LetterState.READY.value,
            "next_at": now(),
            "give_up_at": None,
            "bounced_at": None,
        }
        number = int(connection().execute(which.values(**again)).rowcount)
        if number:
            record("mail queued again", {"wave": wave, "kind": kind, "letters": number}, actor)
    return number


def supersede_letter(kind: str, recipient: str) -> None:
    """Inside the transaction that sends somebody another letter instead: the one that failed or came back is settled."""
    with transaction():
        query = update(OutboxRow).where(
            OutboxRow.recipient == recipient,
            OutboxRow.kind == kind,
            OutboxRow.state.in_(_NOT_ARRIVED),
        )
        connection().execute(
            query.values(state=LetterState.CANCELLED.value, last_reason=None, last_code=None)
        )


def withdraw_letters(wave: str, kinds: Sequence[str], *, actor: str) -> int:
    """Takes back what waits of these kinds, for good; what is being handed over runs its course. Says how many of the told ones."""
    number = 0
    with transaction():
        for kind in kinds:
            query = update(OutboxRow).where(
                _theirs(wave, kind),
                OutboxRow.state.in_((LetterState.READY.value, LetterState.LEASED.value)),
            )
            facts = {
                "state": LetterState.CANCELLED.value,
                "last_reason": TAKEN_BACK,
                "last_code": None,
                "lease_token": None,
                "lease_until": None,
            }
            found = int(connection().execute(query.values(**facts)).rowcount)
            number += found if has_public_counts(kind) else 0
        record("waiting mail cancelled", {"wave": wave, "letters": number}, actor)
    return number


def erase_delivery_traces(wave: str) -> None:
    """Inside the counting transaction: sent letters keep nothing that one which was not needed any more would lack.

    Else such a letter, which its person's answer may have made needless, could be told by its state for ever.
    """
    ours = (OutboxRow.wave == wave, OutboxRow.kind.in_(public_staff_types()))
    needless = (
        OutboxRow.state == LetterState.CANCELLED.value,
        func.coalesce(OutboxRow.last_reason, "") != TAKEN_BACK,
    )
    facts = {
        "sent_at": None,
        "date_header": None,
        "attempts": 1,
        "last_code": None,
        "last_reason": None,
    }
    with transaction():
        server = connection()
        server.execute(
            update(OutboxRow).where(*ours, *needless).values(state=LetterState.SENT.value)
        )
        server.execute(
            update(OutboxRow)
            .where(*ours, OutboxRow.state == LetterState.SENT.value)
            .values(**facts)
        )
        rows = (
            server.execute(select(OutboxRow.__table__).where(*ours).order_by(OutboxRow.id))
            .mappings()
            .all()
        )
        server.execute(
            delete(OutboxRow).where(*ours)
        )  # and in anew: the order in which rows lie would tell which were needless
        if rows:
            server.execute(insert(OutboxRow), [dict(row) for row in rows])


def confidential_totals(wave: str, kind: str) -> dict[str, int]:
    """What became of letters whose numbers were told nowhere while their wave was open; nothing of a void wave."""
    query = select(LetterTotalRow.state, LetterTotalRow.number).where(
        LetterTotalRow.wave == wave, LetterTotalRow.kind == kind
    )
    return dict(sorted((state, number) for state, number in db.session.execute(query)))


def pause_of(wave: str) -> MailPause | None:
    """Why and since when the mail of one wave is paused, if it is."""
    found = paused_waves().get(wave)
    return MailPause(*found) if found else None


def _theirs(wave: str, kind: str) -> ColumnElement[bool]:
    return (OutboxRow.wave == wave) & (OutboxRow.kind == kind)
