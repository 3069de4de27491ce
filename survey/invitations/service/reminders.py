"""Reminding those who have not answered, once or twice as the wave says; how many they are is told nowhere."""

from datetime import datetime, timedelta

from survey.database import transaction
from survey.invitations.rules.codes import reminder_window
from survey.invitations.service.invitations import INVITATION, REMINDER, unanswered
from survey.mail import service as mail
from survey.mail.rules.states import LetterState
from survey.mail.service import public_states
from survey.waves import service as waves
from survey.waves.rules.waves import Wave, WaveState

NOBODY = ""
SETTLED = timedelta(hours=48)  # a letter that came this lately needs no reminder


def waves_due_to_remind(moment: datetime) -> tuple[Wave, ...]:
    """Open waves of which a reminder is due and has not been queued."""
    return tuple(
        item for item in waves.list_waves() if item.state is WaveState.OPEN and _due(item, moment)
    )


def queue_reminders(item: Wave, moment: datetime) -> bool:
    """Queues what is due, one reminder for each who has not answered and has had the last letter for a while; whether one was due.

    Who answers meanwhile is left out at the moment of sending. Where nobody is left to remind, a letter to nobody is queued,
    so that the reminder is dealt with once, like any other, and nothing said about it tells. When both reminders are due at
    once, because nothing ran for a while, the second finds that the first has only just been queued, and falls away.
    """
    with transaction():
        if not waves.hold_for_answer(item.id):
            return False
        since = moment - min(SETTLED, (item.closes_at - item.opens_at) / 4)
        numbers = _due(item, moment)
        for number in numbers:
            silent = unanswered(item.id)
            known, left_alone = (
                public_states(silent, INVITATION),
                mail.recipients_lately_written_to(item.slug, since, moment),
            )
            chosen = [
                one
                for one in silent
                if one not in left_alone
                and known.get(one, LetterState.CANCELLED) != LetterState.CANCELLED
            ]
            mail.queue_letters(REMINDER, item.slug, chosen or [NOBODY], number=number)
    return bool(numbers)


def _due(item: Wave, moment: datetime) -> tuple[int, ...]:
    """The numbers of the reminders that may leave now and have not been queued."""
    windows = {number: reminder_window(item, number) for number in range(1, item.reminders + 1)}
    in_time = [number for number, (first, last) in windows.items() if first <= moment < last]
    return tuple(number for number in in_time if not mail.is_queued(item.slug, REMINDER, number))
