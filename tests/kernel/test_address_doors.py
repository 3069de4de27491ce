"""Every door by which an address comes in keeps the same rule, and whatever one takes, the sender
delivers.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask

from survey.access.rules.accounts import checked_address
from survey.kernel.addresses import needs_utf8, wire_address
from survey.kernel.errors import Refused
from survey.mail.letters import trial_letter
from survey.mail.rules.states import DeliveryAttempt, DeliveryOutcome
from survey.mail.smtp.service.message import Message
from survey.mail.smtp.service.sender import Connection
from survey.organisation.service import LONGEST, set_organisation
from survey.people.rules.staff_list import read_staff_list
from survey.people.service.directory import correct_address, import_people
from survey.providers.service import add_contacts, add_provider
from tests.kernel.test_addresses import BAD, GOOD
from tests.mail.postbox import open_postbox

AT = datetime(2027, 1, 11, tzinfo=UTC)
PLAIN = [address for address in GOOD if not needs_utf8(address)]
TAKEN_BY_NOBODY = [address for address in BAD if address]


def staff_list(address: str) -> None:
    quoted = address.replace('"', '""')
    faults = read_staff_list(
        f'email,name,department\n"{quoted}",Ada,Sales\n'.encode(errors="surrogatepass")
    ).faults
    if faults:
        raise Refused("rows-faulty", "The list is faulty.", details=tuple(map(str, faults)))


def correction(address: str) -> None:
    import_people(b"email,name,department\nold@northwind.example,Ada,Sales\n")
    correct_address("old@northwind.example", address)


def contact_of_provider(address: str) -> None:
    add_provider("Brightline IT", [("Otto", address)])


def further_contact(address: str) -> None:
    add_provider("Brightline IT", [])
    add_contacts("Brightline IT", [("Otto", address)])


def contact_of_organisation(address: str) -> None:
    set_organisation(
        "Northwind", "Dana", address, "Works council", "northwind.example", several_zones=False
    )


DOORS = (
    staff_list,
    correction,
    contact_of_provider,
    further_contact,
    contact_of_organisation,
    checked_address,
)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_door_takes_what_cannot_go(app: Flask, door: Callable[[str], object]) -> None:
    taken = []
    for address in TAKEN_BY_NOBODY:
        try:
            door(address)
        except Refused:
            continue
        taken.append(address)
    assert taken == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_door_takes_what_can_go(app: Flask) -> None:
    for address in GOOD:
        staff_list(address)
        checked_address(address)
    add_provider("Brightline IT", [])
    for address in GOOD:
        add_contacts("Brightline IT", [("Otto", address)])
    for address in PLAIN:
        if len(address) <= LONGEST:  # of any of the organisation's facts
            contact_of_organisation(address)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_whatever_a_door_takes_is_delivered(app: Flask) -> None:
    with open_postbox(smtputf8=True) as box, app.test_request_context():
        line = Connection(box.url)
        for number, address in enumerate(GOOD):
            letter = trial_letter(address, app.config["CANDOUR"])
            sender = f"Dana <{PLAIN[number % len(PLAIN)]}>"
            message = Message(letter, sender, f"<{number}@northwind.example>", AT)
            assert line.connect() or line.deliver(message) == DeliveryAttempt(
                DeliveryOutcome.SENT, "250"
            ), address
        line.close()
    assert box.recipients == [wire_address(address) for address in GOOD]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_letter_to_anything_else_is_not_even_written(app: Flask) -> None:
    with app.test_request_context():
        for address in BAD:
            with pytest.raises(Refused, match=re.escape("The letter was not written: ")):
                trial_letter(address, app.config["CANDOUR"])
