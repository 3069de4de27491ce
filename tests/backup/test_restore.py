"""A restore loses nothing that is newer: answers, results, stops, erasures, accounts, the log."""

import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from survey.access.service import audit
from survey.access.service.accounts import (
    add_user,
    change_role,
    list_users,
    make_sign_in_link,
    remove_user,
)
from survey.backup.rules import TABLES, Comparison
from survey.backup.service.restoring import restore_copy
from survey.database import Base, db, revisions, transaction
from survey.findings.service.documents import find_findings
from survey.invitations.service.corrections import correct_invited_address
from survey.invitations.service.invitations import number_answered
from survey.invitations.service.personal_data import erase_personal_data
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.mail import service as mail
from survey.people.service import changes as people
from survey.people.service.directory import import_people, list_people, person_at, remove_person
from survey.people.service.stopping import (
    draw_stop_secret,
    has_stopped,
    stop_mails,
    store_stop_secrets,
    take_up_mails,
)
from survey.responses.service.responses import number_of_ballots
from survey.waves import service as waves
from tests.cast import (
    READER,
    answer_all,
    close_company,
    found_company,
    open_company,
    replace_staff_list,
    staff_csv,
)
from tests.outside import Candour, browser, command_line

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ADA, C2, C3 = (f"{name}@northwind.example" for name in ("ada", "c2", "c3"))


@pytest.fixture
def candour(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Candour:
    return command_line(app, database_url, tmp_path, monkeypatch, capsys)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy.db"


def newest_entry() -> dict[str, Any]:
    entry = audit.list_entries(what="database restored", limit=1)[0]
    return dict(entry.facts)


def set_aside(folder: Path) -> list[Path]:
    return sorted(folder.glob("candour.db.before-restore-*"))


def test_every_table_has_its_place_in_the_plan(database_url: str) -> None:
    assert set(TABLES) == {*Base.metadata.tables, "alembic_version"}


def test_without_a_yes_both_are_listed_and_nothing_is_changed(
    app: Flask, candour: Candour, copy: Path, tmp_path: Path
) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:6])
    candour("backup", copy)
    answer_all(company, company.codes[6:14])
    before = (tmp_path / "candour.db").stat().st_size, audit.number_of_entries()
    said = candour("restore", copy)
    assert (said.code, said.err) == (
        1,
        "Nothing was changed, for nobody said yes. To go on and keep what is newer: --yes\n",
    )
    for line in (
        "6 ballots of open waves",
        "14 ballots of open waves",
        "58 people in the directory, of whom 0 stopped their mails; 0 erasures in the log",
        f"{company.wave.slug}: open, 14 ballots",
        f"not in the copy: 8 answers to {company.wave.slug}",
        "newest entry of the audit log:",
    ):
        assert line in said.out
    assert set_aside(tmp_path) == []
    assert number_of_ballots(company.wave.id) == 14
    assert (tmp_path / "candour.db").stat().st_size, audit.number_of_entries() == before


def test_answers_sent_after_the_copy_are_kept_and_counted(
    app: Flask, candour: Candour, copy: Path, tmp_path: Path
) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:6])
    candour("backup", copy)
    answer_all(company, company.codes[6:14], seed=2)
    import_people(b"email,name,department\nnew@northwind.example,New,Legal")
    said = candour("restore", copy, "--yes")
    assert said.code == 0, said.err
    assert "Carried over from what was there: answers 8" in said.out
    assert (number_of_ballots(company.wave.id), number_answered(company.wave.id)) == (14, 14)
    assert len(list_people()) == 58
    assert audit.verify_chain() is None
    facts = newest_entry()
    assert facts["carried"] == {"answers": 8, "erasures": 0, "stops": 0}
    assert facts["lost"] == {}
    assert facts["previous_length"] == facts["copy_length"] == audit.number_of_entries() - 1
    assert facts["log_of_copy"] < facts["previous_length"]
    assert facts["set_aside"] == set_aside(tmp_path)[0].name
    assert not mail.channel_state().pause
    close_company(company)
    assert find_findings(company.wave.slug).document["answered"] == 14
    assert set_aside(tmp_path) == []
    assert [entry.what for entry in audit.list_entries(what="copies deleted")] == ["copies deleted"]


def test_answers_are_lost_only_by_their_number(app: Flask, candour: Candour, copy: Path) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:6])
    candour("backup", copy)
    answer_all(company, company.codes[6:14])
    said = candour("restore", copy, "--as-it-was", 7)
    assert said.code == 1
    assert "Not 7 answers would be lost but 8 answers. Nothing was changed." in said.err
    assert said.err.endswith("--as-it-was 8\n")
    said = candour("restore", copy, "--as-it-was", 8)
    assert said.code == 0, said.err
    assert "Lost: answers 8." in said.out
    assert "Mail is paused" in said.out
    assert number_of_ballots(company.wave.id) == number_answered(company.wave.id) == 6
    assert newest_entry()["lost"] == {"answers": 8}
    assert audit.verify_chain() is None
    pause = mail.channel_state().pause
    assert pause
    assert "Then resume." in pause.remedy_at_a_shell


