"""The facts that promises and mails must state."""

from dataclasses import asdict

from survey.database import db, transaction
from survey.kernel.errors import Refused
from survey.mail.letter import address_fault
from survey.organisation.rules import Organisation, from_sender
from survey.organisation.tables import OrganisationRow


def organisation(sender: str) -> Organisation:
    """The facts as set, else what the sender's address suggests."""
    row = db.session.get(OrganisationRow, 1)
    if row is None:
        return from_sender(sender)
    return Organisation(row.name, row.contact_name, row.contact_email, row.comments_read_by, row.host, row.several_zones)


def set_organisation(
    name: str, contact_name: str, contact_email: str, comments_read_by: str, host: str, *, several_zones: bool
) -> Organisation:
    """Sets the facts; refuses empty ones, malformed addresses and line breaks, all at once."""
    texts = [" ".join(text.split()) for text in (name, contact_name, contact_email, comments_read_by, host)]
    labels = ("the organisation's name", "the contact's name", "the contact's address", "who reads comments", "who runs the server")
    faults = [f"Say {label}." for label, text in zip(labels, texts, strict=True) if not text]
    faults += [f"Shorten {label} to 200 characters." for label, text in zip(labels, texts, strict=True) if len(text) > 200]
    if texts[2] and (fault := address_fault(texts[2])):
        faults.append(f"{texts[2]}: {fault}")
    if faults:
        raise Refused("The facts are not complete. Nothing was changed.", details=tuple(faults))
    facts = Organisation(texts[0], texts[1], texts[2], texts[3], texts[4], several_zones)
    with transaction() as session:
        session.merge(OrganisationRow(number=1, **asdict(facts)))
    return facts
