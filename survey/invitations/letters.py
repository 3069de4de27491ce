"""The mails that invitations write."""

from dataclasses import dataclass

from css_inline import inline
from flask import render_template

from survey.invitations.rules import grouped
from survey.mail.letter import Letter
from survey.organisation.promise import Terms, in_the_mail
from survey.organisation.rules import Organisation
from survey.people.rules import Person
from survey.providers.rules import Provider
from survey.questionnaires.rules import Questionnaire
from survey.waves.rules import Group, Wave, printed

INVITES, REMINDS = "invitation", "reminder"
_NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")


@dataclass(frozen=True, slots=True)
class Occasion:
    """What all invitations of one wave share."""

    wave: Wave
    organisation: Organisation
    provider: Provider
    questionnaire: Questionnaire
    base_url: str


@dataclass(frozen=True, slots=True)
class Means:
    """What one letter carries and no other: the code to answer with, the secret of its stop link, and that of its one-click header."""

    code: str
    stop: str
    one_click: str


def staff_letter(kind: str, occasion: Occasion, person: Person, group: Group, means: Means) -> Letter:
    """An invitation to answer, or a reminder: one link with the code, the promise, the group the answers are counted under, a way out."""
    wave, organisation = occasion.wave, occasion.organisation
    closes = printed(wave.closes, wave.timezone, several_zones=organisation.several_zones)
    terms = Terms(
        organisation.name,
        occasion.provider.name,
        organisation.comments_read_by,
        organisation.host,
        closes,
        wave.minimum_group,
        wave.minimum_detail,
        tuple(key.name for key in wave.co_keys),
    )
    asked = len(occasion.questionnaire.questions)
    address = f"{occasion.base_url}/s/{wave.slug}"
    stop = f"{occasion.base_url}/stop/{wave.slug}"
    facts = {
        "organisation": organisation.name,
        "provider": occasion.provider.name,
        "title": "How is our IT support doing?",
        "number": f"{_NUMBERS[asked] if asked < len(_NUMBERS) else asked} question{'s' if asked != 1 else ''}",
        "minutes": occasion.questionnaire.minutes,
        "closes": closes,
        "link": f"{address}#{means.code}",
        "code": grouped(means.code),
        "address": address,
        "promise": in_the_mail(terms, group.name, group.invited),
        "promise_url": f"{occasion.base_url}/promise",
        "group": group.name,
        "group_size": group.invited,
        "sender_name": organisation.contact_name,
        "sender_role": "",
        "stop_url": f"{stop}#{means.stop}",
    }
    one_click = (("List-Unsubscribe", f"<{stop}/{means.one_click}>"), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))  # RFC 8058
    return Letter(
        to_name=person.name,
        to_address=person.email,
        subject=render_template(f"letters/{kind}.subject.txt", **facts).strip(),
        text=render_template(f"letters/{kind}.txt", **facts),
        html=inline(render_template(f"letters/{kind}.html", **facts)),
        reply_to=organisation.contact_email,
        headers=one_click,
    )
