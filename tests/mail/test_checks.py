"""What the doctor and a launch are told about mail: real servers, looked at and never sent to."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import trustme

from survey.config import Config
from survey.kernel.clock import now
from survey.mail.smtp.service import checks
from survey.mail.smtp.service.checks import examine_mail, notes_before_launch
from survey.mail.smtp.service.sender import Limits
from tests.conftest import settings
from tests.mail.postbox import TokenBox, open_postbox, open_script
from tests.mail.tokens import APPLICATION, MAILBOX, SECRET, open_token_server
from tests.ports import free_port

FORTNIGHT = timedelta(days=14)


def config(folder: Path, mail_url: str, **more: str) -> Config:
    return settings(f"sqlite:///{folder / 'candour.db'}", folder, CANDOUR_MAIL_URL=mail_url, **more)


def findings_by_name(config: Config) -> dict[str, tuple[bool | None, str]]:
    return {
        one.name: (one.is_wrong, f"{one.says} {one.remedy}".strip())
        for one in examine_mail(config, now())
    }


def notes(config: Config, letters: int = 60, paused: str | None = None) -> tuple[str, ...]:
    return notes_before_launch(config, letters, FORTNIGHT, paused, now())


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.RSA)


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return str(tmp_path / "ca.pem")


def certified(authority: trustme.CA, valid_days: int) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(
        "127.0.0.1", not_after=datetime.now(UTC) + timedelta(days=valid_days)
    ).configure_cert(context)
    return context


def test_a_good_server_is_looked_at_and_gets_no_mail(
    authority: trustme.CA, ca_file: str, tmp_path: Path
) -> None:
    with open_postbox(sign_in=True, starttls=certified(authority, 90)) as server:
        url = f"smtp+starttls://dana%40northwind.example:open%20sesame@127.0.0.1:{server.port}"
        findings = findings_by_name(config(tmp_path, url, CANDOUR_MAIL_CA_FILE=ca_file))
        assert server.options == server.kept == []
    assert findings["mail server"] == (
        False,
        (
            f"127.0.0.1:{server.port} answers; signed in: accepted for dana@northwind.example by"
            " password."
        ),
    )
    assert findings["mail server's certificate"][0] is False
    assert "certificate of 127.0.0.1, valid until" in findings["mail server's certificate"][1]
    assert set(findings) == {"mail server", "mail server's certificate"}


def test_a_certificate_that_ends_within_a_fortnight_is_a_note_everywhere(
    authority: trustme.CA, ca_file: str, tmp_path: Path
) -> None:
    with open_postbox(smtps=certified(authority, 13)) as server:
        here = config(tmp_path, f"smtps://127.0.0.1:{server.port}", CANDOUR_MAIL_CA_FILE=ca_file)
        findings, before = findings_by_name(here), notes(here)
    assert findings["mail server's certificate"][0] is None
    assert "Have it renewed" in findings["mail server's certificate"][1]
    assert any("valid until" in note and note.endswith("look into this.") for note in before)


def test_what_is_wrong_with_the_server_is_wrong_with_its_remedy(
    authority: trustme.CA, ca_file: str, tmp_path: Path
) -> None:
    with open_postbox(sign_in=True, starttls=certified(authority, -1)) as server:
        expired = findings_by_name(
            config(
                tmp_path,
                f"smtp+starttls://dana:open%20sesame@127.0.0.1:{server.port}",
                CANDOUR_MAIL_CA_FILE=ca_file,
            )
        )
        assert server.passwords == []
    with open_postbox(sign_in=True) as server:
        here = config(tmp_path, f"smtp://dana:wrong@127.0.0.1:{server.port}")
        refused, before = findings_by_name(here), notes(here)
    gone = findings_by_name(config(tmp_path, f"smtp://127.0.0.1:{free_port()}"))
    for findings, says in (
        (expired, "has expired; nothing that signs us in was sent. Have it renewed."),
        (refused, "refused our sign-in (535 5.7.8). Check user and password in CANDOUR_MAIL_URL."),
        (gone, "Check host and port in CANDOUR_MAIL_URL."),
    ):
        assert findings["mail server"][0] is True
        assert says in findings["mail server"][1]
        assert "wrong" not in str(findings)
    (note,) = (note for note in before if "refused our sign-in" in note)
    assert note.endswith("refused our sign-in (535 5.7.8). Your administrator can look into this.")
    assert "CANDOUR_" not in str(before)


def test_a_token_is_tried_and_a_refused_application_is_named(tmp_path: Path) -> None:
    with open_token_server(None) as tokens:
        box = TokenBox(user=MAILBOX, accepts=lambda: tokens.issued[-1])
        with open_postbox(sign_in=True, box=box) as server:
            url = f"smtp://dana%40northwind.example@127.0.0.1:{server.port}"
            oauth = {
                "CANDOUR_MAIL_OAUTH_CLIENT_ID": APPLICATION,
                "CANDOUR_MAIL_OAUTH_CLIENT_SECRET": SECRET,
                "CANDOUR_MAIL_OAUTH_TOKEN_URL": tokens.url,
            }
            good = findings_by_name(config(tmp_path, url, **oauth))
            bad = findings_by_name(
                config(
                    tmp_path, url, **oauth | {"CANDOUR_MAIL_OAUTH_CLIENT_SECRET": "expired~secret"}
                )
            )
    assert good["mail server"] == (
        False,
        f"127.0.0.1:{server.port} answers; signed in: accepted for {MAILBOX} by XOAUTH2.",
    )
    assert bad["mail server"][0] is True
    assert "invalid_client, AADSTS7000215" in bad["mail server"][1]
    assert "expired~secret" not in str(bad)


@pytest.mark.parametrize("days", [400, 10, -1])
def test_the_key_file_is_its_owners_alone_and_its_certificate_lasts(
    authority: trustme.CA, tmp_path: Path, days: int
) -> None:
    issued = authority.issue_cert(
        "candour.example",
        not_after=datetime.now(UTC) + timedelta(days=days),
        key_type=trustme.KeyType.RSA,
    )
    path = tmp_path / "key.pem"
    path.touch(0o600)
    issued.private_key_and_cert_chain_pem.write_to_path(str(path))
    with open_token_server(None) as tokens, open_postbox(sign_in=True, box=TokenBox()) as server:
        keyed = config(
            tmp_path,
            f"smtp://dana%40northwind.example@127.0.0.1:{server.port}",
            CANDOUR_MAIL_OAUTH_CLIENT_ID=APPLICATION,
            CANDOUR_MAIL_OAUTH_KEY_FILE=str(path),
            CANDOUR_MAIL_OAUTH_TOKEN_URL=tokens.url,
        )
        finding = findings_by_name(keyed).get("key file for mail")
        path.chmod(0o644)
        open_to_all = [one for one in examine_mail(keyed, now()) if "chmod 600" in one.remedy]
    assert (finding and finding[0]) == {400: None, 10: None, -1: True}[days]
    assert bool(finding) == (days != 400)
    assert [one.is_wrong for one in open_to_all] == [True]


def test_a_sender_of_another_domain_than_the_sign_in_is_a_note(tmp_path: Path) -> None:
    with open_postbox(sign_in=True) as server:
        findings = findings_by_name(
            config(tmp_path, f"smtp://dana%40other.example:open%20sesame@127.0.0.1:{server.port}")
        )
    assert findings["sender"][0] is None
    assert (
        "Mails come from northwind.example, but dana@other.example signs in"
        in findings["sender"][1]
    )


def test_the_demo_and_a_trials_sender_are_notes(tmp_path: Path) -> None:
    assert findings_by_name(config(tmp_path, "catcher://"))["mail server"][0] is None
    with open_postbox() as server:
        trial = config(tmp_path, server.url, CANDOUR_MAIL_FROM="")
        assert findings_by_name(trial)["sender"][0] is None
        before = notes(trial)
    assert any("which nobody can answer" in note for note in before)
    assert any("opens on this machine only" in note for note in before)
    assert notes(config(tmp_path, "catcher://")) == ()


# Bounds


@pytest.mark.parametrize("lines", [(b"",), (b"220 hi\r\n", b"250-")])
def test_a_server_that_never_ends_is_left_before_a_launch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: tuple[bytes, ...]
) -> None:
    monkeypatch.setattr(checks, "QUICK", Limits(command=60.0, letter=1.0))
    with open_script(*lines) as script:
        before = notes(config(tmp_path, f"smtp://127.0.0.1:{script.port}"))
    assert any("cannot be used now" in note for note in before)
    assert script.hung_up


def test_a_sign_in_server_that_never_ends_does_not_hold_a_launch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "QUICK", Limits(command=1.0, letter=1.0))
    with open_token_server(None) as tokens, open_postbox(sign_in=True, box=TokenBox()) as server:
        tokens.seconds = 0.5
        before = notes(
            config(
                tmp_path,
                f"smtp://dana%40northwind.example@127.0.0.1:{server.port}",
                CANDOUR_MAIL_OAUTH_CLIENT_ID=APPLICATION,
                CANDOUR_MAIL_OAUTH_CLIENT_SECRET=SECRET,
                CANDOUR_MAIL_OAUTH_TOKEN_URL=tokens.url,
            )
        )
        assert server.greeted == []
    assert any("does not answer in time" in note for note in before)


def test_while_sending_is_paused_nobody_signs_in(tmp_path: Path) -> None:
    with open_postbox(sign_in=True) as server:
        before = notes(
            config(tmp_path, f"smtp://dana:wrong@127.0.0.1:{server.port}"),
            paused="the mail server refused our sign-in",
        )
        assert server.greeted == []
    assert (
        "Sending is paused: the mail server refused our sign-in. No invitation leaves until it is"
        " resumed." in before
    )


# The address in mails


class Answering(BaseHTTPRequestHandler):
    """Candour's own answer, or another's."""

    says = b'{"status":"alive"}\n'

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()
        self.wfile.write(self.says)

    def log_message(self, *_words: object) -> None:
        """Says nothing."""


@contextmanager
def served(context: ssl.SSLContext, says: bytes) -> Iterator[str]:
    server = HTTPServer(
        ("127.0.0.1", 0), type("Saying", (Answering,), {"says": says}), bind_and_activate=True
    )
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that does not trust us is expected
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
    )
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()


@pytest.mark.parametrize(
    ("case", "verdict", "says"),
    [
        ("good", False, "leads here"),
        ("another", None, "leads to something that is not Candour"),
        ("unknown authority", None, "has a certificate that this machine does not trust"),
        ("away", None, "cannot be reached from this machine"),
    ],
)
def test_the_address_in_mails_is_opened_and_a_fault_is_a_note(
    authority: trustme.CA,
    ca_file: str,
    tmp_path: Path,
    case: str,
    *,
    verdict: bool | None,
    says: str,
) -> None:
    with served(certified(authority, 1), b"hello" if case == "another" else Answering.says) as url:
        more = {"CANDOUR_BASE_URL": f"https://127.0.0.1:{free_port()}" if case == "away" else url}
        more |= {} if case == "unknown authority" else {"CANDOUR_MAIL_CA_FILE": ca_file}
        findings = findings_by_name(
            config(
                tmp_path / "data",
                "smtp://127.0.0.1:1",
                CANDOUR_KEY_DIR=str(tmp_path / "keys"),
                **more,
            )
        )
    assert findings["links in mails"][0] is verdict
    assert says in findings["links in mails"][1]
