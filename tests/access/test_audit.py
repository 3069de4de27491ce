"""The audit log: one unbroken chain that only grows, and never an employee's event."""

import hashlib
import io
import json
import threading
from datetime import timedelta
from pathlib import Path
from typing import TextIO

import pytest
from flask import Flask
from sqlalchemy import select, text

from survey.access.commands import audit_group
from survey.access.service import audit
from survey.access.service.audit import record, verify_chain
from survey.access.tables import AuditRow
from survey.answering import views
from survey.database import db, transaction
from survey.invitations.rules.codes import draw_code
from survey.kernel.errors import Refused
from tests.cast import open_company
from tests.outside import Browser, browser
from tests.proofs import on_postgresql

WRITERS, EACH = 8, 10
LONG = 5_000


@pytest.fixture
def six(app: Flask) -> Flask:
    """A log of six entries."""
    for number in range(1, 7):
        record("deed", {"number": number}, "mira")
    assert verify_chain() is None
    return app


def run(statement: str, **values: object) -> None:
    """What somebody with the database's password does behind the product's back."""
    db.session.rollback()
    db.session.execute(text(statement), values)
    db.session.commit()


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("statement", "first_broken"),
    [
        ("UPDATE audit_entry SET who = 'otto' WHERE number = 3", 3),
        ("UPDATE audit_entry SET what = 'nothing' WHERE number = 1", 1),
        ("""UPDATE audit_entry SET facts = '{"number": 4.0}' WHERE number = 4""", 4),
        (
            (
                "UPDATE audit_entry SET at = (SELECT at FROM audit_entry WHERE number = 1) WHERE"
                " number = 6"
            ),
            6,
        ),
        ("UPDATE audit_entry SET digest = 'sha256:0' WHERE number = 6", 6),
        ("UPDATE audit_entry SET previous = 'sha256:0' WHERE number = 2", 2),
        ("DELETE FROM audit_entry WHERE number = 1", 1),
        ("DELETE FROM audit_entry WHERE number = 4", 4),
        ("UPDATE audit_entry SET number = 9 WHERE number = 5", 5),
    ],
)
def test_a_changed_a_removed_and_a_moved_entry_are_found(
    six: Flask, statement: str, first_broken: int
) -> None:
    run(statement)
    assert verify_chain() == first_broken


def forged(number: int, previous: str) -> dict[str, object]:
    """An entry whose own digest fits."""
    row = AuditRow(
        number=number, at=audit.now(), who="otto", what="deed", facts={}, previous=previous
    )
    values = {
        "number": number,
        "at": row.at,
        "who": "otto",
        "what": "deed",
        "facts": {},
        "previous": previous,
    }
    return {**values, "digest": audit._digest(row)}


def insert(values: dict[str, object]) -> None:
    db.session.rollback()
    db.session.execute(AuditRow.__table__.insert(), values)
    db.session.commit()


def test_an_entry_slipped_in_between_is_found_although_it_fits_the_one_before(six: Flask) -> None:
    third = db.session.get_one(AuditRow, 3).digest
    for old in (6, 5, 4):
        run("UPDATE audit_entry SET number = :new WHERE number = :old", new=old + 1, old=old)
    run(
        "UPDATE audit_entry SET previous = 'moved' WHERE number = 5"
    )  # only one entry may follow the third
    insert(forged(4, third))
    assert verify_chain() == 5


def test_an_entry_rewritten_with_a_digest_that_fits_breaks_the_one_after(six: Flask) -> None:
    second = db.session.get_one(AuditRow, 2).digest
    run("DELETE FROM audit_entry WHERE number = 3")
    insert(forged(3, second))
    assert verify_chain() == 4


def test_an_entry_appended_by_hand_is_found_and_a_cut_off_end_shows_in_the_newest_digest(
    six: Flask,
) -> None:
    head = audit.head_digest()
    insert(forged(7, "sha256:made-up"))
    assert verify_chain() == 7
    run("DELETE FROM audit_entry WHERE number = 7")
    assert (verify_chain(), audit.head_digest()) == (None, head)
    run("DELETE FROM audit_entry WHERE number = 6")
    assert verify_chain() is None
    assert audit.head_digest() != head


def tamper(deed: str) -> None:
    with transaction() as session:
        row = session.get_one(AuditRow, 3)
        if deed == "change":
            row.who = "otto"
        else:
            session.delete(row)


@on_postgresql("databases")
@pytest.mark.parametrize("deed", ["change", "delete"])
def test_the_product_itself_can_neither_change_nor_delete_an_entry(six: Flask, deed: str) -> None:
    with pytest.raises(RuntimeError, match="entry 3 of the audit log may not be changed"):
        tamper(deed)
    assert (verify_chain(), audit.number_of_entries()) == (None, 6)


def test_many_writers_at_once_make_one_chain(app: Flask) -> None:
    start, faults = threading.Barrier(WRITERS), []

    def write(who: int) -> None:
        with app.app_context():
            start.wait(timeout=30)
            try:
                for number in range(EACH):
                    record("deed", {"number": number}, f"writer {who}")
            except Exception as fault:  # noqa: BLE001 - shown below, whatever it is
                faults.append(fault)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert faults == []
    assert verify_chain() is None
    entries = [
        (entry.who, entry.facts["number"]) for entry in reversed(audit.list_entries(limit=None))
    ]
    assert len(entries) == WRITERS * EACH
    for who in range(WRITERS):
        assert [number for name, number in entries if name == f"writer {who}"] == list(range(EACH))


def record_and_fail() -> None:
    with transaction():
        record("deed", {})
        raise ZeroDivisionError