def test_a_wave_counted_since_stays_counted(
    app: Flask, candour: Candour, copy: Path, tmp_path: Path
) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:6])
    candour("backup", copy)
    answer_all(company, company.codes[6:14], comment="word")
    close_company(company)
    digest = find_findings(company.wave.slug).digest
    said = candour("restore", copy, "--yes")
    assert said.code == 0, said.err
    wave = waves.find_wave(company.wave.slug)
    assert (wave.state.value, find_findings(wave.slug).digest) == ("counted", digest)
    assert number_answered(wave.id) == number_of_ballots(wave.id) == 0
    assert [row.state.value for row in waves.list_waves(wave.survey)][:2] == ["counted", "planned"]
    assert candour("tick").code == 0
    (tmp_path / "keys").chmod(0o700)
    for file in tmp_path.glob("candour.db*"):
        file.chmod(0o600)
    said = candour("doctor")
    assert said.code == 0, said.out


def test_a_wave_counted_since_is_void_where_its_results_are_given_up(
    app: Flask, candour: Candour, copy: Path
) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:6])
    candour("backup", copy)
    answer_all(company, company.codes[6:14])
    close_company(company)
    said = candour("restore", copy, "--as-it-was", 14)
    assert said.code == 0, said.err
    assert f"{company.wave.slug} is void: it had been counted, and its key is gone." in said.out
    wave = waves.find_wave(company.wave.slug)
    assert wave.state.value == "void"
    assert number_answered(wave.id) == number_of_ballots(wave.id) == 0


def test_nobody_who_was_removed_and_no_open_door_comes_back(
    app: Flask, candour: Candour, copy: Path
) -> None:
    found_company()
    manager = browser(app, "manager")
    add_user("viewer@northwind.example", "viewer")
    lifted = add_user("lifted@northwind.example", "manager")
    add_user("admin@northwind.example", "admin")
    link = make_sign_in_link("admin@northwind.example", app.config["CANDOUR"])
    secret = link.partition("#")[2]
    candour("backup", copy)
    remove_user("viewer@northwind.example")
    change_role(lifted.id, "viewer")
    assert manager.get("/surveys").status_code == 200
    assert candour("restore", copy, "--yes").code == 0
    assert {user.email: user.role for user in list_users()} == {
        "admin@northwind.example": "admin",
        "lifted@northwind.example": "viewer",
        "manager@northwind.example": "manager",
    }
    assert manager.get("/surveys").status_code == 302
    assert browser(app).post("/sign-in/link", data={"token": secret}).status_code != 303
    assert db.session.execute(text("SELECT count(*) FROM session")).scalar() == 0
    assert db.session.execute(text("SELECT count(*) FROM sign_in_link")).scalar() == 0


def stop_secret(address: str) -> str:
    secret = draw_stop_secret()
    store_stop_secrets([(person_at(address).id, secret)])
    return secret


@pytest.mark.parametrize("how", ["--yes", "--as-it-was"])
def test_stops_and_erasures_are_those_of_today(
    app: Flask, candour: Candour, copy: Path, how: str
) -> None:
    company = open_company(app)
    ada, c2 = stop_secret(ADA), stop_secret(C2)
    c3 = person_at(C3).id
    stop_mails(ada)
    candour("backup", copy)
    take_up_mails(ada)
    stop_mails(c2)
    late = stop_secret(ADA)
    erase_personal_data(C3)
    arguments = (how,) if how == "--yes" else (how, 0)
    said = candour("restore", copy, *arguments)
    assert said.code == 0, said.err
    assert "erasures 1, stops 2" in said.out
    assert (has_stopped(person_at(ADA).id), has_stopped(person_at(C2).id)) == (False, True)
    stop_mails(late)
    assert has_stopped(person_at(ADA).id)
    assert {person.email for person in list_people()} & {C3} == set()
    for table in ("person", "invitation", "stop", "stop_code", "outbox"):
        rows = db.session.execute(text(f"SELECT * FROM {table}")).all()
        assert c3 not in str(rows)
    assert company.wave.invited == 58


