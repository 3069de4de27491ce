"""Invitations and reminders: written once per wave, language and group, then filled per person."""

from collections import Counter
from collections.abc import Sequence
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
from survey.organisation.rules.frozen_promise import FrozenPromise, terms_of_promise
from survey.organisation.rules.organisation import Organisation
from survey.organisation.rules.promise import promise_in_mail
from survey.organisation.service import find_organisation
from survey.people.rules.staff_list import Person, PersonId
from survey.questionnaires.rules import Questionnaire
from survey.waves import service as waves
from survey.waves.rules.ids import WaveSlug
from survey.waves.rules.waves import ReportingGroup, Wave

INVITES, REMINDS = "invitation", "reminder"  # names of templates
MOST_KEPT = 1024
_EXTENSION = "candour_letters"  # where an app keeps what it has written


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """All that the letters of one wave to one group state; equal facts make equal letters.

    `wave` is the slug, `questions` the number of questions, `minutes` how long answering takes.
    `closes` is the time on the wall clock of `timezone`.
    """

    promise: FrozenPromise
    wave: WaveSlug
    closes: datetime
    timezone: str
    minimum_group: int
    minimum_detail: int
    representatives: tuple[str, ...]
    questions: int
    minutes: int
    group: ReportingGroup
    base_url: str

    @property
    def organisation(self) -> Organisation:
        """The facts about the client that the letters print."""
        return self.promise.organisation

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self.promise.provider


@dataclass(frozen=True, slots=True)
class PersonalSecrets:
    """What only one person's letter carries: the code to answer with, and two stop secrets.

    `code` is what to answer with, `stop` the secret of the stop link in the text, `one_click` that
    of the header from which mail programs make a button.
    """

    code: str
    stop: str
    one_click: str

    @property
    def stop_secrets(self) -> tuple[str, str]:
        """The two secrets that stop survey mails: that of the text, that of the mail header."""
        return self.stop, self.one_click


@dataclass(slots=True)
class _WrittenTemplates:
    """The letter templates that an app has rendered so far, and the Jinja environment for more.

    In this environment an unknown name in a template is a fault.
    """

    environment: Environment
    templates: dict[tuple[str, Voice, LetterFacts], Template] = field(default_factory=dict)


def letter_facts(
    wave: Wave,
    group: ReportingGroup,
    promise: FrozenPromise,
    questionnaire: Questionnaire,
    base_url: str,
) -> LetterFacts:
    """Collects what the letters of a wave to one of its groups state; reads and stores nothing."""
    return LetterFacts(
        promise=promise,
        wave=wave.slug,
        closes=wave.closes,
        timezone=wave.timezone,
        minimum_group=wave.minimum_group,
        minimum_detail=wave.minimum_detail,
        representatives=tuple(key.name for key in wave.co_keys),
        questions=len(questionnaire.questions),
        minutes=questionnaire.minutes,
        group=group,
        base_url=base_url,
    )


def template_for(name: str, voice: Voice, facts: LetterFacts) -> Template:
    """The invitation or reminder in one language to one group; rendered once, then kept in memory.

    It is kept while its facts stay the same; when MOST_KEPT are kept, all are dropped and rendered
    again. `name` is INVITES or REMINDS.
    """
    written = _written_templates()
    key = (name, voice, facts)
    template = written.templates.get(key)
    if template is None:
        if len(written.templates) >= MOST_KEPT:
            written.templates.clear()
        template = _write_template(written.environment, name, voice, facts)
        written.templates[key] = template
    return template


def personal_letter(template: Template, person: Person, secrets: PersonalSecrets) -> Letter:
    """Fills a template for one person: name, address, a link with the code, and the stop links."""
    values = {
        "code": secrets.code,
        "grouped": grouped_code(secrets.code),
        "stop": secrets.stop,
        "one_click": secrets.one_click,
    }
    return template.fill(person.name, person.email, values)


