"""Reminding those who have not answered, once or twice as the wave says.

How many they are stands nowhere.
"""

from datetime import datetime, timedelta

from survey.database import transaction
from survey.invitations.rules.codes import reminder_window
from survey.invitations.service.invitations import INVITATION, REMINDER, unanswered
from survey.mail import service as mail
from survey.mail.rules.letter import Recipient
from survey.mail.rules.states import LetterState
from survey.mail.service import public_states
from survey.waves import service as waves
from survey.waves.rules.waves import Wave, WaveState

NOBODY = Recipient("")
NO_REMINDER_WITHIN = timedelta(hours=48)  # of the last letter


def waves_due_to_remind(now: datetime) -> tuple[Wave, ...]:
    """Open waves of which a reminder is due and has not been queued."""
    open_waves = [wave for wave in waves.list_waves() if wave.state is WaveState.OPEN]
    return tuple(wave for wave in open_waves if _due_reminders(wave, now))


def queue_reminders(wave: Wave, now: datetime) -> bool:
    """Queues the reminders that are due; gives whether one was.

    Each goes to everybody who has not answered and has had the last letter for a while; who answers
    meanwhile is left out at the moment of sending. Where nobody is left to remind, a letter to
    nobody is queued: so the reminder is done once, like any other, and nothing shows that all have
    answered. When both reminders are due at once, because nothing ran for a while, the second
    finds that the first has only just been queued, and falls away.
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
    """Who has not answered, got an invitation, and has had no letter of this wave since then."""
    silent = [Recipient(invitation_id) for invitation_id in unanswered(wave.id)]
    states = public_states(silent, INVITATION)
    lately_written_to = mail.recipients_lately_written_to(wave.slug, since, now)
    return [
        recipient
        for recipient in silent
        if recipient not in lately_written_to
        and states.get(recipient, LetterState.CANCELLED) != LetterState.CANCELLED
    ]


def _due_reminders(wave: Wave, now: datetime) -> tuple[int, ...]:
    """The numbers of the reminders that may leave now and have not been queued."""
    due = []
    for number in range(1, wave.reminders + 1):
        begins, ends = reminder_window(wave, number)
        is_in_time = begins <= now < ends
        if is_in_time and not mail.is_queued(wave.slug, REMINDER, number):
            due.append(number)
    return tuple(due)
