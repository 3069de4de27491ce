"""The mail channel as a person types it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask

from survey.mail.commands import mail_group
from survey.mail.service import pause
from tests.conftest import settings_of
from tests.mail.postbox import open_postbox
from tests.ports import free_port

SECRET = "open sesame"


@pytest.fixture
def candour(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The installed command with this mail server."""

    def run(mail_url: str, *words: str) -> subprocess.CompletedProcess[str]:
        environment = settings_of(f"sqlite:///{tmp_path / 'candour.db'}", tmp_path, CANDOUR_MAIL_URL=mail_url)
        command = [str(Path(sys.executable).with_name("candour")), "mail", *words]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert "Traceback" not in done.stderr
        assert SECRET not in done.stdout + done.stderr
        return done

    return run


def test_a_test_letter_is_accepted_by_a_running_server(candour: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    with open_postbox(sign_in=True) as server:
        done = candour(f"smtp://dana:open%20sesame@127.0.0.1:{server.port}", "test", "you@müller.example")
        assert server.recipients == ["you@xn--mller-kva.example"]
        (letter,) = server.letters()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Accepted by 127.0.0.1:{server.port} (250). Message-ID {letter['Message-ID']}\n"


def test_a_test_letter_to_a_missing_server_says_what_to_check(candour: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    port = free_port()
    done = candour(f"smtp://dana:open%20sesame@127.0.0.1:{port}", "test", "you@northwind.example")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"The test message was not accepted by 127.0.0.1:{port}: the mail server does not take connections; "
        "check host and port in CANDOUR_MAIL_URL.\n"
    )


def test_a_refused_test_letter_tells_the_answer_and_not_the_servers_words(candour: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    with open_postbox(sign_in=True) as server:
        server.answers = {"RCPT": ["550 5.1.1 <you@northwind.example> unknown"]}
        done = candour(f"smtp://dana:open%20sesame@127.0.0.1:{server.port}", "test", "you@northwind.example")
        assert "this mailbox does not exist (550 5.1.1)" in done.stderr
        assert "unknown" not in done.stderr
        server.password = b"another"
        refused = candour(f"smtp://dana:open%20sesame@127.0.0.1:{server.port}", "test", "you@northwind.example")
    assert "refused our sign-in (535 5.7.8). Check CANDOUR_MAIL_URL" in refused.stderr
    assert (done.returncode, refused.returncode) == (1, 1)


@pytest.mark.parametrize("address", ["you", "you@northwind.example\nBcc: eve@other.example", "ünal@northwind.example"])
def test_a_malformed_address_is_refused_before_any_server_hears_of_it(
    candour: Callable[..., subprocess.CompletedProcess[str]], address: str
) -> None:
    with open_postbox() as server:
        done = candour(server.url, "test", address)
        assert server.greeted == []
    assert done.returncode == 1
    assert done.stderr.startswith("The letter was not written: ")


def run(*words: str) -> str:
    done = CliRunner().invoke(mail_group, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_test_letter_leaves_while_sending_is_paused(app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    pause("paused by hand")
    assert run("test", "you@northwind.example").startswith("Accepted by the demo's mail catcher (250). Message-ID <")
    assert len(list((app.config["CANDOUR"].folder / "mail").glob("*.eml"))) == 1
