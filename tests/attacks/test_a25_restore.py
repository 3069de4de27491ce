"""A25: Looking for who answered in copies of the database after the count, and putting old copies
back to reopen what was ended.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.access.service.accounts import add_user, list_users, make_sign_in_link, remove_user
from survey.access.service.audit import verify_chain
from survey.backup.service import restoring
from survey.copies import service as copies
from survey.database import db
from survey.findings.service.documents import find_findings
from survey.invitations.service.personal_data import erase_personal_data
from survey.kernel.clock import now
from survey.mail import service as mail
from survey.people.service.directory import list_people, person_at
from survey.people.service.stopping import (
    draw_stop_secret,
    has_stopped,
    stop_mails,
    store_stop_secrets,
    take_up_mails,
)
from survey.schedule import tick
from survey.waves import service as waves
from tests.attacks.world import DEPARTMENTS, Ground, patched
from tests.cast import Company, answer_all, close_company, open_company
from tests.outside import Candour, browser, command_line
from tests.proofs import proof

ADMIN, VIEWER = "admin@northwind.example", "viewer@northwind.example"
STOPPED, WENT_ON, GONE = (f"c{number}@northwind.example" for number in (2, 3, 4))
SIZES = [pytest.param(12, id="12"), pytest.param(60, id="60", marks=proof("attacks"))]
POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, ground: Ground) -> str:
    """A fresh database: only SQLite has copies of the program's own."""
    return ground.fresh(getattr(request, "param", "sqlite"))[0]


@pytest.fixture
def folder(app: Flask) -> Path:
    """The folder of the database."""
    return Path(app.config["CANDOUR"].folder)


@pytest.fixture
def candour(
    app: Flask,
    database_url: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Candour]:
    """The command line of an installation with a folder of copies."""
    usual = app.config["CANDOUR"]
    app.config["CANDOUR"] = replace(usual, backup_dir=folder / "copies")
    yield command_line(app, database_url, tmp_path, monkeypatch, capsys)
    app.config["CANDOUR"] = usual


@dataclass
class Finds:
    """What the attacker found; all are 0 where every promise is kept."""

    lost_answers: int = 0
    doors: int = 0
    stops_and_erasures: int = 0
    marks_after_count: int = 0
    marks_after_days: int = 0


def marks_in(file: Path) -> int:
    """How many people a file names as having answered; 0 where it is no database."""
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)) as copy:
            query = "SELECT count(*) FROM invitation WHERE answered = 1"
            return int(copy.execute(query).fetchone()[0])
    except sqlite3.Error:
        return 0


def marks_under(folder: Path) -> dict[Path, int]:
    """The files below a folder that name people who answered, and how many."""
    db.session.remove()
    db.engine.dispose()
    files = (path for path in folder.rglob("*") if path.is_file())
    return {file: number for file in files if (number := marks_in(file))}


def attack(app: Flask, candour: Candour, folder: Path, n: int) -> Finds:
    """Copies while people answer, copies put back in between, and a look at everything at the end.

    The second of three copies is put back when more have answered and people have used their
    rights; then the wave is counted, and the oldest copy is put back.
    """
    company = open_company(app, DEPARTMENTS[n])
    third = n // 3
    found = Finds()
    secrets = {address: secret_of(address) for address in (STOPPED, WENT_ON)}
    add_user(ADMIN, "admin")
    viewer = browser(app, "viewer")
    link = make_sign_in_link(ADMIN, company.config).partition("#")[2]
    stop_mails(secrets[WENT_ON])
    erased = person_at(GONE).id
    for turn in range(2):
        answer_all(company, company.codes[turn * third : (turn + 1) * third], seed=turn)
        assert candour("backup").code == 0
    older, newer = sorted((folder / "copies").iterdir())
    answer_all(company, company.codes[2 * third : n], seed=2)
    remove_user(VIEWER)
    stop_mails(secrets[STOPPED])
    take_up_mails(secrets[WENT_ON])
    erase_personal_data(GONE)
    said = candour("restore", newer, "--yes")
    assert said.code == 0, said.err
    found.doors += open_doors(app, viewer, link)
    found.stops_and_erasures += changed_wishes(erased)
    close_company(company)
    found.lost_answers = n - counted_answers(company)
    found.marks_after_count = sum(
        number for file, number in marks_under(folder).items() if file.parent == folder
    )
    said = candour("restore", older, "--yes")
    assert said.code == 0, said.err
    found.lost_answers += n - counted_answers(company)
    found.doors += open_doors(app, viewer, link)
    found.stops_and_erasures += changed_wishes(erased)
    tick(app.config["CANDOUR"], now(), real=now() + timedelta(days=31))
    found.marks_after_days = sum(marks_under(folder).values())
    assert verify_chain() is None
    return found


def counted_answers(company: Company) -> int:
    """How many answers the findings have; 0 where the wave is not counted any more."""
    if not waves.find_wave(company.wave.slug).is_published:
        return 0
    return int(find_findings(company.wave.slug).document["answered"])


