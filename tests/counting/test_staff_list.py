"""How the staff list was changed before and during a wave: frozen at its opening, completed at its
count, and said alike in the document, the mail, the page, the file, the log and on `/promise`.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import text

from survey.access.service import audit
from survey.database import transaction
from survey.findings.exports.rules.csv_file import as_csv
from survey.findings.service.documents import find_findings
from survey.findings.words.rules.presentation import present_document
from survey.invitations.service.personal_data import erase_personal_data
from survey.kernel.errors import Refused
from survey.kernel.staff_changes import StaffChanges
from survey.launching.service.opening import open_wave
from survey.launching.service.preview import preview_wave
from survey.people.service.directory import correct_address, import_people, remove_person
from survey.waves import service as waves
from survey.waves.rules.roster import RosterRecord, pool_roster_records, read_roster_record
from survey.waves.rules.waves import Wave
from tests.cast import (
    OPENS,
    answer_all,
    close_company,
    confirm_facts,
    found_company,
    staff_csv,
)
from tests.findings.quarter import counted_quarter, opened, planned_thirds
from tests.findings.schema import fault
from tests.findings.test_letters import letter_on
from tests.outside import browser, signed_in
from tests.proofs import on_postgresql

STAFF = {"Sales": 20, "Service": 12}
TWO_FROM_OUTSIDE = (
    b"email,name,department\nnew@gmail.example,New One,Sales\nother@web.example,Other,Sales\n"
)
LINE = (
    "Staff list in the 30 days before opening: 2 people added, 1 removed, 1 address corrected."
    " While open: 1 person added, 2 removed, 1 address corrected."
    " Addresses outside the organisation’s own mail domains: 2 of 33."
)


@dataclass
class Calendar:
    """The moment at which changes of the staff list are counted."""

    moment: datetime


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch) -> Calendar:
    """A calendar that the test turns, so that nothing depends on today's date.

    It begins 40 days before the first wave opens.
    """
    shown = Calendar(OPENS.replace(tzinfo=UTC) - timedelta(days=40))
    monkeypatch.setattr("survey.people.service.staff_changes.now", lambda: shown.moment)
    return shown


def own_domains(*domains: str) -> None:
    """Says which mail domains are the organisation's own; none as an older version left it."""
    if domains:
        confirm_facts(domains)
    else:
        with transaction() as session:
            session.execute(text("UPDATE organisation SET mail_domains = ''"))


def planned_after_changes(calendar: Calendar) -> Wave:
    """A planned wave of 33 people, and what was changed just before.

    The list as it began lies 40 days back and does not count.
    """
    first = found_company(STAFF)
    calendar.moment = first.opens_at - timedelta(days=3)
    import_people(TWO_FROM_OUTSIDE)
    remove_person("c2@northwind.example")
    correct_address("c3@northwind.example", "c3.new@northwind.example")
    return first


def changed_while_open(calendar: Calendar, wave: Wave) -> None:
    calendar.moment = wave.opens_at
    import_people(staff_csv({"Sales": 1}) + b"\nthird@northwind.example,Third,Service")
    remove_person("c4@northwind.example")
    erase_personal_data("c5@northwind.example")
    correct_address("c6@northwind.example", "c6.new@northwind.example")


def promise(app: Flask) -> str:
    page = " ".join(unescape(browser(app).get("/promise").text).split())
    return page.partition('id="staff-list"')[2].partition("</section>")[0]


def test_the_changes_are_frozen_completed_and_said_alike_everywhere(
    app: Flask, calendar: Calendar
) -> None:
    first = planned_after_changes(calendar)
    own_domains("Northwind.example")
    company = opened(app, first)
    [launch] = audit.list_entries(what="wave opened")
    assert launch.facts["staff list"] == {
        "corrected": 1,
        "added": 2,
        "removed": 1,
        "foreign_domains": 2,
    }
    changed_while_open(calendar, company.wave)
    section = promise(app)
    for sentence in (
        "<h3>IT support, Q1 2027</h3>",
        "In the 30 days before it opened: 2 people added, 1 removed, 1 address corrected.",
        "Since it opened: 1 person added, 2 removed, 1 address corrected.",
        "2 of the 33 people asked have an address outside Northwind Ltd’s own mail domains.",
    ):
        assert sentence in section

    answer_all(company, company.codes[:12])
    close_company(company)
    remove_person("c7@northwind.example")  # after the count: it belongs to no wave
    found = find_findings(company.wave.slug)
    assert fault(found.document) == ""
    assert found.document["roster"] == {
        "corrected": 1,
        "added": 2,
        "removed": 1,
        "foreign_domains": 2,
        "while_open": {"corrected": 1, "added": 1, "removed": 2},
    }
    [count] = audit.list_entries(what="wave counted")
    assert count.facts["staff list while open"] == found.document["roster"]["while_open"]
    assert present_document(found.document).staff_list == LINE
    assert LINE in as_csv(found).splitlines()[-1]
    letter = letter_on(found)
    for part in (letter.text, letter.html):
        assert LINE in " ".join(unescape(part).split())
    page = signed_in(browser(app), "manager").get(f"/waves/{company.wave.slug}").text
    assert LINE in unescape(page)
    assert "While it was open: 1 person added, 2 removed, 1 address corrected." in promise(app)


