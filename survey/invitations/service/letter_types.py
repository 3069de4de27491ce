"""The letter types invitation and reminder, as the sender needs them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
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
from survey.invitations.rules.codes import Invitation, InvitationId, draw_code, reminder_window
from survey.invitations.service import invitations as service
from survey.invitations.service.invitations import INVITATION, REMINDER
from survey.kernel.clock import now
from survey.languages import voice_for
from survey.mail.rules.template import Template
from survey.mail.service import LetterType, NotNow, PreparedLetter, QueuedLetter, Reader, Writer
from survey.organisation.rules.frozen_promise import FrozenPromise
from survey.people.rules.staff_list import Person, PersonId
from survey.people.service import directory as people
from survey.people.service.stopping import draw_stop_secret
from survey.questionnaires.service import frozen_questionnaire
from survey.waves import service as waves
from survey.waves.rules.ids import WaveId
from survey.waves.rules.waves import Wave

PRIORITY, AFTER_INVITATIONS = 50, 60


def invitation_letter_type(config: Config) -> LetterType:
    """The letter type of the invitation: retried when its outcome is unknown.

    Each letter carries a fresh code, whose hash is stored just before the mail server gets it. It
    leaves whether or not its person has answered meanwhile, so that nobody learns of that by it.
    """
    return LetterType(
        INVITATION, PRIORITY, is_sent_again=True, read=_reader(config, INVITES, Wave.takes_answers)
    )


def reminder_letter_type(config: Config) -> LetterType:
    """The letter type of a reminder: sent at most once, and not in the wave's last working day.

    It leaves only to people who have not answered, so its counts are confidential; totals are kept
    after the count.
    """
    return LetterType(
        REMINDER,
        AFTER_INVITATIONS,
        is_sent_again=False,
        read=_reader(config, REMINDS, _may_still_remind),
        has_public_counts=False,
        keeps_totals=True,
    )


def _may_still_remind(wave: Wave, now: datetime) -> bool:
    """Whether a queued reminder may leave: the wave is open, and not in its last working day.

    That the reminder was due, halfway or later, was checked when it was queued.
    """
    return wave.takes_answers(now) and now < reminder_window(wave)[1]


@dataclass(slots=True)
class _Batch:
    """What the letters of one batch share, read once, and the secrets drawn for each of them.

    `template` is INVITES or REMINDS; `templates` are those written so far, by wave, group and
    language. `secrets` holds only those of letters that were due when they were stored.
    """

    config: Config
    template: str
    may_leave: Callable[[Wave, datetime], bool]
    invitations: dict[InvitationId, Invitation]
    people: dict[PersonId, Person]
    waves: dict[str, Wave] = field(default_factory=dict)
    secrets: dict[InvitationId, PersonalSecrets] = field(default_factory=dict)
    templates: dict[tuple[WaveId, str, str], Template] = field(default_factory=dict)

    def prepare(self, letters: Sequence[QueuedLetter]) -> None:
        """Draws codes and stop secrets for those letters that may leave, and stores their hashes.

        One commit a wave, because a commit costs more than a letter.
        """
        moment = now()
        for slug in sorted({letter.wave for letter in letters}):
            wave = self.waves[slug] = waves.find_wave(slug)
            if not self.may_leave(wave, moment):
                continue
            drawn = {}
            for letter in letters:
                invitation_id = InvitationId(letter.recipient)
                if letter.wave == slug and self._addressee(invitation_id):
                    drawn[invitation_id] = PersonalSecrets(
                        draw_code(), draw_stop_secret(), draw_stop_secret()
                    )
            self.secrets |= service.store_personal_secrets(
                wave.id, drawn, reminding=self.is_reminding
            )

    def write(self, letter: QueuedLetter) -> PreparedLetter | None:
        """Writes a letter; None when it is not due any more, NotNow if the wave takes no answers.

        Such a letter is left for the close to take back, so that it counts as not sent.
        """
        moment, wave = now(), self.waves[letter.wave]
        if not wave.takes_answers(moment):
            raise NotNow
        invitation_id = InvitationId(letter.recipient)
        person, secrets = self._addressee(invitation_id), self.secrets.get(invitation_id)
        if person is None or secrets is None or not self.may_leave(wave, moment):
            return None
        group = self.invitations[invitation_id].group
        promise = waves.promise_of(wave, self.config.mail_from)
        template = self._template(wave, promise, group, language_of(person, promise.organisation))
        return PreparedLetter(
            personal_letter(template, person, secrets),
            lambda: service.is_letter_due(
                invitation_id, person.email, wave, reminding=self.is_reminding
            ),
        )

    @property
    def is_reminding(self) -> bool:
        """Whether these letters are reminders, which most people who have answered do not get."""
        return self.template == REMINDS

    def _addressee(self, invitation_id: InvitationId) -> Person | None:
        """Whom an invitation's letter goes to, at the address that this wave's letters go to.

        None once they have left, or need no reminder any more.
        """
        invitation = self.invitations.get(invitation_id)
        if invitation is None or invitation.person_id is None or invitation.sent_to is None:
            return None
        if self.is_reminding and not invitation.is_reminded:
            return None
        person = self.people.get(invitation.person_id)
        return replace(person, email=invitation.sent_to) if person else None

    def _template(
        self, wave: Wave, promise: FrozenPromise, group_name: str, language: str
    ) -> Template:
        """The template for a group in one language; written once for a batch."""
        key = (wave.id, group_name, language)
        if key not in self.templates:
            group = next(group for group in wave.groups if group.name == group_name)
            questionnaire = frozen_questionnaire(wave.questionnaire_version or "")
            facts = letter_facts(wave, group, promise, questionnaire, self.config.base_url)
            self.templates[key] = template_for(self.template, voice_for(language), facts)
        return self.templates[key]


def _reader(config: Config, template: str, may_leave: Callable[[Wave, datetime], bool]) -> Reader:
    """Gives the function that prepares a batch of letters (stores hashes) and gives their writer.

    `template` is INVITES or REMINDS; letters leave only while `may_leave` says so of their wave.
    """

    def read(letters: Sequence[QueuedLetter]) -> Writer:
        """Reads what these letters need, stores hashes for them, and gives their writer."""
        invitations = service.invitations_by_id(
            [InvitationId(letter.recipient) for letter in letters]
        )
        person_ids = [each.person_id for each in invitations.values() if each.person_id]
        batch = _Batch(
            config=config,
            template=template,
            may_leave=may_leave,
            invitations=invitations,
            people=people.people_by_id(person_ids),
        )
        batch.prepare(letters)
        return batch.write

    return read