def secret_of(address: str) -> str:
    """A stop secret of this person, as their letter would hold it."""
    secret = draw_stop_secret()
    store_stop_secrets([(person_at(address).id, secret)])
    return secret


def open_doors(app: Flask, viewer: object, link: str) -> int:
    """How many doors that were shut, or should be after a restore, stand open."""
    rows = [
        db.session.execute(text(f"SELECT count(*) FROM {table}")).scalar() or 0
        for table in ("session", "sign_in_link")
    ]
    db.session.rollback()
    by_link = browser(app).post("/sign-in/link", data={"token": link}).status_code == 303
    by_session = viewer.get("/").status_code == 200  # type: ignore[attr-defined]
    is_back = VIEWER in {user.email for user in list_users()}
    return sum(rows) + by_link + by_session + is_back


def changed_wishes(erased: str) -> int:
    """How many stops and erasures are not as their people last wanted them."""
    wishes = [
        has_stopped(person_at(STOPPED).id),
        not has_stopped(person_at(WENT_ON).id),
        GONE not in {person.email for person in list_people()},
        erased not in str(db.session.execute(text("SELECT person_id FROM invitation")).all()),
    ]
    return wishes.count(False)


@pytest.mark.parametrize("n", SIZES)
def test_no_copy_tells_and_nothing_that_was_ended_comes_back(
    app: Flask, candour: Candour, folder: Path, n: int
) -> None:
    assert attack(app, candour, folder, n) == Finds()


def test_answers_are_lost_with_a_word_and_nobody_who_stopped_is_mailed(
    app: Flask, candour: Candour, folder: Path
) -> None:
    company = open_company(app, DEPARTMENTS[12])
    secret = secret_of(STOPPED)
    answer_all(company, company.codes[:4])
    assert candour("backup", folder / "copy.db").code == 0
    answer_all(company, company.codes[4:12])
    stop_mails(secret)
    db.session.remove()
    db.engine.dispose()
    for file in folder.glob("candour.db-*"):
        file.unlink()
    (folder / "candour.db").write_bytes(b"ruin" * 5000)
    said = candour("restore", folder / "copy.db", "--yes")
    assert said.code == 0, said.err
    assert "Nothing can be compared" in said.out
    assert "Lost: answers nobody knows how many." in said.out
    assert mail.channel_state().pause
    middle = company.wave.opens_at + (company.wave.closes_at - company.wave.opens_at) / 2
    tick(app.config["CANDOUR"], middle)
    sent = db.session.execute(text("SELECT count(*) FROM outbox WHERE sent_at IS NOT NULL"))
    assert sent.scalar() == 0


@POSTGRESQL
def test_on_postgresql_the_program_makes_no_copy_and_promises_no_days(
    app: Flask, candour: Candour, folder: Path
) -> None:
    open_company(app, DEPARTMENTS[12])
    folder.mkdir(exist_ok=True)
    before = {path for path in folder.rglob("*") if path.is_file()}
    (folder / "a.dump").write_bytes(b"a dump")
    for arguments in (["backup"], ["restore", folder / "a.dump", "--yes"]):
        said = candour(*arguments)
        assert (said.code, said.out) == (1, "")
    (folder / "a.dump").unlink()
    assert {path for path in folder.rglob("*") if path.is_file()} == before
    page = " ".join(browser(app).get("/promise").text.split())
    assert "Whoever keeps copies (northwind.example) decides how long." in page
    assert "They are deleted after" not in page


@contextmanager
def marks_kept(app: Flask) -> Iterator[None]:
    """Nobody deletes a copy."""
    with patched(copies, "_delete", lambda *_: []):
        yield


@contextmanager
def nothing_carried_over(app: Flask) -> Iterator[None]:
    """The copy takes the database's place as it is, without a word."""
    with patched(restoring, "carry_over", lambda *_, **__: {}):
        yield


@contextmanager
def doors_left_open(app: Flask) -> Iterator[None]:
    """Sessions and links of the copy work again, and accounts are those of the copy."""
    with patched(restoring, "end_what_opens_doors", lambda: None), nothing_carried_over(app):
        yield


FAULTS: dict[str, Callable[[Flask], AbstractContextManager[None]]] = {
    "marks kept": marks_kept,
    "nothing carried over": nothing_carried_over,
    "doors left open": doors_left_open,
}
TELLS: dict[str, Callable[[Finds], bool]] = {
    "marks kept": lambda found: found.marks_after_count > 0 and found.marks_after_days > 0,
    "nothing carried over": lambda found: found.lost_answers > 0 and found.stops_and_erasures > 0,
    "doors left open": lambda found: found.doors > 0,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_restore_that_reopens_or_tells_is_caught(
    app: Flask, candour: Candour, folder: Path, fault: str
) -> None:
    with FAULTS[fault](app):
        assert TELLS[fault](attack(app, candour, folder, 12))
