"""Providers: add, find, keep their contacts current."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import select

from survey.access.service.audit import record
from survey.database import db, transaction
from survey.kernel.addresses import address_fault, tidy_address
from survey.kernel.errors import NotFound, Refused
from survey.kernel.ids import random_id, slug
from survey.providers.rules import (
    LONGEST_NAME,
    Contact,
    ContactId,
    Provider,
    ProviderId,
    name_fault,
    tidy_name,
)
from survey.providers.tables import ContactRow, ProviderRow

COMMAND_LINE = "command line"
_LONGEST_QUOTED = 80


def add_provider(
    name: str, contacts: Sequence[tuple[str, str]], *, actor: str = COMMAND_LINE
) -> Provider:
    """Records a provider with its contacts (name, address); refuses all faults at once."""
    faults = _provider_faults(name, contacts)
    if faults:
        raise Refused("provider-faulty", "The provider was not added.", details=tuple(faults))
    name = tidy_name(name)
    with transaction() as session:
        existing_name = session.scalar(
            select(ProviderRow.name).where(ProviderRow.slug == slug(name))
        )
        if existing_name:
            raise Refused(
                "provider-known-already",
                f"There is a provider named {existing_name} already. To add a person there, give"
                " their name and address too.",
            )
        row = ProviderRow(id=random_id(), slug=slug(name), name=name)
        row.contacts = [_new_contact_row(person, address) for person, address in contacts]
        session.add(row)
        session.flush()
        record(
            "provider added",
            {"provider": name, "contacts": [contact.address for contact in row.contacts]},
            actor,
        )
        return _provider(row)


def add_contacts(
    provider_name: str, contacts: Sequence[tuple[str, str]], *, actor: str = COMMAND_LINE
) -> Provider:
    """Adds people (name, address) at a provider, all or none; a known address gets the new name."""
    faults = [fault for name, address in contacts for fault in _contact_faults(name, address)]
    if faults:
        raise Refused("contact-faulty", "No contact was added.", details=tuple(faults))
    with transaction() as session:
        row = _provider_row(provider_name)
        for name, address in contacts:
            contact = _contact_row_at(row, address)
            if contact:
                contact.name = tidy_name(name) or contact.name
            else:
                row.contacts.append(_new_contact_row(name, address))
            record("provider contact added", {"provider": row.name, "contact": address}, actor)
        session.flush()
        return _provider(row)


def is_known(name: str) -> bool:
    """Whether there is a provider of this name, however it is capitalised and spaced."""
    query = select(ProviderRow.id).where(ProviderRow.slug == slug(name))
    return db.session.scalar(query) is not None


def remove_contact(provider_name: str, address: str, *, actor: str = COMMAND_LINE) -> Provider:
    """Removes a person at a provider: nothing more is sent to them, and their links end."""
    with transaction() as session:
        row = _provider_row(provider_name)
        contact = _contact_row_at(row, address)
        if contact is None:
            raise NotFound("contact", f"{row.name} has no contact with the address {address}.")
        row.contacts.remove(contact)
        session.flush()
        record(
            "provider contact removed", {"provider": row.name, "contact": contact.address}, actor
        )
        return _provider(row)


def find_provider(name: str) -> Provider:
    """The provider of this name or slug; refuses an unknown one by naming those there are."""
    return _provider(_provider_row(name))


def provider_by_id(provider_id: ProviderId) -> Provider:
    """The provider with this id, which must exist."""
    return _provider(db.session.get_one(ProviderRow, provider_id))


def find_contact(contact_id: ContactId) -> Contact | None:
    """The contact with this id, if still there."""
    row = db.session.get(ContactRow, contact_id)
    return Contact(row.id, row.name, row.address) if row else None


def list_providers() -> tuple[Provider, ...]:
    """All providers by name."""
    rows = db.session.scalars(select(ProviderRow).order_by(ProviderRow.name))
    return tuple(map(_provider, rows))


def _provider_row(name: str) -> ProviderRow:
    row: ProviderRow | None = db.session.scalar(
        select(ProviderRow).where(ProviderRow.slug == slug(name))
    )
    if row is None:
        names = db.session.scalars(select(ProviderRow.name).order_by(ProviderRow.name))
        known_names = ", ".join(names) or "none yet"
        raise NotFound(
            "provider", f"There is no provider {name[:LONGEST_NAME]!r}. Known: {known_names}"
        )
    return row


def _contact_row_at(provider: ProviderRow, address: str) -> ContactRow | None:
    """The contact of this provider with this address, however it is capitalised."""
    tidy = tidy_address(address)
    return next((row for row in provider.contacts if tidy_address(row.address) == tidy), None)


def _provider(row: ProviderRow) -> Provider:
    contacts = sorted(
        (Contact(contact.id, contact.name, contact.address) for contact in row.contacts),
        key=lambda contact: (contact.name, contact.address),
    )
    return Provider(row.id, row.slug, row.name, tuple(contacts))


def _new_contact_row(name: str, address: str) -> ContactRow:
    return ContactRow(id=random_id(), name=tidy_name(name) or address, address=address)


def _provider_faults(name: str, contacts: Sequence[tuple[str, str]]) -> list[str]:
    """Everything that is wrong with a new provider and its contacts."""
    faults = []
    if fault := name_fault(name):
        faults.append(f"{_quoted(name)}: {fault}")
    elif not slug(name):
        faults.append(
            f"{_quoted(name)}: Give it a name with at least one letter from A to Z or digit."
        )
    for person, address in contacts:
        faults += _contact_faults(person, address)
    times = Counter(tidy_address(address) for _, address in contacts)
    repeated = sorted(address for address, number in times.items() if number > 1)
    faults += [f"{_quoted(address)} stands twice. Keep one." for address in repeated]
    return faults


def _contact_faults(name: str, address: str) -> list[str]:
    faults = []
    if fault := address_fault(address):
        faults.append(f"{_quoted(address) if address else 'empty address'}: {fault}")
    if name and (fault := name_fault(name)):
        faults.append(f"{_quoted(name)}: {fault}")
    return faults


def _quoted(text: str) -> str:
    """What somebody gave, as a message may repeat it."""
    return repr(text if len(text) <= _LONGEST_QUOTED else f"{text[:_LONGEST_QUOTED]}…")
