"""The demo's mail catcher: files for its owner only, and pages that run nothing."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from survey.access.rules.policy import POLICY
from survey.app import create_app
from survey.mail.rules.letter import Letter
from survey.mail.rules.states import DeliveryAttempt, DeliveryOutcome
from survey.mail.smtp.service.catcher import Catcher
from survey.mail.smtp.service.message import Message
from tests.conftest import settings
from tests.proofs import on_postgresql

HTML = (
    "<html><head><title>t</title></head><body><a"
    " href='http://localhost/s/w#CODE'>Answer</a><script>alert(1)</script></body></html>"
)
TEXT = "Hello <b>Ada</b>\nhttp://localhost/s/w#CODE\n"


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On PostgreSQL the catcher keeps its files below the current folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def catcher(app: Flask) -> Catcher:
    """With two letters: an older one, and one for a name that would be markup."""
    kept = Catcher(app.config["CANDOUR"].folder / "mail")
    assert kept.connect() is None
    for day, name in ((11, "Bob"), (12, "<i>Ada</i> Müller")):
        letter = Letter(name, "ada@northwind.example", f"Hello <u>{name[:3]}", TEXT, HTML)
        message = Message(
            letter,
            "Dana <dana@northwind.example>",
            f"<{day}@northwind.example>",
            datetime(2027, 1, day, 9, tzinfo=UTC),
        )
        assert kept.deliver(message) == DeliveryAttempt(DeliveryOutcome.SENT, "250")
    return kept


def test_caught_letters_are_files_that_their_owner_alone_can_read(catcher: Catcher) -> None:
    files = list(catcher.folder.iterdir())
    assert len(files) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(catcher.folder.stat().st_mode) == 0o700


def test_the_inbox_lists_letters_newest_first_and_escapes_them(
    catcher: Catcher, client: FlaskClient
) -> None:
    page = client.get("/mail").text
    assert page.index("Hello &lt;u&gt;&lt;i&gt;") < page.index("Hello &lt;u&gt;Bob")
    assert "<i>" not in page


def test_an_empty_inbox_and_a_letter_that_is_being_written_are_no_error(
    app: Flask, client: FlaskClient
) -> None:
    assert "No letter yet" in client.get("/mail").text
    folder = app.config["CANDOUR"].folder / "mail"
    folder.mkdir(parents=True)
    (folder / f"{'0' * 32}.part").write_bytes(b"From: Dana")
    assert client.get("/mail").status_code == 200


def test_a_letter_is_shown_with_working_links_and_its_html_in_a_frame(
    catcher: Catcher, client: FlaskClient
) -> None:
    newest = catcher.letters()[0]
    response = client.get(f"/mail/{newest.id}")
    assert response.headers["Content-Security-Policy"] == f"{POLICY}; frame-src 'self'"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] == "no-store"
    assert '<a href="http://localhost/s/w#CODE" rel="noopener noreferrer">' in response.text
    assert "Hello &lt;b&gt;Ada&lt;/b&gt;" in response.text
    assert f'<iframe class="mail" src="/mail/{newest.id}/html"' in response.text
    assert "<script" not in response.text


def test_the_html_part_runs_nothing_and_opens_links_outside_its_frame(
    catcher: Catcher, client: FlaskClient
) -> None:
    response = client.get(f"/mail/{catcher.letters()[0].id}/html")
    rules = {
        rule.split()[0]: rule.split()[1:]
        for rule in response.headers["Content-Security-Policy"].split("; ")
    }
    assert rules == {
        "default-src": ["'none'"],
        "style-src": ["'unsafe-inline'"],
        "frame-ancestors": ["'self'"],
        "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox"],
    }
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.text.startswith('<html><head><base target="_blank">')


@on_postgresql("databases")
@pytest.mark.parametrize("end", ["", "/html"])
@pytest.mark.parametrize(
    "name", ["0" * 32, "0" * 31, "..", "%2e%2e%2fsecret_key", "A" * 32, "secret"]
)
def test_an_unknown_letter_is_not_found(
    catcher: Catcher, client: FlaskClient, name: str, end: str
) -> None:
    (catcher.folder / "secret.eml").write_bytes(b"From: a@b.example\r\n\r\nx")
    assert client.get(f"/mail/{name}{end}").status_code == 404


def test_where_a_real_server_is_set_there_is_no_inbox(
    database_url: str, tmp_path: Path, catcher: Catcher
) -> None:
    letter = catcher.letters()[0].id
    client = create_app(
        settings(database_url, tmp_path, CANDOUR_MAIL_URL="smtp://127.0.0.1:2525")
    ).test_client()
    assert [
        client.get(path).status_code
        for path in ("/mail", f"/mail/{letter}", f"/mail/{letter}/html")
    ] == [404] * 3
