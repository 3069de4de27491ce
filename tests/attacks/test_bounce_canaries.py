"""Returned mail gives nothing away: no code in any table, log, file or in the bounce mailbox.

No page and no command counts reminders.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.config import Config
from survey.counting.service import close_wave
from survey.database import db
from survey.invitations.service.corrections import correct_invited_address
from survey.invitations.service.invitations import INVITATION, REMINDER, invitations_of
from survey.invitations.service.notices import NOTICE
from survey.kernel.clock import now
from survey.mail import service as mail
from survey.mail.bounces.service import returned
from survey.mail.bounces.service.returned import MailboxReading, read_bounces
from survey.mail.smtp.service.sender import Connection
from survey.schedule import tick
from tests.answering.today import everything_stored, open_today
from tests.attacks.needles import Finder
from tests.attacks.world import server_folder
from tests.cast import files_under
from tests.mail.imap import open_imap, put, url
from tests.mail.postbox import Postbox, open_postbox
from tests.mail.returned import multipart, report
from tests.outside import Browser, Candour, browser, command_line

DEPARTMENTS = {"Sales": 14, "Service": 8}
_CODE = re.compile(r"/s/[\w-]+#(\w{24})")
_SECRET = re.compile(r"/stop/[\w-]+[#/]([\w-]{43})")
_PASSING = re.compile(
    r'\d\d:\d\d(:\d\d)?(\.\d+)?|value="[^"]{40,}"|gone through \d+ s ago|age_seconds'
    r" [\d.e-]+|_created [\d.e+]+"
)


def returned_whole(raw: bytes) -> bytes:
    """A notice of a server that sends everything back, body and link included."""
    letter = raw.decode("ascii").replace("\r\n", "\n")
    status = (
        "Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; a@x.example\nAction: failed\nStatus:"
        " 5.1.1\n"
    )
    return multipart(
        [
            f"Content-Type: message/delivery-status\n\n{status}",
            f"Content-Type: message/rfc822\n\n{letter}",
        ]
    )


@contextmanager
def everything_logged(path: Path) -> Iterator[None]:
    """What the product and its libraries would write down when somebody looks for a fault.

    The database's own statements aside.
    """
    handler, root = logging.FileHandler(path), logging.getLogger()
    handler.addFilter(lambda record: record.name != "mail.log")  # the test's own mail server
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        handler.close()


def secrets_in(box: Postbox) -> list[str]:
    """Every code and every stop secret that was mailed, in texts, pages and headers."""
    said = [
        str(part.get_content())
        for letter in box.letters()
        for part in letter.walk()
        if part.get_content_maintype() == "text"
    ]
    said += [str(letter["List-Unsubscribe"]) for letter in box.letters()]
    return sorted(
        {found for one in said for pattern in (_CODE, _SECRET) for found in pattern.findall(one)}
    )


def send(config: Config, kind: str, recipients: list[str], number: int = 1) -> None:
    mail.queue_letters(kind, "it-support-2027-q1", recipients, number=number)
    assert mail.deliver_letters(channel=Connection(config.mail_url)).problem == ""


def test_after_reading_no_code_is_in_any_table_log_or_file_or_in_the_bounce_mailbox(
    app: Flask, tmp_path: Path
) -> None:
    folder, words = tmp_path / "box", [f"zzcanary{number}qq" for number in range(8)]
    folder.mkdir()
    with everything_logged(tmp_path / "all.log"), open_postbox() as box, open_imap(folder) as port:
        company = open_today(app, DEPARTMENTS)
        app.config["CANDOUR"] = config = replace(
            company.config,
            mail_url=box.url,
            bounce_url=url(port),
            bounce_address="b+*@northwind.example",
        )
        tick(config, now())
        asked = [invitation.id for invitation, _ in invitations_of(company.wave.id)]
        for code, word in zip(company.codes, words, strict=False):
            assert (
                browser(app)
                .post(f"/s/{company.wave.slug}", data={"token": code, "OVR1": "4", "OPN1": word})
                .status_code
                == 303
            )
        correct_invited_address("c22@northwind.example", "carla@northwind.example")
        send(config, REMINDER, asked)
        secrets = secrets_in(box)
        notices = 1
        assert len(secrets) == 3 * (len(box.kept) - notices) == 3 * (22 + 14)
        for number, (_, raw) in enumerate(box.kept, start=1):
            put(folder, number, returned_whole(raw))
        finder = Finder([*secrets, *company.codes])
        assert finder.found(files_under(folder)), "the codes are not even where they were put"
        assert read_bounces(config) == MailboxReading(came_back=22 + 1)
        assert list(folder.iterdir()) == []
        states = dict(
            db.session.execute(
                text("SELECT kind, min(state) || max(state) FROM outbox GROUP BY kind")
            ).all()
        )
        assert states == {
            INVITATION: "bouncedbounced",
            NOTICE: "bouncedbounced",
            REMINDER: "bouncedcancelled",
        }
        _nowhere(finder, tmp_path)
        stored = everything_stored()
        assert not any(
            Finder(secrets).places(row.encode()) for rows in stored.values() for row in rows
        )
        close_wave(
            company.wave.slug, now(), config.key_dir, actor="test", early="the whole office moved"
        )
    _nowhere(finder, tmp_path)
    stored = everything_stored()
    answers = " ".join(
        row for table in ("response", "comment", "findings") for row in stored[table]
    )
    persons = " ".join(
        row
        for table in ("person", "invitation", "token", "outbox", "bounce_box")
        for row in stored[table]
    )
    assert all(word in answers and word not in persons for word in words)
    marks = [
        *asked,
        *(str(letter["Message-ID"]).strip("<").partition("@")[0] for letter in box.letters()),
        "carla@northwind.example",
    ]
    assert [mark for mark in marks if mark in answers] == []
    assert not any(REMINDER in row for row in stored["outbox"])


def _nowhere(finder: Finder, folder: Path) -> None:
    places = [folder]
    if db.engine.dialect.name == "postgresql":
        number = db.session.scalar(
            text("SELECT oid FROM pg_database WHERE datname = current_database()")
        )
        db.session.execute(text("CHECKPOINT"))
        places += [server_folder() / "pg_wal", server_folder() / "base" / str(number)]
    db.session.rollback()
    found = finder.found(files_under(*places))
    assert [(secret, path.name) for secret, path in found] == []


def said_of(app: Flask, candour: Candour, manager: Browser, wave: str) -> dict[str, str]:
    """Every page that a manager can open without knowing an id, and every command that looks.

    What passes with time is left out.
    """
    found = {}
    for rule in app.url_map.iter_rules():
        if (
            "GET" in (rule.methods or ())
            and rule.arguments <= {"wave"}
            and rule.endpoint != "audit.audit_log"
        ):
            found[rule.rule] = _PASSING.sub("", manager.get(rule.rule.replace("<wave>", wave)).text)
    looks = (
        "mail status",
        f"mail status {wave}",
        f"mail status {wave} --json",
        f"waves status {wave} --json",
        f"waves status {wave}",
        "waves list",
    )
    looks += (
        "people list --json",
        "doctor",
        "doctor --json",
        "mail bounces",
        "tick",
        "surveys list --json",
    )
    looks += tuple(f"people export {address}@northwind.example" for address in ("ada", "c2", "c22"))
    for words in looks:
        said = candour(*words.split())
        found[words] = _PASSING.sub("", said.out + said.err)
    return found


def test_no_page_and_no_command_tells_how_many_reminders_went_or_came_back(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    candour, manager = (
        command_line(app, database_url, tmp_path, monkeypatch, capsys),
        browser(app, "manager"),
    )
    at = now()
    monkeypatch.setattr(returned, "now", lambda: at)
    folder = tmp_path / "box"
    folder.mkdir()
    with open_postbox() as box, open_imap(folder) as port:
        company = open_today(app, DEPARTMENTS)
        app.config["CANDOUR"] = config = replace(
            company.config, mail_url=box.url, bounce_url=url(port)
        )
        tick(config, now())
        asked = [invitation.id for invitation, _ in invitations_of(company.wave.id)]
        put(folder, 1, report(str(box.letters()[0]["Message-ID"])))
        read_bounces(config)
        send(config, REMINDER, asked[:3])
        said_of(app, candour, manager, company.wave.slug)
        first = said_of(app, candour, manager, company.wave.slug)
        send(config, REMINDER, asked[3:16], number=2)
        for number, letter in enumerate(box.letters()[22:], start=2):
            put(
                folder,
                number,
                report(str(letter["Message-ID"]), action="failed" if number % 3 else "delayed"),
            )
        second = said_of(app, candour, manager, company.wave.slug)
        assert list(folder.glob("*.eml")) == [], "the command has read and deleted them"
    assert {"/", "/waves/<wave>/progress", "/people", "mail status"} <= set(first)
    assert {place: second[place] for place in first if second[place] != first[place]} == {}
    quiet = text("SELECT count(*) FROM outbox WHERE kind <> 'invitation' AND state = 'bounced'")
    assert int(db.session.scalar(quiet) or 0) > 10, "reminders did come back"
