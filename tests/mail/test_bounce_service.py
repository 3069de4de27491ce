"""Letters that come back, end to end, on both databases.

They are sent to a real server, bounced into a real mailbox, read and noted.
Of reminders nothing is ever seen to come back: who gets one has not answered.
"""

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.config import Config
from survey.database import db, transaction
from survey.invitations.service.invitations import INVITATION, REMINDER
from survey.invitations.service.personal_data import export_personal_data
from survey.kernel.clock import now
from survey.mail import service as mail
from survey.mail.bounces.service import returned
from survey.mail.bounces.service.mailbox import Mailbox
from survey.mail.bounces.service.returned import (
    STAYS,
    MailboxReading,
    NoticeOutcome,
    mailbox_state,
    read_bounces,
    read_bounces_if_due,
    record_bounce,
)
from survey.mail.outbox.service import letters
from survey.mail.smtp.service.sender import Connection
from survey.schedule import tick
from survey.waves import service as waves
from tests.answering.today import everything_stored, open_today
from tests.cast import Company
from tests.mail.imap import open_imap, put, url
from tests.mail.postbox import Postbox, open_postbox
from tests.mail.retrying import retry
from tests.mail.returned import exchange, out_of_office, qmail, report
from tests.outside import Browser, Candour, browser, command_line
from tests.ports import free_port
from tests.proofs import on_postgresql

UNKNOWN = "<ffffffffffffffffffffffffffffffff@northwind.example>"


@dataclass
class Post:
    """A company whose letters have gone out to a real server, and its bounce mailbox."""

    company: Company
    config: Config
    folder: Path
    box: Postbox
    ids: dict[tuple[str, str], str] = field(
        default_factory=dict
    )  # by kind and address: the Message-ID

    def send(self, kind: str, *, number: int = 1) -> None:
        """Queues a letter of this kind for the first people, and hands over what waits."""
        query = (
            "SELECT i.id FROM invitation i JOIN person p ON p.id = i.person_id WHERE p.email IN"
            " (:one, :two)"
        )
        recipients = db.session.execute(
            text(query), {"one": "ada@northwind.example", "two": "c2@northwind.example"}
        ).scalars()
        mail.queue_letters(kind, self.company.wave.slug, list(recipients), number=number)
        self.deliver()

    def deliver(self) -> None:
        before = len(self.box.kept)
        assert mail.deliver_letters(channel=Connection(self.box.url)).problem == ""
        kinds = dict(db.session.execute(text("SELECT message_id, kind FROM outbox")).all())
        db.session.rollback()
        for letter in self.box.letters()[before:]:
            address = str(letter["To"]).rpartition("<")[2].rstrip(">")
            self.ids[kinds[str(letter["Message-ID"])], address] = str(letter["Message-ID"])

    def row(self, kind: str, address: str = "ada@northwind.example") -> tuple[object, ...]:
        query = text(
            "SELECT state, last_code, last_reason, bounced_at IS NOT NULL, sent_at IS NOT NULL FROM"
            " outbox WHERE message_id = :id"
        )
        row = tuple(db.session.execute(query, {"id": self.ids[kind, address]}).one())
        db.session.rollback()
        return (*row[:3], *map(bool, row[3:]))

    def left(self) -> list[int]:
        return [int(path.stem) for path in sorted(self.folder.glob("*.eml"))]


@pytest.fixture
def post(app: Flask, tmp_path: Path) -> Iterator[Post]:
    company = open_today(app)
    folder = tmp_path / "box"
    folder.mkdir()
    with open_postbox() as box, open_imap(folder, uidplus=True) as port:
        post = Post(company, replace(company.config, bounce_url=url(port)), folder, box)
        post.deliver()
        yield post


SENT = ("sent", "250", None, False, True)
BOUNCED = ("bounced", "5.1.1", "this mailbox does not exist", True, True)


