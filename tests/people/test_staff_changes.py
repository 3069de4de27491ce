"""Every way of changing the staff list is counted, once, and the counts name nobody."""

import ast
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.database import db
from survey.invitations.service.corrections import correct_invited_address
from survey.invitations.service.personal_data import erase_personal_data
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.kernel.staff_changes import KINDS, StaffChanges
from survey.people.service import changes
from survey.people.service.directory import (
    continue_import,
    correct_address,
    import_people,
    list_people,
    remove_person,
)
from survey.people.service.staff_changes import (
    all_staff_changes,
    count_staff_changes,
    staff_changes_before,
)
from tests.cast import staff_csv
from tests.outside import Browser, browser, hidden_fields, signed_in
from tests.people.test_long_import import BEFORE, killed, let_the_lease_end
from tests.people.test_views import upload

ROOT = Path(__file__).parents[2]
WRITES = re.compile(r"(insert|update|delete)\(PersonRow\b|add\(PersonRow\(|PersonRow\.__table__")
ADA, NEW = "ada@northwind.example", "ada.berg@northwind.example"
SEVEN = staff_csv({"Sales": 7})
FOUR = staff_csv({"Sales": 4})


@pytest.fixture
def mira(app: Flask) -> Browser:
    visitor = browser(app)
    signed_in(visitor, "manager")
    return visitor


@pytest.mark.parametrize(
    ("change", "counted"),
    [
        (lambda: import_people(FOUR + b"\nnew@x.example,New,Sales"), StaffChanges(added=1)),
        (lambda: import_people(FOUR, remove_missing=True), StaffChanges(removed=3)),
        (lambda: import_people(FOUR, remove_missing=True, dry_run=True), StaffChanges()),
        (lambda: import_people(SEVEN), StaffChanges()),
        (lambda: import_people(SEVEN.replace(b"Ada Berg", b"Ada Wolf")), StaffChanges()),
        (lambda: remove_person(ADA), StaffChanges(removed=1)),
        (lambda: erase_personal_data(ADA), StaffChanges(removed=1)),
        (lambda: correct_address(ADA, NEW), StaffChanges(corrected=1)),
        (lambda: correct_address(ADA, ADA), StaffChanges()),
        (lambda: correct_invited_address(ADA, NEW), StaffChanges(corrected=1)),
        (lambda: correct_invited_address(ADA, ADA), StaffChanges()),
    ],
)
def test_each_way_of_changing_the_list_is_counted_as_what_it_is(
    app: Flask, change: Callable[[], object], counted: StaffChanges
) -> None:
    import_people(SEVEN)
    before = all_staff_changes()
    assert before == StaffChanges(added=7)
    change()
    assert all_staff_changes() - before == counted
    counts = all_staff_changes()
    assert counts.added - counts.removed == len(list_people())


def test_whatever_writes_to_the_table_of_people_counts_it() -> None:
    """Each function that makes such a statement, but for `_steps`, which leaves executing it, and
    so counting it, to its caller.
    """
    writing = {
        (file.name, function.name): "count_staff_changes" in ast.unparse(function)
        for file in (ROOT / "survey").rglob("*.py")
        for function in ast.walk(ast.parse(file.read_text()))
        if isinstance(function, ast.FunctionDef) and WRITES.search(ast.unparse(function))
    }
    assert len(writing) > 2
    assert [name for (_, name), counts in writing.items() if not counts] == ["_steps"]


@pytest.mark.parametrize(
    "change",
    [
        lambda: import_people(SEVEN + b"\nbad,Bad,Sales"),
        lambda: remove_person("nobody@northwind.example"),
        lambda: correct_address(ADA, "c2@northwind.example"),
        lambda: import_people(staff_csv({"Sales": 1}), remove_missing=True),
    ],
)
def test_what_is_refused_is_not_counted(app: Flask, change: Callable[[], object]) -> None:
    import_people(SEVEN)
    with pytest.raises(Refused):
        change()
    assert all_staff_changes() == StaffChanges(added=7)


def test_the_pages_are_counted_as_well(app: Flask, mira: Browser) -> None:
    mira.post("/people/import/confirm", data=hidden_fields(upload(mira, SEVEN)))
    missing = mira.post("/people/import/missing", data=hidden_fields(upload(mira, FOUR)))
    removing = hidden_fields(missing) | {"remove_missing": "y", "number": "3"}
    assert mira.post("/people/import/confirm", data=removing).status_code == 303
    assert all_staff_changes() == StaffChanges(added=7, removed=3)


def test_a_long_import_that_is_killed_and_gone_on_with_counts_everybody_once(
    app: Flask, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "AT_ONCE", 50)
    monkeypatch.setattr(changes, "SECONDS_BETWEEN_STEPS", 0.0)
    import_people(BEFORE)
    for dies_after in (50, 120):
        killed(database_url, tmp_path, dies_after, in_commit=dies_after == 120)
        let_the_lease_end()
    assert continue_import("test") is not None
    assert all_staff_changes() == StaffChanges(added=220, removed=10)


def test_thirty_days_and_no_day_after_are_summed_up(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = now()
    for days_ago in (31, 30, 1, 0):
        monkeypatch.setattr(
            "survey.people.service.staff_changes.now",
            lambda days=days_ago: today - timedelta(days=days),
        )
        count_staff_changes(StaffChanges(corrected=1, added=2))
    assert staff_changes_before(today) == StaffChanges(corrected=3, added=6)
    assert staff_changes_before(today - timedelta(days=1)) == StaffChanges(corrected=3, added=6)
    assert all_staff_changes() == StaffChanges(corrected=4, added=8)
    assert staff_changes_before(datetime(2020, 1, 1, tzinfo=UTC)) == StaffChanges()


def test_the_counts_hold_a_day_a_kind_and_a_number(app: Flask) -> None:
    import_people(SEVEN)
    remove_person(ADA)
    remove_person("c2@northwind.example")
    rows = db.session.execute(text("SELECT * FROM staff_change ORDER BY kind")).mappings().all()
    assert [sorted(row) for row in rows] == [["day", "kind", "number"]] * 2
    assert [(row["kind"], row["number"]) for row in rows] == [("added", 7), ("removed", 2)]
    assert {row["kind"] for row in rows} <= set(KINDS)
    assert {str(row["day"]) for row in rows} == {str(now().date())}
