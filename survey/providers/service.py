"""Providers: add, find, keep their contacts current."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import select

from survey.access.service.audit import record
from survey.database import db, transaction
from survey.kernel.addresses import address_fault, tidy_address
from survey.kernel.errors import NotFound, Refused
from survey.kernel.ids import random_id, slug
from survey.providers.rules import LONGEST_NAME, Contact, Provider, name_fault, tidy_name
from survey.providers.tables import ContactRow, ProviderRow

COMMAND_LINE = "command line"
_SHOWN = 80


def add_provider(
    name: str, contacts: Sequence[tuple[str, str]], *, actor: str = COMMAND_LINE
) -> Provider:
    """Records a provider with its contacts (name, address); refuses all faults at once."""
    fault = name_fault(name) or (
        None if slug(name) else "Give it a name with at least one letter from A to Z or digit."
    )
    faults = [f"{_shown(name)}: {fault}"] if fault else []
    faults += [found for person, address in contacts for found in _contact_faults(person, address)]
    repeated = sorted(
        address
        for address, times in Counter(tidy_address(address) for _, address in contacts).items()
        if times > 1
    )
    faults += [f"{_shown(address)} stands twice. Keep one." for address in repeated]
    if faults:
        raise Refused("provider-faulty", "The provider was not added.", details=tuple(faults))
    name = tidy_name(name)
    with transaction() as session:
        if known := session.scalar(select(ProviderRow.name).where(ProviderRow.slug == slug(name))):
            raise Refused(
                "provider-known-already",
                f"There is a provider named {known} already. To add a person there, give their name"
                " and address too.",
            )
        row = ProviderRow(id=random_id(), slug=slug(name), name=name)
        row.contacts = [_contact_row(person, address) for person, address in contacts]
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
    faults = [found for name, address in contacts for found in _contact_faults(name, address)]
    if faults:
        raise Refused("contact-faulty", "No contact was added.", details=tuple(faults))
    with transaction() as session:
        row = _row(provider_name)
        for name, address in contacts:
            known = next(
                (
                    contact
                    for contact in row.contacts
                    if tidy_address(contact.address) == tidy_address(address)
                ),
                None,
            )
            if known:
                known.name = tidy_name(name) or known.name
            else:
                row.contacts.append(_contact_row(name, address))
            record("provider contact added", {"provider": row.name, "contact": address}, actor)
        session.flush()
        return _provider(row)


def is_known(name: str) -> bool:
    """Whether there is a provider of this name, however it is capitalised and spaced."""
    return (
        db.session.scalar(select(ProviderRow.id).where(ProviderRow.slug == slug(name))) is not None
    )


def remove_contact(provider_name: str, address: str, *, actor: str = COMMAND_LINE) -> Provider:
    """Removes a person at a provider: nothing more is sent to them, and their links end."""
    with transaction() as session:
        row = _row(provider_name)
        known = next(
            (
                contact
                for contact in row.contacts
                if tidy_address(contact.address) == tidy_address(address)
            ),
            None,
        )
        if known is None:
            raise NotFound("contact", f"{row.name} has no contact with the address {address}.")
        row.contacts.remove(known)
        session.flush()
        record("provider contact removed", {"provider": row.name, "contact": known.address}, actor)
        return _provider(row)


def find_provider(name: str) -> Provider:
    """The provider of this name or slug; refuses an unknown one by naming those there are."""
    return _provider(_row(name))


def provider_by_id(provider_id: str) -> Provider:
    """The provider with this id, which must exist."""
    return _provider(db.session.get_one(ProviderRow, provider_id))


def find_contact(contact_id: str) -> Contact | None:
    """The contact with this id, if still there."""
    row = db.session.get(ContactRow, contact_id)
    return Contact(row.id, row.name, row.address) if row else None


def list_providers() -> tuple[Provider, ...]:
    """All providers by name."""
    return tuple(
        _provider(row) for row in db.session.scalars(select(ProviderRow).order_by(ProviderRow.name))
    )


def _row(name: str) -> ProviderRow:
    row: ProviderRow | None = db.session.scalar(
        select(ProviderRow).where(ProviderRow.slug == slug(name))
    )
    if row is None:
        known = (
            ", ".join(db.session.scalars(select(ProviderRow.name).order_by(ProviderRow.name)))
            or "none yet"
        )
        raise NotFound("provider", f"There is no provider {name[:LONGEST_NAME]!r}. Known: {known}")
    return row


def _provider(row: ProviderRow) -> Provider:
    contacts = sorted(
        (Contact(c.id, c.name, c.address) for c in row.contacts),
        key=lambda contact: (contact.name, contact.address),
    )
    return Provider(row.id, row.slug, row.name, tuple(contacts))


def _contact_row(name: str, address: str) -> ContactRow:
    return ContactRow(id=random_id(), name=tidy_name(name) or address, address=address)


def _contact_faults(name: str, address: str) -> list[str]:
    found = (
        [f"{_shown(address) if address else 'empty address'}: {fault}"]
        if (fault := address_fault(address))
        else []
    )
    if name and (fault := name_fault(name)):
        found.append(f"{_shown(name)}: {fault}")
    return found


def _shown(text: str) -> str:
    """What somebody gave, as a message may repeat it."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
