"""How the sender writes the follow-up mail."""

from datetime import timedelta

from survey.config import Config
from survey.followups.letters import follow_up_letter
from survey.followups.service.follow_ups import FOLLOW_UP, find_edition
from survey.invitations.rules.codes import InvitationId
from survey.invitations.service.recipients import reader_of, store_stop_secrets_if_due
from survey.mail.service import LetterType, PreparedLetter, QueuedLetter
from survey.people.service.stopping import draw_stop_secret
from survey.waves import service as waves

# It counts from queueing, and a large company under a limit a day takes many days to write to.
NO_LONGER_NEWS = timedelta(days=14)
PRIORITY = 70  # after invitations and reminders: those have a last day


def follow_up_letter_type(config: Config) -> LetterType:
    """The letter type by which the sender writes follow-up mails.

    Who left or stopped survey mails meanwhile gets nothing. Everybody else who was invited gets it,
    so its numbers say nothing about who answered.
    """

    def write(letter: QueuedLetter) -> PreparedLetter | None:
        """The mail to one reader, with fresh stop secrets; None if they left or stopped mails."""
        edition = find_edition(waves.find_wave(letter.wave), letter.letter_version)
        invitation_id = InvitationId(letter.recipient)
        reader = reader_of(invitation_id)
        if edition is None or reader is None:
            return None
        ways_out = draw_stop_secret(), draw_stop_secret()
        return PreparedLetter(
            follow_up_letter(edition, reader, ways_out, config),
            lambda: store_stop_secrets_if_due(invitation_id, reader.email, ways_out),
        )

    return LetterType(
        FOLLOW_UP, PRIORITY, is_sent_again=True, write=write, lasts_for=NO_LONGER_NEWS
    )
