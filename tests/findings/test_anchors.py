"""The audit log held against all that findings and mails told of it: service, command and page."""

import json
import re
import time
import tracemalloc
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, current_app
from sqlalchemy import insert, text

from survey.access.rules.audit_file import heads_in_file, heads_in_text
from survey.access.rules.audit_log import EMPTY_LOG, LogHead, entry_digest
from survey.access.service import audit
from survey.access.service.audit import list_entries, log_head, record
from survey.access.service.notices import AccountNotice
from survey.access.tables import AuditRow
from survey.app import LETTERS
from survey.database import db, transaction
from survey.findings.anchors.service import check_audit_log, record_restore_by_hand
from survey.findings.document.rules.compute import canonical_json, document_digest
from survey.findings.letters import findings_letter
from survey.findings.service.documents import find_findings
from survey.findings.service.sharing import (
    FINDINGS,
    find_sharing,
    preview_sharing,
    share_findings,
    sharing_recipients,
)
from survey.findings.tables import FindingsRow, SharingRow
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.mail.rules.letter import Letter
from survey.waves.rules.waves import Wave
from tests.findings.company import small_company
from tests.findings.schema import fault, in_schema_1
from tests.outside import Candour, browser, command_line
from tests.proofs import on_postgresql, proof

ENTRY: Any = AuditRow.__table__
PLAIN = ("number", "at", "who", "what", "facts", "previous")


@pytest.fixture
def wave(app: Flask) -> Wave:
    return small_company(app).wave


