"""The doctor finds each fault by itself, says what to do about it, and touches nothing."""

import json
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import trustme
from flask import Flask
from flask_migrate import downgrade
from sqlalchemy import text

from survey.access.service.accounts import remove_user
from survey.config import Config
from survey.database import db, transaction
from survey.doctor import service as doctor
from survey.doctor.service import Diagnosis, examine, list_settings
from survey.kernel.clock import now
from survey.mail import service as mail
from survey.mail.outbox.service import pausing
from survey.organisation.service import set_organisation
from survey.vault.keys.service.safe_keeping import export_key
from survey.vault.service.spare_copies import confirm_copies_destroyed
from tests.answering.today import everything_stored, open_today
from tests.cast import READER, Company, close_company, counted_company, found_company
from tests.conftest import settings as installation
from tests.outside import Candour, command_line
from tests.proofs import on_postgresql

KINDS = frozenset({"invitation", "reminder", "findings"})
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
PASSPHRASE = "seven brown owls on a fence"


def make_private(folder: Path) -> None:
    """Gives the files that a test's set-up made the modes that a command makes them with."""
    (folder / "keys").chmod(0o700)
    for path in folder.glob("candour.db*"):
        path.chmod(0o600)


@pytest.fixture
def candour(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Candour:
    make_private(tmp_path)
    return command_line(app, database_url, tmp_path, monkeypatch, capsys)


@pytest.fixture
def config(app: Flask, tmp_path: Path) -> Config:
    make_private(tmp_path)
    current: Config = app.config["CANDOUR"]
    return current


def wrong(config: Config, kinds: frozenset[str] = KINDS) -> list[Diagnosis]:
    return [check for check in examine(config, kinds) if check.verdict == "wrong"]


def only_fault(config: Config, kinds: frozenset[str] = KINDS) -> str:
    [fault] = wrong(config, kinds)
    assert fault.remedy
    return f"{fault.name}: {fault.says} {fault.remedy}"


def key_file(company: Company) -> Path:
    assert company.config.key_dir
    return company.config.key_dir / f"{company.wave.id}.key"


@on_postgresql("databases")
def test_a_healthy_installation_is_told_so_and_left_as_it_is(app: Flask, candour: Candour) -> None:
    company = open_today(app)
    mail.deliver_letters()
    before, files = everything_stored(), sorted(key_file(company).parent.iterdir())
    said, as_json = candour("doctor"), candour("doctor", "--json")
    assert (said.code, said.err, as_json.code, as_json.err) == (0, "", 0, "")
    document = json.loads(as_json.out)
    assert document["healthy"] is True
    assert {check["verdict"] for check in document["checks"]} == {"good", "note"}
    names = {check["name"] for check in document["checks"]}
    assert names >= {
        "database",
        "migrations",
        "key folder",
        "base URL",
        "clock",
        "database's log",
        "time zones",
        "mail",
    }
    assert f"key of {company.wave.slug}" in names
    assert f"candour keys export {company.wave.slug} FILE" in said.out
    assert everything_stored() == before
    assert sorted(key_file(company).parent.iterdir()) == files


def test_every_setting_is_listed_with_its_source_and_no_secret(
    config: Config, tmp_path: Path, candour: Candour
) -> None:
    secret = {
        "CANDOUR_SECRET_KEY": "hush-" * 8,
        "CANDOUR_MAIL_URL": "smtps://feedback:open%40sesame@mail.northwind.example:465",
    }
    address = "postgresql+psycopg://candour:let-me-in@db.northwind.example/candour?sslmode=require"
    settings = {one.name: one for one in list_settings(installation(address, tmp_path, **secret))}
    assert set(settings) == set(config.sources)
    assert (
        settings["CANDOUR_MAIL_URL"].value == "smtps://feedback:(secret)@mail.northwind.example:465"
    )
    assert (
        settings["CANDOUR_DATABASE_URL"].value
        == "postgresql+psycopg://candour:(secret)@db.northwind.example/candour?sslmode=require"
    )
    assert (settings["CANDOUR_TIMEZONE"].value, settings["CANDOUR_TIMEZONE"].source) == (
        "Europe/London",
        "environment",
    )
    assert (settings["CANDOUR_PROXIES"].value, settings["CANDOUR_PROXIES"].source) == (
        "0",
        "default",
    )
    assert not any(word in str(settings) for word in ("hush", "sesame", "let-me-in"))
    out = candour("doctor").out
    assert all(f"{name} = " in out for name in settings)
    assert str(config.secret_key) not in out


def test_a_fault_ends_with_1_and_is_counted_in_one_line(app: Flask, candour: Candour) -> None:
    pausing.pause_sending("the server refused the password")
    said, as_json = candour("doctor"), candour("doctor", "--json")
    assert (said.code, as_json.code) == (1, 1)
    assert said.err == as_json.err == "1 thing is wrong; each says above what to do.\n"
    assert "wrong mail: Sending is paused: the server refused the password." in said.out
    assert "candour mail resume" in said.out
    assert json.loads(as_json.out)["healthy"] is False


@on_postgresql("databases")
@pytest.mark.parametrize("fault", ["lost", "damaged", "another's"])
def test_a_key_that_does_not_open_its_wave_is_found(app: Flask, config: Config, fault: str) -> None:
    company = open_today(app)
    if fault == "lost":
        key_file(company).unlink()
    else:
        key_file(company).write_bytes(b"x" if fault == "damaged" else bytes(range(32)))
    assert f"candour keys import {company.wave.slug} FILE" in only_fault(config)


@on_postgresql("databases")
def test_copies_that_nobody_needs_are_wrong_until_they_are_confirmed(
    app: Flask, config: Config, tmp_path: Path
) -> None:
    company = open_today(app)
    export_key(company.wave.slug, tmp_path / "spare.key", PASSPHRASE, config.key_dir, actor="test")
    assert [check for check in examine(config, KINDS) if "spare copy" in check.says] == []
    assert wrong(config) == []
    ended = close_company(company)
    assert f"candour keys confirm-destroyed {ended.slug}" in only_fault(config)
    assert str(tmp_path / "spare.key") in only_fault(config)
    confirm_copies_destroyed(ended, actor="test")
    assert wrong(config) == []


@SQLITE
@pytest.mark.parametrize(
    "name",
    [
        "candour.db",
        "candour.db.before-restore-20270111T090000Z",
        "engine.db",
        "secret_key",
        "keys/wave.key",
        "mail",
        ".env",
    ],
)
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o601])
def test_a_file_that_others_may_open_is_named_with_what_to_type(
    config: Config, tmp_path: Path, name: str, mode: int
) -> None:
    path = tmp_path / name
    path.touch()
    path.chmod(mode)
    shown = name if name == ".env" else str(path)
    [fault] = [check for check in wrong(config) if check.name == "files"]
    assert f"{shown} has mode {mode:04o}" in fault.says
    command = fault.remedy.removeprefix("As their owner: ")
    assert command.startswith("chmod go= ")
    assert shown in command
    subprocess.run(command, shell=True, check=True)
    assert [check.name for check in wrong(config) if check.name == "files"] == []


