"""The mails that invitations write: once for each wave, language and group, and then filled for each person."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from traceback import extract_tb

from flask import current_app
from jinja2 import Environment, StrictUndefined, TemplateError, TemplateSyntaxError

from survey.invitations.rules.codes import LENGTH, grouped_code
from survey.kernel.errors import Refused
from survey.languages import (
    BASE,
    Voice,
    catalog_faults,
    is_spoken,
    language_for,
    language_name,
    voice_for,
)
from survey.mail.rules.letter import Letter, inline_styles
from survey.mail.rules.template import Marks, Template
from survey.organisation.rules.organisation import Organisation
from survey.organisation.rules.promise import PromiseTerms, promise_in_mail
from survey.organisation.service import find_organisation
from survey.people.rules.staff_list import Person
from survey.providers.rules import Provider
from survey.providers.service import provider_by_id
from survey.questionnaires.rules import Questionnaire
from survey.waves.rules.waves import ReportingGroup, Wave

INVITES, REMINDS = "invitation", "reminder"
MOST_KEPT = 1024
_EXTENSION = "candour_letters"


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """All that the letters of one wave to one group state; equal facts make equal letters."""

    organisation: Organisation
    provider: str
    wave: str
    closes: datetime
    timezone: str
    minimum_group: int
    minimum_detail: int
    representatives: tuple[str, ...]
    questions: int
    minutes: int
    group: ReportingGroup
    base_url: str


@dataclass(frozen=True, slots=True)
class PersonalSecrets:
    """What one letter carries and no other: the code to answer with, the secret of its stop link, and that of its one-click header."""

    code: str
    stop: str
    one_click: str

    @property
    def ways_out(self) -> tuple[str, str]:
        """Both secrets that stop survey mails."""
        return self.stop, self.one_click


@dataclass(slots=True)
class _Desk:
    """Where letters are written: templates in which an unknown name is a fault, and what has been written already."""

    environment: Environment
    made: dict[tuple[str, Voice, LetterFacts], Template] = field(default_factory=dict)


def letter_facts(
    wave: Wave,
    group: ReportingGroup,
    organisation: Organisation,
    provider: Provider,
    questionnaire: Questionnaire,
    base_url: str,
) -> LetterFacts:
    """What the letters of a wave to one of its groups state."""
    return LetterFacts(
        organisation,
        provider.name,
        wave.slug,
        wave.closes,
        wave.timezone,
        wave.minimum_group,
        wave.minimum_detail,
        tuple(key.name for key in wave.co_keys),
        len(questionnaire.questions),
        questionnaire.minutes,
        group,
        base_url,
    )


def template_for(kind: str, voice: Voice, facts: LetterFacts) -> Template:
    """An invitation to answer, or a reminder, in one language to one group: written once, and kept while its facts stay the same."""
    desk = _desk()
    key = (kind, voice, facts)
    found = desk.made.get(key)
    if found is None:
        if len(desk.made) >= MOST_KEPT:
            desk.made.clear()
        found = desk.made[key] = _template(desk.environment, *key)
    return found


def personal_letter(template: Template, person: Person, means: PersonalSecrets) -> Letter:
    """One person's letter: one link with the code, the promise, the group the answers are counted under, a way out."""
    values = {
        "code": means.code,
        "grouped": grouped_code(means.code),
        "stop": means.stop,
        "one_click": means.one_click,
    }
    return template.fill(person.name, person.email, values)


def language_of(person: Person, organisation: Organisation) -> str:
    """The language that somebody wants to be written to in, whether it is offered or not."""
    return person.language or organisation.language


def check_letters_can_be_written(
    wave: Wave, group: ReportingGroup, questionnaire: Questionnaire, people: Sequence[Person]
) -> dict[str, int]:
    """Writes a letter of each kind in every language that these people are written to in, and sends none.

    Refuses a wave of which a letter cannot be written, naming files and lines. Gives the languages that are wanted but
    not offered, so that English stands in, and by how many people.
    """
    config = current_app.config["CANDOUR"]
    asking = find_organisation(config.mail_from)
    wanted = Counter(language_of(one, asking) for one in people)
    facts = letter_facts(
        wave, group, asking, provider_by_id(wave.provider_id), questionnaire, config.base_url
    )
    found = [
        fault
        for language in sorted(set(map(language_for, wanted)))
        for fault in _faults(language, facts)
    ]
    if found:
        more = tuple(found[1:])
        raise Refused(
            "letters-not-written",
            f"{wave.slug} does not open, for its letters cannot be written; nothing was queued."
            f" Correct {found[0]}",
            details=more,
        )
    return {tag: number for tag, number in sorted(wanted.items()) if not is_spoken(tag)}


def _faults(language: str, facts: LetterFacts) -> tuple[str, ...]:
    if found := catalog_faults(language):
        return found
    return tuple(fault for kind in (INVITES, REMINDS) if (fault := _fault(kind, language, facts)))


