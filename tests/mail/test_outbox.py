"""The outbox on both databases, with a real SMTP server: nothing lost, sent twice or told."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from survey.access.service.accounts import add_user
from survey.database import db, transaction
from survey.kernel.errors import Refused
from survey.mail.outbox.service import delivery
from survey.mail.outbox.service.delivery import DeliveryReport
from survey.mail.outbox.service.leases import BATCH
from survey.mail.outbox.service.letter_types import (
    LetterType,
    NotNow,
    PreparedLetter,
    QueuedLetter,
    register_letter_type,
)
from survey.mail.outbox.service.letters import (
    cancel_letters,
    delivery_status,
    erase_old_recipients,
    erase_recipients,
    forget_confidential_letters,
)
from survey.mail.outbox.service.pausing import (
    pause_sending,
    pause_wave,
    paused_waves,
    resume_sending,
    resume_wave,
)
from survey.mail.outbox.service.queue import queue_letters, queue_undelivered_again
from survey.mail.outbox.service.senders import among_senders
from survey.mail.rules.letter import Letter
from survey.mail.rules.states import DeliveryAttempt, DeliveryOutcome
from survey.mail.smtp.service import sender
from survey.mail.smtp.service.message import Message
from survey.mail.smtp.service.sender import Connection, Limits
from tests.mail.postbox import DROP, Postbox, open_postbox
from tests.mail.retrying import retry
from tests.ports import free_port
from tests.proofs import on_postgresql

AT = datetime(2027, 1, 11, 9, 0, 30, tzinfo=UTC)
WAVE = "it-support-2027-q1"
CANARY = "codecanary"


@dataclass
class Clock:
    """Stands still until it is moved."""

    at: datetime = AT

    def __call__(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class LetterWriter:
    """Writes letters: by recipient, what happens while one is written and inside commit A.

    Keeps what was stored.
    """

    writing: dict[str, Callable[[], object]] = field(default_factory=dict)
    storing: dict[str, Callable[[], bool]] = field(default_factory=dict)
    stored: list[str] = field(default_factory=list)

    def write(self, queued: QueuedLetter) -> PreparedLetter | None:
        if queued.recipient in self.writing and self.writing[queued.recipient]() is None:
            return None
        body = f"{CANARY}-{queued.recipient}-{queued.attempts}\n"
        letter = Letter(
            "Ada Berg", f"{queued.recipient}@northwind.example", "Hello", body, f"<p>{body}</p>"
        )
        return PreparedLetter(letter, lambda: self.store(queued.recipient))

    def store(self, recipient: str) -> bool:
        due = self.storing.get(recipient, lambda: True)()
        if due:
            self.stored.append(recipient)
        return due


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved_clock = Clock()
    monkeypatch.setattr("survey.kernel.clock.now", moved_clock)
    return moved_clock


@pytest.fixture
def writer(app: Flask) -> LetterWriter:
    """Two letter types: one that is sent again when nobody knows, one that is not.

    Beside them another wave's letter, which is not due.
    """
    writer = LetterWriter()
    register_letter_type(app, LetterType("again", 50, is_sent_again=True, write=writer.write))
    register_letter_type(app, LetterType("once", 60, is_sent_again=False, write=writer.write))
    queue_letters("once", "noise-2027-01", ["noise"])
    with transaction() as session:
        session.execute(text("UPDATE outbox SET next_at = '2099-01-01 00:00:00'"))
    return writer


@pytest.fixture
def box() -> Iterator[Postbox]:
    with open_postbox() as postbox:
        yield postbox


def deliver(url: str | int, seconds: float = 60.0) -> DeliveryReport:
    address = url if isinstance(url, str) else f"smtp://127.0.0.1:{url}"
    return delivery.deliver_letters(
        seconds=seconds, channel=Connection(address, None, Limits(2.0, 4.0))
    )


def rows(columns: str = "state", wave: str = WAVE) -> dict[str, object]:
    """The rows of a wave by recipient."""
    results = db.session.execute(
        text(f"SELECT recipient, {columns} FROM outbox WHERE wave = :wave ORDER BY recipient"),
        {"wave": wave},
    ).all()
    db.session.rollback()
    return {row[0]: row[1] if len(row) == 2 else tuple(row[1:]) for row in results}


def change(assignment: str, recipient: str = "%", **values: object) -> None:
    with transaction() as session:
        session.execute(
            text(f"UPDATE outbox SET {assignment} WHERE recipient LIKE :r AND wave = :w"),
            {"r": recipient, "w": WAVE, **values},
        )


def ids(letters: Postbox) -> list[tuple[str, str]]:
    return [(str(letter["Message-ID"]), str(letter["Date"])) for letter in letters.letters()]


# The queue


def test_queueing_again_changes_nothing_and_sends_nothing_twice(
    writer: LetterWriter, box: Postbox
) -> None:
    queue_letters("again", WAVE, ["ada", "bob"])
    before = rows("id, message_id, state, next_at")
    queue_letters("again", WAVE, ["bob", "cleo", "ada"])
    after = rows("id, message_id, state, next_at")
    assert {name: after[name] for name in before} == before
    assert len(after) == 3
    assert deliver(box.url).sent == 3
    queue_letters("again", WAVE, ["ada", "bob", "cleo"])
    assert deliver(box.url) == DeliveryReport()
    assert sorted(box.recipients) == [
        f"{name}@northwind.example" for name in ("ada", "bob", "cleo")
    ]


def test_another_number_or_kind_or_wave_is_another_letter(
    writer: LetterWriter, box: Postbox
) -> None:
    queue_letters("again", WAVE, ["ada"])
    queue_letters("again", WAVE, ["ada"], number=2)
    queue_letters("once", WAVE, ["ada"])
    queue_letters("again", "it-support-2027-q2", ["ada"])
    assert deliver(box.url).sent == 4
    assert len(set(ids(box))) == 4


def test_a_queue_that_rolls_back_leaves_no_letter(writer: LetterWriter) -> None:
    def opens_after_all() -> None:
        with transaction():
            queue_letters("again", WAVE, ["ada"])
            raise Refused("wave-not-open", "The wave does not open after all.")

    with pytest.raises(Refused, match="does not open after all"):
        opens_after_all()
    assert rows() == {}


def test_a_thousand_letters_are_queued_at_once(writer: LetterWriter) -> None:
    queue_letters("again", WAVE, [f"p{number}" for number in range(1001)])
    assert delivery_status(WAVE).numbers == {"again": {"ready": 1001}}


def test_the_more_urgent_kind_goes_first(app: Flask, writer: LetterWriter, box: Postbox) -> None:
    register_letter_type(app, LetterType("code", 1, is_sent_again=False, write=writer.write))
    queue_letters("again", WAVE, [f"p{number}" for number in range(25)])
    queue_letters("code", WAVE, ["urgent"])
    deliver(box.url)
    assert box.recipients[0] == "urgent@northwind.example"


def test_a_kind_that_this_version_does_not_know_waits(writer: LetterWriter, box: Postbox) -> None:
    queue_letters("again", WAVE, ["ada"])
    change("kind = 'from the future'")
    assert deliver(box.url) == DeliveryReport()
    assert rows() == {"ada": "ready"}


def test_the_table_holds_no_code_body_name_or_address(writer: LetterWriter, box: Postbox) -> None:
    box.answers = {
        "RCPT": ["550 5.1.1 <ada@northwind.example> unknown"],
        "DATA": [f"451 4.3.0 {CANARY}"],
    }
    queue_letters("again", WAVE, ["ada", "bob", "cleo"])
    deliver(box.url)
    dump = "".join(
        str(row)
        for table in ("outbox", "mail_channel")
        for row in db.session.execute(text(f"SELECT * FROM {table}"))
    )
    assert dump.count(WAVE) >= 3
    assert [
        mark for mark in (CANARY, "ada@", "bob@", "cleo@", "Ada Berg", "Hello") if mark in dump
    ] == []


# What the server says


def test_550_fails_one_person_and_451_waits_and_the_others_arrive(
    writer: LetterWriter, box: Postbox, clock: Clock
) -> None:
    box.answers = {"RCPT": ["550 5.1.1 unknown", "451 4.3.0 later"]}
    queue_letters("again", WAVE, ["p1", "p2", "p3", "p4"])
    report = deliver(box.url)
    assert (report.sent, report.failed, report.later, report.problem) == (2, 1, 1, "")
    assert report.lines() == ("letters: 2 sent, 1 to be tried again, 1 failed",)
    states = rows("state, attempts, last_code, last_reason").values()
    assert sorted(map(str, states)) == sorted(
        map(
            str,
            [
                ("failed", 1, "550 5.1.1", "this mailbox does not exist"),
                ("ready", 1, "451 4.3.0", "the mail server asks us to try again later"),
                *[("sent", 1, "250", None)] * 2,
            ],
        )
    )
    assert deliver(box.url) == DeliveryReport()
    clock.move(seconds=13)
    assert deliver(box.url).sent == 1


def test_each_451_doubles_the_wait_and_copies_keep_message_id_and_date(
    writer: LetterWriter, box: Postbox, clock: Clock
) -> None:
    queue_letters("again", WAVE, ["ada"])
    (before,) = rows("message_id").values()
    waits = []
    for _ in range(4):
        box.answers = {"RCPT": ["451 later"]}
        assert deliver(box.url).later == 1
        moments = db.session.execute(
            text("SELECT next_at FROM outbox WHERE recipient = 'ada'")
        ).scalar_one()
        db.session.rollback()
        due = (
            datetime.fromisoformat(str(moments)).replace(tzinfo=UTC)
            if isinstance(moments, str)
            else moments
        )
        waits.append((due - clock.at).total_seconds())
        clock.at = due
    assert [8 * 3**n <= wait <= 12 * 3**n for n, wait in enumerate(waits)] == [True] * 4, waits
    assert deliver(box.url).sent == 1
    assert ids(box) == [(before, "Mon, 11 Jan 2027 09:00:30 +0000")]
    assert rows("attempts") == {"ada": 5}


@pytest.mark.parametrize(
    ("kind", "state", "copies"), [("again", "sent", 2), ("once", "unknown", 1)]
)
def test_a_connection_lost_after_data_is_tried_again_or_unknown_by_kind(
    writer: LetterWriter, box: Postbox, clock: Clock, kind: str, state: str, copies: int
) -> None:
    queue_letters(kind, WAVE, ["ada"])
    arrived = KeepsThenDrops(box)
    clock.move(seconds=7)
    delivery.deliver_letters(channel=arrived)
    clock.move(seconds=20)
    delivery.deliver_letters(channel=arrived)
    assert rows() == {"ada": state}
    assert box.recipients == ["ada@northwind.example"] * copies
    assert len(set(ids(box))) == 1


class KeepsThenDrops(Connection):
    """The first letter arrives, but its 250 is never heard."""

    def __init__(self, box: Postbox) -> None:
        super().__init__(box.url)
        self.box, self.first = box, True

    def deliver(self, message: Message) -> DeliveryAttempt:
        attempt = super().deliver(message)
        if self.first:
            self.first = False
            self._cut()
            return DeliveryAttempt(DeliveryOutcome.LOST, "", "the connection broke")
        return attempt


class NeverAnswers(Connection):
    """Every letter arrives, and no 250 is ever heard."""

    def __init__(self, box: Postbox) -> None:
        super().__init__(box.url)

    def deliver(self, message: Message) -> DeliveryAttempt:
        super().deliver(message)
        self._cut()
        return DeliveryAttempt(DeliveryOutcome.LOST, "", "the connection broke")


@on_postgresql("databases")
def test_a_server_that_never_answers_gets_three_copies_at_most_and_is_left_for_a_while(
    writer: LetterWriter, box: Postbox, clock: Clock
) -> None:
    queue_letters("again", WAVE, [f"p{number}" for number in range(8)])
    reports = []
    for _ in range(40):
        reports.append(deliver_by(NeverAnswers(box)))
        assert len(box.kept) <= 3 * len(reports)
        clock.move(minutes=20)
    assert max(box.recipients.count(one) for one in box.recipients) == 3
    assert delivery_status(WAVE).numbers == {"again": {"unknown": 8}}
    assert "takes letters and does not answer" in reports[0].problem


def deliver_by(line: Connection) -> DeliveryReport:
    return delivery.deliver_letters(channel=line)


def test_a_letter_that_cannot_be_decided_now_waits_and_counts_as_nothing(
    writer: LetterWriter, box: Postbox, clock: Clock
) -> None:
    asked: list[int] = []

    def not_now() -> bool:
        asked.append(1)
        if len(asked) == 1:
            raise NotNow
        return True

    writer.storing["p1"] = not_now
    queue_letters("again", WAVE, [f"p{number}" for number in range(3)])
    assert deliver(box.url) == DeliveryReport(sent=2)
    assert rows("state, attempts")["p1"] == ("ready", 0)
    clock.move(seconds=31)
    assert deliver(box.url) == DeliveryReport(sent=1)
    assert sorted(box.recipients) == [f"p{number}@northwind.example" for number in range(3)]


def test_a_clock_that_went_back_holds_no_turn_up(
    app: Flask, writer: LetterWriter, box: Postbox, clock: Clock, turns: list[datetime]
) -> None:
    app.config["CANDOUR"] = replace(app.config["CANDOUR"], mail_per_minute=60)
    queue_letters("again", WAVE, ["p1"])
    deliver(box.url)
    clock.move(hours=-1)
    change("next_at = :n", n="2020-01-01 00:00:00")
    queue_letters("again", WAVE, ["p2"])
    deliver(box.url)
    assert len(box.kept) == 2


def test_where_a_commit_takes_longer_than_a_turn_letters_leave_all_the_same(
    app: Flask, writer: LetterWriter, box: Postbox, clock: Clock, turns: list[datetime]
) -> None:
    app.config["CANDOUR"] = replace(app.config["CANDOUR"], mail_per_minute=300)
    writer.writing = dict.fromkeys(
        [f"p{number}" for number in range(6)], lambda: clock.move(seconds=3) or True
    )
    queue_letters("again", WAVE, list(writer.writing))
    deliver(box.url, seconds=20)
    assert sorted(box.recipients) == [f"p{number}@northwind.example" for number in range(6)]


def test_dropped_between_250_and_quit_is_sent(writer: LetterWriter, box: Postbox) -> None:
    box.answers = {"QUIT": [DROP]}
    queue_letters("once", WAVE, ["ada"])
    assert deliver(box.url).sent == 1
    assert rows() == {"ada": "sent"}


def test_a_server_that_closes_after_every_second_letter_gets_them_all_in_one_pass(
    writer: LetterWriter, box: Postbox
) -> None:
    box.answers = {"MAIL": ["250 OK", "250 OK", DROP] * 3}
    queue_letters("once", WAVE, [f"p{number}" for number in range(7)])
    assert deliver(box.url) == DeliveryReport(sent=7)
    assert len(set(box.recipients)) == len(box.recipients) == 7
    assert set(rows("state, attempts").values()) == {("sent", 1)}


def test_a_server_that_is_away_costs_no_attempt_and_the_next_tries_come_later_and_later(
    writer: LetterWriter, clock: Clock
) -> None:
    queue_letters("once", WAVE, ["ada", "bob"])
    port = free_port()
    for wait in (30, 60, 120):
        report = deliver(port)
        assert "No mail left" in report.problem
        assert "Nothing is lost" in report.problem
        assert set(rows("state, attempts").values()) == {("ready", 0)}
        clock.move(seconds=wait - 1)
        assert deliver(port) == DeliveryReport()
        clock.move(seconds=1)
    with open_postbox(port=port) as server:
        assert deliver(port).sent == 2
        assert len(server.kept) == 2
    queue_letters("once", WAVE, ["cleo"])
    assert "No mail left" in deliver(port).problem
    clock.move(seconds=30)
    with open_postbox(port=port):
        assert deliver(port).sent == 1


def test_an_outage_after_a_letter_that_left_is_a_first_outage(
    writer: LetterWriter, box: Postbox, clock: Clock
) -> None:
    queue_letters("once", WAVE, ["ada", "bob"])
    for _ in range(3):
        deliver(free_port())
        clock.move(minutes=5)
    box.answers = {"MAIL": ["250 OK", DROP, DROP]}
    report = deliver(box.url)
    assert (report.sent, "No mail left" in report.problem) == (1, True)
    clock.move(seconds=30)
    assert deliver(box.url).sent == 1


class Watched(Connection):
    """Notes what the outbox says whenever a new connection is about to be made."""

    def connect(self) -> DeliveryAttempt | None:
        if not self.is_ready:
            self.seen = [*getattr(self, "seen", []), sorted(map(str, rows().values()))]
        return super().connect()


def test_what_was_sent_is_written_down_before_a_new_connection_is_waited_for(
    writer: LetterWriter, box: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "LETTERS_PER_CONNECTION", 1)
    queue_letters("again", WAVE, ["ada", "bob"])
    line = Watched(box.url)
    assert delivery.deliver_letters(channel=line).sent == 2
    assert line.seen == [["leased", "leased"], ["leased", "sent"]]


def test_a_refused_sign_in_pauses_everything_loses_nothing_and_resume_goes_on(
    writer: LetterWriter,
) -> None:
    queue_letters("once", WAVE, [f"p{number}" for number in range(3)])
    with open_postbox(sign_in=True) as server:
        url = f"smtp://dana:wrong@127.0.0.1:{server.port}"
        report = deliver(url)
        assert report.problem.startswith(
            "Sending is paused: the mail server refused our sign-in (535"
        )
        assert "candour mail resume" in report.problem
        tried = len(server.passwords)
        assert deliver(url).problem == report.problem
        assert len(server.passwords) == tried
        assert set(rows("state, attempts").values()) == {("ready", 0)}
        assert (delivery_status().paused_because or "").startswith(
            "the mail server refused our sign-in"
        )
        server.password = b"wrong"
        resume_sending()
        assert deliver(url).sent == 3
        assert delivery_status().paused_because is None


def test_a_sender_that_is_refused_in_the_middle_pauses_with_the_rest_waiting(
    writer: LetterWriter, box: Postbox
) -> None:
    box.answers = {"MAIL": ["250 OK", "550 5.7.60 not yours"]}
    queue_letters("once", WAVE, ["p1", "p2", "p3"])
    report = deliver(box.url)
    assert (report.sent, "refuses our sender (550 5.7.60)" in report.problem) == (1, True)
    assert sorted(map(str, rows("state, attempts").values())) == [
        "('ready', 0)",
        "('ready', 0)",
        "('sent', 1)",
    ]


def test_pausing_by_hand_stops_a_pass_that_is_under_way(writer: LetterWriter, box: Postbox) -> None:
    paused: list[bool] = []
    writer.writing["p0"] = lambda: (
        paused or (pause_sending("paused by hand"), paused.append(True), True)
    )
    queue_letters("once", WAVE, ["p0"])
    queue_letters("once", WAVE, [f"q{number}" for number in range(40)])
    assert deliver(box.url).sent <= BATCH
    assert len(box.kept) <= BATCH
    assert delivery_status().paused_because == "paused by hand"
    resume_sending()
    deliver(box.url)
    assert len(set(box.recipients)) == len(box.recipients) == 41


# What cannot be written, and what is not due any more


def fault() -> object:
    raise KeyError("codecanary")


def test_one_letter_that_cannot_be_written_fails_alone(writer: LetterWriter, box: Postbox) -> None:
    writer.writing["p1"] = fault
    queue_letters("again", WAVE, [f"p{number}" for number in range(4)] + ["two@at"])
    assert (report := deliver(box.url)).sent == 3
    assert (report.failed, report.problem) == (2, "")
    stored = rows("state, attempts, last_reason")
    assert stored["p1"] == ("failed", 0, "the letter could not be written (KeyError)")
    says = "The letter was not written: More than one address. Keep one."
    assert stored["two@at"] == ("failed", 0, says)
    assert sorted(reason for _, reason in delivery_status(WAVE).failures) == sorted(
        row[2] for row in stored.values() if row[0] == "failed"
    )  # type: ignore[index]


def test_a_fault_while_storing_fails_that_letter_and_forgets_no_other(
    writer: LetterWriter, box: Postbox
) -> None:
    queue_letters("again", WAVE, [f"p{number}" for number in range(4)])
    writer.storing["p2"] = lambda: bool(fault())
    report = deliver(box.url)
    assert (report.sent, report.failed) == (3, 1)
    assert rows() == {"p0": "sent", "p1": "sent", "p2": "failed", "p3": "sent"}


def test_a_database_fault_while_storing_does_not_send_the_letter_before_it_twice(
    writer: LetterWriter, box: Postbox, clock: Clock
) -> None:
    def locked() -> bool:
        writer.storing.clear()
        raise OperationalError("", {}, Exception("database is locked"))

    queue_letters("again", WAVE, [f"p{number}" for number in range(4)])
    change("priority = 51", "p2")
    change("priority = 52", "p3")
    writer.storing["p2"] = locked
    with pytest.raises(OperationalError):
        deliver(box.url)
    clock.move(minutes=2)
    assert deliver(box.url).sent == 2
    assert sorted(box.recipients) == [f"p{number}@northwind.example" for number in range(4)]


@on_postgresql("databases")
def test_five_letters_in_a_row_that_cannot_be_written_pause_their_wave_and_no_other(
    writer: LetterWriter, box: Postbox
) -> None:
    good, bad = [f"a{number}" for number in range(BATCH - 2)], [f"p{number}" for number in range(8)]
    queue_letters("again", WAVE, good)
    queue_letters("once", WAVE, bad)
    queue_letters("once", "other-2027-q1", ["elsewhere"])
    writer.writing = dict.fromkeys(bad, fault)
    report = deliver(box.url)
    assert (report.sent, report.failed, report.problem) == (len(good) + 1, 5, "")
    assert f"The mail of {WAVE} is paused: five letters in a row" in report.lines()[-1]
    assert list(paused_waves()) == [WAVE]
    assert delivery_status().paused_because is None
    assert delivery_status(WAVE).counts("once") == {"failed": 5, "ready": 3}
    writer.writing.clear()
    assert deliver(box.url) == DeliveryReport()
    resume_wave(WAVE)
    assert (retry(WAVE), deliver(box.url).sent) == (5, 8)


def test_administrators_hear_of_a_paused_wave_once(
    app: Flask, writer: LetterWriter, box: Postbox, clock: Clock
) -> None:
    add_user("dana@northwind.example", "admin")
    add_user("mira@northwind.example", "manager")
    register_letter_type(
        app,
        LetterType(
            "brief", 50, is_sent_again=True, write=writer.write, lasts_for=timedelta(days=3)
        ),
    )
    pause_wave(WAVE, "a test")
    queue_letters("brief", WAVE, ["otto"])
    deliver(box.url)
    clock.move(days=3, seconds=1)
    assert deliver(box.url).lines() == (
        "letters: 1 sent",
        (
            f"brief: letters about {WAVE} could not be delivered in time and were given up. See:"
            f" candour mail status {WAVE}"
        ),
    )
    assert deliver(box.url) == DeliveryReport()
    assert box.recipients == ["dana@northwind.example"]
    said = box.letters()[0].get_body(("plain",)).get_content()
    assert f"Mail about {WAVE} is paused: a test." in said
    assert ("what has not left waits" in said, "candour mail" in said) == (True, False)
    assert rows("state, last_reason")["otto"] == (
        "failed",
        "not delivered in time, so it was given up",
    )
    resume_wave(WAVE)
    assert (retry(WAVE), deliver(box.url).sent) == (1, 1)


def test_administrators_hear_of_letters_that_were_given_up_and_how_to_send_them_all_the_same(
    app: Flask, writer: LetterWriter, box: Postbox, clock: Clock
) -> None:
    add_user("dana@northwind.example", "admin")
    register_letter_type(
        app,
        LetterType(
            "brief", 50, is_sent_again=True, write=writer.write, lasts_for=timedelta(days=3)
        ),
    )
    queue_letters("brief", WAVE, ["otto"])
    clock.move(days=3, seconds=1)
    deliver(box.url)
    said = " ".join(box.letters()[0].get_body(("plain",)).get_content().split())
    assert f"Mail about {WAVE} could not be delivered in time. It is not tried any more." in said
    assert (f"/waves/{WAVE}/mail" in said, "candour mail" in said) == (True, False)


def test_what_was_mended_meanwhile_alarms_nobody(
    app: Flask, writer: LetterWriter, box: Postbox
) -> None:
    add_user("dana@northwind.example", "admin")
    writer.writing = {f"p{number}": fault for number in range(5)}
    queue_letters("once", WAVE, list(writer.writing))
    with open_postbox() as away:
        away.answers = {"RCPT": ["451 4.3.0 later"]}
        deliver(away.url)
    resume_wave(WAVE)
    change("next_at = :n", n=AT.replace(tzinfo=None).isoformat(" "), recipient="%")
    deliver(box.url)
    assert box.recipients == []


def test_a_paused_wave_keeps_its_letters_and_a_batch_under_way_stops(
    writer: LetterWriter, box: Postbox
) -> None:
    paused = []
    writer.writing["p3"] = lambda: (
        paused or (pause_wave(WAVE, "paused by hand"), paused.append(1), True)
    )
    queue_letters("again", WAVE, [f"p{number}" for number in range(10)])
    queue_letters("again", "other-2027-q1", [f"o{number}" for number in range(10)])
    sent = deliver(box.url).sent
    ours = [address for address in box.recipients if address.startswith("p")]
    assert (sent, "p3@northwind.example" in ours) == (len(ours) + 10, False)
    resume_wave(WAVE)
    deliver(box.url)
    assert len(set(box.recipients)) == len(box.recipients) == 20


def test_five_letters_in_a_row_that_the_server_will_not_have_pause_everything(
    writer: LetterWriter, box: Postbox
) -> None:
    box.answers = {"DATA": ["554 5.7.1 spam"] * 5}
    queue_letters("again", WAVE, [f"p{number}" for number in range(8)])
    report = deliver(box.url)
    assert (report.sent, report.failed) == (0, 5)
    assert "refused five letters in a row" in report.problem
    assert delivery_status(WAVE).numbers == {"again": {"failed": 5, "ready": 3}}


def test_five_people_unknown_to_the_server_pause_nothing(
    writer: LetterWriter, box: Postbox
) -> None:
    box.answers = {"RCPT": ["550 5.1.1 unknown"] * 6}
    queue_letters("again", WAVE, [f"p{number}" for number in range(8)])
    assert (report := deliver(box.url)).sent == 2
    assert (report.failed, report.problem) == (6, "")


@pytest.mark.parametrize("when", ["writing", "storing"])
def test_a_letter_that_is_not_due_any_more_is_cancelled_without_a_reason(
    writer: LetterWriter, box: Postbox, when: str
) -> None:
    queue_letters("again", WAVE, ["ada", "bob"])
    if when == "writing":
        writer.writing["ada"] = lambda: None
    else:
        writer.storing["ada"] = lambda: False
    assert deliver(box.url) == DeliveryReport(sent=1, cancelled=1)
    assert box.recipients == ["bob@northwind.example"]
    assert rows("state, last_code, last_reason, attempts, date_header")["ada"] == (
        "cancelled",
        None,
        None,
        0,
        None,
    )


def test_cancelling_takes_back_what_waits_in_that_wave_and_kind_only(
    writer: LetterWriter, box: Postbox
) -> None:
    queue_letters("again", WAVE, ["ada"])
    queue_letters("once", WAVE, ["bob"])
    queue_letters("again", "it-support-2027-q2", ["cleo"])
    cancel_letters(WAVE, "again")
    assert deliver(box.url).sent == 2
    cancel_letters(WAVE)
    assert rows() == {"ada": "cancelled", "bob": "sent"}


def test_cancelled_between_claim_and_hand_over_is_not_sent(
    writer: LetterWriter, box: Postbox
) -> None:
    queue_letters("again", WAVE, ["ada"])
    writer.writing["ada"] = lambda: cancel_letters(WAVE) or True
    assert deliver(box.url) == DeliveryReport()
    assert (box.kept, rows()) == ([], {"ada": "cancelled"})


def test_a_retried_letter_keeps_its_message_id_and_date_and_is_retried_once(
    writer: LetterWriter, box: Postbox, clock: Clock
) -> None:
    box.answers = {"DATA": ["550 5.2.2 full"]}
    queue_letters("again", WAVE, ["ada"])
    assert deliver(box.url).failed == 1
    before = rows("message_id")
    clock.move(hours=3)
    assert (retry(WAVE), retry(WAVE), retry("it-support-2027-q2")) == (1, 0, 0)
    assert deliver(box.url).sent == 1
    assert ids(box) == [(before["ada"], "Mon, 11 Jan 2027 09:00:30 +0000")]


# Leases


def test_a_letter_taken_over_while_it_is_written_is_not_sent_by_the_old_holder(
    writer: LetterWriter, box: Postbox, clock: Clock
) -> None:
    def slept() -> bool:
        writer.writing.clear()
        clock.move(minutes=2)
        assert deliver(box.url).sent == 2
        return True

    queue_letters("again", WAVE, ["ada", "bob"])
    writer.writing = {"ada": slept, "bob": slept}
    assert deliver(box.url) == DeliveryReport()
    assert sorted(box.recipients) == ["ada@northwind.example", "bob@northwind.example"]
    assert rows("state, attempts, lease_token") == {
        "ada": ("sent", 1, None),
        "bob": ("sent", 1, None),
    }


class SleepsAfterwards(Connection):
    """Takes a letter, then sleeps past its lease, while somebody else works."""

    def __init__(self, url: str, meanwhile: Callable[[], object]) -> None:
        super().__init__(url)
        self.meanwhile = meanwhile

    def deliver(self, message: Message) -> DeliveryAttempt:
        attempt = super().deliver(message)
        self.meanwhile()
        return attempt


def test_what_the_old_holder_heard_changes_nothing_after_a_takeover(
    writer: LetterWriter, box: Postbox, clock: Clock
) -> None:
    def taken_over() -> None:
        clock.move(minutes=2)
        assert deliver(box.url).sent == 1

    box.answers = {"RCPT": ["550 5.1.1 unknown"]}
    queue_letters("again", WAVE, ["ada"])
    report = delivery.deliver_letters(channel=SleepsAfterwards(box.url, taken_over))
    assert report == DeliveryReport()
    assert rows("state, last_code, attempts") == {"ada": ("sent", "250", 2)}


@pytest.mark.parametrize(
    ("kind", "was", "becomes"),
    [
        ("again", "leased", "sent"),
        ("once", "leased", "sent"),
        ("again", "sending", "sent"),
        ("once", "sending", "unknown"),
    ],
)
def test_letters_of_a_process_that_died_are_taken_back_when_their_lease_is_over(
    app: Flask, writer: LetterWriter, box: Postbox, clock: Clock, kind: str, was: str, becomes: str
) -> None:
    queue_letters(kind, WAVE, ["ada"])
    change(
        f"state = '{was}', lease_token = 'gone', lease_until = :u",
        u=(AT + timedelta(seconds=60)).replace(tzinfo=None).isoformat(" "),
    )
    with among_senders(
        app.config["CANDOUR"].folder / "senders.lock", lambda: None
    ):  # another sender is alive
        assert deliver(box.url) == DeliveryReport()
        clock.move(seconds=61)
        deliver(box.url)
    assert rows("state, lease_token") == {"ada": (becomes, None)}
    assert len(box.kept) == (1 if becomes == "sent" else 0)


@pytest.mark.parametrize(
    ("kind", "was", "becomes"),
    [("again", "leased", "sent"), ("again", "sending", "sent"), ("once", "sending", "unknown")],
)
def test_on_sqlite_a_sender_that_is_alone_waits_for_no_lease(
    app: Flask, writer: LetterWriter, box: Postbox, clock: Clock, kind: str, was: str, becomes: str
) -> None:
    queue_letters(kind, WAVE, ["ada"])
    change(
        f"state = '{was}', lease_token = 'gone', lease_until = :u",
        u=(AT + timedelta(seconds=60)).replace(tzinfo=None).isoformat(" "),
    )
    deliver(box.url)
    alone = app.config["CANDOUR"].database_file is not None
    assert rows() == {"ada": becomes if alone else was}


def at_once(app: Flask, number: int, work: Callable[[], DeliveryReport]) -> list[DeliveryReport]:
    """What several processes' passes come to when they start together."""
    start, results = threading.Barrier(number), []

    def run() -> None:
        with app.app_context():
            start.wait(timeout=30)
            results.append(work())

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(results) == number
    return results


