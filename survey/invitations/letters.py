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

_NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")


@dataclass(frozen=True, slots=True)
class Occasion:
    """What all invitations of one wave share."""

    wave: Wave
    organisation: Organisation
    provider: Provider
    questionnaire: Questionnaire
    base_url: str


def invitation_letter(occasion: Occasion, person: Person, group: Group, code: str) -> Letter:
    """The invitation to answer: one link with the code, the promise, the group the answers are counted under."""
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
    )
    asked = len(occasion.questionnaire.questions)
    address = f"{occasion.base_url}/s/{wave.slug}"
    facts = {
        "organisation": organisation.name,
        "provider": occasion.provider.name,
        "title": "How is our IT support doing?",
        "number": f"{_NUMBERS[asked] if asked < len(_NUMBERS) else asked} question{'s' if asked != 1 else ''}",
        "minutes": occasion.questionnaire.minutes,
        "closes": closes,
        "link": f"{address}#{code}",
        "code": grouped(code),
        "address": address,
        "promise": in_the_mail(terms, group.name, group.invited),
        "promise_url": f"{occasion.base_url}/promise",
        "group": group.name,
        "group_size": group.invited,
        "sender_name": organisation.contact_name,
        "sender_role": "",
    }
    return Letter(
        to_name=person.name,
        to_address=person.email,
        subject=render_template("letters/invitation.subject.txt", **facts).strip(),
        text=render_template("letters/invitation.txt", **facts),
        html=inline(render_template("letters/invitation.html", **facts)),
        reply_to=organisation.contact_email,
    )