@pytest.fixture
def candour(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Candour:
    return command_line(app, database_url, tmp_path, monkeypatch, capsys)


def shared(wave: Wave) -> Letter:
    """The findings mail to the provider, as it goes out once it was shared."""
    _, (contact, *_) = sharing_recipients(wave)
    (sharing,) = share_findings(wave.slug, [contact.id], now(), actor="mira")
    return letter_of(sharing.id, wave)


def letter_of(sharing_id: Any, wave: Wave) -> Letter:
    sharing = find_sharing(sharing_id)
    assert sharing
    provider, (contact, *_) = sharing_recipients(wave)
    return findings_letter(sharing, provider, contact, current_app.config["CANDOUR"])


def as_file(letter: Letter, path: Path) -> Path:
    message = EmailMessage()
    message["Subject"], message["To"] = letter.subject, letter.to_address
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    path.write_bytes(message.as_bytes())
    return path


def put_log(rows: list[dict[str, Any]]) -> None:
    """What somebody with the database's password makes of the log, with digests that fit."""
    previous = EMPTY_LOG.head
    for number, row in enumerate(rows, start=1):
        row["number"], row["previous"] = number, previous
        previous = row["digest"] = entry_digest(*(row[name] for name in PLAIN))
    db.session.execute(text("DELETE FROM audit_entry"))
    db.session.execute(insert(ENTRY), rows)
    db.session.commit()


def entries() -> list[dict[str, Any]]:
    db.session.rollback()
    query = ENTRY.select().order_by(ENTRY.c.number)
    return [dict(row._mapping) for row in db.session.execute(query)]


@on_postgresql("databases")
def test_findings_hold_the_log_before_the_entry_that_holds_their_digest(wave: Wave) -> None:
    document = find_findings(wave.slug).document
    (counted,) = list_entries(what="wave counted")
    assert (document["schema"], document["audit"]["length"]) == (2, counted.number - 1)
    before = db.session.get_one(AuditRow, counted.number - 1)
    assert document["audit"]["head"] == before.digest
    assert counted.facts["digest"] == document["digest"] == document_digest(document)


@on_postgresql("databases")
def test_both_parts_of_the_mail_tell_the_log_with_the_entry_about_their_own_sharing(
    wave: Wave,
) -> None:
    letter = shared(wave)
    (entry,) = list_entries(what="findings shared")
    head = LogHead(entry.number, db.session.get_one(AuditRow, entry.number).digest)
    record("deed", {})  # what comes later changes nothing in a mail that is sent again
    again = letter_of(db.session.query(SharingRow).one().id, wave)
    for part in (letter.text, letter.html, again.text, again.html):
        assert set(heads_in_text(part)) == {head}
    assert max(map(len, letter.text.splitlines())) < 90


def test_a_preview_tells_the_log_as_of_now_and_changes_nothing(wave: Wave) -> None:
    before = log_head()
    _, (contact, *_) = sharing_recipients(wave)
    assert preview_sharing(find_findings(wave.slug), contact.id, now()).log == before
    assert log_head() == before


def test_a_mail_that_an_older_version_queued_tells_the_log_when_it_is_written(wave: Wave) -> None:
    shared(wave)
    db.session.execute(text("UPDATE sharing SET log_length = NULL, log_head = NULL"))
    db.session.commit()
    letter = letter_of(db.session.query(SharingRow).one().id, wave)
    assert set(heads_in_text(letter.text)) == {log_head()}
    assert len(check_audit_log().fitting) == 1  # that of the findings alone


@on_postgresql("databases")
def test_all_heads_in_the_database_are_looked_at(wave: Wave) -> None:
    shared(wave)
    verdict = check_audit_log()
    assert (verdict.is_whole, [head.where.partition(" of ")[0] for head in verdict.fitting]) == (
        True,
        ["the findings", "the findings mail"],
    )
    rows = entries()
    put_log(rows[:-1])
    assert "the findings mail of" in check_audit_log().faults[0]
    put_log([row | {"who": "otto"} for row in rows])
    found = check_audit_log()
    assert f"the findings of {wave.slug}, version 1" in found.faults[0]
    assert "1 other published head does not fit either" in found.faults[0]


@on_postgresql("databases")
def test_against_an_export_the_very_entry_is_named(wave: Wave, tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    with file.open("w") as target:
        audit.export_log(target)
    record("deed", {})
    assert check_audit_log((file,)).is_whole
    rows = entries()
    rows[6]["who"] = "otto"
    put_log(rows)
    found = check_audit_log((file,))
    assert f"the head in {file}: what is wrong lies in entry 7, for" in found.faults[0]
    put_log(rows[:4])
    assert "entries 5 to 7 are missing" not in check_audit_log((file,)).faults[0]
    assert "entry 5 is missing" in check_audit_log((file,)).faults[0]


def test_findings_that_were_changed_as_a_file_prove_nothing(wave: Wave, tmp_path: Path) -> None:
    document: Any = find_findings(wave.slug).document
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(document, indent=1))
    bad.write_text(json.dumps(document | {"audit": {"head": log_head().head, "length": 3}}))
    assert check_audit_log((good,)).is_whole
    with pytest.raises(Refused, match="were changed after"):
        check_audit_log((bad,))


def broken_files(folder: Path) -> Iterator[tuple[Path, str]]:
    nothing = folder / "nothing.eml"
    nothing.write_text("Subject: x\n\nNothing of the kind.")
    yield nothing, "holds no head of the audit log"
    yield folder / "missing.eml", "cannot be read"
    yield folder, "cannot be read"
    cut = folder / "cut.jsonl"
    with cut.open("w") as target:
        audit.export_log(target)
    lines = cut.read_text().splitlines()
    cut.write_text("\n".join([*lines[:3], *lines[4:]]))
    yield cut, "its line 4 does not follow the one before"
    changed = folder / "changed.jsonl"
    changed.write_text("\n".join(lines).replace('"who": "', '"who": "otto or ', 1))
    yield changed, "its line 1 does not follow"
    torn = folder / "torn.jsonl"
    torn.write_text("\n".join(lines)[:-9])
    yield torn, f"its line {len(lines)} does not follow"


def test_a_file_that_cannot_be_checked_is_refused_with_a_sentence(
    wave: Wave, tmp_path: Path
) -> None:
    for path, sentence in broken_files(tmp_path):
        with pytest.raises(Refused, match=re.escape(sentence)):
            check_audit_log((path,))


def test_the_command_says_what_fits_and_names_what_does_not(
    wave: Wave, candour: Candour, tmp_path: Path
) -> None:
    mail = as_file(shared(wave), tmp_path / "findings.eml")
    head = log_head()
    good = candour("audit", "verify", "--against", mail)
    assert (good.code, good.err) == (0, "")
    assert f"Its head: {head.head}" in good.out
    assert "It leads to 3 published heads" in good.out
    document = json.loads(candour("audit", "verify", "--json", "--against", mail).out)
    assert (document["whole"], document["length"], document["head"]) == (True, *_plain(head))
    assert len(document["published"]["fitting"]) == 3
    put_log(entries()[:-1])
    bad = candour("audit", "verify", "--against", mail, "--json")
    assert bad.code == 1
    assert f"entry {head.length} is missing" in bad.err
    found = json.loads(bad.out)
    assert (found["whole"], found["unbroken"]) == (False, True)
    assert {one["length"] for one in found["published"]["missing"]} == {head.length}
    nothing = candour("audit", "verify", "--against", tmp_path / "missing.eml")
    assert (nothing.code, nothing.out, len(nothing.err.splitlines())) == (1, "", 1)


def _plain(head: LogHead) -> tuple[int, str]:
    return head.length, head.head


@on_postgresql("databases")
def test_a_copy_put_back_by_hand_is_recorded_and_stays_visible(
    app: Flask, wave: Wave, candour: Candour, tmp_path: Path
) -> None:
    older = tmp_path / "log.jsonl"
    assert candour("audit", "export", older).code == 0
    copy = entries()
    record("deed", {})
    mail = as_file(shared(wave), tmp_path / "findings.eml")
    with pytest.raises(Refused, match="no entry was lost"):
        record_restore_by_hand([mail], "to see", actor="test")
    lost = log_head().length
    db.session.execute(text("DELETE FROM sharing"))
    put_log(copy)
    record("a deed of the new log", {})
    assert candour("audit", "verify", "--against", mail).code == 1
    said = candour("audit", "record-restore", older, mail, "--reason", "the disk failed")
    assert said.code == 0
    proven = len(older.read_text().splitlines())
    assert f"proves entries {proven + 1} to {lost}: they may be missing or rewritten" in said.out
    after = candour("audit", "verify", "--against", mail)
    assert (after.code, after.err) == (0, "")
    assert "as command line wrote down by hand: “the disk failed”" in after.out
    assert "database was restored" in after.out
    assert f"is that of entry {lost} of a log before" in after.out
    assert "database was restored" in browser(app, "manager").get("/audit").text
    assert list_entries(what="database restored")[0].facts["reason"] == "the disk failed"
    put_log([row | {"who": "otto"} for row in entries()])
    assert candour("audit", "verify", "--against", mail).code == 1


def test_a_restore_explains_no_broken_chain(wave: Wave, tmp_path: Path) -> None:
    mail = as_file(shared(wave), tmp_path / "findings.eml")
    db.session.execute(text("UPDATE audit_entry SET who = 'otto' WHERE number = 3"))
    db.session.commit()
    with pytest.raises(Refused, match="broken at entry 3"):
        record_restore_by_hand([mail], "to hide it", actor="otto")
    with pytest.raises(Refused, match="Say in a line why"):
        record_restore_by_hand([mail], " ", actor="otto")


@on_postgresql("databases")
def test_the_page_shows_verdict_head_and_what_was_checked(app: Flask, wave: Wave) -> None:
    shared(wave)
    mira = browser(app, "manager")
    head, page = log_head(), mira.get("/audit").text
    assert heads_in_file(page.encode()) == (head,)
    assert "The chain is unbroken." in page
    assert page.count("Fits: ") == 2
    put_log(entries()[:-5])  # those of the sign-in, the sharing, the count
    page = mira.get("/audit").text
    assert "Entries were changed or taken out" in page
    assert "Does not fit:" in page
    assert "are missing" in page or "is missing" in page


@on_postgresql("databases")
@pytest.mark.parametrize("length", [5_000, pytest.param(100_000, marks=proof("scale"))])
def test_a_long_log_is_checked_in_seconds_and_in_little_memory(
    app: Flask, tmp_path: Path, length: int
) -> None:
    rows = [
        {"number": 0, "at": now(), "who": "mira", "what": "deed", "facts": {"n": n}}
        for n in range(length)
    ]
    put_log(rows)
    del rows
    file = tmp_path / "log.jsonl"
    with file.open("w") as target:
        audit.export_log(target)
    begun = time.process_time()
    assert check_audit_log((file,)).is_whole
    assert time.process_time() - begun < 2 + length / 10_000
    tracemalloc.start()
    assert check_audit_log((file,)).is_whole
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20


def test_entries_and_head_belong_together_while_others_write(app: Flask) -> None:
    with transaction():
        record("deed", {})
        mine = log_head()
    assert mine == log_head() == LogHead(1, db.session.get_one(AuditRow, 1).digest)


def test_every_kind_of_mail_to_the_provider_is_among_those_tested_here(app: Flask) -> None:
    letter_types = [letter_type(app.config["CANDOUR"]) for letter_type in LETTERS]
    to_others = {one.name for one in letter_types if not one.goes_to_staff}
    # The rest go to managers. A new mail to the provider has to tell the log as findings do.
    assert to_others == {"alarm", FINDINGS, *AccountNotice}


@on_postgresql("databases")
def test_findings_of_the_first_schema_are_shown_shared_and_checked_as_before(
    app: Flask, wave: Wave
) -> None:
    document = in_schema_1(find_findings(wave.slug).document)
    with transaction() as session:
        row = session.get_one(FindingsRow, (wave.id, 1))
        row.document, row.digest = canonical_json(document), document["digest"]
    assert fault(json.loads(canonical_json(document))) == ""
    stored: Any = find_findings(wave.slug).document
    assert document_digest(stored) == stored["digest"] == document["digest"]
    mira = browser(app, "manager")
    for page in ("/waves/{}", "/findings/{}", "/findings/{}/letter", "/findings/{}.csv"):
        assert mira.get(page.format(wave.slug)).status_code == 200
    head = set(heads_in_text(shared(wave).text))
    assert head == {log_head()}
    assert [one.head for one in check_audit_log().fitting] == [one.head for one in head]
