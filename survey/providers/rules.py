"""The managed service provider and whom to write to there."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Contact:
    """A person at the provider who may be sent findings."""

    id: str
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Provider:
    """A managed service provider."""

    id: str
    slug: str
    name: str
    contacts: tuple[Contact, ...]