@SQLITE
def test_all_files_that_others_may_open_are_closed_by_one_command(
    config: Config, tmp_path: Path
) -> None:
    for number in range(5):
        (tmp_path / f"candour.db.before-restore-{number}").touch(0o644)
    fault = only_fault(config)
    assert ", and 2 more files." in fault
    subprocess.run(fault.partition("As their owner: ")[2], shell=True, check=True)
    assert wrong(config) == []


def test_a_machine_that_swaps_in_clear_gets_a_note(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "unencrypted_swap", lambda: ("/swapfile",))
    [note] = [check for check in examine(config, KINDS) if check.name == "swap"]
    assert (note.verdict, "/swapfile" in note.says, "MemorySwapMax=0" in note.remedy) == (
        "note",
        True,
        True,
    )


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o500])
def test_a_key_folder_that_others_see_or_that_cannot_be_written_is_wrong(
    config: Config, mode: int
) -> None:
    assert config.key_dir
    config.key_dir.chmod(mode)
    assert f"chmod 700 {config.key_dir}" in {
        check.remedy.removeprefix("As its owner: ") for check in wrong(config)
    }
    shutil.rmtree(config.key_dir)
    assert wrong(config) == []


@SQLITE
def test_keys_beside_the_database_are_a_note_on_ones_own_machine_and_wrong_on_a_server(
    config: Config,
) -> None:
    assert any(
        "one backup holds both" in check.says
        for check in examine(config, KINDS)
        if check.verdict == "note"
    )
    assert "one backup holds both" in only_fault(
        replace(config, base_url="https://feedback.northwind.example")
    )


def test_old_tables_are_found_and_what_stands_on_them_waits(config: Config) -> None:
    downgrade(revision="0001")
    assert "Run: candour init" in only_fault(config)


def test_tables_of_a_newer_version_are_found(config: Config) -> None:
    with transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert "newer Candour" in only_fault(config)


@SQLITE
def test_without_a_database_it_says_so_and_makes_none(config: Config, tmp_path: Path) -> None:
    db.session.remove()
    db.engine.dispose()
    for file in tmp_path.glob("candour.db*"):
        file.unlink()
    assert "candour init" in only_fault(config)
    assert list(tmp_path.glob("candour.db*")) == []


