"""The mails that invitations write: once for each wave, language and group, and then filled for each person."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from css_inline import inline
from flask import current_app
from jinja2 import Environment, StrictUndefined

from survey.invitations.rules import grouped
from survey.languages import Voice
from survey.mail.letter import Letter
from survey.mail.template import Marks, Template
from survey.organisation.promise import Terms, in_the_mail
from survey.organisation.rules import Organisation
from survey.people.rules import Person
from survey.providers.rules import Provider
from survey.questionnaires.rules import Questionnaire
from survey.waves.rules import Group, Wave

INVITES, REMINDS = "invitation", "reminder"
MOST_KEPT = 1024
_EXTENSION = "candour_letters"


@dataclass(frozen=True, slots=True)
class Facts:
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
    group: Group
    base_url: str


@dataclass(frozen=True, slots=True)
class Means:
    """What one letter carries and no other: the code to answer with, the secret of its stop link, and that of its one-click header."""

    code: str
    stop: str
    one_click: str


@dataclass(slots=True)
class _Desk:
    """Where letters are written: templates in which an unknown name is a fault, and what has been written already."""

    environment: Environment
    made: dict[tuple[str, Voice, Facts], Template] = field(default_factory=dict)


def facts_of(
    wave: Wave, group: Group, organisation: Organisation, provider: Provider, questionnaire: Questionnaire, base_url: str
) -> Facts:
    """What the letters of a wave to one of its groups state."""
    return Facts(
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


def template_for(kind: str, voice: Voice, facts: Facts) -> Template:
    """An invitation to answer, or a reminder, in one language to one group: written once, and kept while its facts stay the same."""
    desk = _desk()
    key = (kind, voice, facts)
    found = desk.made.get(key)
    if found is None:
        if len(desk.made) >= MOST_KEPT:
            desk.made.clear()
        found = desk.made[key] = _template(desk.environment, *key)
    return found


def staff_letter(template: Template, person: Person, means: Means) -> Letter:
    """One person's letter: one link with the code, the promise, the group the answers are counted under, a way out."""
    values = {"code": means.code, "grouped": grouped(means.code), "stop": means.stop, "one_click": means.one_click}
    return template.fill(person.name, person.email, values)


def _desk() -> _Desk:
    found = current_app.extensions.get(_EXTENSION)
    if found is None:
        strict = current_app.jinja_env.overlay(undefined=StrictUndefined)
        found = current_app.extensions.setdefault(_EXTENSION, _Desk(strict))
    assert isinstance(found, _Desk)
    return found


def _template(environment: Environment, kind: str, voice: Voice, facts: Facts) -> Template:
    marks = Marks("code", "grouped", "stop", "one_click")
    stop = f"{facts.base_url}/stop/{facts.wave}"
    said = {**_said(voice, facts), **_addresses(facts, marks), "_": voice.gettext, "voice": voice, "facts": facts}

    def written(ending: str) -> str:
        return environment.get_template(f"letters/{kind}.{ending}").render(said)

    one_click = (  # RFC 8058
        ("List-Unsubscribe", f"<{stop}/{marks['one_click']}>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    )
    return Template.of(
        marks,
        subject=written("subject.txt").strip(),
        text=written("txt"),
        html=inline(written("html")),
        reply_to=facts.organisation.contact_email,
        headers=one_click,
    )


def _addresses(facts: Facts, marks: Marks) -> dict[str, str]:
    address = f"{facts.base_url}/s/{facts.wave}"
    return {
        "link": f"{address}#{marks['code']}",
        "code": marks["grouped"],
        "address": address,
        "promise_url": f"{facts.base_url}/promise",
        "stop_url": f"{facts.base_url}/stop/{facts.wave}#{marks['stop']}",
    }


def _said(voice: Voice, facts: Facts) -> dict[str, str]:
    """The parts of sentences that come in plural forms, the date and the promise."""
    organisation, group = facts.organisation, facts.group
    closes = voice.moment(facts.closes, facts.timezone, several_zones=organisation.several_zones)
    terms = Terms(
        organisation.name,
        facts.provider,
        organisation.comments_read_by,
        organisation.host,
        closes,
        facts.minimum_group,
        facts.minimum_detail,
        facts.representatives,
    )
    name = voice.joined(group.members) if len(group.members) > 1 else group.name
    asked, minutes = facts.questions, facts.minutes
    starting, within = _number(asked, _starting(voice)), _number(asked, _within(voice))
    return {
        "closes": closes,
        "promise": in_the_mail(terms, name, group.invited, voice),
        "questions": voice.ngettext("One question", "{number} questions", asked, number=starting),
        "minutes": voice.ngettext("about one minute", "about {number} minutes", minutes, number=_number(minutes, _within(voice))),
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