@on_postgresql("databases")
def test_a_letter_that_comes_back_is_noted_and_its_notice_deleted_and_foreign_mail_stays_as_it_is(
    post: Post,
) -> None:
    ours = {kind: post.ids[INVITATION, f"{kind}@northwind.example"] for kind in ("ada", "c2", "c3")}
    foreign = {
        1: out_of_office(ours["c2"]),
        3: report("<CAF+x@mail.gmail.com>"),
        4: qmail(ours["c2"]),
        6: report(ours["c2"])[:40] + b"\0" * 2000,
        7: report(ours["c2"]) + b"x" * 30 * 1024 * 1024,
    }
    for number, raw in (
        foreign | {2: report(ours["ada"]), 5: report(ours["c3"], action="delayed", status="4.4.1")}
    ).items():
        put(post.folder, number, raw)
    reading = read_bounces(post.config)
    assert reading == MailboxReading(came_back=1, unchanged=1, foreign=5)
    assert reading.lines() == ("bounces: 1 came back, 1 changed nothing, 5 not ours",)
    assert post.row(INVITATION) == BOUNCED
    assert {post.row(INVITATION, f"{name}@northwind.example") for name in ("c2", "c3")} == {SENT}
    assert post.left() == sorted(foreign)
    assert {
        number: (post.folder / f"{number:04}.eml").read_bytes() for number in foreign
    } == foreign
    assert list(post.folder.glob("*.flags")) == []
    assert read_bounces(post.config) == MailboxReading(), "what is not ours is not read again"
    shown = letters.delivery_status(post.company.wave.slug)
    assert shown.numbers == {INVITATION: {"sent": 57, "bounced": 1}}
    assert [reason for _, reason in shown.failures] == ["this mailbox does not exist (5.1.1)"]
    assert waves.find_wave(post.company.wave.slug).invited == 58


def told(post: Post, candour: Candour, manager: Browser) -> list[object]:
    """Everything that anybody can read about letters, the wave's page included.

    Without what differs with every look.
    """
    wave = post.company.wave.slug
    people = [
        export_personal_data(address)
        for address in ("ada@northwind.example", "c2@northwind.example")
    ]
    commands = [
        candour(*words)
        for words in (
            ["mail", "status", wave, "--json"],
            ["mail", "status"],
            ["waves", "status", wave, "--json"],
        )
    ]
    pages = [
        re.sub(r"\d\d:\d\d|(csrf_token|carried)\S* value=\S+", "", manager.get(page).text)
        for page in ("/", f"/waves/{wave}/progress")
    ]
    return [letters.delivery_status(wave), people, commands, candour("mail", "retry", wave), pages]


