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
    """Stores and audits a provider with contacts (name, address); refuses with all faults.

    Refused as well: a provider of the same name or slug.
    """
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
    """Adds people (name, address) at a provider, all or none; a known address gets the new name.

    Audits each. Refuses with all faults at once, and an unknown provider.
    """
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
    """Deletes and audits a provider's contact: nothing more is sent there, and links end.

    NotFound for an unknown provider or address.
    """
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
    """The provider of this name or slug; NotFound that names all providers where there is none."""
    return _provider(_provider_row(name))


def provider_by_id(provider_id: ProviderId) -> Provider:
    """The provider with this id; an error from the database layer where there is none."""
    return _provider(db.session.get_one(ProviderRow, provider_id))


def find_contact(contact_id: ContactId) -> Contact | None:
    """The contact with this id; None where it was removed."""
    row = db.session.get(ContactRow, contact_id)
    return Contact(row.id, row.name, row.address) if row else None


def list_providers() -> tuple[Provider, ...]:
    """All providers by name."""
    rows = db.session.scalars(select(ProviderRow).order_by(ProviderRow.name))
    return tuple(map(_provider, rows))


def _provider_row(name: str) -> ProviderRow:
    """The row of this name or slug; NotFound that names all providers where there is none."""
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
    """The provider's contact with this address, in any capitals; None where there is none."""
    tidy = tidy_address(address)
    return next((row for row in provider.contacts if tidy_address(row.address) == tidy), None)


def _provider(row: ProviderRow) -> Provider:
    contacts = sorted(
        (Contact(contact.id, contact.name, contact.address) for contact in row.contacts),
        key=lambda contact: (contact.name, contact.address),
    )
    return Provider(row.id, row.slug, row.name, tuple(contacts))


def _new_contact_row(name: str, address: str) -> ContactRow:
    """A new row, not stored yet; without a name the contact is named by the address."""
    return ContactRow(id=random_id(), name=tidy_name(name) or address, address=address)


def _provider_faults(name: str, contacts: Sequence[tuple[str, str]]) -> list[str]:
    """All that is wrong with a new provider and its contacts; empty where nothing is."""
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
    """What is wrong with a contact's address and name; empty where nothing is."""
    faults = []
    if fault := address_fault(address):
        faults.append(f"{_quoted(address) if address else 'empty address'}: {fault}")
    if name and (fault := name_fault(name)):
        faults.append(f"{_quoted(name)}: {fault}")
    return faults


def _quoted(text: str) -> str:
    """A typed text in quotes, as a message may repeat it: at most 80 characters."""
    return repr(text if len(text) <= _LONGEST_QUOTED else f"{text[:_LONGEST_QUOTED]}…")
