"""What somebody at a terminal is told while letters leave, and that Ctrl-C loses none of them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.database import db, transaction
from survey.invitations.rules.codes import reminder_window
from survey.invitations.service.reminders import queue_reminders
from survey.kernel import progress
from survey.mail import service as mail
from survey.mail.outbox.service import watched
from survey.mail.outbox.service.watched import WatchedChannel
from survey.mail.smtp.service.sender import Connection, Limits
from tests.answering.today import open_today
from tests.conftest import settings_of
from tests.mail.postbox import HANG, Postbox, open_postbox
from tests.proofs import on_postgresql

STAFF = {"Sales": 12}


def deliver(box: Postbox, heard: list[tuple[int, int, str]]) -> mail.DeliveryReport:
    line = WatchedChannel(
        Connection(box.url, None, Limits(2.0, 4.0)), lambda *said: heard.append(said)
    )
    return mail.deliver_letters(channel=line)


@on_postgresql("databases")
def test_it_counts_invitations_and_no_reminder(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "SECONDS_BETWEEN_LOOKS", 0.0)
    company = open_today(app, STAFF)
    heard: list[tuple[int, int, str]] = []
    with open_postbox() as box:
        assert deliver(box, heard).sent == 12
        assert (heard[0], heard[-1]) == ((0, 12, ""), (12, 12, ""))
        assert [done for done, _, _ in heard] == sorted(done for done, _, _ in heard)
        heard.clear()
        queue_reminders(company.wave, reminder_window(company.wave)[0])
        deliver(box, heard)
        assert len(box.kept) == 24
    assert {said[:2] for said in heard} <= {(0, 0)}


@on_postgresql("databases")
def test_the_pace_and_the_time_left_stand_beside_it(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    object.__setattr__(app.config["CANDOUR"], "mail_per_minute", 4)
    open_today(app, STAFF)
    heard: list[tuple[int, int, str]] = []
    with open_postbox() as box:
        line = WatchedChannel(
            Connection(box.url, None, Limits(2.0, 4.0)), lambda *said: heard.append(said)
        )
        assert (
            mail.deliver_letters(seconds=1, channel=line).sent >= 1
        )  # all twelve would take the three minutes that are promised
    assert heard[0] == (0, 12, "4 a minute, about 3 minutes left")


@on_postgresql("databases")
def test_ctrl_c_during_a_tick_says_how_to_go_on_and_loses_no_letter(
    app: Flask, database_url: str, tmp_path: Path
) -> None:
    open_today(app, STAFF)
    with open_postbox() as box:
        box.answers = {"DATA": ["250 kept"] * 5 + [HANG]}
        environment = {
            **settings_of(database_url, tmp_path, CANDOUR_MAIL_URL=box.url),
            "PATH": os.environ["PATH"],
        }
        # Where tests run in the background, the shell has told them to ignore Ctrl-C.
        listening = ["env", "--default-signal=INT"]
        command = [*listening, str(Path(sys.executable).with_name("candour")), "tick"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(command, env=environment, cwd=tmp_path, text=True, **pipes)  # type: ignore[call-overload]
        for _ in range(600):
            if not box.answers["DATA"] or process.poll() is not None:
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (1, "")
        assert err.splitlines()[-1].startswith("Stopped. Nothing is lost: what has not left waits")
        assert "Traceback" not in err
        assert "northwind" not in err
        assert len(box.kept) == 5
        with transaction() as session:  # the leases of the process that is gone are over
            session.execute(
                text(
                    "UPDATE outbox SET lease_until = '2020-01-01 00:00:00' WHERE lease_until IS NOT"
                    " NULL"
                )
            )
        assert (
            mail.deliver_letters(channel=Connection(box.url, None, Limits(2.0, 4.0))).problem == ""
        )
        assert len(set(box.recipients)) == 12
    assert set(db.session.execute(text("SELECT state FROM outbox")).scalars()) == {"sent"}


@on_postgresql("databases")
def test_a_tick_says_plain_lines_on_standard_error_and_what_it_did_on_standard_output(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from survey.cli import tick

    monkeypatch.setattr(progress, "SECONDS_BEFORE_PROGRESS", 0.0)
    monkeypatch.setattr(watched, "SECONDS_BETWEEN_LOOKS", 0.0)
    open_today(app, STAFF)
    assert tick.callback
    tick.callback(None)
    said = capsys.readouterr()
    assert said.out == "letters: 12 sent\n"
    lines = said.err.splitlines()
    assert lines[-1] == "Sending letters: 12 of 12"
    assert all(line.startswith("Sending letters: ") for line in lines)
    assert "northwind" not in said.err
