"""The facts that promises and mails must state."""

import json
from dataclasses import asdict
from pathlib import Path

from survey.access.service.audit import record
from survey.database import db, transaction
from survey.kernel.addresses import plain_address_fault
from survey.kernel.errors import Refused
from survey.languages import BASE, offered_languages
from survey.organisation.rules.organisation import Organisation, organisation_from_sender
from survey.organisation.rules.promise import AttackResult, read_attack_report
from survey.organisation.tables import OrganisationRow

COMMAND_LINE = "command line"
LONGEST = 200
# Written by the attack suite, shipped with the release.
ATTACKED = Path(__file__).parent / "attacked.json"
_MEANINGS = {
    "name": "the organisation's name",
    "contact_name": "the contact's name",
    "contact_email": "the contact's address",
    "comments_read_by": "who reads comments",
    "host": "who runs the server",
}


def find_organisation(sender: str) -> Organisation:
    """The facts about the client as stored, else those guessed from the sender's address."""
    row = db.session.get(OrganisationRow, 1)
    if row is None:
        return organisation_from_sender(sender)
    return Organisation(
        row.name,
        row.contact_name,
        row.contact_email,
        row.comments_read_by,
        row.host,
        row.several_zones,
        row.language,
    )


def own_mail_domains() -> tuple[str, ...]:
    """The client's own mail domains, as stored; empty where none are known. None is guessed."""
    row = db.session.get(OrganisationRow, 1)
    return tuple(str(getattr(row, "mail_domains", "")).split())


def latest_attacks() -> tuple[AttackResult, ...]:
    """What the attack suite found, as shipped; empty where its report is absent or unreadable."""
    try:
        return read_attack_report(json.loads(ATTACKED.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return ()


def set_organisation(  # noqa: PLR0913 - the facts, one by one
    name: str,
    contact_name: str,
    contact_email: str,
    comments_read_by: str,
    host: str,
    *,
    several_zones: bool,
    language: str = BASE,
    actor: str = COMMAND_LINE,
) -> Organisation:
    """Stores and audits the facts about the client; refuses with all faults at once.

    Refused: empty facts, malformed addresses, line breaks and a language that is not offered.
    """
    typed = (name, contact_name, contact_email, comments_read_by, host)
    texts = {
        field: " ".join(text.split(" ")).strip()
        for field, text in zip(_MEANINGS, typed, strict=True)
    }
    faults = [fault for field, text in texts.items() if (fault := _fault(_MEANINGS[field], text))]
    email = texts["contact_email"]
    if email and (fault := plain_address_fault(email)):
        faults.append(f"{email[:80]!r}: {fault}")
    if language not in offered_languages():
        faults.append(
            f"Letters are not offered in {language[:20]!r}. There are:"
            f" {', '.join(offered_languages())}."
        )
    if faults:
        raise Refused(
            "facts-incomplete",
            "The facts are not complete. Nothing was changed.",
            details=tuple(faults),
        )
    organisation = Organisation(**texts, several_zones=several_zones, language=language)
    with transaction() as session:
        session.merge(OrganisationRow(number=1, **asdict(organisation)))
        record("organisation set", asdict(organisation), actor)
    return organisation


def _fault(meaning: str, text: str) -> str | None:
    """What to do about a text that is empty, unprintable or too long; None where it is good.

    `meaning` says what the text should state.
    """
    if not text:
        return f"Say {meaning}."
    if not text.isprintable():
        return f"Remove the line break or control character: {meaning}."
    if len(text) > LONGEST:
        return f"Shorten to {LONGEST} characters: {meaning}."
    return None
