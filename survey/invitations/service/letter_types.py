"""How the sender writes invitations and reminders."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from survey.config import Config
from survey.invitations.letters import (
    INVITES,
    REMINDS,
    PersonalSecrets,
    language_of,
    letter_facts,
    personal_letter,
    template_for,
)
from survey.invitations.rules.codes import Invitation, draw_code, reminder_window
from survey.invitations.service import invitations as service
from survey.invitations.service.invitations import FRESH, INVITATION, REMINDER
from survey.kernel.clock import now
from survey.languages import voice_for
from survey.mail.rules.template import Template
from survey.mail.service import LetterType, NotNow, PreparedLetter, QueuedLetter, Reader, Writer
from survey.organisation.rules.organisation import Organisation
from survey.organisation.service import find_organisation
from survey.people.rules.staff_list import Person
from survey.people.service import directory as people
from survey.people.service.stopping import draw_stop_secret
from survey.providers.service import provider_by_id
from survey.questionnaires.service import frozen_questionnaire
from survey.waves import service as waves
from survey.waves.rules.waves import Wave

PRIORITY, AFTER_INVITATIONS = 50, 60


def invitation_letter_type(config: Config) -> LetterType:
    """How the sender writes an invitation: a fresh code for each letter, its hash stored just before the server hears of it."""
    return LetterType(
        INVITATION, PRIORITY, is_sent_again=True, read=_reader(config, INVITES, Wave.takes_answers)
    )


def fresh_invitation_letter_type(config: Config) -> LetterType:
    """An invitation once more, to a corrected address: it leaves only for whom has not answered, so its numbers are not told."""
    return LetterType(
        FRESH,
        PRIORITY,
        is_sent_again=True,
        read=_reader(config, INVITES, Wave.takes_answers),
        has_public_counts=False,
    )


def reminder_letter_type(config: Config) -> LetterType:
    """How the sender writes a reminder: at most once, and not any more within the last working day."""
    return LetterType(
        REMINDER,
        AFTER_INVITATIONS,
        is_sent_again=False,
        read=_reader(config, REMINDS, _may_still_remind),
        has_public_counts=False,
        keeps_totals=True,
    )


def _may_still_remind(item: Wave, moment: datetime) -> bool:
    """Whether a queued reminder may leave; halfway was checked when it was queued."""
    return item.takes_answers(moment) and moment < reminder_window(item)[1]


@dataclass(slots=True)
class _Batch:
    """What the letters of one batch share, read once, and what each of them carries."""

    config: Config
    template: str
    may_leave: Callable[[Wave, datetime], bool]
    invitations: dict[str, Invitation]
    people: dict[str, Person]
    organisation: Organisation
    waves: dict[str, Wave] = field(default_factory=dict)
    means: dict[str, PersonalSecrets] = field(default_factory=dict)
    templates: dict[tuple[str, str, str], Template] = field(default_factory=dict)

    def prepare(self, items: Sequence[QueuedLetter]) -> None:
        """Draws what the letters carry and stores its hashes: one commit for all, because a commit costs more than a letter."""
        moment = now()
        for slug in sorted({item.wave for item in items}):
            wave = self.waves[slug] = waves.find_wave(slug)
            if self.may_leave(wave, moment):
                theirs = (
                    item.recipient for item in items if item.wave == slug and self._addressee(item)
                )
                drawn = {
                    recipient: PersonalSecrets(draw_code(), draw_stop_secret(), draw_stop_secret())
                    for recipient in theirs
                }
                self.means |= service.store_personal_secrets(wave.id, drawn)

    def write(self, item: QueuedLetter) -> PreparedLetter | None:
        """One letter; None when it is not due any more.

        One of a wave that takes no answers any more is left for the close to take back, so that it counts as not sent.
        """
        moment, wave = now(), self.waves[item.wave]
        if not wave.takes_answers(moment):
            raise NotNow
        person, means = self._addressee(item), self.means.get(item.recipient)
        if person is None or means is None or not self.may_leave(wave, moment):
            return None
        letter = personal_letter(
            self._template(wave, item, language_of(person, self.organisation)), person, means
        )
        return PreparedLetter(
            letter, lambda: service.is_letter_due(item.recipient, person.email, wave)
        )

    def _addressee(self, item: QueuedLetter) -> Person | None:
        found = self.invitations.get(item.recipient)
        return self.people.get(found.person_id or "") if found and not found.answered else None

    def _template(self, wave: Wave, item: QueuedLetter, language: str) -> Template:
        named = self.invitations[item.recipient].group
        key = (wave.id, named, language)
        if key not in self.templates:
            group = next(group for group in wave.groups if group.name == named)
            asked, provider = (
                frozen_questionnaire(wave.questionnaire_version or ""),
                provider_by_id(wave.provider_id),
            )
            facts = letter_facts(
                wave, group, self.organisation, provider, asked, self.config.base_url
            )
            self.templates[key] = template_for(self.template, voice_for(language), facts)
        return self.templates[key]


def _reader(config: Config, template: str, may_leave: Callable[[Wave, datetime], bool]) -> Reader:
    def read(items: Sequence[QueuedLetter]) -> Writer:
        found = service.invitations_by_id([item.recipient for item in items])
        known = people.people_by_id([one.person_id for one in found.values() if one.person_id])
        batch = _Batch(
            config, template, may_leave, found, known, find_organisation(config.mail_from)
        )
        batch.prepare(items)
        return batch.write

    return read