@pytest.fixture
def gossip(app: Flask, database_url: str) -> str:
    """A server that writes every statement down."""
    name = str(db.engine.url.database)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as server:
        server.execute(text(f"ALTER DATABASE \"{name}\" SET log_statement = 'all'"))
    db.session.remove()
    db.engine.dispose()
    return name


@POSTGRESQL
def test_a_server_that_writes_statements_down_is_found(config: Config, gossip: str) -> None:
    assert "log_statement is all" in only_fault(config)


@POSTGRESQL
@pytest.mark.parametrize(("ahead", "faults"), [(3, ["clock"]), (-3, ["clock"]), (1, [])])
def test_clocks_that_differ_by_more_than_two_seconds_are_found(
    config: Config, monkeypatch: pytest.MonkeyPatch, ahead: int, faults: list[str]
) -> None:
    monkeypatch.setattr(doctor, "now", lambda: now() + timedelta(seconds=ahead))
    assert [check.name for check in wrong(config)] == faults


def test_a_time_zone_that_this_machine_does_not_know_is_found(config: Config) -> None:
    found_company()
    with transaction() as session:
        session.execute(text("UPDATE survey SET timezone = 'Mars/Olympus' WHERE name = 'Noise'"))
    assert "No data for Mars/Olympus" in only_fault(config)


def test_letters_that_no_version_writes_are_found(app: Flask, config: Config) -> None:
    open_today(app)
    with transaction() as session:
        session.execute(
            text("UPDATE outbox SET kind = 'telegram' WHERE id = (SELECT min(id) FROM outbox)")
        )
    assert "Letters of the kind 'telegram' wait, which this version cannot write" in only_fault(
        config
    )
    assert wrong(config, KINDS | {"telegram"}) == []


@on_postgresql("databases")
def test_letters_left_after_the_close_are_found(
    app: Flask, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = open_today(app)
    assert wrong(config) == []
    monkeypatch.setattr(doctor, "now", lambda: company.wave.closes_at)
    assert "58 letters about it-support-2027-q1 were not sent" in next(
        check.says for check in wrong(config) if check.name == "mail"
    )
    monkeypatch.undo()
    close_company(company)
    assert wrong(config) == []


@pytest.mark.parametrize(
    ("content", "faults"),
    [("real", []), ("no certificate", ["mail certificate"]), ("", ["mail certificate"])],
)
def test_the_mail_servers_certificate_is_read(
    config: Config, tmp_path: Path, content: str, faults: list[str]
) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(trustme.CA().cert_pem.bytes() if content == "real" else content.encode())
    assert [check.name for check in wrong(replace(config, mail_ca_file=file))] == faults


FACTS = ("Northwind Ltd", "Dana Reyes", "dana@northwind.example", "Head", "northwind.example")


def notes(config: Config) -> dict[str, str]:
    """What the doctor finds worth knowing, by the name of the check."""
    checks = (check for check in examine(config, KINDS) if check.verdict == "note")
    return {check.name: f"{check.says} {check.remedy}" for check in checks}


@on_postgresql("databases")
def test_unconfirmed_facts_a_provider_who_runs_the_mail_and_readers_who_left_are_notes(
    app: Flask, config: Config
) -> None:
    assert "Nobody has confirmed the facts" in notes(config)["organisation"]
    assert "candour organisation set" in notes(config)["organisation"]
    set_organisation(*FACTS, several_zones=False)
    assert "Nobody has said whether the provider runs" in notes(config)["organisation"]
    assert "--provider-runs-mail yes, or no" in notes(config)["organisation"]
    company = open_today(app)  # says no, and names a reader
    assert "organisation" not in notes(config)
    set_organisation(*FACTS, several_zones=False, provider_runs_mail=True)
    assert "never which comment somebody wrote" in notes(config)["organisation"]
    remove_user(READER.email)
    assert "Mira Vance cannot read comments any more" in notes(config)["organisation"]
    with transaction() as session:
        session.execute(text("UPDATE wave SET promise = NULL"))
    unread = notes(config)[f"comments of {company.wave.slug}"]
    assert f"candour waves readers {company.wave.slug} MAIL" in unread
    assert wrong(config) == []


def test_a_log_that_does_not_lead_to_what_was_published_is_wrong(
    app: Flask, config: Config
) -> None:
    counted_company(app)
    assert [one.says for one in examine(config, KINDS) if one.name == "audit log"] == [
        "Its chain is unbroken and leads to 1 published head."
    ]
    db.session.execute(text("DELETE FROM audit_entry WHERE number > 3"))
    db.session.commit()
    [found] = [one for one in wrong(config) if one.name == "audit log"]
    assert "are missing" in found.says
    assert "candour audit verify --against FILE" in found.remedy