def test_four_senders_at_once_hand_every_letter_over_once(
    app: Flask, writer: LetterWriter, box: Postbox
) -> None:
    queue_letters("again", WAVE, [f"p{number}" for number in range(90)])
    reports = at_once(app, 4, lambda: deliver(box.url))
    assert sum(report.sent for report in reports) == 90
    assert len(set(box.recipients)) == len(box.recipients) == 90


# The pace


@pytest.fixture
def turns(clock: Clock, writer: LetterWriter, monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """When each letter left; whoever waits for a turn moves the clock there."""
    lock, seen = threading.Lock(), []

    def wait(seconds: float) -> bool:
        until = clock.at + timedelta(seconds=seconds)
        with lock:
            clock.at = max(clock.at, until)
        return True

    real = delivery._is_punctual

    def punctual(run: object, claim: object, moment: datetime) -> bool:
        if is_good := real(run, claim, moment):  # type: ignore[arg-type]
            seen.append(
                moment
            )  # now, for another thread may move the clock before the server hears of it
        return is_good

    monkeypatch.setattr("survey.mail.outbox.service.delivery._wait", wait)
    monkeypatch.setattr("survey.mail.outbox.service.delivery._is_punctual", punctual)
    return seen


def most_in_a_minute(moments: list[datetime]) -> int:
    return max(
        sum(start <= moment < start + timedelta(minutes=1) for moment in moments)
        for start in moments
    )


@on_postgresql("databases")
@pytest.mark.parametrize("per_minute", [1, 7, 40])
def test_no_minute_sees_more_than_the_pace_whoever_sends(
    app: Flask, writer: LetterWriter, box: Postbox, turns: list[datetime], per_minute: int
) -> None:
    app.config["CANDOUR"] = replace(app.config["CANDOUR"], mail_per_minute=per_minute)
    number = min(90, 3 * per_minute + 1)
    queue_letters("again", WAVE, [f"p{one}" for one in range(number)])
    reports = at_once(app, 3, lambda: deliver(box.url))
    assert sum(report.sent for report in reports) == len(set(box.recipients)) == number
    assert most_in_a_minute(turns) <= per_minute


@on_postgresql("databases")
def test_one_sender_uses_nearly_all_of_its_pace(
    app: Flask, writer: LetterWriter, box: Postbox, turns: list[datetime]
) -> None:
    app.config["CANDOUR"] = replace(app.config["CANDOUR"], mail_per_minute=60)
    queue_letters("again", WAVE, [f"p{one}" for one in range(120)])
    deliver(box.url)
    assert 58 <= most_in_a_minute(turns) <= 60


def test_a_letter_that_missed_its_turn_gets_another(
    app: Flask, writer: LetterWriter, box: Postbox, clock: Clock, turns: list[datetime]
) -> None:
    app.config["CANDOUR"] = replace(app.config["CANDOUR"], mail_per_minute=5)
    slept = []
    writer.writing["p2"] = lambda: slept or (clock.move(seconds=200), slept.append(True), True)
    queue_letters("again", WAVE, [f"p{number}" for number in range(12)])
    deliver(box.url)
    assert len(set(box.recipients)) == len(box.recipients) == 12
    assert most_in_a_minute(turns) <= 5


@on_postgresql("databases")
def test_no_24_hours_see_more_than_the_day_allows(
    app: Flask, writer: LetterWriter, box: Postbox, clock: Clock, turns: list[datetime]
) -> None:
    clock.at = AT.replace(hour=23, minute=40)
    app.config["CANDOUR"] = replace(
        app.config["CANDOUR"],
        mail_url="smtp+starttls://smtp.office365.com:587",
        mail_per_minute=6000,
    )
    with transaction() as session:
        session.execute(
            text("INSERT INTO mail_budget (hour, used) VALUES (:h, 7970), (:o, 5000)"),
            {"h": hour(clock.at) - 3, "o": hour(clock.at) - 25},
        )
    queue_letters("again", WAVE, [f"p{number}" for number in range(50)])
    assert deliver(box.url).sent == 30
    clock.move(hours=20)
    assert deliver(box.url) == DeliveryReport()
    clock.move(hours=2)
    assert deliver(box.url).sent == 20
    assert db.session.scalar(text("SELECT count(*) FROM mail_budget")) == 2


def hour(moment: datetime) -> int:
    return int(moment.timestamp() // 3600)


@on_postgresql("databases")
@pytest.mark.parametrize(
    "said",
    [
        "421 4.7.0 slow down",
        "432 4.3.2 busy",
        "450 4.2.1 too fast",
        "451 4.7.500 slow",
        "452 4.5.3 later",
    ],
)
def test_a_server_that_asks_to_slow_down_gets_fewer_then_more_and_loses_none(
    app: Flask, writer: LetterWriter, box: Postbox, clock: Clock, turns: list[datetime], said: str
) -> None:
    app.config["CANDOUR"] = replace(app.config["CANDOUR"], mail_per_minute=60)
    queue_letters("again", WAVE, [f"p{number}" for number in range(40)])
    deliver(box.url, seconds=60)
    quick = most_in_a_minute(turns)
    turns.clear()
    box.answers = {"RCPT": [said]}
    queue_letters("again", WAVE, [f"q{number}" for number in range(80)])
    deliver(box.url)
    slow = most_in_a_minute(turns[1:])
    turns.clear()
    clock.move(minutes=30)
    queue_letters("again", WAVE, [f"r{number}" for number in range(60)])
    deliver(box.url)
    assert (quick > 35, slow <= 30, most_in_a_minute(turns) > 50) == (True, True, True)
    assert len(set(box.recipients)) == len(box.recipients) == 180


@on_postgresql("databases")
@pytest.mark.parametrize("share", [0.05, 0.30])
def test_with_many_451_the_waits_grow_and_all_arrive(
    writer: LetterWriter, box: Postbox, clock: Clock, share: float
) -> None:
    source = Random(3)
    people = [f"p{number}" for number in range(100)]
    queue_letters("again", WAVE, people)
    box.answers = {
        "RCPT": ["451 4.3.0 later" if source.random() < share else "250 OK" for _ in range(400)]
    }
    passes = 0
    while delivery_status(WAVE).counts("again") != {"sent": 100} and passes < 60:
        deliver(box.url)
        clock.move(seconds=15)
        passes += 1
    assert sorted(box.recipients) == sorted(f"{name}@northwind.example" for name in people)
    attempts = rows("attempts")
    late = max(attempts, key=lambda name: int(str(attempts[name])))
    assert (int(str(attempts[late])) > 1, passes < 60) == (True, True)


def test_another_451_is_about_one_letter_and_slows_nothing(
    app: Flask, writer: LetterWriter, box: Postbox, clock: Clock
) -> None:
    box.answers = {"RCPT": ["451 4.3.0 greylisted"]}
    queue_letters("again", WAVE, ["p1", "p2"])
    deliver(box.url)
    assert db.session.scalar(text("SELECT share FROM mail_channel")) == 1.0


def test_recipients_are_blanked_a_month_after_the_close_and_not_before(
    app: Flask, writer: LetterWriter, box: Postbox, clock: Clock
) -> None:
    register_letter_type(
        app,
        LetterType(
            "brief", 50, is_sent_again=True, write=writer.write, lasts_for=timedelta(days=3)
        ),
    )
    queue_letters("again", WAVE, ["olga", "rolf"])
    deliver(box.url)
    clock.move(days=29)
    queue_letters("brief", WAVE, ["otto"])
    deliver(box.url)
    erase_old_recipients(WAVE, AT, AT + timedelta(days=29))
    assert sorted(rows()) == ["olga", "otto", "rolf"]
    erase_old_recipients(WAVE, AT, AT + timedelta(days=31))
    assert sorted(rows()) == ["", "otto"]
    erase_old_recipients(WAVE, AT, AT + timedelta(days=60))
    assert sorted(rows()) == [""]
    assert delivery_status(WAVE).counts("again") == {"sent": 2}
    assert "olga" not in str(
        db.session.execute(text("SELECT * FROM outbox WHERE wave = :w"), {"w": WAVE}).all()
    )


def test_status_counts_by_kind_and_state_and_names_nobody(
    writer: LetterWriter, box: Postbox
) -> None:
    box.answers = {"RCPT": ["550 5.1.1 <x@northwind.example>"]}
    queue_letters("again", WAVE, ["ada", "bob"])
    deliver(box.url)
    queue_letters("once", WAVE, ["cleo"])
    status = delivery_status(WAVE)
    assert status.numbers == {"again": {"failed": 1, "sent": 1}, "once": {"ready": 1}}
    assert [reason for _, reason in status.failures] == ["this mailbox does not exist (550 5.1.1)"]
    assert (status.counts("again")["sent"], status.counts("unheard-of")) == (1, {})
    assert delivery_status("noise-2027-01").numbers == {"once": {"ready": 1}}
    assert delivery_status().numbers["once"] == {"ready": 2}


# Kinds whose numbers are told nowhere


def test_of_a_kind_that_is_not_told_only_whether_it_is_done_is_ever_said(
    app: Flask, writer: LetterWriter, box: Postbox
) -> None:
    register_letter_type(
        app,
        LetterType("quiet", 70, is_sent_again=False, write=writer.write, has_public_counts=False),
    )
    writer.storing = {"bob": lambda: False}
    box.answers = {"RCPT": ["250 OK", "250 OK", "550 5.1.1 unknown"]}
    queue_letters("again", WAVE, ["ada"])
    queue_letters("quiet", WAVE, ["ada", "bob", "cleo", "dora"])
    assert (delivery_status(WAVE).numbers, delivery_status(WAVE).progress) == (
        {"again": {"ready": 1}},
        {"quiet": "going out"},
    )
    report = deliver(box.url)
    assert (report.lines(), report.sent, report.failed, report.cancelled) == (
        ("letters: 1 sent",),
        1,
        0,
        0,
    )
    assert (
        delivery_status(WAVE).numbers,
        delivery_status(WAVE).progress,
        delivery_status().failures,
    ) == ({"again": {"sent": 1}}, {"quiet": "done"}, ())
    assert len(box.kept) == 3
    assert retry(WAVE) == 0
    queue_letters("quiet", "another", ["eve"])
    forget_confidential_letters(WAVE)
    kinds = db.session.execute(
        text("SELECT wave, kind FROM outbox WHERE kind <> 'once' ORDER BY kind")
    ).all()
    assert [tuple(one) for one in kinds] == [(WAVE, "again"), ("another", "quiet")]


def test_an_undelivered_letter_goes_out_again_as_a_new_message(
    writer: LetterWriter, box: Postbox
) -> None:
    queue_letters("once", WAVE, ["ada", "olga"])
    box.refused = {"ada@northwind.example": "550 5.1.1 nobody"}
    deliver(box.url)
    stored = text("SELECT * FROM outbox WHERE recipient = 'ada'")
    before = db.session.execute(stored).mappings().one()
    for recipient in ("ada", "olga"):
        queue_undelivered_again("once", WAVE, recipient)
    after = db.session.execute(stored).mappings().one()
    assert (before["state"], after["state"], after["attempts"]) == ("failed", "ready", 0)
    assert after["message_id"] != before["message_id"]
    assert {after[name] for name in ("date_header", "last_code", "last_reason", "sent_at")} == {
        None
    }
    box.refused = {}
    assert deliver(box.url).sent == 1, "what had arrived does not go out once more"


def test_blanked_rows_name_nobody_and_a_waiting_letter_keeps_its_place(
    writer: LetterWriter,
) -> None:
    queue_letters("again", WAVE, ["olga", "rolf"])
    queue_letters("once", WAVE, ["olga"])
    erase_recipients(["olga"])
    stored = db.session.execute(text("SELECT * FROM outbox WHERE wave = :w"), {"w": WAVE}).all()
    assert len(stored) == 3
    assert "olga" not in str(stored)
    assert sum("rolf" in str(row) for row in stored) == 1
