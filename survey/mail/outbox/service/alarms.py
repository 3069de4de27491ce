"""The mail to administrators when letters of a wave wait for somebody to look."""

from datetime import timedelta

from flask import render_template
from sqlalchemy import func, select

from survey.access.service.accounts import list_users
from survey.config import Config
from survey.database import db, transaction
from survey.mail.outbox.service.leases import GIVEN_UP
from survey.mail.outbox.service.letter_types import (
    ALARM,
    LetterType,
    PreparedLetter,
    QueuedLetter,
    letter_types,
)
from survey.mail.outbox.service.pausing import paused_waves
from survey.mail.outbox.service.queue import queue_letters
from survey.mail.outbox.tables import OutboxRow
from survey.mail.rules.letter import Letter, inline_styles
from survey.mail.rules.states import LetterState

PRIORITY = 10
NO_LONGER_OF_USE = timedelta(days=3)


def raise_alarm(wave: str) -> None:
    """Queues a mail to every administrator: letters of this wave do not go out."""
    if ALARM not in letter_types():
        return
    with transaction() as session:
        admins = [account.id for account in list_users() if account.role == "admin"]
        earlier = (
            session.scalar(
                select(func.count())
                .select_from(OutboxRow)
                .where(OutboxRow.wave == wave, OutboxRow.kind == ALARM)
            )
            or 0
        )
        queue_letters(ALARM, wave, admins, number=earlier + 1)


def alarm_letter_type(config: Config) -> LetterType:
    """How the sender writes it; what has been mended meanwhile alarms nobody any more."""

    def write(item: QueuedLetter) -> PreparedLetter | None:
        to = next(
            (
                account
                for account in list_users()
                if account.id == item.recipient and account.role == "admin"
            ),
            None,
        )
        reason = _reason(item.wave)
        if to is None or reason is None:
            return None
        facts = {
            "wave": item.wave,
            "reason": reason,
            "is_paused": item.wave in paused_waves(),
            "base_url": config.base_url,
        }
        subject, text, html = (
            render_template(f"mail/letters/alarm.{part}", **facts)
            for part in ("subject.txt", "txt", "html")
        )
        return PreparedLetter(
            Letter("", to.email, subject.strip(), text, inline_styles(html)), lambda: True
        )

    return LetterType(
        ALARM, PRIORITY, again=True, write=write, lasts=NO_LONGER_OF_USE, to_staff=False
    )


def _reason(wave: str) -> str | None:
    """What is the matter with this wave's mail, as long as it is."""
    paused = paused_waves().get(wave)
    if paused:
        return f"is paused: {paused[0]}"
    failed = (
        OutboxRow.wave == wave,
        OutboxRow.kind != ALARM,
        OutboxRow.state == LetterState.FAILED.value,
        OutboxRow.last_reason == GIVEN_UP,
    )
    return (
        "could not be delivered in time"
        if db.session.scalar(select(OutboxRow.id).where(*failed).limit(1))
        else None
    )
