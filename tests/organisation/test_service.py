"""The facts that promises and mails state."""

import pytest
from flask import Flask

from survey.access.service import audit
from survey.kernel.errors import Refused
from survey.organisation.rules.organisation import organisation_from_sender
from survey.organisation.service import find_organisation, set_organisation
from tests.proofs import on_postgresql

SENDER = "Dana Reyes <feedback@northwind.example>"
GOOD = [
    "Northwind Ltd",
    "Dana Reyes",
    "dana@northwind.example",
    "Head of operations",
    "northwind.example",
]


def test_the_facts_come_from_the_sender_until_they_are_set(app: Flask) -> None:
    assert find_organisation(SENDER) == organisation_from_sender(SENDER)
    facts = set_organisation(*GOOD, several_zones=True)
    assert find_organisation(SENDER) == facts
    assert facts.several_zones
    again = set_organisation(
        "  Northwind  ", *GOOD[1:], several_zones=False, actor="mira@northwind.example"
    )
    assert (again.name, find_organisation(SENDER)) == ("Northwind", again)
    newest = max(audit.list_entries(), key=lambda entry: entry.number)
    assert (newest.who, newest.what) == ("mira@northwind.example", "organisation set")


def test_all_faults_come_at_once_and_nothing_is_changed(app: Flask) -> None:
    before = set_organisation(*GOOD, several_zones=False)
    with pytest.raises(Refused, match="Nothing was changed") as refused:
        set_organisation(
            "", "Dana\r\nBcc: x@y.example", "dana@northwind", "x" * 201, " ", several_zones=True
        )
    assert refused.value.details == (
        "Say the organisation's name.",
        "Remove the line break or control character: the contact's name.",
        "Shorten to 200 characters: who reads comments.",
        "Say who runs the server.",
        "'dana@northwind': Not a complete address. Add the part after “northwind”.",
    )
    assert find_organisation(SENDER) == before


@on_postgresql("databases")
@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("wrong", ["", " ", "a\nb", "a\x00b", "a\u202eb", "\ud800", "x" * 201])
def test_no_fact_may_be_empty_endless_or_break_a_line(app: Flask, place: int, wrong: str) -> None:
    given = [*GOOD[:place], wrong, *GOOD[place + 1 :]]
    with pytest.raises(Refused) as refused:
        set_organisation(*given, several_zones=False)
    assert all(line.isprintable() for line in refused.value.details)
    assert find_organisation(SENDER) == organisation_from_sender(SENDER)
