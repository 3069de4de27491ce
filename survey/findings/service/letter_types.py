"""How the sender writes the findings mail."""

from datetime import timedelta

from survey.config import Config
from survey.findings.letters import findings_letter
from survey.findings.service.sharing import FINDINGS, sharing
from survey.mail.service import Draft, Item, Kind
from survey.providers.service import contact, provider_by_id

PRIORITY = 20
NO_LONGER_NEWS = timedelta(days=3)


def findings_kind(config: Config) -> Kind:
    """How the sender writes this letter; a contact that was removed meanwhile gets nothing."""

    def write(item: Item) -> Draft | None:
        shared = sharing(item.recipient)
        to = contact(shared.contact_id) if shared else None
        if shared is None or to is None:
            return None
        provider = provider_by_id(shared.findings.wave.provider_id)
        return Draft(findings_letter(shared, provider, to, config), lambda: contact(to.id) is not None)

    return Kind(FINDINGS, PRIORITY, again=True, write=write, lasts=NO_LONGER_NEWS, to_staff=False)
