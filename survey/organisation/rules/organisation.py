"""The facts about the client."""

from dataclasses import dataclass
from email.utils import parseaddr

from survey.languages import BASE

_SHARED_SUFFIXES = {"ac", "co", "com", "edu", "gov", "net", "org"}


@dataclass(frozen=True, slots=True)
class Organisation:
    """Who asks: name, contact for questions, who reads comments (by role), whose server it is, whether staff sit in several zones.

    `language` is that of mails to people of whom none is known.
    """

    name: str
    contact_name: str
    contact_email: str
    comments_read_by: str
    host: str
    several_zones: bool
    language: str = BASE


def organisation_from_sender(sender: str) -> Organisation:
    """What the sender's address suggests: its domain gives name and host, its owner the contact and the reader.

    >>> organisation_from_sender("Dana Reyes <dana@northwind.example>").name, organisation_from_sender("it@northwind.co.uk").name
    ('Northwind', 'Northwind')
    """
    name, address = parseaddr(sender)
    domain = address.rpartition("@")[2]
    labels = domain.split(".")[:-1] or [domain]
    if len(labels) > 1 and labels[-1] in _SHARED_SUFFIXES:
        labels.pop()
    person = name or address
    return Organisation(
        labels[-1].capitalize(), person, address, person, domain, several_zones=False
    )
