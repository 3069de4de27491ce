"""A backup is consistent while people answer, holds no key, and comes back whole.

What was there before is never lost.
"""

import http.client
import os
import shlex
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import text

from survey.database import db, revision_of, revisions, transaction
from survey.people.service.directory import list_people
from survey.responses.service.responses import number_of_ballots
from survey.waves import service as waves
from tests import forking
from tests.answering.today import open_today
from tests.cast import Company, close_company, found_company
from tests.conftest import settings_of
from tests.outside import Candour, command_line
from tests.ports import free_port

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
CANDOUR = str(Path(sys.executable).with_name("candour"))
TRIES = 200


@pytest.fixture
def candour(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Candour:
    return command_line(app, database_url, tmp_path, monkeypatch, capsys)


@contextmanager
def served(database_url: str, folder: Path) -> Iterator[int]:
    """The product in a process of its own; gives its port."""
    db.session.remove()
    db.engine.dispose()
    port = free_port()
    environment = {"PATH": os.environ["PATH"], **settings_of(database_url, folder)}
    with subprocess.Popen(
        [CANDOUR, "serve", "--port", str(port)], env=environment, cwd=folder, stderr=subprocess.PIPE
    ) as server:
        try:
            for _ in range(TRIES):
                try:
                    if asked(port, "GET", "/readyz") == 200:
                        break
                except OSError:
                    time.sleep(0.1)
            yield port
        finally:
            server.terminate()
            server.wait(timeout=30)


def asked(port: int, method: str, path: str, body: str = "") -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as line:
        line.request(
            method,
            path,
            body,
            {"Host": "localhost", "Content-Type": "application/x-www-form-urlencoded"},
        )
        return line.getresponse().status


def send(port: int, company: Company, codes: tuple[str, ...]) -> list[int]:
    return [
        asked(port, "POST", f"/s/{company.wave.slug}", urlencode({"token": code, "OVR1": "4"}))
        for code in codes
    ]


def ran(database_url: str, folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], **settings_of(database_url, folder)}
    return forking.run("candour", *arguments, environment=environment, cwd=folder)


def counted(file: Path) -> tuple[int, int]:
    """Ballots and used invitations of a copy, which must stand alone."""
    assert [path.name for path in file.parent.glob(f"{file.name}-*")] == []
    with closing(sqlite3.connect(file)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        [(ballots,)] = copy.execute("SELECT count(*) FROM ballot")
        [(used,)] = copy.execute("SELECT count(*) FROM invitation WHERE answered = 1")
    return ballots, used


@SQLITE
def test_a_backup_while_people_answer_is_consistent_and_comes_back_whole(
    app: Flask, database_url: str, tmp_path: Path
) -> None:
    company, results = open_today(app), []
    private = (tmp_path / "keys" / f"{company.wave.id}.key").read_bytes()
    copies = [tmp_path / f"copy{number}.db" for number in range(4)]
    with served(database_url, tmp_path) as port:
        assert set(send(port, company, company.codes[:8])) == {303}
        people = [
            threading.Thread(
                target=lambda part=part: results.extend(
                    send(port, company, company.codes[8 + part : 56 : 3])
                )
            )
            for part in range(3)
        ]
        for person in people:
            person.start()
        done = [ran(database_url, tmp_path, "backup", copy) for copy in copies]
        for person in people:
            person.join(timeout=120)
        assert results == [303] * 48
        refused = ran(database_url, tmp_path, "restore", copies[0])
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "The database is in use. Nothing was changed. Stop every process" in refused.stderr
        assert set(send(port, company, company.codes[56:57])) == {303}
    assert [(one.returncode, one.stderr) for one in done] == [(0, "")] * 4
    counts = [counted(copy) for copy in copies]
    assert all(ballots == used for ballots, used in counts)
    assert 8 <= counts[0][0] <= counts[-1][0] <= 56
    for copy in copies:
        assert copy.stat().st_mode & 0o777 == 0o600
        assert private not in copy.read_bytes()
    assert number_of_ballots(company.wave.id) == 57
    db.session.remove()
    db.engine.dispose()
    (tmp_path / "candour.db").chmod(0o640)
    lost = 57 - counts[0][0]
    back = ran(database_url, tmp_path, "restore", copies[0], "--as-it-was", lost)
    assert back.returncode == 0, back.stderr
    assert f"Lost: answers {lost}." in back.stdout
    assert (tmp_path / "candour.db").stat().st_mode & 0o777 == 0o600
    assert number_of_ballots(company.wave.id) == counts[0][0]
    [kept] = tmp_path.glob("candour.db.before-restore-*")
    assert counted(kept) == (57, 57)
    assert close_company(company).invited == 58
    assert list(tmp_path.glob("candour.db.before-restore-*")) == []


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@SQLITE
@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("keys/copy.db", "lies in the key folder"),
        ("sub/../keys/copy.db", "lies in the key folder"),
        ("link/copy.db", "lies in the key folder"),
        ("nowhere/copy.db", "There is no folder"),
        ("there.db", "is there already"),
        ("candour.db", "is there already"),
        ("sub", "is there already"),
    ],
)
def test_a_backup_goes_neither_beside_the_keys_nor_over_a_file(
    candour: Candour, tmp_path: Path, place: str, says: str
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "keys")
    (tmp_path / "there.db").write_bytes(b"mine")
    before = set(contents(tmp_path))
    said = candour("backup", tmp_path / place)
    assert (said.code, said.out) == (1, "")
    assert says in said.err
    assert set(contents(tmp_path)) == before
    assert (tmp_path / "there.db").read_bytes() == b"mine"