def address_notice(to_name: str, to_address: str, language: str) -> Letter:
    """The notice to an address that the staff list does not have any more, in one language.

    It says neither which address took its place nor what any survey is about. `language` is the
    person's, or "" for that of the organisation.
    """
    organisation = find_organisation(current_app.config["CANDOUR"].mail_from)
    voice = voice_for(language or organisation.language)
    context = {"_": voice.gettext, "voice": voice, "organisation": organisation}
    environment = _written_templates().environment

    def render(ending: str) -> str:
        """Renders the template file of this letter with such an ending, for example `txt`."""
        name = f"invitations/letters/address_notice.{ending}"
        return environment.get_template(name).render(context)

    return Letter(
        to_name=to_name,
        to_address=to_address,
        subject=render("subject.txt").strip(),
        text=render("txt"),
        html=inline_styles(render("html")),
        reply_to=organisation.contact_email,
    )


def language_of(person: Person, organisation: Organisation) -> str:
    """The language for a person's letters, offered or not: their own, else the organisation's."""
    return person.language or organisation.language


def check_letters_can_be_written(
    wave: Wave, group: ReportingGroup, questionnaire: Questionnaire, people: Sequence[Person]
) -> dict[str, int]:
    """Refuses a wave whose invitation or reminder cannot be written; gives languages not offered.

    Writes both in every language of these people, to an invented person, and sends none; the
    refusal names files and lines. Gives the languages that are wanted but not offered, each with
    the number of people who get English instead.
    """
    config = current_app.config["CANDOUR"]
    promise = waves.promise_of(wave, config.mail_from)
    facts = letter_facts(wave, group, promise, questionnaire, config.base_url)
    wanted = Counter(language_of(person, promise.organisation) for person in people)
    faults = [
        fault
        for language in sorted(set(map(language_for, wanted)))
        for fault in _faults_in_language(language, facts)
    ]
    if faults:
        raise Refused(
            "letters-not-written",
            f"{wave.slug} does not open, for its letters cannot be written; nothing was queued."
            f" Correct {faults[0]}",
            details=tuple(faults[1:]),
        )
    return {tag: number for tag, number in sorted(wanted.items()) if not is_spoken(tag)}


def _faults_in_language(language: str, facts: LetterFacts) -> tuple[str, ...]:
    """What keeps invitation or reminder in one language from being written; empty when both can be.

    Faults of the language's catalog, or else one of each template.
    """
    if faults := catalog_faults(language):
        return faults
    return tuple(
        fault for name in (INVITES, REMINDS) if (fault := _fault_of_letter(name, language, facts))
    )


def _fault_of_letter(name: str, language: str, facts: LetterFacts) -> str | None:
    """Why one letter cannot be written to an invented person, as a sentence; None when it can."""
    nobody = Person(PersonId(""), "somebody@organisation.example", "Somebody", facts.group.name)
    secrets = PersonalSecrets("0" * LENGTH, "0", "0")
    try:
        personal_letter(template_for(name, voice_for(language), facts), nobody, secrets)
    except Refused as refused:
        return f"{name} in {language_name(language)}: {refused.sentence}"
    except (TemplateError, LookupError, TypeError, ValueError) as error:
        return f"{_place_of(error)}: {_reason_of(error)}."
    return None


