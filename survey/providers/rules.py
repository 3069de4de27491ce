"""The managed service provider and whom to write to there."""

from dataclasses import dataclass
from typing import NewType

ProviderId = NewType("ProviderId", str)
ContactId = NewType("ContactId", str)

LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Contact:
    """A person at the provider who may be sent findings."""

    id: ContactId
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Provider:
    """A managed service provider; contacts by name."""

    id: ProviderId
    slug: str
    name: str
    contacts: tuple[Contact, ...]


def name_fault(name: str) -> str | None:
    r"""What to correct in a name so that it fits into a mail's header; None where it does.

    >>> name_fault("Otto\r\nBcc: all@northwind.example")
    'Remove the line break or control character.'
    """
    if not name.isprintable():
        return "Remove the line break or control character."
    if len(name) > LONGEST_NAME:
        return f"Shorten it to {LONGEST_NAME} characters."
    return None


def tidy_name(name: str) -> str:
    """A name with one blank between its words and none around them."""
    return " ".join(name.split())
