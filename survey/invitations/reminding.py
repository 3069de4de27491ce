"""Reminding, once, those who have not answered; how many they are is told nowhere."""

from datetime import datetime, timedelta

from survey.database import transaction
from survey.invitations.rules import reminder_window
from survey.invitations.service import INVITATION, REMINDER, unanswered
from survey.mail import service as mail
from survey.mail.progress import told_states
from survey.mail.rules import State
from survey.waves import service as waves
from survey.waves.rules import Wave, WaveState

SETTLED = timedelta(hours=48)  # a letter that came this lately needs no reminder


def due_to_remind(moment: datetime) -> tuple[Wave, ...]:
    """Open waves whose reminder is due and has not been queued: from halfway on, but not within the last working day."""
    return tuple(item for item in waves.list_waves() if may_remind(item, moment) and not mail.is_queued(item.slug, REMINDER))


def may_remind(item: Wave, moment: datetime) -> bool:
    """Whether a reminder may leave now."""
    first, last = reminder_window(item)
    return item.state is WaveState.OPEN and first <= moment < last


def remind(item: Wave, moment: datetime) -> bool:
    """Queues one reminder for each who has not answered and has had the invitation for a while; whether there is any.

    Who answers meanwhile is left out at the moment of sending.
    """
    with transaction():
        if not waves.hold_for_answer(item.id) or mail.is_queued(item.slug, REMINDER):
            return False
        silent = unanswered(item.id)
        letters = mail.states_of(silent)
        since = moment - min(SETTLED, (item.closes_at - item.opens_at) / 4)
        uninvited = {one for one, state in told_states(silent, INVITATION).items() if state == State.CANCELLED}
        chosen = [one for one in silent if one in letters and one not in uninvited and _has_arrived(*letters[one], since, moment)]
        mail.queue(REMINDER, item.slug, chosen)
    return bool(chosen)


def _has_arrived(state: str, sent_at: datetime | None, since: datetime, moment: datetime) -> bool:
    waits = state in {State.READY.value, State.LEASED.value, State.SENDING.value}
    return not waits and not (sent_at is not None and since < sent_at <= moment)
