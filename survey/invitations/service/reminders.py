"""Finds and queues the reminders of a wave, to people who have not answered, once or twice.

How many people get one is stored and shown nowhere.
"""

from datetime import datetime, timedelta

from survey.database import transaction
from survey.invitations.rules.codes import reminder_window
from survey.invitations.service.invitations import INVITATION, REMINDER, invitations_to_remind
from survey.mail import service as mail
from survey.mail.rules.letter import Recipient
from survey.mail.rules.states import LetterState
from survey.mail.service import public_states
from survey.waves import service as waves
from survey.waves.rules.waves import Wave, WaveState

NOBODY = Recipient("")
NO_REMINDER_WITHIN = timedelta(hours=48)  # of the last letter


def waves_due_to_remind(now: datetime) -> tuple[Wave, ...]:
    """Open waves with a reminder that may leave now and has not been queued yet."""
    open_waves = [wave for wave in waves.list_waves() if wave.state is WaveState.OPEN]
    return tuple(wave for wave in open_waves if _due_reminders(wave, now))


def queue_reminders(wave: Wave, now: datetime) -> bool:
    """Queues the reminders of a wave that may leave now; gives whether there was one.

    False also when the wave is not open. Each goes to everybody who has not answered and has had no
    other letter of the wave for 48 hours, or a quarter of the wave if that is less; people who
    answer meanwhile are left out at the moment of sending. Where nobody is left to remind, a letter
    to nobody is queued: so the reminder is done once, like any other, and nothing shows that all
    have answered. When both reminders are due at once, because nothing ran for a while, the second
    finds that the first has only just been queued, so only a letter to nobody is queued for it.
    """
    with transaction():
        if not waves.hold_for_answer(wave.id):
            return False
        since = now - min(NO_REMINDER_WITHIN, (wave.closes_at - wave.opens_at) / 4)
        numbers = _due_reminders(wave, now)
        for number in numbers:
            recipients = _recipients_to_remind(wave, since, now)
            mail.queue_letters(REMINDER, wave.slug, recipients or [NOBODY], number=number)
    return bool(numbers)


def _recipients_to_remind(wave: Wave, since: datetime, now: datetime) -> list[Recipient]:
    """Who is still to be reminded, and has had no letter of this wave from `since` to `now`.

    Without those whose invitation was cancelled.
    """
    reminded = [Recipient(invitation_id) for invitation_id in invitations_to_remind(wave.id)]
    states = public_states(reminded, INVITATION)
    lately_written_to = mail.recipients_lately_written_to(wave.slug, since, now)
    return [
        recipient
        for recipient in reminded
        if recipient not in lately_written_to
        and states.get(recipient, LetterState.CANCELLED) != LetterState.CANCELLED
    ]


def _due_reminders(wave: Wave, now: datetime) -> tuple[int, ...]:
    """The numbers (1, 2) of a wave's reminders that may leave now and have not been queued."""
    due = []
    for number in range(1, wave.reminders + 1):
        begins, ends = reminder_window(wave, number)
        is_in_time = begins <= now < ends
        if is_in_time and not mail.is_queued(wave.slug, REMINDER, number):
            due.append(number)
    return tuple(due)
