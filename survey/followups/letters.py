"""The follow-up mail to staff."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import current_app, render_template

from survey.accountability.rules.replies import Side, named_day, no_reply_by
from survey.config import Config
from survey.followups.rules.follow_up import FollowUpEdition
from survey.mail.rules import letter
from survey.mail.rules.letter import Letter, inline_styles
from survey.organisation.rules.organisation import Organisation
from survey.organisation.service import confirmed_organisation, find_organisation
from survey.people.rules.staff_list import Person, PersonId

SHORTER = "Shorten what you change, or ask the provider for a shorter reply and record that."
SAMPLE = ("w" * 43, "w" * 43)  # as long as the secrets that stand in their place in a letter
READER = Person(PersonId(""), "staff@example.invalid", "Everybody invited", "")


def follow_up_letter(
    edition: FollowUpEdition, reader: Person, ways_out: tuple[str, str], config: Config
) -> Letter:
    """The follow-up mail to one reader, rendered from the frozen edition.

    What staff said, what the provider answered, what changes. All readers get the same but for
    `ways_out`: the two secrets with which they stop survey mails, by a link in the text and by one
    click (RFC 8058).
    """
    document = edition.document
    reply, following, corrects = document["reply"], document["following"], document["corrects"]
    stop = f"{config.base_url}/stop/{document['wave']['slug']}"
    link_secret, one_click_secret = ways_out
    variables = {
        "document": document,
        "reply_on": _day_in_words(reply["received"]) if reply else "",
        "no_reply": no_reply_by(date.fromisoformat(document["reply_due"])),
        "owed": _owed_by_side(document),
        "following": _day_in_words(following["opens"], with_weekday=True) if following else "",
        "closed": _day_in_words(document["wave"]["closed"]),
        "corrected": _day_in_words(corrects["sent"]) if corrects else "",
        "how": f"{config.base_url}/how-we-count",
        "promise": f"{config.base_url}/promise",
        "digest": edition.digest.removeprefix("sha256:")[:16],
        "stop_url": f"{stop}#{link_secret}",
    }
    return Letter(
        to_name=reader.name,
        to_address=reader.email,
        subject=render_template("followups/letters/follow_up.subject.txt", **variables).strip(),
        text=render_template("followups/letters/follow_up.txt", **variables),
        html=inline_styles(render_template("followups/letters/follow_up.html", **variables)),
        reply_to=find_organisation(config.mail_from).contact_email,
        headers=(
            ("List-Unsubscribe", f"<{stop}/{one_click_secret}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ),  # RFC 8058
    )


def client_name() -> Organisation:
    """The client as mails print it: its name, and whom readers write back to.

    Refuses while nobody has confirmed the facts.
    """
    return confirmed_organisation()


def sample_letter(edition: FollowUpEdition) -> Letter:
    """The mail of an edition, with stand-ins for what differs from reader to reader."""
    return follow_up_letter(edition, READER, SAMPLE, current_app.config["CANDOUR"])


def check_follow_up_length(edition: FollowUpEdition) -> None:
    """Refuses an edition whose mail is so long that it would be cut off on its way."""
    letter.check_length(sample_letter(edition), SHORTER)


def _day_in_words(day: str, *, with_weekday: bool = False) -> str:
    """A day of the document (ISO 8601) in words, as a mail prints it."""
    return named_day(date.fromisoformat(day), with_weekday=with_weekday)


def _owed_by_side(document: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """The commitments by side: the side's name, and of each commitment what, owner and day.

    A side without any is left out.
    """
    owed = []
    for side in Side:
        lines = [
            (commitment["what"], commitment["owner"], _day_in_words(commitment["due"]))
            for commitment in document["commitments"]
            if commitment["side"] == side.value
        ]
        if lines:
            owed.append((_name_of_side(document, side), lines))
    return owed


def _name_of_side(document: Mapping[str, Any], side: Side) -> str:
    """The name of the provider or the client, as the document has it."""
    return str(document["provider" if side is Side.PROVIDER else "client"])
