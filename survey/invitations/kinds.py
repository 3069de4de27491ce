"""How the sender writes an invitation."""

from survey.config import Config
from survey.invitations import service
from survey.invitations.letters import Occasion, invitation_letter
from survey.invitations.rules import draw_code
from survey.kernel.clock import now
from survey.mail.service import Draft, Item, Kind
from survey.organisation.service import organisation
from survey.people import service as people
from survey.providers.service import provider_by_id
from survey.questionnaires.service import frozen
from survey.waves import service as waves

PRIORITY = 50


def invitation_kind(config: Config) -> Kind:
    """How the sender writes an invitation: a fresh code for each letter, its hash stored just before the server hears of it."""

    def write(item: Item) -> Draft | None:
        found = service.invitation(item.recipient)
        person = people.person(found.person_id) if found and found.person_id else None
        if found is None or person is None or found.answered:
            return None
        wave = waves.wave_by_id(found.wave_id)
        if not wave.takes_answers(now()) or wave.questionnaire_version is None:
            return None
        occasion = Occasion(
            wave,
            organisation(config.mail_from),
            provider_by_id(wave.provider_id),
            frozen(wave.questionnaire_version),
            config.base_url,
        )
        code = draw_code()
        group = next(group for group in wave.groups if group.name == found.group)
        return Draft(invitation_letter(occasion, person, group, code), lambda: service.store_code_if_due(found.id, code))

    return Kind(service.INVITATION, PRIORITY, again=True, write=write)
