"""Queueing: one row per letter, written in the transaction that decides to send."""

from collections.abc import Sequence
from email.utils import parseaddr

from flask import current_app
from sqlalchemy import func, select

from survey.database import connection, transaction
from survey.kernel import clock
from survey.kernel.addresses import wire_domain
from survey.kernel.ids import random_id
from survey.mail.outbox.service.letter_types import letter_types
from survey.mail.outbox.service.pausing import upsert
from survey.mail.outbox.tables import OutboxRow
from survey.mail.rules.states import LetterState

_ROWS_A_STATEMENT = 500


def queue_letters(
    letter_type: str,
    wave: str,
    recipients: Sequence[str],
    *,
    number: int = 1,
    letter_version: int = 1,
) -> None:
    """Queues one letter per recipient in the caller's transaction; skips those queued before.

    Queued before means: the same wave, type, number and recipient; such a letter is left as it is.
    """
    priority = letter_types()[letter_type].priority
    lasts_for = letter_types()[letter_type].lasts_for
    domain = wire_domain(parseaddr(current_app.config["CANDOUR"].mail_from)[1])
    now = clock.now()
    give_up_at = now + lasts_for if lasts_for else None
    rows = [
        {
            "id": random_id(),
            "dedupe_key": f"{wave}:{letter_type}:{number}:{recipient}",
            "kind": letter_type,
            "wave": wave,
            "recipient": recipient,
            "letter_version": letter_version,
            "state": LetterState.READY.value,
            "priority": priority,
            "next_at": now,
            "attempts": 0,
            "message_id": f"<{random_id()}@{domain}>",
            "give_up_at": give_up_at,
        }
        for recipient in recipients
    ]
    with transaction():
        for start in range(0, len(rows), _ROWS_A_STATEMENT):
            statement = upsert(OutboxRow).values(rows[start : start + _ROWS_A_STATEMENT])
            connection().execute(statement.on_conflict_do_nothing(index_elements=["dedupe_key"]))


def queue_another_letter(
    letter_type: str, wave: str, recipient: str, *, unless_waiting: Sequence[str]
) -> None:
    """Queues one more letter of this type for a recipient, if none of `unless_waiting` waits.

    `unless_waiting`: the types of waiting letters that count; such a letter is locked, so that it
    waits on until the commit.
    """
    theirs = (OutboxRow.wave == wave, OutboxRow.recipient == recipient)
    with transaction() as session:
        waiting = select(OutboxRow.id).where(
            *theirs, OutboxRow.kind.in_(unless_waiting), OutboxRow.state == LetterState.READY.value
        )
        if session.scalars(waiting.with_for_update()).all():
            return
        count = select(func.count()).select_from(OutboxRow)
        earlier = session.scalar(count.where(*theirs, OutboxRow.kind == letter_type)) or 0
        queue_letters(letter_type, wave, [recipient], number=earlier + 1)
