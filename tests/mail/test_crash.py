"""Invitations while the sender is killed right after the server took a letter.

None is lost, few are sent twice, copies are alike.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from email import message_from_string, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from survey.answering.service import SubmissionOutcome, submit_answers
from survey.database import db, transaction
from survey.launching.service.opening import open_wave
from survey.mail import service as mail
from survey.mail.outbox.service.leases import BATCH
from survey.waves import service as waves
from survey.waves.rules.waves import Wave
from tests.cast import form, found_company
from tests.conftest import settings_of
from tests.ports import free_port
from tests.proofs import on_postgresql, proof

MAIN = "from survey.cli import main; main()"
CANDOUR = [sys.executable, "-c", MAIN]
DIES_AFTER_CLAIMING = f"""
import os, signal
from survey.mail.outbox.service import delivery
delivery._begin = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
{MAIN}
"""
NO_ROOM_AFTER = f"""
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
most = int(sys.argv.pop())
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
{MAIN}
"""
DIES_WHILE_OPENING = """
import os, signal, sys
from survey.invitations import service
when = sys.argv.pop()
real = service.mail.queue
def queue(*words, **more):
    real(*words, **more)
    if when == "late":
        os.kill(os.getpid(), signal.SIGKILL)
def record(*words):
    os.kill(os.getpid(), signal.SIGKILL)
