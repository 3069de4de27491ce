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
ATTACKED = (
    Path(__file__).parent / "attacked.json"
)  # written by the attack suite, shipped with the release
_WANTED = {
    "name": "the organisation's name",
    "contact_name": "the contact's name",
    "contact_email": "the contact's address",
    "comments_read_by": "who reads comments",
    "host": "who runs the server",
}


def find_organisation(sender: str) -> Organisation:
    """The facts as set, else what the sender's address suggests."""
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


def latest_attacks() -> tuple[AttackResult, ...]:
    """What the attack suite last came to; none where its report is absent or cannot be read."""
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
    """Sets the facts; refuses empty ones, malformed addresses, line breaks and a language that is not offered, all at once."""
    given = dict(
        zip(_WANTED, (name, contact_name, contact_email, comments_read_by, host), strict=True)
    )
    facts = {key: " ".join(text.split(" ")).strip() for key, text in given.items()}
    faults = [fault for key, text in facts.items() if (fault := _fault(_WANTED[key], text))]
    if facts["contact_email"] and (fault := plain_address_fault(facts["contact_email"])):
        faults.append(f"{facts['contact_email'][:80]!r}: {fault}")
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
    found = Organisation(**facts, several_zones=several_zones, language=language)
    with transaction() as session:
        session.merge(OrganisationRow(number=1, **asdict(found)))
        record("organisation set", asdict(found), actor)
    return found


def _fault(wanted: str, text: str) -> str | None:
    if not text:
        return f"Say {wanted}."
    if not text.isprintable():
        return f"Remove the line break or control character: {wanted}."
    return f"Shorten to {LONGEST} characters: {wanted}." if len(text) > LONGEST else None
