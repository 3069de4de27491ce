"""Queueing: one row per letter, written in the transaction that decides to send."""

from collections.abc import Sequence
from email.utils import parseaddr

from flask import current_app
from sqlalchemy import select, update

from survey.database import connection, transaction
from survey.kernel import clock
from survey.kernel.addresses import wire_domain
from survey.kernel.ids import random_id
from survey.mail.outbox.service.letter_types import letter_types
from survey.mail.outbox.service.pausing import upsert
from survey.mail.outbox.tables import OutboxRow
from survey.mail.rules.states import LetterState

_ROWS_A_STATEMENT = 500
# Columns that tell of an attempt to hand a letter over.
_OF_AN_ATTEMPT = (
    "date_header",
    "give_up_at",
    "sent_at",
    "bounced_at",
    "last_code",
    "last_reason",
)


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
    domain, now = _sending_domain(), clock.now()
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


def queue_undelivered_again(letter_type: str, wave: str, recipient: str) -> None:
    """Queues a recipient's failed or bounced letters of this type again, for another address.

    Each as a new message: it is counted and tried as if it were the first, and a late notice about
    the old message says nothing about it. Inside the transaction that changes the address.
    """
    query = select(OutboxRow.id).where(
        OutboxRow.wave == wave,
        OutboxRow.kind == letter_type,
        OutboxRow.recipient == recipient,
        OutboxRow.state.in_([LetterState.FAILED.value, LetterState.BOUNCED.value]),
    )
    domain = _sending_domain()
    with transaction():
        for letter_id in connection().scalars(query.with_for_update()).all():
            as_new = {
                "state": LetterState.READY.value,
                "next_at": clock.now(),
                "attempts": 0,
                "message_id": f"<{random_id()}@{domain}>",
                **dict.fromkeys(_OF_AN_ATTEMPT),
            }
            connection().execute(
                update(OutboxRow).where(OutboxRow.id == letter_id).values(**as_new)
            )


def _sending_domain() -> str:
    """The domain that mail is sent from, for Message-IDs."""
    return wire_domain(parseaddr(current_app.config["CANDOUR"].mail_from)[1])
