"""Providers and whom to write to there."""

import pytest
from flask import Flask

from survey.access.service import audit
from survey.kernel.errors import Refused
from survey.providers.service import (
    add_contacts,
    add_provider,
    find_contact,
    find_provider,
    is_known,
    list_providers,
    remove_contact,
)
from tests.proofs import on_postgresql

OTTO = ("Otto Lindqvist", "otto@brightline.example")
PIA = ("Pia", "pia@brightline.example")


def reached(name: str = "Brightline IT") -> list[tuple[str, str]]:
    return [(person.name, person.address) for person in find_provider(name).contacts]


def test_a_provider_is_found_by_name_slug_and_any_capitals(app: Flask) -> None:
    add_provider("Other", [])
    made = add_provider("  Brightline   IT ", [PIA, OTTO])
    assert (made.name, made.slug) == ("Brightline IT", "brightline-it")
    assert reached() == [OTTO, PIA]
    for name in ("Brightline IT", "brightline-it", "BRIGHTLINE  it"):
        assert find_provider(name) == made
        assert is_known(name)
    assert [provider.name for provider in list_providers()] == ["Brightline IT", "Other"]


@pytest.mark.parametrize(
    "name", ["Brightline IT", "brightline it", "Brightline-IT", " Brightline  IT"]
)
def test_a_doubled_provider_is_refused_by_the_known_name(app: Flask, name: str) -> None:
    add_provider("Brightline IT", [OTTO])
    with pytest.raises(Refused, match="a provider named Brightline IT already"):
        add_provider(name, [PIA])
    assert reached() == [OTTO]


def test_all_faults_of_a_new_provider_come_at_once(app: Flask) -> None:
    wrong = [
        ("Otto\r\nBcc: all@x.example", "otto@brightline"),
        ("", "pia@x.example"),
        ("Pia", "PIA@x.example"),
        ("Nobody", ""),
    ]
    with pytest.raises(Refused, match="was not added") as refused:
        add_provider("Bright\nline", wrong)
    assert refused.value.details == (
        "'Bright\\nline': Remove the line break or control character.",
        "'otto@brightline': Not a complete address. Add the part after “brightline”.",
        "'Otto\\r\\nBcc: all@x.example': Remove the line break or control character.",
        "empty address: Fill in the address.",
        "'pia@x.example' stands twice. Keep one.",
    )
    assert list_providers() == ()


@pytest.mark.parametrize("name", ["", "  ", "!?", "x" * 121, "Bright\x00line"])
def test_a_name_that_cannot_be_used_is_refused(app: Flask, name: str) -> None:
    with pytest.raises(Refused) as refused:
        add_provider(name, [])
    assert refused.value.code == "provider-faulty"
    assert list_providers() == ()


@on_postgresql("databases")
@pytest.mark.parametrize(
    "address",
    [
        "",
        "otto",
        "otto@brightline",
        "otto@brightline.example\r\nBcc: x@y.example",
        "o tto@b.example",
        "<o@b.example>",
        "o@b..example",
    ],
)
def test_an_address_that_no_mail_reaches_is_refused_and_none_of_the_others_is_added(
    app: Flask, address: str
) -> None:
    add_provider("Brightline IT", [OTTO])
    with pytest.raises(Refused, match="No contact was added") as refused:
        add_contacts("Brightline IT", [PIA, ("Olga", address)])
    assert all(line.isprintable() for line in refused.value.details)
    assert reached() == [OTTO]


def test_contacts_are_added_renamed_and_removed(app: Flask) -> None:
    add_provider("Brightline IT", [OTTO])
    add_contacts(
        "brightline it",
        [PIA, ("Otto L.", "OTTO@brightline.example"), ("", "desk@brightline.example")],
    )
    assert reached() == [
        ("Otto L.", OTTO[1]),
        PIA,
        ("desk@brightline.example", "desk@brightline.example"),
    ]
    gone = next(
        person for person in find_provider("Brightline IT").contacts if person.name == "Pia"
    )
    remove_contact("Brightline IT", "PIA@brightline.example")
    assert find_contact(gone.id) is None
    with pytest.raises(Refused, match="no contact with the address"):
        remove_contact("Brightline IT", PIA[1])
    assert [entry.what for entry in audit.list_entries()].count("provider contact added") == 3


def test_two_providers_may_share_a_person(app: Flask) -> None:
    add_provider("Brightline IT", [OTTO])
    add_provider("Other", [OTTO])
    remove_contact("Other", OTTO[1])
    assert (reached(), reached("Other")) == ([OTTO], [])


@pytest.mark.parametrize("name", ["Nobody", "", "\x00", "x" * 5000])
def test_an_unknown_provider_is_refused_by_naming_those_there_are(app: Flask, name: str) -> None:
    with pytest.raises(Refused, match="Known: none yet"):
        find_provider(name)
    add_provider("Brightline IT", [])
    with pytest.raises(Refused, match="Known: Brightline IT") as refused:
        add_contacts(name, [OTTO])
    assert refused.value.sentence.isprintable()
    assert len(refused.value.sentence) < 300
