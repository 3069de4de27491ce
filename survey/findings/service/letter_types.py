"""How the sender writes the findings mail."""

from datetime import timedelta

from survey.config import Config
from survey.findings.letters import findings_letter
from survey.findings.service.sharing import FINDINGS, find_sharing
from survey.mail.service import LetterType, PreparedLetter, QueuedLetter
from survey.providers.service import find_contact, provider_by_id

PRIORITY = 20
NO_LONGER_NEWS = timedelta(days=3)


def findings_letter_type(config: Config) -> LetterType:
    """How the sender writes this letter; a contact that was removed meanwhile gets nothing."""

    def write(item: QueuedLetter) -> PreparedLetter | None:
        shared = find_sharing(item.recipient)
        to = find_contact(shared.contact_id) if shared else None
        if shared is None or to is None:
            return None
        provider = provider_by_id(shared.findings.wave.provider_id)
        return PreparedLetter(
            findings_letter(shared, provider, to, config), lambda: find_contact(to.id) is not None
        )

    return LetterType(
        FINDINGS,
        PRIORITY,
        is_sent_again=True,
        write=write,
        lasts_for=NO_LONGER_NEWS,
        goes_to_staff=False,
    )
