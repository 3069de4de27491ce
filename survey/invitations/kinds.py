"""How the sender writes invitations and reminders."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from survey.config import Config
from survey.invitations import service
from survey.invitations.letters import INVITES, REMINDS, Facts, Means, facts_of, language_of, staff_letter, template_for
from survey.invitations.rules import Invitation, draw_code, reminder_window
from survey.invitations.service import FRESH, INVITATION, REMINDER
from survey.kernel.clock import now
from survey.languages import voice_for
from survey.mail.kinds import Draft, Item, Kind, NotNow, Reader, Writer
from survey.organisation.rules import Organisation
from survey.organisation.service import organisation
from survey.people import service as people
from survey.people.rules import Person
from survey.people.stopping import draw_stop_secret
from survey.providers.service import provider_by_id
from survey.questionnaires.service import frozen
from survey.waves import service as waves
from survey.waves.rules import Wave

PRIORITY, AFTER_INVITATIONS = 50, 60


def invitation_kind(config: Config) -> Kind:
    """How the sender writes an invitation: a fresh code for each letter, its hash stored just before the server hears of it."""
    return Kind(INVITATION, PRIORITY, again=True, read=_reader(config, INVITES, Wave.takes_answers))


def fresh_invitation_kind(config: Config) -> Kind:
    """An invitation once more, to a corrected address: it leaves only for whom has not answered, so its numbers are not told."""
    return Kind(FRESH, PRIORITY, again=True, read=_reader(config, INVITES, Wave.takes_answers), told=False)


def reminder_kind(config: Config) -> Kind:
    """How the sender writes a reminder: at most once, and not any more within the last working day."""
    return Kind(REMINDER, AFTER_INVITATIONS, again=False, read=_reader(config, REMINDS, _may_still_remind), told=False, summed=True)


def _may_still_remind(item: Wave, moment: datetime) -> bool:
    """Whether a queued reminder may leave; halfway was checked when it was queued."""
    return item.takes_answers(moment) and moment < reminder_window(item)[1]


@dataclass(slots=True)
class _Batch:
    """What the letters of one batch share, read once."""

    config: Config
    template: str
    is_due: Callable[[Wave, datetime], bool]
    invitations: dict[str, Invitation]
    people: dict[str, Person]
    organisation: Organisation
    waves: dict[str, Wave] = field(default_factory=dict)
    stated: dict[tuple[str, str], Facts] = field(default_factory=dict)

    def write(self, item: Item) -> Draft | None:
        """One letter; None when it is not due any more.

        One of a wave that takes no answers any more is left for the close to take back, so that it counts as not sent.
        """
        moment, wave = now(), self._wave(item.wave)
        if not wave.takes_answers(moment):
            raise NotNow
        found = self.invitations.get(item.recipient)
        person = self.people.get(found.person_id or "") if found else None
        if found is None or person is None or found.answered:
            return None
        if not self.is_due(wave, moment) or wave.questionnaire_version is None:
            return None
        means = Means(draw_code(), draw_stop_secret(), draw_stop_secret())
        voice = voice_for(language_of(person, self.organisation))
        letter = staff_letter(template_for(self.template, voice, self._facts(wave, found.group)), person, means)
        due = (found.id, means.code, person.email, (means.stop, means.one_click))
        return Draft(letter, lambda: service.store_code_if_due(*due, wave=wave))

    def _wave(self, slug: str) -> Wave:
        if slug not in self.waves:
            self.waves[slug] = waves.wave(slug)
        return self.waves[slug]

    def _facts(self, wave: Wave, named: str) -> Facts:
        key = (wave.id, named)
        if key not in self.stated:
            group = next(group for group in wave.groups if group.name == named)
            asked = frozen(wave.questionnaire_version or "")
            provider = provider_by_id(wave.provider_id)
            self.stated[key] = facts_of(wave, group, self.organisation, provider, asked, self.config.base_url)
        return self.stated[key]


def _reader(config: Config, template: str, is_due: Callable[[Wave, datetime], bool]) -> Reader:
    def read(items: Sequence[Item]) -> Writer:
        found = service.invitations_by_id([item.recipient for item in items])
        known = people.people_by_id([one.person_id for one in found.values() if one.person_id])
        return _Batch(config, template, is_due, found, known, organisation(config.mail_from)).write

    return read