def test_what_is_said_names_nobody(app: Flask, calendar: Calendar) -> None:
    first = planned_after_changes(calendar)
    own_domains("northwind.example")
    company = opened(app, first)
    changed_while_open(calendar, company.wave)
    answer_all(company, company.codes[:12])
    wave = close_company(company)
    assert wave.roster
    said = [
        promise(app),
        json.dumps(find_findings(wave.slug).document),
        json.dumps(wave.roster.as_json()),
        *(json.dumps(entry.facts) for entry in audit.list_entries(limit=None)),
    ]
    for word in ("gmail", "web.example", "c2@", "c3@", "c3.new", "c5@", "Colleague"):
        assert not [text for text in said if word in text], word


@pytest.mark.parametrize(
    ("own", "outside", "warned"),
    [
        ((), None, ""),
        (("northwind.example",), 2, "2 of the 33 people have an address outside northwind.example"),
        (("northwind.example", "web.example"), 1, "1 of the 33 people has an address outside"),
        (("northwind.example", "web.example", "@GMAIL.example"), 0, ""),
    ],
)
def test_the_launch_page_names_foreign_domains_and_does_not_stop(
    app: Flask,
    calendar: Calendar,
    own: tuple[str, ...],
    outside: int | None,
    warned: str,
) -> None:
    first = planned_after_changes(calendar)
    own_domains(*own)
    assert preview_wave(first.slug).number_outside == outside
    mira = browser(app)
    signed_in(mira, "manager")
    page = unescape(mira.get(f"/waves/{first.slug}/open").text)
    assert warned in page
    assert ("gmail.example" in page) is bool(warned and "@GMAIL.example" not in own)
    assert "new@gmail.example" not in page
    wave = opened(app, first).wave
    assert wave.roster
    assert wave.roster.foreign_domains == outside


def test_a_list_that_is_changed_while_a_wave_is_being_opened_keeps_it_closed(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = found_company(STAFF)
    make_key = open_wave.__globals__["key_files"].make_key

    def meanwhile(*given: object) -> object:
        remove_person("c2@northwind.example")
        return make_key(*given)

    monkeypatch.setattr(open_wave.__globals__["key_files"], "make_key", meanwhile)
    with pytest.raises(Refused, match="The staff list was changed meanwhile"):
        open_wave(first.slug, first.opens_at, app.config["CANDOUR"].key_dir, actor="test")
    assert waves.find_wave(first.slug).roster is None


@on_postgresql("databases")
def test_a_quarter_counts_from_its_first_opening_to_its_last_count(
    app: Flask,
) -> None:
    planned_thirds()
    own_domains("elsewhere.example")
    quarter = counted_quarter(app)
    document = find_findings(quarter.pool.slug).document
    assert document["roster"]["foreign_domains"] == document["invited"]
    assert document["roster"]["while_open"] == StaffChanges().as_numbers()
    assert fault(document) == ""


def test_records_of_thirds_are_pooled_by_what_was_counted_at_their_ends() -> None:
    def record(at: int, until: int | None, outside: int | None = 1) -> RosterRecord:
        while_open = None if until is None else StaffChanges(added=until - at)
        return RosterRecord(StaffChanges(removed=at), outside, StaffChanges(added=at), while_open)

    thirds = [record(5, 6), record(7, 7), record(9, 13)]
    assert pool_roster_records(thirds) == RosterRecord(
        StaffChanges(removed=5), 3, StaffChanges(added=5), StaffChanges(added=8)
    )
    void_last = pool_roster_records([*thirds[:2], record(9, None, None)])
    assert void_last
    assert (void_last.foreign_domains, void_last.while_open) == (None, StaffChanges(added=2))
    assert pool_roster_records([record(5, None)]) is None
    assert pool_roster_records([]) is None
    for one in thirds:
        assert read_roster_record(json.loads(json.dumps(one.as_json()))) == one


def test_a_wave_that_was_opened_before_this_was_counted_says_nothing(app: Flask) -> None:
    company = opened(app, found_company(STAFF))
    with transaction() as session:
        session.execute(text("UPDATE wave SET roster = NULL"))
    assert "No survey has been opened since" in promise(app)
    answer_all(company, company.codes[:12])
    close_company(company)
    found = find_findings(company.wave.slug)
    assert "roster" not in found.document
    assert present_document(found.document).staff_list == ""
    assert "Staff list" not in letter_on(found).text + as_csv(found)
