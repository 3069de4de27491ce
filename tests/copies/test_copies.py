"""Copies of the database go when their time is over, and nothing else goes with them."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from unittest.mock import patch

import pytest
from flask import Flask

from survey.access.service import audit
from survey.backup.service.copying import back_up
from survey.config import Config
from survey.copies import service as copies
from survey.copies.rules import CopyStamp, read_stamp, set_aside_name, unfinished_name
from survey.database import db
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.schedule import tick
from tests.cast import answer_all, close_company, found_company, open_company
from tests.conftest import settings
from tests.outside import Candour, browser, command_line

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
DAY = timedelta(days=1)
NOON = datetime(2027, 1, 11, 12, 0, tzinfo=UTC)


@pytest.fixture
def config(app: Flask, tmp_path: Path) -> Iterator[Config]:
    """The settings with a folder of copies."""
    usual = app.config["CANDOUR"]
    app.config["CANDOUR"] = replace(usual, backup_dir=tmp_path / "copies")
    yield app.config["CANDOUR"]
    app.config["CANDOUR"] = usual


@pytest.fixture
def candour(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Candour:
    return command_line(app, database_url, tmp_path, monkeypatch, capsys)


def there(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def put_aside(folder: Path, moment: datetime = NOON) -> Path:
    """The database as it is now, under the name that a restore gives it."""
    file = folder / set_aside_name("candour.db", moment)
    db.session.remove()
    with (
        closing(sqlite3.connect(folder / "candour.db")) as present,
        closing(sqlite3.connect(file)) as kept,
    ):
        present.backup(kept)
    return file


def test_a_copy_without_a_name_goes_into_the_folder_and_away_after_its_days(
    candour: Candour, config: Config, tmp_path: Path
) -> None:
    found_company()
    said = candour("backup")
    assert said.code == 0, said.err
    assert "It is deleted after 30 days." in said.out
    [name] = there(tmp_path / "copies")
    file = tmp_path / "copies" / name
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    stamp = read_stamp(file.read_bytes()[:100])
    assert stamp
    assert (now() - stamp.made_at < timedelta(minutes=2), stamp.days) == (True, 30)
    assert tick(config, now(), real=now() + 29 * DAY) is not None
    assert there(tmp_path / "copies") == [name]
    tick(config, now(), real=now() + 31 * DAY)
    assert there(tmp_path / "copies") == []
    assert audit.list_entries(what="copies deleted")[0].facts == {name: "it is older than 30 days"}


def test_a_pretended_time_deletes_no_copy(candour: Candour, config: Config, tmp_path: Path) -> None:
    back_up(config, None, now())
    assert candour("tick", "--now", "2040-01-01T00:00Z").code == 0
    assert len(there(tmp_path / "copies")) == 1


def test_making_a_copy_deletes_the_old_ones(config: Config, tmp_path: Path) -> None:
    old = back_up(config, None, now() - 31 * DAY).file
    assert there(tmp_path / "copies") == [old.name]
    newer = back_up(config, None, now() - 2 * DAY).file
    newest = back_up(config, None, now()).file
    assert there(tmp_path / "copies") == [newer.name, newest.name]


@pytest.mark.parametrize(("then", "today"), [(5, 90), (90, 5)])
def test_the_shorter_of_the_days_then_and_today_counts(
    config: Config, tmp_path: Path, then: int, today: int
) -> None:
    back_up(replace(config, backup_days=then), None, now())
    changed = replace(config, backup_days=today)
    tick(changed, now(), real=now() + 4 * DAY)
    assert len(there(tmp_path / "copies")) == 1
    tick(changed, now(), real=now() + 6 * DAY)
    assert there(tmp_path / "copies") == []


def test_no_other_file_is_ever_deleted(config: Config, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    file = back_up(config, None, now()).file
    db.session.remove()
    shutil.copy(tmp_path / "candour.db", folder / "candour-20200101T000000Z.db")
    (folder / "candour-20190101T000000Z.db").write_bytes(b"SQLite format 3\0" + bytes(84))
    (folder / "notes.txt").write_text("mine")
    (folder / ".candour-copying.notes").write_text("mine")
    (folder / "sub").mkdir()
    (folder / "link.db").symlink_to(file)
    with closing(sqlite3.connect(folder / "other.db")) as other:
        other.execute("PRAGMA application_id = 1196444487")
        other.execute("PRAGMA user_version = 9")
    before = there(folder)
    tick(config, now(), real=now() + 4000 * DAY)
    assert there(folder) == sorted({*before} - {file.name})
    assert (tmp_path / "candour.db").is_file()


def test_a_copy_that_another_user_made_is_named_until_it_is_gone(
    candour: Candour, config: Config, tmp_path: Path
) -> None:
    file = back_up(config, None, now()).file
    real = Path.open

    def only_ours(path: Path, *given: str) -> object:
        if path == file:
            raise PermissionError(13, "Permission denied")
        return real(path, *given)

    with patch.object(Path, "open", only_ours):
        lines = tick(config, now(), real=now() + 31 * DAY)
        assert [line for line in lines if f"{file} must be deleted" in line]
        assert copies.due_copies(config, now()) == ()
    assert file.exists()


def test_any_bytes_are_no_stamp_unless_they_are_ours(database_url: str) -> None:
    source = Random(25)
    for _ in range(2000):
        assert read_stamp(b"SQLite format 3\0" + source.randbytes(84)[:-32] + bytes(32)) is None
        assert read_stamp(source.randbytes(source.randrange(120))) is None
    numbers = CopyStamp(NOON, 99_999_999).header_numbers()
    header = bytearray(b"SQLite format 3\0" + bytes(84))
    header[68:72], header[60:64] = (number.to_bytes(4, "big") for number in numbers)
    assert read_stamp(bytes(header)) == CopyStamp(NOON, 0xFFFF)


def test_what_a_killed_copying_left_goes_after_a_day(config: Config, tmp_path: Path) -> None:
    (tmp_path / "copies").mkdir()
    names = [unfinished_name("0" * 32), unfinished_name("1" * 32) + "-journal"]
    for folder in (tmp_path, tmp_path / "copies"):
        for name in names:
            (folder / name).write_bytes(b"marks")
    tick(config, now(), real=now() + DAY / 2)
    assert len(there(tmp_path / "copies")) == 2
    tick(config, now(), real=now() + 2 * DAY)
    assert there(tmp_path / "copies") == []
    assert not {*names} & {*there(tmp_path)}


def test_the_count_deletes_what_was_set_aside_while_the_wave_was_open(
    app: Flask, config: Config, tmp_path: Path
) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:6])
    before = put_aside(tmp_path)
    for side in ("-wal", "-shm"):
        before.with_name(before.name + side).write_bytes(b"marks")
    tick(config, now(), real=now())
    assert before.exists()
    assert copies.due_set_aside_copies() == ()
    orphan = tmp_path / f"{set_aside_name('candour.db', NOON + DAY)}-wal"
    orphan.write_bytes(b"marks")
    close_company(company)
    assert list(tmp_path.glob("*before-restore*")) == []
    [entry] = audit.list_entries(what="copies deleted")
    assert entry.facts[before.name] == f"it names who answered {company.wave.slug}"


def test_one_that_holds_no_running_wave_stays_for_its_days(
    app: Flask, config: Config, tmp_path: Path
) -> None:
    found_company()
    kept = put_aside(tmp_path, now())
    tick(config, now(), real=now() + 29 * DAY)
    assert kept.exists()
    tick(config, now(), real=now() + 31 * DAY)
    assert not kept.exists()


def test_one_that_cannot_be_read_goes_with_the_next_count(app: Flask, tmp_path: Path) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:6])
    kept = tmp_path / set_aside_name("candour.db", now())
    kept.write_bytes(b"ruin" * 5000)
    assert copies.due_set_aside_copies() == ()
    close_company(company)
    assert not kept.exists()


def test_a_second_name_of_the_database_only_goes(app: Flask, tmp_path: Path) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:6])
    kept = tmp_path / set_aside_name("candour.db", NOON)
    os.link(tmp_path / "candour.db", kept)
    close_company(company)
    assert not kept.exists()
    with closing(sqlite3.connect(tmp_path / "candour.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("SELECT count(*) FROM response").fetchone() == (6,)


def test_a_copy_that_others_share_is_not_overwritten(app: Flask, tmp_path: Path) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:6])
    kept = put_aside(tmp_path)
    elsewhere = tmp_path / "elsewhere.db"
    os.link(kept, elsewhere)
    content = elsewhere.read_bytes()
    close_company(company)
    assert (kept.exists(), elsewhere.read_bytes()) == (False, content)


def test_where_the_count_cannot_delete_everybody_is_told_which_file_must_go(
    app: Flask, candour: Candour, config: Config, tmp_path: Path
) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:6])
    kept = put_aside(tmp_path)
    with patch.object(copies, "_destroy", side_effect=PermissionError(13, "Permission denied")):
        said = candour("waves", "close", company.wave.slug, "--early", "flood")
        assert said.code == 0, said.err
        assert f"Delete {kept}, because it names who answered" in said.err
        [line] = [line for line in tick(config, now(), real=now()) if "must be deleted" in line]
        assert line.endswith("that failed (Permission denied).")
        page = browser(app, "manager").get(f"/waves/{company.wave.slug}").text
        assert "Have old copies of the database deleted" in page
        assert kept.name in page
        assert kept.name not in browser(app, "viewer").get(f"/waves/{company.wave.slug}").text
        doctor = candour("doctor")
        assert f"wrong copies: {kept} must be deleted" in doctor.out
    tick(config, now(), real=now())
    assert not kept.exists()
    assert "must be deleted" not in candour("doctor").out


def test_the_count_names_copies_made_elsewhere_while_the_wave_was_open(
    app: Flask, candour: Candour, tmp_path: Path
) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:6])
    with patch("survey.access.service.audit.now", lambda: company.wave.opens_at + DAY):
        candour("backup", tmp_path / "mine.db")
    with patch("survey.counting.commands.now", lambda: company.wave.closes_at):
        said = candour("waves", "close", company.wave.slug)
    assert said.err == f"Delete {tmp_path}/mine.db, a copy that still names who answered.\n"


def test_a_file_of_no_folder_and_a_folder_that_is_not_set_are_said(
    app: Flask, candour: Candour, tmp_path: Path
) -> None:
    said = candour("backup")
    assert (said.code, said.out) == (1, "")
    assert "No folder for copies is set. Name a file. Or set one: CANDOUR_BACKUP_DIR" in said.err
    said = candour("backup", tmp_path / "mine.db")
    assert "Candour does not delete it" in said.out
    assert [audit.list_entries()[0].what, audit.list_entries()[0].facts] == [
        "backup made",
        {"file": str(tmp_path / "mine.db"), "elsewhere": True, "deleted after days": None},
    ]
    doctor = candour("doctor").out
    assert f"1 copy was made lately where Candour deletes nothing: {tmp_path}/mine.db" in doctor


def promise(app: Flask) -> str:
    page = browser(app).get("/promise").text
    return " ".join(page.partition('id="backups">')[2].partition("</p>")[0].split())


def test_the_promise_names_days_only_where_the_program_keeps_them(
    app: Flask, config: Config, tmp_path: Path
) -> None:
    found_company()
    whole = (
        "Copies of the database made while the survey was open still hold the mark that you have"
        " answered and your sealed answers, without the key."
    )
    back_up(config, None, now())
    assert f"{whole} They are deleted after 30 days." in promise(app)
    assert "Whoever keeps copies" not in promise(app)
    back_up(config, tmp_path / "elsewhere.db", now())
    elsewhere = "Whoever keeps copies elsewhere (northwind.example) decides how long."
    assert f"after 30 days. {elsewhere}" in promise(app)
    app.config["CANDOUR"] = replace(config, backup_dir=None)
    assert f"{whole} Whoever keeps copies (northwind.example) decides how long." in promise(app)
    assert " days" not in promise(app)


@pytest.mark.parametrize("place", ["keys", "keys/copies", "."])
def test_the_folder_of_copies_lies_apart_from_the_keys(
    database_url: str, tmp_path: Path, place: str
) -> None:
    with pytest.raises(Refused) as refused:
        settings(database_url, tmp_path, CANDOUR_BACKUP_DIR=str(tmp_path / place))
    assert "a key beside a copy" in refused.value.details[0]
    with pytest.raises(Refused) as refused:
        settings(database_url, tmp_path, CANDOUR_BACKUP_DAYS="0")
    assert "CANDOUR_BACKUP_DAYS" in refused.value.details[0]
