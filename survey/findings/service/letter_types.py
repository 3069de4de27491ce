"""How the sender writes the findings mail."""

from datetime import timedelta

from survey.config import Config
from survey.findings.letters import findings_letter
from survey.findings.rules import SharingId
from survey.findings.service.sharing import FINDINGS, find_sharing
from survey.mail.service import LetterType, PreparedLetter, QueuedLetter
from survey.providers.service import find_contact, provider_by_id

PRIORITY = 20
NO_LONGER_NEWS = timedelta(days=3)


def findings_letter_type(config: Config) -> LetterType:
    """The findings letter for the sender: how to write it, its priority, when it is too old.

    A contact that was removed meanwhile gets nothing.
    """

    def write(queued: QueuedLetter) -> PreparedLetter | None:
        """Writes the queued mail; None, so no mail, if its sharing or contact is gone."""
        sharing = find_sharing(SharingId(queued.recipient))
        contact = find_contact(sharing.contact_id) if sharing else None
        if sharing is None or contact is None:
            return None
        provider = provider_by_id(sharing.findings.wave.provider_id)
        letter = findings_letter(sharing, provider, contact, config)
        return PreparedLetter(letter, lambda: find_contact(contact.id) is not None)

    return LetterType(
        FINDINGS,
        PRIORITY,
        is_sent_again=True,
        write=write,
        lasts_for=NO_LONGER_NEWS,
        goes_to_staff=False,
    )