def _fault(kind: str, language: str, facts: LetterFacts) -> str | None:
    """What keeps one letter from being written: it is written to somebody, and nobody gets it."""
    somebody = Person("", "somebody@organisation.example", "Somebody", facts.group.name)
    try:
        personal_letter(
            template_for(kind, voice_for(language), facts),
            somebody,
            PersonalSecrets("0" * LENGTH, "0", "0"),
        )
    except Refused as refused:
        return f"{kind} in {language_name(language)}: {refused.sentence}"
    except (TemplateError, LookupError, TypeError, ValueError) as error:
        return f"{_place(error)}: {_reason(error)}."
    return None


def _place(error: Exception) -> str:
    """File and line in a template: where it cannot be read, else where what went wrong was asked for."""
    if isinstance(error, TemplateSyntaxError):
        return f"templates/{error.name}, line {error.lineno}"
    frames = [
        frame
        for frame in extract_tb(error.__traceback__)
        if Path(frame.filename).parent.name == "letters"
    ]
    return (
        f"templates/invitations/letters/{Path(frames[-1].filename).name}, line {frames[-1].lineno}"
        if frames
        else "letters"
    )


def _reason(error: Exception) -> str:
    if isinstance(error, TemplateError):
        return (error.message or "cannot be read").rstrip(".")
    return (
        f"the slot {{{error.args[0]}}} is not filled" if isinstance(error, KeyError) else str(error)
    )


def _desk() -> _Desk:
    found = current_app.extensions.get(_EXTENSION)
    if found is None:
        strict = current_app.jinja_env.overlay(undefined=StrictUndefined)
        found = current_app.extensions.setdefault(_EXTENSION, _Desk(strict))
    assert isinstance(found, _Desk)
    return found


def _template(environment: Environment, kind: str, voice: Voice, facts: LetterFacts) -> Template:
    marks = Marks("code", "grouped", "stop", "one_click")
    stop = f"{facts.base_url}/stop/{facts.wave}"
    said = {
        **_said(voice, facts),
        **_addresses(facts, marks),
        "_": voice.gettext,
        "voice": voice,
        "facts": facts,
    }

    def written(ending: str) -> str:
        return environment.get_template(f"invitations/letters/{kind}.{ending}").render(said)

    one_click = (  # RFC 8058
        ("List-Unsubscribe", f"<{stop}/{marks['one_click']}>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    )
    return Template.of(
        marks,
        subject=written("subject.txt").strip(),
        text=written("txt"),
        html=inline_styles(written("html")),
        reply_to=facts.organisation.contact_email,
        headers=one_click,
    )


def _addresses(facts: LetterFacts, marks: Marks) -> dict[str, str]:
    address = f"{facts.base_url}/s/{facts.wave}"
    return {
        "link": f"{address}#{marks['code']}",
        "code": marks["grouped"],
        "address": address,
        "promise_url": f"{facts.base_url}/promise",
        "stop_url": f"{facts.base_url}/stop/{facts.wave}#{marks['stop']}",
    }


def _said(voice: Voice, facts: LetterFacts) -> dict[str, str]:
    """The parts of sentences that come in plural forms, the date and the promise."""
    organisation, group = facts.organisation, facts.group
    closes = voice.moment(facts.closes, facts.timezone, several_zones=organisation.several_zones)
    terms = PromiseTerms(
        organisation.name,
        facts.provider,
        organisation.comments_read_by,
        organisation.host,
        closes,
        facts.minimum_group,
        facts.minimum_detail,
        facts.representatives,
    )
    name = (
        group.name
        if voice.language == BASE or len(group.members) < 2
        else voice.joined(group.members)
    )
    asked, minutes = facts.questions, facts.minutes
    starting, within = _number(asked, _starting(voice)), _number(asked, _within(voice))
    return {
        "closes": closes,
        "promise": promise_in_mail(terms, name, group.invited, voice),
        "questions": voice.ngettext("One question", "{number} questions", asked, number=starting),
        "minutes": voice.ngettext(
            "about one minute",
            "about {number} minutes",
            minutes,
            number=_number(minutes, _within(voice)),
        ),
        "reminder": voice.ngettext(
            "Reminder: one question on our IT support, by {closes}",
            "Reminder: {number} questions on our IT support, by {closes}",
            asked,
            number=within,
            closes=closes,
        ),
    }


def _number(number: int, words: Iterable[str]) -> str:
    return dict(enumerate(words, start=2)).get(number, str(number))


def _starting(voice: Voice) -> tuple[str, ...]:
    """Numbers as words at the start of a sentence; a language may write digits instead."""
    return (
        voice.gettext("Two"),
        voice.gettext("Three"),
        voice.gettext("Four"),
        voice.gettext("Five"),
        voice.gettext("Six"),
        voice.gettext("Seven"),
        voice.gettext("Eight"),
        voice.gettext("Nine"),
        voice.gettext("Ten"),
        voice.gettext("Eleven"),
        voice.gettext("Twelve"),
    )


def _within(voice: Voice) -> tuple[str, ...]:
    """Numbers as words within a sentence."""
    return (
        voice.gettext("two"),
        voice.gettext("three"),
        voice.gettext("four"),
        voice.gettext("five"),
        voice.gettext("six"),
        voice.gettext("seven"),
        voice.gettext("eight"),
        voice.gettext("nine"),
        voice.gettext("ten"),
        voice.gettext("eleven"),
        voice.gettext("twelve"),
    )
