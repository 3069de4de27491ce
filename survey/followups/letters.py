"""The closing mail to staff."""

from datetime import date

from flask import current_app, render_template

from survey.accountability.rules.replies import Side, named_day, no_reply_by
from survey.config import Config
from survey.followups.rules.follow_up import FollowUpEdition
from survey.mail.rules import letter
from survey.mail.rules.letter import Letter, inline_styles
from survey.organisation.rules.organisation import Organisation
from survey.organisation.service import find_organisation
from survey.people.rules.staff_list import Person

SHORTER = "Shorten what you change, or ask the provider for a shorter reply and record that."
SAMPLE = ("w" * 43, "w" * 43)  # as long as the secrets that stand here in a letter
READER = Person("", "staff@example.invalid", "Everybody invited", "")


def follow_up_letter(
    edition: FollowUpEdition, reader: Person, ways_out: tuple[str, str], config: Config
) -> Letter:
    """What staff said, what the provider answered, what changes: the frozen edition, the same for everybody but for the two ways out."""
    found, asks = edition.document, find_organisation(config.mail_from)
    stop = f"{config.base_url}/stop/{found['wave']['slug']}"
    link, one_click = ways_out
    owed = [
        (_owes(found, side), [one for one in found["commitments"] if one["side"] == side.value])
        for side in Side
    ]
    facts = {
        "found": found,
        "reply_on": _named(found["reply"]["received"]) if found["reply"] else "",
        "no_reply": no_reply_by(date.fromisoformat(found["reply_due"])),
        "owed": [
            (name, [(one["what"], one["owner"], _named(one["due"])) for one in lines])
            for name, lines in owed
            if lines
        ],
        "following": (
            named_day(date.fromisoformat(found["following"]["opens"]), with_weekday=True)
            if found["following"]
            else ""
        ),
        "closed": _named(found["wave"]["closed"]),
        "corrected": _named(found["corrects"]["sent"]) if found["corrects"] else "",
        "how": f"{config.base_url}/how-we-count",
        "promise": f"{config.base_url}/promise",
        "digest": edition.digest.removeprefix("sha256:")[:16],
        "stop_url": f"{stop}#{link}",
    }
    return Letter(
        to_name=reader.name,
        to_address=reader.email,
        subject=render_template("followups/letters/follow_up.subject.txt", **facts).strip(),
        text=render_template("followups/letters/follow_up.txt", **facts),
        html=inline_styles(render_template("followups/letters/follow_up.html", **facts)),
        reply_to=asks.contact_email,
        headers=(
            ("List-Unsubscribe", f"<{stop}/{one_click}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ),  # RFC 8058
    )


def client_name() -> Organisation:
    """Who asks, and whom readers write back to."""
    return find_organisation(current_app.config["CANDOUR"].mail_from)


def sample_letter(edition: FollowUpEdition) -> Letter:
    """The mail as it will go, with stand-ins for what differs from reader to reader."""
    return follow_up_letter(edition, READER, SAMPLE, current_app.config["CANDOUR"])


def check_follow_up_length(edition: FollowUpEdition) -> None:
    """Refuses a mail that would be cut off on its way."""
    letter.check_length(sample_letter(edition), SHORTER)


def _named(day: str) -> str:
    return named_day(date.fromisoformat(day))


def _owes(found: object, side: Side) -> str:
    return str(found["provider" if side is Side.PROVIDER else "client"])  # type: ignore[index]