def test_an_entry_stands_or_falls_with_its_deed(app: Flask) -> None:
    with pytest.raises(ZeroDivisionError):
        record_and_fail()
    assert audit.number_of_entries() == 0
    record("deed", {})
    assert (verify_chain(), audit.list_entries()[0].number) == (None, 1)


@pytest.mark.parametrize("facts", [{"share": float("nan")}, {"who": object()}, {"codes": {1, 2}}])
def test_only_plain_facts_are_recorded(app: Flask, facts: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        record("deed", facts)
    assert audit.number_of_entries() == 0


@pytest.mark.parametrize(
    "facts", [{"name": "Zoë 🦆"}, {"b": 1, "a": [None, True, 0.1]}, {"deep": {"er": {"x": 1e300}}}]
)
def test_what_was_recorded_reads_the_same_on_every_database(
    app: Flask, facts: dict[str, object]
) -> None:
    record("deed", facts, "mira")
    db.session.expire_all()
    assert verify_chain() is None
    assert json.dumps(dict(audit.list_entries()[0].facts), sort_keys=True) == json.dumps(
        facts, sort_keys=True
    )


@on_postgresql("databases")
def test_nothing_that_an_employee_does_is_recorded(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = open_company(app)
    monkeypatch.setattr(views, "now", lambda: company.wave.opens_at + timedelta(days=1))
    before, address = audit.head_digest(), f"/s/{company.wave.slug}"
    for ada, code in (
        (browser(app), company.codes[0]),
        (browser(app, "manager"), company.codes[1]),
    ):
        before = audit.head_digest()  # signing in is recorded, for managers
        assert ada.get(address).status_code == 200
        good = {"token": code, "OVR1": "4", "OPN1": "words"}
        forms = ({}, {"OVR1": "9"}, good | {"token": draw_code()}, good, good)
        assert [ada.post(address, data=form).status_code for form in forms] == [
            400,
            400,
            410,
            303,
            410,
        ]
        for page in (f"{address}/thanks", f"{address}/sent.css", "/promise", "/how-we-count"):
            assert ada.get(page).status_code == 200
        assert audit.head_digest() == before
    log = repr([tuple(row) for row in db.session.execute(select(AuditRow.__table__))])
    assert [code for code in company.codes if code in log] == []
    assert "ada@" not in log


def test_the_page_shows_the_newest_first_and_filters_by_a_link(six: Flask, mira: Browser) -> None:
    page = mira.get("/audit").text
    assert "The chain is unbroken." in page
    assert page.index("signed in by link") < page.index("number: 6") < page.index("number: 5")
    filtered = mira.get("/audit", query_string={"what": "user added"}).text
    assert "role: admin" in filtered
    assert "number: 6" not in filtered
    assert mira.get("/audit?what=%00").status_code == 400


def test_the_page_says_where_the_chain_is_broken(six: Flask, mira: Browser) -> None:
    run("UPDATE audit_entry SET who = 'otto' WHERE number = 3")
    assert "The chain is broken at entry 3" in mira.get("/audit").text


def test_facts_are_shown_as_text_whatever_they_hold(mira: Browser) -> None:
    record("<b>deed</b>", {"<i>": "<script>alert(1)</script>", "list": ["<u>"]}, "<em>")
    page = mira.get("/audit").text
    assert not [
        tag for tag in ("<b>", "<i>", "<script", "<u>", "<em>") if tag in page.partition("<h1>")[2]
    ]


def test_the_whole_log_is_written_for_an_auditor_who_can_check_its_chain_without_candour(
    six: Flask, tmp_path: Path
) -> None:
    target, heard = tmp_path / "log.jsonl", []
    with target.open("w") as file:
        newest = audit.export_log(file, lambda *numbers: heard.append(numbers))
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert ([line["number"] for line in lines], newest, heard) == (
        [1, 2, 3, 4, 5, 6],
        audit.head_digest(),
        [(6, 6)],
    )
    previous = "sha256:" + "0" * 64
    for line in lines:
        plain = [line[name] for name in ("number", "at", "who", "what", "facts", "previous")]
        digest = hashlib.sha256(
            json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()
        ).hexdigest()
        assert (line["previous"], line["digest"]) == (previous, f"sha256:{digest}")
        previous = line["digest"]


@on_postgresql("databases")
def test_a_long_log_is_written_as_it_is_read(app: Flask) -> None:
    with transaction() as session:
        rows = [
            forged(number, f"sha256:{number}") | {"digest": f"sha256:x{number}"}
            for number in range(1, LONG + 1)
        ]
        session.connection().execute(AuditRow.__table__.insert(), rows)
    written: list[int] = []
    heard: list[tuple[int, int, int]] = []

    class Target(io.StringIO):
        def write(self, line: str) -> int:
            written.append(len(line))
            return len(line)

    audit.export_log(Target(), lambda done, total: heard.append((done, total, len(written))))
    assert heard == [(number, LONG, number) for number in range(1000, LONG + 1, 1000)] + [
        (LONG, LONG, LONG)
    ]
    assert len(written) == LONG


def test_an_export_that_cannot_be_finished_leaves_no_half_of_a_file(
    six: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(file: TextIO, _: object) -> str:
        file.write("half")
        raise OSError(28, "No space left on device")

    export = audit_group.commands["export"].callback
    assert export
    with monkeypatch.context() as disk:
        disk.setattr(audit, "export_log", full)
        with pytest.raises(Refused, match="No space left on device"):
            export(tmp_path / "log.jsonl")
    assert list(tmp_path.glob("*log.jsonl*")) == []
    newest = audit.head_digest()
    export(tmp_path / "log.jsonl")
    assert newest in capsys.readouterr().out
    assert audit.list_entries()[0].facts == {"head": newest}
    assert [path.name for path in tmp_path.glob("*log.jsonl*")] == ["log.jsonl"]