def spoil(copy: Path, how: str) -> None:
    with closing(sqlite3.connect(copy)) as database:
        if how == "newer":
            database.execute("UPDATE alembic_version SET version_num = '9999'")
        if how == "foreign":
            database.execute("DROP TABLE alembic_version")
        database.commit()
    content = copy.read_bytes()
    if how == "cut":
        copy.write_bytes(content[: len(content) // 2])
    if how == "overwritten":
        copy.write_bytes(content[:20_000] + os.urandom(40_000) + content[60_000:])
    if how == "text":
        copy.write_bytes(b"a letter, not a database" * 400)
    if how == "empty":
        copy.write_bytes(b"")


@SQLITE
@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("newer", "written by a newer Candour"),
        ("foreign", "is not a copy of a Candour database"),
        ("cut", "Nothing was changed"),
        ("overwritten", "Nothing was changed"),
        ("text", "is not a copy of a Candour database"),
        ("empty", "is not a copy of a Candour database"),
    ],
)
def test_what_is_no_good_copy_is_refused_and_the_database_stays(
    candour: Candour, tmp_path: Path, how: str, says: str
) -> None:
    found_company()
    assert candour("backup", tmp_path / "copy.db").code == 0
    spoil(tmp_path / "copy.db", how)
    said = candour("restore", tmp_path / "copy.db")
    assert (said.code, said.out) == (1, "")
    assert says in said.err
    assert len(waves.list_waves()) == 2
    assert list(tmp_path.glob("*before-restore*")) + list(tmp_path.glob(".*db*")) == []


@SQLITE
def test_the_database_itself_is_no_copy(candour: Candour, tmp_path: Path) -> None:
    assert "is the database itself" in candour("restore", tmp_path / "candour.db").err


@SQLITE
@pytest.mark.parametrize("state", ["gone", "ruined"])
def test_a_copy_takes_the_place_of_a_database_that_is_gone_or_ruined(
    candour: Candour, tmp_path: Path, state: str
) -> None:
    found_company()
    assert candour("backup", tmp_path / "copy.db").code == 0
    db.session.remove()
    db.engine.dispose()
    for file in tmp_path.glob("candour.db*"):
        file.unlink()
    if state == "ruined":
        (tmp_path / "candour.db").write_bytes(b"ruin" * 5000)
    said = candour("restore", tmp_path / "copy.db", "--yes")
    assert said.code == 0
    assert ("cannot be read: it is damaged" in said.out) == (state == "ruined")
    assert "Mail is paused" in said.out
    assert (len(waves.list_waves()), len(list_people())) == (2, 58)
    kept = {path.read_bytes()[:4] for path in tmp_path.glob("*before-restore*")}
    assert kept == ({b"ruin"} if state == "ruined" else set())


@SQLITE
def test_an_older_schema_comes_back_upgraded(candour: Candour, tmp_path: Path) -> None:
    from flask_migrate import downgrade

    downgrade(revision="0001")
    db.engine.dispose()
    assert candour("backup", tmp_path / "old.db").code == 0
    assert candour("init").code == 0
    assert candour("restore", tmp_path / "old.db", "--yes").code == 0
    assert db_state() == revisions()[-1]
    assert waves.list_waves() == ()


def db_state() -> str:
    with db.engine.connect() as connection:
        return str(revision_of(connection))


def own_tool(name: str, said: str) -> int:
    """Runs the command that was printed, with the tools of the server that answers."""
    folder = Path(
        str(db.session.scalar(text("SELECT setting FROM pg_config WHERE name = 'BINDIR'")))
    )
    db.session.rollback()
    words = shlex.split(said.partition(f"Run: {name} ")[2])
    return subprocess.run([str(folder / name), *words], check=False, timeout=60).returncode


@POSTGRESQL
def test_postgresql_is_copied_by_its_own_tools_and_the_command_works(
    app: Flask, candour: Candour, database_url: str, tmp_path: Path
) -> None:
    found_company()
    before = set(contents(tmp_path))
    said = candour("backup", tmp_path / "a copy.dump")
    assert (said.code, said.out) == (1, "")
    assert set(contents(tmp_path)) == before
    assert own_tool("pg_dump", said.err) == 0
    with transaction() as session:
        session.execute(text("DELETE FROM person"))
    said = candour("restore", tmp_path / "a copy.dump")
    assert (said.code, said.out) == (1, "")
    db.session.remove()
    db.engine.dispose()
    assert own_tool("pg_restore", said.err) == 0
    assert len(list_people()) == 58


def test_no_password_is_printed_with_the_command(tmp_path: Path) -> None:
    address = "postgresql+psycopg://candour:open-sesame@db.example.com/candour?password=open-sesame&sslmode=require"
    said = ran(address, tmp_path, "backup", tmp_path / "copy.dump")
    assert (said.returncode, said.stdout) == (1, "")
    assert "pg_dump --format=custom" in said.stderr
    assert "postgresql://candour@db.example.com/candour?sslmode=require" in said.stderr
    assert "open-sesame" not in said.stderr