def _place_of(error: Exception) -> str:
    """The template file and line of an error, or "letters" where no template is in its traceback.

    Of a template that cannot be read the line of the fault, else the line that asked for what
    failed.
    """
    if isinstance(error, TemplateSyntaxError):
        return f"templates/{error.name}, line {error.lineno}"
    for frame in reversed(extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if file.parent.name == "letters":
            return f"templates/invitations/letters/{file.name}, line {frame.lineno}"
    return "letters"


def _reason_of(error: Exception) -> str:
    """What went wrong in writing a letter, as a clause without a full stop."""
    if isinstance(error, TemplateError):
        return (error.message or "cannot be read").rstrip(".")
    if isinstance(error, KeyError):
        return f"the slot {{{error.args[0]}}} is not filled"
    return str(error)


def _written_templates() -> _WrittenTemplates:
    """The current app's rendered templates and their Jinja environment; made on first use."""
    extensions = current_app.extensions
    if _EXTENSION not in extensions:
        strict = current_app.jinja_env.overlay(undefined=StrictUndefined)
        extensions.setdefault(_EXTENSION, _WrittenTemplates(strict))
    written = extensions[_EXTENSION]
    assert isinstance(written, _WrittenTemplates)
    return written


def _write_template(
    environment: Environment, name: str, voice: Voice, facts: LetterFacts
) -> Template:
    """Renders subject, text and HTML of a letter, with marks in place of a person's secrets."""
    marks = Marks("code", "grouped", "stop", "one_click")
    context = {
        **_phrases(voice, facts),
        **_addresses(facts, marks),
        "_": voice.gettext,
        "voice": voice,
        "facts": facts,
    }

    def render(ending: str) -> str:
        """Renders the template file of this letter with such an ending, for example `txt`."""
        return environment.get_template(f"invitations/letters/{name}.{ending}").render(context)

    one_click_url = f"{facts.base_url}/stop/{facts.wave}/{marks['one_click']}"
    return Template.of(
        marks,
        subject=render("subject.txt").strip(),
        text=render("txt"),
        html=inline_styles(render("html")),
        reply_to=facts.organisation.contact_email,
        headers=(  # RFC 8058
            ("List-Unsubscribe", f"<{one_click_url}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ),
    )


def _addresses(facts: LetterFacts, marks: Marks) -> dict[str, str]:
    """The code and page addresses that a letter prints, by name, with marks for the secrets."""
    address = f"{facts.base_url}/s/{facts.wave}"
    return {
        "link": f"{address}#{marks['code']}",
        "code": marks["grouped"],
        "address": address,
        "promise_url": f"{facts.base_url}/promise/{facts.wave}",
        "stop_url": f"{facts.base_url}/stop/{facts.wave}#{marks['stop']}",
    }


def _phrases(voice: Voice, facts: LetterFacts) -> dict[str, str]:
    """Translated parts of a letter, by name: closing date, promise, numbers, reminder's subject.

    Those with numbers come in plural forms; `reminder` is the subject of a reminder.
    """
    organisation, group = facts.organisation, facts.group
    closes = voice.moment(facts.closes, facts.timezone, several_zones=organisation.several_zones)
    terms = terms_of_promise(
        facts.promise, closes, (facts.minimum_group, facts.minimum_detail), facts.representatives
    )
    group_name = group.name
    if voice.language != BASE and len(group.members) > 1:
        group_name = voice.joined(group.members)
    questions, minutes = facts.questions, facts.minutes
    return {
        "closes": closes,
        "promise": promise_in_mail(terms, group_name, group.invited, voice),
        "questions": voice.ngettext(
            "One question",
            "{number} questions",
            questions,
            number=_number_as_word(questions, _words_at_start(voice)),
        ),
        "minutes": voice.ngettext(
            "about one minute",
            "about {number} minutes",
            minutes,
            number=_number_as_word(minutes, _words_within(voice)),
        ),
        "reminder": voice.ngettext(
            "Reminder: one question on our IT support, by {closes}",
            "Reminder: {number} questions on our IT support, by {closes}",
            questions,
            number=_number_as_word(questions, _words_within(voice)),
            closes=closes,
        ),
    }


def _number_as_word(number: int, words: Sequence[str]) -> str:
    """A number as one of `words`, the first of which means 2; in digits where none fits."""
    return dict(enumerate(words, start=2)).get(number, str(number))


def _words_at_start(voice: Voice) -> tuple[str, ...]:
    """The words for 2 to 12 at the start of a sentence; a language may write digits instead."""
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


def _words_within(voice: Voice) -> tuple[str, ...]:
    """The words for 2 to 12 within a sentence, the word for 2 first."""
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