@on_postgresql("databases")
@pytest.mark.parametrize("kind", [REMINDER])
def test_nothing_tells_that_a_letter_came_back_that_only_those_get_who_have_not_answered(
    post: Post,
    kind: str,
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
    post.send(kind)
    assert read_bounces(post.config) == MailboxReading()
    before = told(post, candour, manager)
    put(post.folder, 1, report(post.ids[kind, "ada@northwind.example"]))
    put(
        post.folder,
        2,
        report(post.ids[kind, "c2@northwind.example"], action="delayed", status="4.2.0"),
    )
    reading = read_bounces(post.config)
    assert reading == MailboxReading()
    assert reading.lines() == ()
    assert post.row(kind) == BOUNCED
    assert post.left() == []
    assert told(post, candour, manager) == before
    assert post.row(kind) == BOUNCED, "a retry of what failed does not send it again"


@on_postgresql("databases")
def test_a_notice_that_is_faster_than_we_are_waits_in_the_mailbox(post: Post) -> None:
    set_state(post.ids[INVITATION, "ada@northwind.example"], "sending")
    put(post.folder, 1, report(post.ids[INVITATION, "ada@northwind.example"]))
    put(post.folder, 2, report(post.ids[INVITATION, "c2@northwind.example"]))
    assert read_bounces(post.config) == MailboxReading(came_back=1)
    assert post.left() == [1]
    set_state(post.ids[INVITATION, "ada@northwind.example"], "sent")
    assert read_bounces(post.config) == MailboxReading(came_back=1)
    assert post.left() == []
    assert post.row(INVITATION) == BOUNCED


def set_state(message_id: str, state: str) -> None:
    with transaction() as session:
        session.execute(
            text("UPDATE outbox SET state = :state WHERE message_id = :id"),
            {"state": state, "id": message_id},
        )


@on_postgresql("databases")
@pytest.mark.parametrize("state", ["ready", "leased", "failed", "unknown", "cancelled", "bounced"])
def test_only_a_letter_that_was_sent_can_come_back(post: Post, state: str) -> None:
    ada = post.ids[INVITATION, "ada@northwind.example"]
    set_state(ada, state)
    before = everything_stored()
    assert record_bounce(report(ada), post.config) is NoticeOutcome.UNCHANGED
    assert everything_stored()["outbox"] == before["outbox"]


@on_postgresql("databases")
def test_a_forged_notice_changes_nothing(post: Post) -> None:
    ada, bob = (post.ids[INVITATION, f"{name}@northwind.example"] for name in ("ada", "c2"))
    before = everything_stored()
    for message_id, result in (
        (UNKNOWN, NoticeOutcome.UNCHANGED),
        (UNKNOWN.replace("northwind", "elsewhere"), NoticeOutcome.FOREIGN),
        ("<%@x.example>", NoticeOutcome.FOREIGN),
    ):
        assert record_bounce(report(message_id), post.config) is result
    both = report(ada, returned=f"Message-ID: {ada}\nX-Original-Message-ID: {bob}\n")
    assert record_bounce(both, post.config) is NoticeOutcome.FOREIGN
    assert everything_stored() == before


@on_postgresql("databases")
def test_a_letter_that_was_sent_again_can_come_back_again(post: Post) -> None:
    ada = post.ids[INVITATION, "ada@northwind.example"]
    assert record_bounce(exchange(ada), post.config) is NoticeOutcome.NOTED
    assert post.row(INVITATION)[:3] == ("bounced", "5.1.10", "this mailbox does not exist")
    assert record_bounce(exchange(ada), post.config) is NoticeOutcome.UNCHANGED
    assert retry(post.company.wave.slug) == 1
    post.deliver()
    assert post.row(INVITATION)[0] == "sent"
    assert record_bounce(report(ada, status="5.2.2"), post.config) is NoticeOutcome.NOTED
    assert post.row(INVITATION)[:3] == ("bounced", "5.2.2", "this mailbox is full")


@on_postgresql("databases")
def test_a_notice_that_was_taken_but_not_deleted_is_deleted_the_next_time(post: Post) -> None:
    raw = report(post.ids[INVITATION, "ada@northwind.example"])
    put(post.folder, 1, raw)
    assert record_bounce(raw, post.config) is NoticeOutcome.NOTED  # killed here
    assert read_bounces(post.config) == MailboxReading(unchanged=1)
    assert (post.left(), post.row(INVITATION)) == ([], BOUNCED)


@on_postgresql("databases")
def test_a_mailbox_that_was_numbered_anew_is_read_from_the_start(
    post: Post, tmp_path: Path
) -> None:
    put(post.folder, 5, out_of_office(UNKNOWN))
    assert read_bounces(post.config) == MailboxReading(foreign=1)
    with open_imap(post.folder, validity=8) as port:
        put(post.folder, 2, report(post.ids[INVITATION, "ada@northwind.example"]))
        assert read_bounces(replace(post.config, bounce_url=url(port))) == MailboxReading(
            came_back=1, foreign=1
        )


@on_postgresql("databases")
def test_a_mailbox_that_lets_nothing_be_deleted_is_read_to_its_end(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("survey.mail.bounces.service.mailbox.AT_ONCE", 1)
    for number, name in enumerate(("ada", "c2"), start=1):
        put(post.folder, number, report(post.ids[INVITATION, f"{name}@northwind.example"]))
    post.folder.chmod(0o755)
    real = Mailbox.delete
    monkeypatch.setattr(Mailbox, "delete", lambda box, uids: real(box, uids) and False)
    reading = read_bounces(post.config)
    assert (reading.came_back, reading.problem) == (2, STAYS)


@on_postgresql("databases")
def test_every_letter_has_an_envelope_sender_of_its_own_and_comes_back_by_it_alone(
    post: Post, app: Flask
) -> None:
    assert set(post.box.senders) == {"feedback@northwind.example"}
    post.config = replace(post.config, bounce_address="bounces+*@northwind.example")
    app.config["CANDOUR"] = post.config
    set_state(post.ids[INVITATION, "ada@northwind.example"], "failed")
    set_state(post.ids[INVITATION, "c2@northwind.example"], "failed")
    retry(post.company.wave.slug)
    post.deliver()
    senders = post.box.senders[-2:]
    assert len(set(senders)) == 2
    assert {
        sender.removeprefix("bounces+").removesuffix("@northwind.example") for sender in senders
    } == {
        post.ids[INVITATION, f"{name}@northwind.example"].strip("<").partition("@")[0]
        for name in ("ada", "c2")
    }
    codes = "".join(post.company.codes)
    assert not any(sender[8:40] in codes for sender in senders)
    letter = post.box.letters()[-1]
    assert letter["From"] == "Dana Reyes <feedback@northwind.example>"
    address = str(letter["To"]).rpartition("<")[2].rstrip(">")
    put(
        post.folder,
        1,
        report("", returned="Subject: nothing else is left\n", to=post.box.senders[-1]),
    )
    assert read_bounces(post.config) == MailboxReading(came_back=1)
    assert post.row(INVITATION, address) == BOUNCED


# When it is read


@on_postgresql("databases")
def test_it_is_read_every_ten_minutes_by_the_real_clock_by_whoever_asks_first(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = now()
    monkeypatch.setattr(returned, "now", lambda: at)
    read = [read_bounces_if_due(post.config).foreign]
    for number, later in enumerate((0, 599, 600, 601, 1200, -60, -60, 540), start=1):
        put(post.folder, number, out_of_office(UNKNOWN))
        moment = at + timedelta(seconds=later)
        monkeypatch.setattr(returned, "now", lambda moment=moment: moment)
        read.append(read_bounces_if_due(post.config).foreign)
    assert read == [0, 0, 0, 3, 0, 2, 1, 0, 2]


def test_of_two_processes_one_reads(post: Post, app: Flask) -> None:
    put(post.folder, 1, out_of_office(UNKNOWN))
    start, read = threading.Barrier(3), []

    def look() -> None:
        with app.app_context():
            start.wait(timeout=20)
            read.append(read_bounces_if_due(post.config).foreign)
            db.session.remove()

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(read) == [0, 0, 1]


def test_without_a_mailbox_nothing_is_read_and_nothing_is_stored(app: Flask) -> None:
    assert read_bounces_if_due(app.config["CANDOUR"]) == MailboxReading()
    assert everything_stored()["bounce_box"] == []


@on_postgresql("databases")
def test_a_mailbox_that_is_away_is_a_line_of_the_tick_and_stops_no_letter(app: Flask) -> None:
    company = open_today(app)
    app.config["CANDOUR"] = config = replace(company.config, bounce_url=url(free_port()))
    lines = tick(config, now())
    reason = "its server does not take connections; check host and port in CANDOUR_BOUNCE_URL"
    assert lines == (
        (
            f"The bounce mailbox was not read: {reason}. Letters go out all the same; it is tried"
            " again in ten minutes."
        ),
        "letters: 58 sent",
    )
    assert mailbox_state().problem == reason
    assert tick(config, now()) == (), "not with every tick"


@on_postgresql("databases")
def test_the_tick_reads_what_came_back(post: Post, app: Flask) -> None:
    put(post.folder, 1, report(post.ids[INVITATION, "ada@northwind.example"]))
    assert tick(post.config, now()) == ("bounces: 1 came back",)
    assert mailbox_state().problem is None
    assert tick(post.config, now()) == ()


# The command


@pytest.fixture
def candour(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Candour:
    return command_line(app, database_url, tmp_path, monkeypatch, capsys)


@on_postgresql("databases")
def test_the_command_reads_files_and_the_mailbox(
    post: Post, candour: Candour, app: Flask, tmp_path: Path
) -> None:
    raw = report(post.ids[INVITATION, "ada@northwind.example"])
    (tmp_path / "one.eml").write_bytes(raw)
    (tmp_path / "two.eml").write_bytes(out_of_office(UNKNOWN))
    said = candour("mail", "bounces", tmp_path / "one.eml", tmp_path / "two.eml")
    assert (said.code, said.out, said.err) == (0, "bounces: 1 came back, 1 not ours\n", "")
    app.config["CANDOUR"] = post.config
    put(post.folder, 1, report(post.ids[INVITATION, "c2@northwind.example"]))
    assert candour("mail", "bounces").out == "bounces: 1 came back\n"
    assert candour("mail", "bounces").out == "bounces: nothing new\n"
    assert re.search("^good +bounce mailbox: It was read at", candour("doctor").out, re.MULTILINE)
    app.config["CANDOUR"] = replace(post.config, bounce_url=url(free_port()))
    said = candour("mail", "bounces")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(
        "The bounce mailbox was not read: its server does not take connections"
    )
    assert "To try now: candour mail bounces" in candour("mail", "status").out
    assert re.search(
        "^wrong +bounce mailbox: It was not read at .* does not take connections",
        candour("doctor").out,
        re.MULTILINE,
    )
    assert json.loads(candour("mail", "status", "--json").out)["bounce_mailbox"][
        "problem"
    ].startswith("its server")


@on_postgresql("databases")
def test_a_mail_servers_pipe_hands_one_message_over(
    post: Post, candour: Candour, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ada = post.ids[INVITATION, "ada@northwind.example"]
    (tmp_path / "message").write_bytes(report(ada))

    def piped() -> tuple[int, str]:
        with (tmp_path / "message").open() as file:
            monkeypatch.setattr("sys.stdin", file)
            said = candour("mail", "bounces", "--stdin")
        assert said.out == ""
        return said.code, said.err

    set_state(ada, "sending")
    assert piped() == (
        75,
        "The letter is still being handed over. Hand the message over again in a minute.\n",
    )
    set_state(ada, "sent")
    assert piped() == (0, "")
    assert post.row(INVITATION) == BOUNCED
    assert piped() == (0, "")
    (tmp_path / "message").write_bytes(b"\0" * 2_000_000)
    assert piped() == (0, "")
    monkeypatch.setattr(
        "survey.mail.bounces.commands.record_bounce",
        lambda *_: db.session.execute(text("SELECT nothing FROM nowhere")),
    )
    code, err = piped()
    assert (code, err[:36]) == (75, "The database did not do what was ask")


# What the server is asked to send back


@on_postgresql("databases")
def test_where_the_server_can_it_is_asked_to_return_no_body(post: Post) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)
    heard: list[bytes] = []

    def talk() -> None:
        connection, _ = listener.accept()
        connection.settimeout(10)
        with suppress(OSError), connection, connection.makefile("rb") as reader:
            connection.sendall(b"220 ready\r\n")
            for line in reader:
                heard.append(line)
                answer = {
                    b"ehlo": b"250-sink\r\n250 DSN\r\n",
                    b"mail": b"250 ok\r\n",
                    b"rcpt": b"550 5.1.1 no\r\n",
                }
                connection.sendall(answer.get(line[:4].lower(), b"250 ok\r\n"))

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    retry(post.company.wave.slug)
    set_state(post.ids[INVITATION, "ada@northwind.example"], "ready")
    mail.deliver_letters(channel=Connection(f"smtp://127.0.0.1:{listener.getsockname()[1]}"))
    thread.join(timeout=15)
    listener.close()
    assert [line for line in heard if line.lower().startswith(b"mail")] == [
        b"MAIL FROM:<feedback@northwind.example> RET=HDRS\r\n"
    ]