def test_whoever_was_erased_by_an_older_version_stays_away(
    app: Flask, candour: Candour, copy: Path
) -> None:
    found_company()
    candour("backup", copy)
    with transaction() as session:
        session.execute(text("DELETE FROM person WHERE email = :email"), {"email": C3})
    audit.record("person erased", {}, "older version")
    assert candour("restore", copy, "--yes").code == 0
    assert {person.email for person in list_people()} & {C3} == set()
    assert len(list_people()) == 57


def test_no_address_of_an_erased_person_comes_back_with_the_waves_of_the_copy(
    app: Flask, candour: Candour, copy: Path
) -> None:
    company = open_company(app)
    correct_invited_address(C3, "c3.new@northwind.example")
    remove_person("c4@northwind.example")
    candour("backup", copy)
    erase_personal_data(ADA)
    erase_personal_data("c3.new@northwind.example")
    erase_personal_data("c4@northwind.example")
    answer_all(company, company.codes[4:6])
    said = candour("restore", copy, "--as-it-was", "2")
    assert said.code == 0, said.err
    for column, table in (("sent_to", "invitation"), ("address", "address_notice")):
        kept = set(db.session.execute(text(f"SELECT {column} FROM {table}")).scalars())
        assert not kept & {ADA, C3, "c3.new@northwind.example", "c4@northwind.example"}, table


def test_people_removed_by_mistake_come_back_with_their_right_to_answer(
    app: Flask, candour: Candour, copy: Path
) -> None:
    company = open_company(app)
    candour("backup", copy)
    few = b"\n".join(staff_csv().splitlines()[:4])
    replace_staff_list(few)
    assert len(list_people()) == 3
    assert candour("restore", copy, "--yes").code == 0
    assert len(list_people()) == 58
    answer_all(company, company.codes[:5])
    assert number_of_ballots(company.wave.id) == 5


def test_a_corrected_address_does_not_turn_back(app: Flask, candour: Candour, copy: Path) -> None:
    open_company(app)
    candour("backup", copy)
    correct_invited_address(ADA, "ada.berg@northwind.example")
    assert candour("restore", copy, "--yes").code == 0
    emails = {person.email for person in list_people()}
    assert "ada.berg@northwind.example" in emails
    assert ADA not in emails


def test_the_set_aside_copy_put_back_undoes_a_restore(
    app: Flask, candour: Candour, copy: Path, tmp_path: Path
) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:6])
    candour("backup", copy)
    answer_all(company, company.codes[6:14])
    secret = stop_secret(ADA)
    assert candour("restore", copy, "--as-it-was", 8).code == 0
    stop_mails(secret)
    [kept] = set_aside(tmp_path)
    said = candour("restore", kept, "--yes")
    assert said.code == 0, said.err
    assert number_of_ballots(company.wave.id) == number_answered(company.wave.id) == 14
    assert has_stopped(person_at(ADA).id)
    assert audit.verify_chain() is None
    facts = newest_entry()
    assert facts["copy_length"] == facts["previous_length"] == facts["log_of_copy"] + 2


def test_two_that_each_have_answers_are_not_mixed(
    app: Flask, candour: Candour, copy: Path, tmp_path: Path
) -> None:
    company = open_company(app)
    candour("backup", copy)
    answer_all(company, company.codes[6:14])
    assert candour("restore", copy, "--as-it-was", 8).code == 0
    answer_all(company, company.codes[:3])
    [kept] = set_aside(tmp_path)
    said = candour("restore", kept, "--yes")
    assert said.code == 1
    assert "Each of the two databases has answers or results that the other lacks" in said.err
    assert "--as-it-was 3" in said.err
    assert number_of_ballots(company.wave.id) == 3
    assert candour("restore", kept, "--as-it-was", 3).code == 0
    assert number_of_ballots(company.wave.id) == 8


def test_a_copy_of_another_installation_replaces_only_an_empty_database(
    app: Flask, candour: Candour, copy: Path, tmp_path: Path
) -> None:
    blank = (tmp_path / "candour.db").read_bytes()
    found_company()
    candour("backup", copy)
    other = tmp_path / "other.db"
    db.session.remove()
    db.engine.dispose()
    (tmp_path / "candour.db").write_bytes(blank)
    add_user("admin@northwind.example", "admin")
    assert candour("restore", copy, "--yes").code == 0
    assert len(list_people()) == 58
    assert [user.email for user in list_users()] == [READER.email]
    db.session.remove()
    db.engine.dispose()
    (tmp_path / "candour.db").write_bytes(blank)
    import_people(staff_csv({"Sales": 9}))
    candour("backup", other)
    said = candour("restore", copy, "--yes")
    assert said.code == 1
    assert "The copy is of another installation" in said.err
    assert candour("restore", copy, "--as-it-was", 0).code == 0