service.mail.queue, service.record = queue, record
"""
ROUNDS = 60
CODE = re.compile(r"#([0-9A-Z]{24})")
DIFFERS = re.compile(
    r"#[0-9A-Za-z_-]{24,43}|[0-9A-Z]{4}(-[0-9A-Z]{4}){5}|/stop/[^/ >]+/[0-9A-Za-z_-]{43}"
)


@contextmanager
def sink(folder: Path, *more: str) -> Iterator[tuple[int, Path]]:
    """A server process; its port and the log of what it took."""
    port, log = free_port(), folder / "taken.jsonl"
    command = [
        sys.executable,
        str(Path(__file__).with_name("quick_sink.py")),
        str(port),
        str(log),
        *more,
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield port, log
        process.stdin.close()


def taken(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def ticks(number: int, settings: Mapping[str, str], folder: Path, pids: Path) -> None:
    """So many senders at once, until they end or are killed."""
    environ = {**os.environ, **settings, "PYTHONPATH": str(Path(__file__).parents[2])}
    with ExitStack() as stack:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        running = [
            stack.enter_context(
                subprocess.Popen([*CANDOUR, "tick"], cwd=folder, env=environ, **quiet)
            )
            for _ in range(number)
        ]
        pids.write_text(" ".join(str(process.pid) for process in running))
        for process in running:
            process.wait(timeout=300)


def time_passes() -> None:
    """Leases and pauses before the next try end, as they would by themselves after a while."""
    with transaction() as session:
        session.execute(
            text(
                "UPDATE outbox SET lease_until = '2020-01-01 00:00:00' WHERE lease_until IS NOT"
                " NULL"
            )
        )
        session.execute(
            text("UPDATE outbox SET next_at = '2020-01-01 00:00:00' WHERE state = 'ready'")
        )
        session.execute(text("UPDATE mail_channel SET away_until = NULL"))


def waiting() -> int:
    counts = mail.delivery_status().counts("invitation")
    db.session.rollback()
    return sum(counts.get(state, 0) for state in ("ready", "leased", "sending"))


def alike(one: str, other: str) -> bool:
    """Whether two copies differ in nothing but links, codes and secrets."""
    parts = [message_from_string(copy, policy=policy.default) for copy in (one, other)]
    return _without_secrets(parts[0]) == _without_secrets(parts[1])


def _without_secrets(letter: EmailMessage) -> list[str]:
    bodies = [str(letter.get_body((kind,)).get_content()) for kind in ("plain", "html")]  # type: ignore[union-attr]
    headers = [f"{name}: {value}" for name, value in letter.items()]
    return [DIFFERS.sub("", said) for said in (*headers, *bodies)]


def code_in(octets: str) -> str:
    body = message_from_string(octets, policy=policy.default).get_body(("plain",))
    return CODE.search(str(body.get_content()))[1]  # type: ignore[index, union-attr]


def pairs(letters: Sequence[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    by_person: dict[str, list[dict[str, Any]]] = {}
    for letter in letters:
        by_person.setdefault(letter["to"], []).append(letter)
    return [(copies[0], other) for copies in by_person.values() for other in copies[1:]]


def opened(app: Flask, people: int) -> Wave:
    """A wave of so many people that is open now, whatever the calendar says."""
    first = found_company({"Sales": people // 2, "Service": people - people // 2})
    open_wave(first.slug, first.opens_at, app.config["CANDOUR"].key_dir, actor="test")
    with transaction() as session:
        session.execute(
            text("UPDATE wave SET closes = '2099-01-25 17:00:00' WHERE slug = :s"),
            {"s": first.slug},
        )
    return waves.find_wave(first.slug)


@proof("kills")
@pytest.mark.parametrize(
    ("connections", "people", "kills"), [(1, 1000, (200, 500, 800)), (4, 240, (60, 160))]
)
def test_killed_right_after_the_server_took_a_letter_nothing_is_lost_and_copies_are_few_and_alike(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    connections: int,
    people: int,
    kills: tuple[int, ...],
) -> None:
    wave = opened(app, people)
    pids = tmp_path / "pids"
    pids.write_text("")
    with sink(tmp_path, "--later", "0.05", "--octets", "--kill", str(pids), *map(str, kills)) as (
        port,
        log,
    ):
        settings = settings_of(database_url, tmp_path, CANDOUR_MAIL_URL=f"smtp://127.0.0.1:{port}")
        for _ in range(ROUNDS):
            ticks(connections, settings, tmp_path, pids)
            if not waiting():
                break
            time_passes()
    letters = taken(log)
    times = Counter(letter["to"] for letter in letters)
    assert len(times) == people
    assert mail.delivery_status().numbers == {"invitation": {"sent": people}}
    twice = pairs(letters)
    assert len(kills) <= len(twice) <= connections * len(kills)
    assert all(
        (a["id"], a["date"]) == (b["id"], b["date"]) and alike(a["octets"], b["octets"])
        for a, b in twice
    )
    assert len({letter["id"] for letter in letters}) == people
    _either_copy_answers_once(wave, twice)


def _either_copy_answers_once(
    wave: Wave, twice: Sequence[tuple[dict[str, Any], dict[str, Any]]]
) -> None:
    for number, (one, other) in enumerate(twice):
        copies = (one, other) if number % 2 else (other, one)
        came = [
            submit_answers(
                wave, form(code_in(copy["octets"]), {"OVR1": "4"}), wave.opens_at
            ).outcome
            for copy in copies
        ]
        assert came[0] is SubmissionOutcome.SENT
        assert came[1] is not SubmissionOutcome.SENT
    assert db.session.scalar(text("SELECT count(*) FROM ballot")) == len(twice)


def process(
    code: str, settings: Mapping[str, str], folder: Path, *words: str
) -> subprocess.Popen[bytes]:
    """The product in a process of its own."""
    environ = {**os.environ, **settings, "PYTHONPATH": str(Path(__file__).parents[2])}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-c", code, *words], cwd=folder, env=environ, **quiet)  # type: ignore[call-overload, no-any-return]


@on_postgresql("databases")
def test_killed_between_claim_and_hand_over_nothing_is_lost_and_nothing_sent_twice(
    app: Flask, database_url: str, tmp_path: Path
) -> None:
    opened(app, 2 * BATCH)
    with sink(tmp_path) as (port, log):
        settings = settings_of(database_url, tmp_path, CANDOUR_MAIL_URL=f"smtp://127.0.0.1:{port}")
        for _ in range(2):
            assert (
                process(DIES_AFTER_CLAIMING, settings, tmp_path, "tick").wait(timeout=120)
                == -signal.SIGKILL
            )
        db.session.rollback()
        assert mail.delivery_status().counts("invitation").get("leased", 0) >= BATCH
        db.session.rollback()
        time_passes()
        ticks(1, settings, tmp_path, tmp_path / "pids")
    assert sorted(Counter(letter["to"] for letter in taken(log)).values()) == [1] * 2 * BATCH


@on_postgresql("databases")
@pytest.mark.parametrize("when", ["late", "later"])
def test_killed_while_a_wave_opens_all_letters_are_queued_or_none(
    app: Flask, database_url: str, tmp_path: Path, when: str
) -> None:
    first = found_company({"Sales": 60, "Service": 60})
    settings = settings_of(database_url, tmp_path)
    db.session.rollback()
    died = process(DIES_WHILE_OPENING + MAIN, settings, tmp_path, "waves", "open", first.slug, when)
    assert died.wait(timeout=120) != 0
    assert (mail.delivery_status().numbers, waves.find_wave(first.slug).state.value) == (
        {},
        "planned",
    )
    db.session.rollback()
    ended = process(MAIN, settings, tmp_path, "waves", "open", first.slug)
    assert ended.wait(timeout=120) == 0
    assert mail.delivery_status().numbers == {"invitation": {"ready": 120}}


@on_postgresql("kills")
def test_a_sender_stopped_past_its_lease_and_woken_again_changes_nothing(
    app: Flask, database_url: str, tmp_path: Path
) -> None:
    opened(app, 60)
    with sink(tmp_path, "--delay", "0.02") as (port, log):
        settings = settings_of(database_url, tmp_path, CANDOUR_MAIL_URL=f"smtp://127.0.0.1:{port}")
        sleeper = process(MAIN, settings, tmp_path, "tick")
        until = time.monotonic() + 120
        while len(taken(log)) < 15 and time.monotonic() < until:
            time.sleep(0.01)
        sleeper.send_signal(signal.SIGSTOP)
        time_passes()
        ticks(1, settings, tmp_path, tmp_path / "pids")
        sleeper.send_signal(signal.SIGCONT)
        assert sleeper.wait(timeout=120) == 0
    letters = taken(log)
    assert len({letter["to"] for letter in letters}) == 60
    assert len(letters) <= 61
    assert mail.delivery_status().numbers == {"invitation": {"sent": 60}}


@on_postgresql("kills")
def test_a_database_that_is_locked_for_a_while_is_waited_for(
    app: Flask, database_url: str, tmp_path: Path
) -> None:
    opened(app, 60)
    with sink(tmp_path, "--delay", "0.01") as (port, log):
        settings = settings_of(database_url, tmp_path, CANDOUR_MAIL_URL=f"smtp://127.0.0.1:{port}")
        db.session.rollback()
        sender = process(MAIN, settings, tmp_path, "tick")
        until = time.monotonic() + 120
        while len(taken(log)) < 10 and time.monotonic() < until:
            time.sleep(0.01)
        with transaction() as session:
            if app.config["CANDOUR"].database_file is None:  # SQLite's write lock is ours already
                session.execute(text("LOCK TABLE outbox IN EXCLUSIVE MODE"))
            time.sleep(5)
            held = len(taken(log))
        assert sender.wait(timeout=120) == 0
    assert 10 <= held < 60
    assert sorted(Counter(letter["to"] for letter in taken(log)).values()) == [1] * 60
    assert mail.delivery_status().numbers == {"invitation": {"sent": 60}}


@on_postgresql("kills")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_on_a_full_disk_nothing_is_handed_over_that_was_not_written_down(
    app: Flask, database_url: str, tmp_path: Path
) -> None:
    opened(app, 200)
    db.session.remove()
    db.engine.dispose()
    with sink(tmp_path) as (port, log):
        settings = settings_of(database_url, tmp_path, CANDOUR_MAIL_URL=f"smtp://127.0.0.1:{port}")
        most = (
            app.config["CANDOUR"].database_file.stat().st_size
        )  # the write-ahead log may grow as large as the database is now
        said = process(NO_ROOM_AFTER, settings, tmp_path, "tick", str(most)).wait(timeout=120)
        before, states = len(taken(log)), mail.delivery_status().counts("invitation")
        begun = states.get("sent", 0) + states.get("sending", 0)
        assert (said in {0, 1}, 0 < before < 200, before <= begun) == (True, True, True)
        db.session.rollback()
        time_passes()
        ticks(1, settings, tmp_path, tmp_path / "pids")
    times = Counter(letter["to"] for letter in taken(log))
    assert (len(times), sum(times.values()) - len(times) <= 1) == (200, True)
    assert mail.delivery_status().numbers == {"invitation": {"sent": 200}}
