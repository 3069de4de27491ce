"""The mail channel as a person types it."""

import json
import ssl
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner
from flask import Flask

from survey.mail.commands import mail_group
from survey.mail.outbox.service.pausing import pause_sending
from tests import forking
from tests.conftest import settings_of
from tests.mail.postbox import TokenBox, open_postbox
from tests.mail.tokens import APPLICATION, MAILBOX, open_token_server
from tests.mail.tokens import SECRET as TOKEN_SECRET
from tests.ports import free_port

SECRET = "open sesame"


Candour = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def candour(tmp_path: Path) -> Candour:
    """The installed command with this mail server."""

    def run(mail_url: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        environment = settings_of(
            f"sqlite:///{tmp_path / 'candour.db'}", tmp_path, CANDOUR_MAIL_URL=mail_url, **more
        )
        done = forking.run("candour", "mail", *words, environment=environment, cwd=tmp_path)
        assert "Traceback" not in done.stderr
        assert SECRET not in done.stdout + done.stderr
        return done

    return run


def test_a_test_letter_is_accepted_by_a_running_server_step_by_step(candour: Candour) -> None:
    with open_postbox(sign_in=True) as server:
        done = candour(
            f"smtp://dana:open%20sesame@127.0.0.1:{server.port}", "test", "you@müller.example"
        )
        assert server.recipients == ["you@xn--mller-kva.example"]
        (letter,) = server.letters()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"connect: 127.0.0.1:{server.port} answered (220 sink.example Python SMTP 1.4.6)",
        "encryption: none; the server is this very machine",
        "sign in: accepted for dana by password",
        "sender: feedback@northwind.example (250 OK)",
        "recipient: you@xn--mller-kva.example (250 OK)",
        "data: accepted (250 kept)",
        f"Accepted by 127.0.0.1:{server.port} (250). Message-ID {letter['Message-ID']}",
    ]
    assert (letter["Subject"], letter["From"]) == (
        "Test mail of Candour",
        "Dana Reyes <feedback@northwind.example>",
    )
    for kind in ("plain", "html"):
        part = letter.get_body((kind,))
        assert part
        assert "http://localhost" in part.get_content()


def test_each_step_of_a_token_over_an_own_authority_is_told_without_the_token(
    candour: Candour, tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ends = datetime.now(UTC) + timedelta(days=9)
    authority.issue_cert("127.0.0.1", not_after=ends).configure_cert(context)
    with open_token_server(None) as tokens:
        box = TokenBox(user=MAILBOX, accepts=lambda: tokens.issued[-1])
        settings = {
            "CANDOUR_MAIL_CA_FILE": "ca.pem",
            "CANDOUR_MAIL_OAUTH_CLIENT_ID": APPLICATION,
            "CANDOUR_MAIL_OAUTH_CLIENT_SECRET": TOKEN_SECRET,
            "CANDOUR_MAIL_OAUTH_TOKEN_URL": tokens.url,
        }
        with open_postbox(sign_in=True, starttls=context, box=box) as server:
            url = f"smtp+starttls://dana%40northwind.example@127.0.0.1:{server.port}"
            done = candour(url, "test", "you@northwind.example", "--json", **settings)
            box.accepts = lambda: "none"
            refused = candour(url, "test", "you@northwind.example", **settings)
        assert not any(
            secret in done.stdout + refused.stdout + refused.stderr
            for secret in (TOKEN_SECRET, *tokens.issued)
        )
    document = json.loads(done.stdout)
    assert (done.returncode, document["accepted"], document["problem"], document["remedy"]) == (
        0,
        True,
        None,
        None,
    )
    assert document["message_id"] == server.letters()[0]["Message-ID"]
    says = {step["name"]: step["says"] for step in document["steps"] if step["is_good"]}
    assert list(says) == [
        "token",
        "connect",
        "encryption",
        "sign in",
        "sender",
        "recipient",
        "data",
    ]
    assert says["encryption"] == f"TLSv1.3, certificate of 127.0.0.1, valid until {ends:%Y-%m-%d}"
    assert says["sign in"] == f"accepted for {MAILBOX} by XOAUTH2"
    assert refused.returncode == 1
    assert refused.stdout.splitlines()[-1] == "sign in: refused (535)"
    assert (
        "refused our sign-in (535 5.7.8). Check CANDOUR_MAIL_OAUTH_*, and whether the application"
        " may send" in refused.stderr
    )


def test_a_test_letter_to_a_missing_server_says_what_to_check(candour: Candour) -> None:
    port = free_port()
    done = candour(f"smtp://dana:open%20sesame@127.0.0.1:{port}", "test", "you@northwind.example")
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr
        == f"The test mail was not accepted by 127.0.0.1:{port}: the mail server does not take"
        " connections. Check host and port in CANDOUR_MAIL_URL.\n"
    )


def test_a_refused_test_letter_tells_the_servers_answer_and_the_remedy(candour: Candour) -> None:
    with open_postbox(sign_in=True) as server:
        url = f"smtp://dana:open%20sesame@127.0.0.1:{server.port}"
        server.answers = {"RCPT": ["550 5.1.1 <you@northwind.example> unknown \x1b[2J " + SECRET]}
        done = candour(url, "test", "you@northwind.example")
        server.answers = {"MAIL": ["550 5.7.60 may not send as this sender"]}
        sender = candour(url, "test", "you@northwind.example", "--json")
        server.password = b"another"
        refused = candour(url, "test", "you@northwind.example")
    assert (
        done.stdout.splitlines()[-1]
        == "recipient: refused (550 5.1.1 <you@northwind.example> unknown [2J (secret))"
    )
    assert done.stderr.endswith("this mailbox does not exist (550 5.1.1). Check the address.\n")
    document = json.loads(sender.stdout)
    assert (document["accepted"], document["problem"]) == (
        False,
        "the mail server refuses our sender (550 5.7.60)",
    )
    assert document["remedy"].startswith("Check CANDOUR_MAIL_FROM")
    assert document["steps"][-1] == {
        "name": "sender",
        "says": "refused (550 5.7.60 may not send as this sender)",
        "is_good": False,
    }
    assert (
        "refused our sign-in (535 5.7.8). Check user and password in CANDOUR_MAIL_URL."
        in refused.stderr
    )
    assert (done.returncode, sender.returncode, refused.returncode) == (1, 1, 1)


@pytest.mark.parametrize(
    "address", ["you", "you@northwind.example\nBcc: eve@other.example", "..@northwind.example"]
)
def test_a_malformed_address_is_refused_before_any_server_hears_of_it(
    candour: Candour, address: str
) -> None:
    with open_postbox() as server:
        done = candour(server.url, "test", address)
        assert server.greeted == []
    assert done.returncode == 1
    assert done.stderr.startswith("The letter was not written: ")


def run(*words: str) -> str:
    done = CliRunner().invoke(
        mail_group, list(words), catch_exceptions=False, help_option_names=["-h", "--help"]
    )
    assert done.exit_code == 0, done.output
    return done.output


def test_a_test_letter_leaves_while_sending_is_paused(
    app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    pause_sending("paused by hand")
    assert run("test", "you@northwind.example").startswith(
        "Accepted by the demo's mail catcher (250). Message-ID <"
    )
    assert len(list((app.config["CANDOUR"].folder / "mail").glob("*.eml"))) == 1