def test_nothing_of_a_half_done_import_goes_on(app: Flask, candour: Candour, copy: Path) -> None:
    found_company()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "AT_ONCE", 1)
        import_people(staff_csv({"Sales": 90}), wait=False)
    candour("backup", copy)
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("SELECT count(*) FROM staff_file").fetchone() == (1,)
    assert candour("restore", copy, "--yes").code == 0
    people.check_no_import_under_way()
    assert candour("tick").code == 0
    assert len(list_people()) == 58


def test_a_restore_says_so_in_plain_json(app: Flask, candour: Candour, copy: Path) -> None:
    found_company()
    candour("backup", copy)
    candour("restore", copy, "--yes")
    facts = newest_entry()
    assert json.loads(json.dumps(facts)) == facts
    assert {"copy_length", "copy_head", "previous_length", "previous_head", "set_aside"} <= {*facts}
    assert facts["log_of_copy"] == facts["previous_length"] - 1  # the entry on the copy itself


def test_a_newer_copy_over_an_older_database_brings_all_of_its_own(
    app: Flask, candour: Candour, copy: Path, tmp_path: Path
) -> None:
    company = open_company(app)
    old = tmp_path / "old.db"
    candour("backup", old)
    answer_all(company, company.codes[:6])
    add_user("admin@northwind.example", "admin")
    stop_mails(stop_secret(ADA))
    candour("backup", copy)
    db.session.remove()
    db.engine.dispose()
    for file in tmp_path.glob("candour.db*"):
        file.unlink()
    (tmp_path / "candour.db").write_bytes(old.read_bytes())
    assert candour("restore", copy, "--yes").code == 0
    assert number_of_ballots(company.wave.id) == 6
    accounts = {"admin@northwind.example", READER.email}
    assert {user.email for user in list_users()} == accounts
    assert has_stopped(person_at(ADA).id)
    facts = newest_entry()
    assert facts["copy_length"] == facts["previous_length"] < facts["log_of_copy"]


def test_no_letter_leaves_twice_and_mail_goes_on(app: Flask, candour: Candour, copy: Path) -> None:
    company = open_company(app)
    mail.deliver_letters(seconds=0)
    candour("backup", copy)
    mail.deliver_letters(seconds=60)
    before = mail.delivery_status(company.wave.slug).numbers
    assert candour("restore", copy, "--yes").code == 0
    assert not mail.channel_state().pause
    mail.deliver_letters(seconds=60)
    assert mail.delivery_status(company.wave.slug).numbers == before


def test_whoever_writes_meanwhile_is_not_overwritten(
    app: Flask, candour: Candour, copy: Path, tmp_path: Path
) -> None:
    found_company()
    candour("backup", copy)

    def decide(_: Comparison) -> bool:
        with closing(sqlite3.connect(tmp_path / "candour.db")) as other:
            other.execute("UPDATE person SET name = 'Somebody' WHERE email = ?", [ADA])
            other.commit()
        return True

    with pytest.raises(Refused) as refused:
        restore_copy(app.config["CANDOUR"], copy, now(), decide=decide)
    assert refused.value.code == "database-in-use"
    assert person_at(ADA).name == "Somebody"
    assert set_aside(tmp_path) == []


@pytest.mark.parametrize(("typed", "code"), [("restore", 0), ("yes", 1), ("", 1)])
def test_at_a_terminal_one_types_the_word(
    app: Flask,
    candour: Candour,
    copy: Path,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    code: int,
) -> None:
    found_company()
    candour("backup", copy)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(f"{typed}\n"))
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: typed)
    said = candour("restore", copy)
    assert said.code == code, said.err
    if code:
        assert said.err == "Nothing was changed.\n"


def test_a_database_of_a_newer_version_gives_way_to_a_copy_of_this_one(
    app: Flask, candour: Candour, copy: Path, tmp_path: Path
) -> None:
    found_company()
    candour("backup", copy)
    db.session.remove()
    db.engine.dispose()
    with closing(sqlite3.connect(tmp_path / "candour.db")) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
        newer.commit()
    said = candour("restore", copy, "--yes")
    assert said.code == 0, said.err
    assert "cannot be read: it was written by a newer Candour. Nothing can be compared" in said.out
    assert newest_entry()["previous_length"] is None
    assert len(list_people()) == 58


def test_an_older_present_database_is_compared_all_the_same(
    app: Flask, candour: Candour, copy: Path, tmp_path: Path
) -> None:
    from flask_migrate import downgrade

    company = open_company(app)
    candour("backup", copy)
    answer_all(company, company.codes[:6])
    downgrade(revision=revisions()[-2])
    said = candour("restore", copy, "--yes")
    assert said.code == 0, said.err
    assert number_of_ballots(company.wave.id) == 6
    assert list(tmp_path.glob(".candour-copying*")) == []
