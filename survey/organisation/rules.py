"""The facts about the client."""

from dataclasses import dataclass
from email.utils import parseaddr


@dataclass(frozen=True, slots=True)
class Organisation:
    """Who asks: name, contact for questions, who reads comments (by role), whose server it is, and whether staff sit in several zones."""

    name: str
    contact_name: str
    contact_email: str
    comments_read_by: str
    host: str
    several_zones: bool


def from_sender(sender: str) -> Organisation:
    """What the sender's address suggests: its domain gives name and host, its owner the contact and the reader.

    >>> from_sender("Dana Reyes <dana@northwind.example>").name
    'Northwind'
    """
    name, address = parseaddr(sender)
    domain = address.rpartition("@")[2]
    parts = domain.split(".")
    label = parts[-2] if len(parts) > 1 else domain
    person = name or address
    return Organisation(label.capitalize(), person, address, person, domain, several_zones=False)
