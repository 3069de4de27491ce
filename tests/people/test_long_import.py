"""A long staff list: checked whole, stored in steps.

After a kill it is gone on with to the same end, and nothing else is changed meanwhile.
"""

import json
import signal
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey import schedule
from survey.access.service import audit
from survey.database import db
from survey.jobs import long_jobs
from survey.jobs.rules import LongJobState
from survey.kernel.errors import Refused
from survey.launching.service.opening import open_wave
from survey.people.service import changes
from survey.people.service.directory import (
    IMPORT,
    ImportResult,
    continue_import,
    correct_address,
    import_people,
    last_import,
    list_people,
    person_at,
    remove_person,
)
from survey.people.service.stopping import draw_stop_secret, stop_mails, store_stop_secrets
from survey.waves import service as waves
from survey.waves.rules.waves import WaveState
from tests import forking
from tests.cast import found_company, staff_csv
from tests.conftest import settings_of
from tests.proofs import on_postgresql

CHILD = Path(__file__).with_name("long_importer.py")
HEADING = "email,name,department\n"
BEFORE = (
    HEADING + "".join(f"p{n}@northwind.example,Person {n},Sales\n" for n in range(100))
).encode()
# 120 are added, 60 change, 30 stay as they are, 10 leave: 190 changes in steps of 50, 50, 20, 50,
# 10 and 10
STAYING = (n for n in range(220) if not 90 <= n < 100)
AFTER = (
    HEADING
    + "".join(
        f"p{n}@northwind.example,Person {n},{'Sales' if 60 <= n < 90 else 'Legal'}\n"
        for n in STAYING
    )
).encode()
PLANNED = (120, 60, 30, 10)
CHANGES = 190


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than 50 people are many."""
    monkeypatch.setattr(changes, "AT_ONCE", 50)
    monkeypatch.setattr(changes, "SECONDS_BETWEEN_STEPS", 0.0)


def numbers(result: ImportResult) -> tuple[int, int, int, int]:
    return result.added, result.changed, result.unchanged, result.removed


def number(table: str) -> int:
    return int(db.session.execute(text(f"SELECT count(*) FROM {table}")).scalar() or 0)


def directory() -> set[tuple[str, str, str]]:
    return {(person.email, person.name, person.department) for person in list_people()}


def killed(
    database_url: str,
    folder: Path,
    dies_after: int,
    *,
    in_commit: bool = False,
    repeated: int | None = None,
) -> None:
    """Imports the second list in a process that dies by SIGKILL."""
    (folder / "after.csv").write_bytes(AFTER)
    job = {
        "settings": settings_of(database_url, folder),
        "folder": str(folder),
        "file": str(folder / "after.csv"),
    }
    job |= {"dies_after": dies_after, "in_commit": in_commit, "repeated": repeated}
    db.session.remove()
    done = forking.run(CHILD, typed=json.dumps(job))
    assert done.returncode == -signal.SIGKILL


def let_the_lease_end() -> None:
    """As if its minute had passed."""
    with db.engine.begin() as connection:
        connection.execute(
            text("UPDATE long_job SET lease_until = :past"), {"past": "2020-01-01 00:00:00.000000"}
        )
    db.session.remove()


def check_the_end(kept: dict[str, str]) -> None:
    """What an import that was never cut off leaves."""
    lines = set(AFTER.decode().splitlines()[1:])
    assert {",".join(one) for one in directory()} == lines
    assert {person.email: person.id for person in list_people() if person.email in kept} == {
        email: known
        for email, known in kept.items()
        if email in {line.split(",")[0] for line in lines}
    }
    entries = [entry.facts for entry in audit.list_entries() if entry.what == "people imported"][
        :-1
    ]
    assert [
        (facts["added"], facts["changed"], facts["removed"], facts["people"]) for facts in entries
    ] == [(120, 60, 10, 210)]
    assert (number("staff_file"), number("stop"), number("stop_code")) == (0, 0, 0)
    assert (work := last_import()) is not None
    assert (work.state, work.done, work.total) == (LongJobState.DONE, CHANGES, CHANGES)


def who_was_here() -> dict[str, str]:
    """The first list, and one of those who will leave has stopped survey mails; ids by address."""
    import_people(BEFORE)
    leaving = person_at("p95@northwind.example")
    store_stop_secrets([(leaving.id, secret := draw_stop_secret())])
    stop_mails(secret)
    assert number("stop") == 1
    return {person.email: person.id for person in list_people()}


@on_postgresql("databases")
@pytest.mark.parametrize("dies_after", [50, 120, CHANGES])
@pytest.mark.parametrize("moment", ["after a step", "in a commit"])
@pytest.mark.parametrize("by", ["the same command", "the timetable"])
def test_an_import_that_is_killed_ends_as_if_it_had_not_been(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    short: None,
    dies_after: int,
    moment: str,
    by: str,
) -> None:
    kept = who_was_here()
    killed(database_url, tmp_path, dies_after, in_commit=moment == "in a commit")
    left = last_import()
    assert left is not None
    assert (left.state, left.done, left.total) == (LongJobState.RUNNING, dies_after, CHANGES)
    assert number("staff_file") == 1
    assert schedule.do_long_jobs(app.config["CANDOUR"]) == (), (
        "its lease has not ended, so it may be alive"
    )
    if by == "the timetable":
        let_the_lease_end()
        assert schedule.do_long_jobs(app.config["CANDOUR"]) == (
            "120 people added, 60 changed, 10 removed",
        )
    else:
        assert numbers(import_people(AFTER, remove_missing=True)) == PLANNED
    check_the_end(kept)
    assert schedule.do_long_jobs(app.config["CANDOUR"]) == ()
    assert numbers(import_people(AFTER, remove_missing=True)) == (0, 0, 210, 0)


def test_a_long_import_is_seen_by_others_step_by_step_and_none_is_larger_than_the_limit(
    app: Flask, short: None
) -> None:
    kept, seen = who_was_here(), []

    def heard(done: int, total: int) -> None:
        with db.engine.connect() as other:
            there = other.execute(text("SELECT count(*) FROM person")).scalar() or 0
            changed = (
                other.execute(
                    text("SELECT count(*) FROM person WHERE department = 'Legal'")
                ).scalar()
                or 0
            )
            progress = other.execute(text("SELECT done FROM long_job")).scalar()
        seen.append((done, total, there, changed, progress))

    assert numbers(import_people(AFTER, remove_missing=True, progress=heard)) == PLANNED
    assert [step[:3] for step in seen] == [
        (50, CHANGES, 150),
        (100, CHANGES, 200),
        (120, CHANGES, 220),
        (170, CHANGES, 220),
        (180, CHANGES, 220),
        (190, CHANGES, 210),
    ]
    assert [step[3] for step in seen] == [50, 100, 120, 170, 180, 180]
    assert [step[4] for step in seen] == [step[0] for step in seen]
    check_the_end(kept)


def test_one_bad_row_of_a_long_list_stores_nothing(app: Flask, short: None) -> None:
    import_people(BEFORE)
    before, written, last = directory(), len(audit.list_entries()), last_import()
    with pytest.raises(
        Refused, match=r"1 of 211 rows needs a correction\. Nothing has been changed"
    ):
        import_people(AFTER + b"bad,Bad,Sales\n")
    with pytest.raises(Refused, match="Spell departments"):
        import_people(AFTER.replace(b"Sales", b"SALES").replace(b"Legal", b"SALES"))
    assert (directory(), len(audit.list_entries()), number("staff_file"), last_import()) == (
        before,
        written,
        0,
        last,
    )


@on_postgresql("databases")
def test_while_an_import_is_under_way_nobody_else_is_changed_and_no_wave_opens_for_half_the_staff(
    app: Flask, database_url: str, tmp_path: Path, short: None
) -> None:
    first = found_company({"Sales": 20})
    key_dir = app.config["CANDOUR"].key_dir
    killed(database_url, tmp_path, 50, repeated=20)
    half = directory()
    for attempt in (
        lambda: import_people(staff_csv({"Sales": 3})),
        lambda: import_people(BEFORE),
        lambda: import_people(BEFORE, wait=False),
        lambda: import_people(AFTER, remove_missing=False),
        lambda: remove_person("c2@northwind.example"),
        lambda: correct_address("c2@northwind.example", "c3000@northwind.example"),
        lambda: open_wave(first.slug, first.opens_at, key_dir, actor="test"),
    ):
        with pytest.raises(
            Refused,
            match=(
                r"The import of a staff list is under way \(50 of 2\d\d\), so nothing else was"
                r" changed"
            ),
        ):
            attempt()
    assert directory() == half
    assert "is under way" in " ".join(
        schedule.tick(app.config["CANDOUR"], first.opens_at, seconds=0)
    )
    assert waves.find_wave(first.slug).state is WaveState.PLANNED
    let_the_lease_end()
    schedule.tick(app.config["CANDOUR"], first.opens_at, seconds=1)
    schedule.tick(app.config["CANDOUR"], first.opens_at, seconds=1)
    assert waves.find_wave(first.slug).state is WaveState.OPEN
    assert waves.find_wave(first.slug).invited == 210


def test_a_list_that_is_imported_while_a_wave_is_being_opened_keeps_it_closed(
    app: Flask, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = found_company({"Sales": 20})
    make_key = open_wave.__globals__["key_files"].make_key

    def meanwhile(*given: object) -> object:
        import_people(AFTER, remove_missing=True, repeated=20)
        return make_key(*given)

    monkeypatch.setattr(open_wave.__globals__["key_files"], "make_key", meanwhile)
    with pytest.raises(Refused, match="The staff list was changed meanwhile"):
        open_wave(first.slug, first.opens_at, app.config["CANDOUR"].key_dir, actor="test")
    assert (waves.find_wave(first.slug).state, number("invitation")) == (WaveState.PLANNED, 0)


def test_of_two_processes_with_one_import_the_one_that_lost_it_stops_at_its_next_step(
    app: Flask, short: None
) -> None:
    kept = who_was_here()

    def loses(done: int, _total: int) -> None:
        if done == 100:
            assert numbers(import_people(AFTER, remove_missing=True)) == PLANNED

    with pytest.raises(Refused, match="Another process has taken this over"):
        import_people(AFTER, remove_missing=True, progress=loses)
    check_the_end(kept)


def test_a_process_that_is_told_to_end_leaves_the_rest_to_the_next(
    app: Flask, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = who_was_here()
    with monkeypatch.context() as told:
        told.setattr(changes, "_let_others_write", lambda: True)
        with pytest.raises(Refused, match="the rest goes on with the same file"):
            import_people(AFTER, remove_missing=True)
    assert (left := last_import()) is not None
    assert (left.state, left.done) == (LongJobState.WAITING, 50)
    assert continue_import("mira") is not None
    check_the_end(kept)
    assert continue_import("mira") is None


def test_a_fault_leaves_the_rest_to_a_later_pass(
    app: Flask, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = who_was_here()

    def breaks(done: int, _total: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        import_people(AFTER, remove_missing=True, progress=breaks)
    assert [work.kind for work in long_jobs.list_jobs()] == [IMPORT]
    assert continue_import("mira") is None, "not at once"
    let_the_lease_end()
    assert continue_import("mira") is not None
    check_the_end(kept)
