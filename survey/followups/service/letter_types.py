"""How the sender writes the closing mail."""

from datetime import timedelta

from survey.config import Config
from survey.followups.letters import follow_up_letter
from survey.followups.service.closing_mail import FOLLOW_UP, edition
from survey.invitations.service.recipients import reader_of, store_ways_out
from survey.mail.service import Draft, Item, Kind
from survey.people.service.stopping import draw_stop_secret
from survey.waves import service as waves

NO_LONGER_NEWS = timedelta(days=14)  # it counts from queueing, and a large company under a limit a day takes many days to write to
PRIORITY = 70  # after invitations and reminders: those have a last day


def follow_up_kind(config: Config) -> Kind:
    """How the sender writes this letter; who left or stopped survey mails meanwhile gets nothing.

    Everybody who was invited gets it, so its numbers tell nothing of who answered.
    """

    def write(item: Item) -> Draft | None:
        sent, reader = edition(waves.wave(item.wave), item.letter_version), reader_of(item.recipient)
        if sent is None or reader is None:
            return None
        ways_out = draw_stop_secret(), draw_stop_secret()
        return Draft(follow_up_letter(sent, reader, ways_out, config), lambda: store_ways_out(item.recipient, reader.email, ways_out))

    return Kind(FOLLOW_UP, PRIORITY, again=True, write=write, lasts=NO_LONGER_NEWS)
