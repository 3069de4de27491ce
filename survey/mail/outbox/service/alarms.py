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
    """Queues a mail to every administrator: letters of this wave do not go out.

    Does nothing where this program does not know alarms.
    """
    if ALARM not in letter_types():
        return
    with transaction() as session:
        count = select(func.count()).select_from(OutboxRow)
        earlier = session.scalar(count.where(OutboxRow.wave == wave, OutboxRow.kind == ALARM)) or 0
        queue_letters(ALARM, wave, list(_admin_addresses()), number=earlier + 1)


def alarm_letter_type(config: Config) -> LetterType:
    """The letter type of alarms, whose `write` gives None once the cause is mended.

    None also when the recipient is no administrator any more; then the mail is not sent.
    """

    def write(letter: QueuedLetter) -> PreparedLetter | None:
        """Writes one alarm mail; None when it is not needed any more."""
        address = _admin_addresses().get(letter.recipient)
        reason = _find_reason(letter.wave)
        if address is None or reason is None:
            return None
        context = {
            "wave": letter.wave,
            "reason": reason,
            "is_paused": letter.wave in paused_waves(),
            "base_url": config.base_url,
        }
        subject = render_template("mail/letters/alarm.subject.txt", **context)
        text = render_template("mail/letters/alarm.txt", **context)
        html = render_template("mail/letters/alarm.html", **context)
        alarm = Letter("", address, subject.strip(), text, inline_styles(html))
        return PreparedLetter(alarm, lambda: True)

    return LetterType(
        ALARM,
        PRIORITY,
        is_sent_again=True,
        write=write,
        lasts_for=NO_LONGER_OF_USE,
        goes_to_staff=False,
    )


def _admin_addresses() -> dict[str, str]:
    """The mail addresses of all administrators, by account id."""
    return {account.id: account.email for account in list_users() if account.role == "admin"}


def _find_reason(wave: str) -> str | None:
    """Why this wave's mail is stuck: paused, or letters given up; None when it is not."""
    pause = paused_waves().get(wave)
    if pause:
        return f"is paused: {pause[0]}"
    given_up = select(OutboxRow.id).where(
        OutboxRow.wave == wave,
        OutboxRow.kind != ALARM,
        OutboxRow.state == LetterState.FAILED.value,
        OutboxRow.last_reason == GIVEN_UP,
    )
    if db.session.scalar(given_up.limit(1)):
        return "could not be delivered in time"
    return None
