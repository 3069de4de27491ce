"""How the sender writes invitations and reminders."""

from collections.abc import Callable
from datetime import datetime

from survey.config import Config
from survey.invitations import service
from survey.invitations.letters import INVITES, REMINDS, Means, facts_of, language_of, staff_letter, template_for
from survey.invitations.rules import draw_code, reminder_window
from survey.invitations.service import FRESH, INVITATION, REMINDER
from survey.kernel.clock import now
from survey.languages import voice_for
from survey.mail.service import Draft, Item, Kind
from survey.organisation.service import organisation
from survey.people import service as people
from survey.people.stopping import draw_stop_secret
from survey.providers.service import provider_by_id
from survey.questionnaires.service import frozen
from survey.waves import service as waves
from survey.waves.rules import Wave

PRIORITY, AFTER_INVITATIONS = 50, 60


def invitation_kind(config: Config) -> Kind:
    """How the sender writes an invitation: a fresh code for each letter, its hash stored just before the server hears of it."""
    return Kind(INVITATION, PRIORITY, again=True, write=_writer(config, INVITES, Wave.takes_answers))


def fresh_invitation_kind(config: Config) -> Kind:
    """An invitation once more, to a corrected address: it leaves only for whom has not answered, so its numbers are not told."""
    return Kind(FRESH, PRIORITY, again=True, write=_writer(config, INVITES, Wave.takes_answers), told=False)


def reminder_kind(config: Config) -> Kind:
    """How the sender writes a reminder: at most once, and not any more within the last working day."""
    return Kind(REMINDER, AFTER_INVITATIONS, again=False, write=_writer(config, REMINDS, _may_still_remind), told=False, summed=True)


def _may_still_remind(item: Wave, moment: datetime) -> bool:
    """Whether a queued reminder may leave; halfway was checked when it was queued."""
    return item.takes_answers(moment) and moment < reminder_window(item)[1]


def _writer(config: Config, template: str, is_due: Callable[[Wave, datetime], bool]) -> Callable[[Item], Draft | None]:
    def write(item: Item) -> Draft | None:
        found = service.invitation(item.recipient)
        person = people.person(found.person_id) if found and found.person_id else None
        if found is None or person is None or found.answered:
            return None
        wave = waves.wave_by_id(found.wave_id)
        if not is_due(wave, now()) or wave.questionnaire_version is None:
            return None
        asked, asking = frozen(wave.questionnaire_version), organisation(config.mail_from)
        group = next(group for group in wave.groups if group.name == found.group)
        stated = facts_of(wave, group, asking, provider_by_id(wave.provider_id), asked, config.base_url)
        means = Means(draw_code(), draw_stop_secret(), draw_stop_secret())
        letter = staff_letter(template_for(template, voice_for(language_of(person, asking)), stated), person, means)
        due = (found.id, means.code, person.email, (means.stop, means.one_click))
        return Draft(letter, lambda: service.store_code_if_due(*due))

    return write
