"""The mail to staff from the command line."""

import json
from datetime import date
from pathlib import Path

import pytest
from flask import Flask

from survey.accountability import service
from survey.database import db
from survey.followups.service import follow_ups
from survey.mail import service as mail
from survey.waves.rules.waves import Wave
from tests.followups.company import FROM_DAY, REPLY, REPLY_DUE, at_noon, shared_company
from tests.outside import Candour, command_line
from tests.proofs import on_postgresql


@pytest.fixture
def candour(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Candour:
    """The command line on this test's database, on the day before the reply is due."""
    set_day(monkeypatch, date(2027, 2, 10))
    return command_line(app, database_url, tmp_path, monkeypatch, capsys)


def set_day(monkeypatch: pytest.MonkeyPatch, day: date) -> None:
    monkeypatch.setattr("survey.followups.commands.now", lambda: at_noon(day))


@pytest.fixture
def wave(app: Flask) -> Wave:
    return shared_company(app)


@on_postgresql("databases")
def test_record_write_look_and_send(wave: Wave, candour: Candour, tmp_path: Path) -> None:
    (tmp_path / "reply.txt").write_bytes(b"\xef\xbb\xbf" + REPLY.replace("\n", "\r\n").encode())
    (tmp_path / "changes.txt").write_text("We call sooner.\n")
    said = candour(
        *(
            "followups",
            "reply",
            wave.slug,
            "--file",
            tmp_path / "reply.txt",
            "--received",
            "2027-02-09",
        ),
        *("--commitment", "provider", "Close together", "Petra Holm", "2027-03-31"),
    )
    assert (said.code, said.err) == (0, "")
    assert "recorded, version 1" in said.out
    assert candour("followups", "write", wave.slug, "--changes", tmp_path / "changes.txt").code == 0
    shown = candour("followups", "preview", wave.slug)
    assert (shown.code, shown.err) == (0, "")
    assert REPLY in shown.out
    assert "We call sooner." in shown.out
    assert "Petra Holm, by 31 March 2027" in shown.out
    dry = candour("followups", "send", wave.slug, "--dry-run")
    assert (dry.out, dry.code) == (shown.out, 0)
    assert mail.delivery_status(wave.slug).counts(follow_ups.FOLLOW_UP) == {}
    said = candour("followups", "send", wave.slug)
    assert "51 letters are queued" in said.out
    assert mail.delivery_status(wave.slug).counts(follow_ups.FOLLOW_UP) == {"ready": 51}
    again = candour("followups", "send", wave.slug)
    assert (again.code, again.out) == (1, "")
    assert "goes out once" in again.err
    assert candour("followups", "send", wave.slug, "--correction", "A name.").code == 0
    assert "version 2" in candour("followups", "list").out


def test_without_a_reply_it_waits_until_that_is_overdue(
    wave: Wave, candour: Candour, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = candour("followups", "send", wave.slug)
    assert (said.code, said.out) == (1, "")
    assert "from Friday 12 February 2027" in said.err
    shown = candour("followups", "preview", wave.slug)
    assert shown.code == 0
    assert "It cannot go yet." in shown.err
    set_day(monkeypatch, FROM_DAY)
    assert candour("followups", "send", wave.slug).code == 0


@on_postgresql("databases")
def test_the_list_says_how_far_each_wave_has_come(
    wave: Wave, candour: Candour, monkeypatch: pytest.MonkeyPatch
) -> None:
    [row] = json.loads(candour("followups", "list", "--json").out)["followups"]
    assert row == {
        "wave": wave.slug,
        "shared": "2027-01-28",
        "reply_due": REPLY_DUE.isoformat(),
        "reply": None,
        "received": None,
        "commitments": {"provider": 0, "client": 0},
        "without_reply_from": FROM_DAY.isoformat(),
        "due": "2027-02-18",
        "overdue": False,
        "sent": None,
        "version": None,
        "digest": None,
    }
    set_day(monkeypatch, date(2027, 2, 19))
    assert "OVERDUE since 18 February 2027" in candour("followups", "list").out
    assert candour("followups", "send", wave.slug).code == 0
    [row] = json.loads(candour("followups", "list", "--json").out)["followups"]
    edition = follow_ups.find_edition(wave)
    assert edition
    assert (row["overdue"], row["sent"], row["digest"]) == (
        False,
        "2027-02-19",
        edition.digest,
    )


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        (b"", ["--received", "2027-02-09"], "is empty"),
        (b"x" * 100_000, ["--received", "2027-02-09"], "100,000 characters"),
        (b"a\0b", ["--received", "2027-02-09"], "control character"),
        (b"\xff\xfe\x00", ["--received", "2027-02-09"], "cannot be read as text"),
        (b"Fine.", ["--received", "2027-02-11"], "today is 2027-02-10"),
        (b"Fine.", [], "on which day"),
        (b"Fine.", ["--none"], "Say where the reply is"),
        (
            b"Fine.",
            ["--received", "2027-02-09", "--commitment", "nobody", "x", "", "soon"],
            "not complete",
        ),
    ],
)
def test_bad_input_is_one_line_and_keeps_nothing(
    wave: Wave, candour: Candour, tmp_path: Path, content: bytes, options: list[str], says: str
) -> None:
    (tmp_path / "reply.txt").write_bytes(content)
    said = candour("followups", "reply", wave.slug, "--file", tmp_path / "reply.txt", *options)
    assert (said.code, said.out) == (1, "")
    assert says in said.err.splitlines()[0]
    assert all(line.startswith("  ") for line in said.err.splitlines()[1:])
    db.session.remove()
    assert service.recorded_reply(wave) is None
