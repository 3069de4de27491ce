"""The facts about the client."""

from dataclasses import dataclass
from email.utils import parseaddr

from survey.languages import BASE

_SHARED_SUFFIXES = {"ac", "co", "com", "edu", "gov", "net", "org"}


@dataclass(frozen=True, slots=True)
class Organisation:
    """The client: who asks, whom to ask, who reads comments (a role), and who runs the server.

    `several_zones` says whether staff sit in several time zones; `language` is that of mails to
    people of whom none is known.
    """

    name: str
    contact_name: str
    contact_email: str
    comments_read_by: str
    host: str
    several_zones: bool
    language: str = BASE


def organisation_from_sender(sender: str) -> Organisation:
    """What the sender's address suggests about the client.

    Its domain gives name and host; its owner is the contact and reads the comments.

    >>> organisation_from_sender("Dana Reyes <dana@northwind.example>").name
    'Northwind'
    >>> organisation_from_sender("it@northwind.co.uk").name
    'Northwind'
    """
    owner, address = parseaddr(sender)
    contact = owner or address
    domain = address.rpartition("@")[2]
    labels = domain.split(".")[:-1] or [domain]
    if len(labels) > 1 and labels[-1] in _SHARED_SUFFIXES:
        labels.pop()
    return Organisation(
        name=labels[-1].capitalize(),
        contact_name=contact,
        contact_email=address,
        comments_read_by=contact,
        host=domain,
        several_zones=False,
    )
