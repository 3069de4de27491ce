"""What is left to do after another tool has put a copy back, on both databases."""

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.access.service import audit
from survey.access.service.accounts import add_user, make_sign_in_link
from survey.database import db
from survey.mail import service as mail
from tests.cast import found_company
from tests.outside import browser, command_line


def test_sessions_and_links_end_and_it_is_recorded(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    candour = command_line(app, database_url, tmp_path, monkeypatch, capsys)
    found_company()
    browser(app, "manager")
    add_user("admin@northwind.example", "admin")
    make_sign_in_link("admin@northwind.example", app.config["CANDOUR"])
    length, head = audit.number_of_entries(), audit.head_digest()
    (tmp_path / "a.dump").write_bytes(b"a dump")
    said = candour("restore", tmp_path / "a.dump", "--by-hand")
    assert said.code == 0, said.err
    for table in ("session", "sign_in_link"):
        assert db.session.execute(text(f"SELECT count(*) FROM {table}")).scalar() == 0
    assert mail.channel_state().pause
    [entry] = audit.list_entries(what="database restored")
    facts = entry.facts
    assert (facts["copy_length"], facts["copy_head"]) == (length, head)
    assert (facts["previous_length"], facts["lost"]) == (None, {"answers": None})
    assert audit.verify_chain() is None
