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


def queue_letters(
    kind: str, wave: str, recipients: Sequence[str], *, number: int = 1, letter_version: int = 1
) -> None:
    """Queues one letter per recipient inside the caller's transaction; one that is queued already is left as it is."""
    known = letter_types()[kind]
    domain = wire_domain(parseaddr(current_app.config["CANDOUR"].mail_from)[1])
    moment = clock.now()
    rows = [
        {
            "id": random_id(),
            "dedupe_key": f"{wave}:{kind}:{number}:{recipient}",
            "kind": kind,
            "wave": wave,
            "recipient": recipient,
            "letter_version": letter_version,
            "state": LetterState.READY.value,
            "priority": known.priority,
            "next_at": moment,
            "attempts": 0,
            "message_id": f"<{random_id()}@{domain}>",
            "give_up_at": moment + known.lasts if known.lasts else None,
        }
        for recipient in recipients
    ]
    with transaction():
        for at in range(0, len(rows), 500):
            statement = (
                upsert(OutboxRow)
                .values(rows[at : at + 500])
                .on_conflict_do_nothing(index_elements=["dedupe_key"])
            )
            connection().execute(statement)


def queue_another_letter(
    kind: str, wave: str, recipient: str, *, unless_waiting: Sequence[str]
) -> None:
    """Queues one more letter of this kind for somebody, unless one of these kinds still waits for them (and waits on until the commit)."""
    ours = (OutboxRow.wave == wave, OutboxRow.recipient == recipient)
    with transaction() as session:
        waiting = select(OutboxRow.id).where(
            *ours, OutboxRow.kind.in_(unless_waiting), OutboxRow.state == LetterState.READY.value
        )
        if not session.scalars(waiting.with_for_update()).all():
            earlier = (
                session.scalar(
                    select(func.count()).select_from(OutboxRow).where(*ours, OutboxRow.kind == kind)
                )
                or 0
            )
            queue_letters(kind, wave, [recipient], number=earlier + 1)
