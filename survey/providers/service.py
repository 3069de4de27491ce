"""Providers: add, find, keep their contacts current."""

from collections.abc import Sequence

from sqlalchemy import select

from survey.database import db, transaction
from survey.kernel.errors import Refused
from survey.kernel.ids import random_id, slug
from survey.mail.letter import address_fault
from survey.providers.rules import Contact, Provider
from survey.providers.tables import ContactRow, ProviderRow


def add_provider(name: str, contacts: Sequence[tuple[str, str]]) -> Provider:
    """Records a provider with its contacts (name, address); refuses all faults at once."""
    name = name.strip()
    faults = list(_name_faults(name)) + [fault for person, address in contacts for fault in _contact_faults(person, address)]
    if faults:
        raise Refused("The provider was not added.", details=tuple(faults))
    with transaction() as session:
        if session.scalar(select(ProviderRow.id).where((ProviderRow.slug == slug(name)) | (ProviderRow.name == name))):
            raise Refused(f"There is a provider named {name} already.")
        row = ProviderRow(id=random_id(), slug=slug(name), name=name)
        row.contacts = [ContactRow(id=random_id(), name=_tidy(person) or address, address=address) for person, address in contacts]
        session.add(row)
        session.flush()
        return _provider(row)


def add_contact(provider_name: str, name: str, address: str) -> Provider:
    """Adds a person at a provider; a known address gets the new name."""
    faults = _contact_faults(name, address)
    if faults:
        raise Refused("The contact was not added.", details=tuple(faults))
    with transaction() as session:
        row = _row(provider_name)
        known = next((contact for contact in row.contacts if contact.address.lower() == address.lower()), None)
        if known:
            known.name = _tidy(name) or known.name
        else:
            row.contacts.append(ContactRow(id=random_id(), name=_tidy(name) or address, address=address))
        session.flush()
        return _provider(row)


def remove_contact(provider_name: str, address: str) -> Provider:
    """Removes a person at a provider; nothing more is sent to them."""
    with transaction() as session:
        row = _row(provider_name)
        known = next((contact for contact in row.contacts if contact.address.lower() == address.lower()), None)
        if known is None:
            raise Refused(f"{row.name} has no contact with the address {address}.")
        row.contacts.remove(known)
        session.flush()
        return _provider(row)


def provider(name: str) -> Provider:
    """The provider of this name or slug; refuses an unknown one by naming those there are."""
    return _provider(_row(name))


def provider_by_id(provider_id: str) -> Provider:
    """The provider with this id, which must exist."""
    return _provider(db.session.get_one(ProviderRow, provider_id))


def contact(contact_id: str) -> Contact | None:
    """The contact with this id, if still there."""
    row = db.session.get(ContactRow, contact_id)
    return Contact(row.id, row.name, row.address) if row else None


def list_providers() -> tuple[Provider, ...]:
    """All providers by name."""
    return tuple(_provider(row) for row in db.session.scalars(select(ProviderRow).order_by(ProviderRow.name)))


def _row(name: str) -> ProviderRow:
    row = db.session.scalar(select(ProviderRow).where((ProviderRow.name == name) | (ProviderRow.slug == name)))
    if row is None:
        known = ", ".join(db.session.scalars(select(ProviderRow.name).order_by(ProviderRow.name))) or "none yet"
        raise Refused(f"There is no provider {name!r}. Known: {known}")
    return row


def _provider(row: ProviderRow) -> Provider:
    return Provider(row.id, row.slug, row.name, tuple(Contact(c.id, c.name, c.address) for c in row.contacts))


def _name_faults(name: str) -> list[str]:
    if not slug(name):
        return ["Give the provider a name with at least one letter or digit."]
    return ["The name holds a line break or control character, or is longer than 120."] if not name.isprintable() or len(name) > 120 else []


def _contact_faults(name: str, address: str) -> list[str]:
    found = [f"{address or 'empty address'}: {fault}"] if (fault := address_fault(address)) else []
    if not name.isprintable() or len(name) > 120:
        found.append(f"{name[:40]!r}: a name has no line breaks or control characters and at most 120 characters.")
    return found


def _tidy(name: str) -> str:
    return " ".join(name.split())
