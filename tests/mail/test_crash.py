"""Invitations while the sender is killed right after the server took a letter: none lost, few twice, copies alike."""

import json
import os
import re
import subprocess
import sys
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

from survey.answering.service import Outcome, submit
from survey.database import db, transaction
from survey.invitations.service import open_wave
from survey.mail import service as mail
from survey.waves import service as waves
from tests.cast import form, found_company
from tests.conftest import settings_of
from tests.ports import free_port

CANDOUR = [sys.executable, "-c", "from survey.cli import main; main()"]
ROUNDS = 60
CODE = re.compile(r"#([0-9A-Z]{24})")
DIFFERS = re.compile(r"#[0-9A-Za-z_-]{24,43}|[0-9A-Z]{4}(-[0-9A-Z]{4}){5}|/stop/[^/ >]+/[0-9A-Za-z_-]{43}")


@contextmanager
def sink(folder: Path, *more: str) -> Iterator[tuple[int, Path]]:
    """A server process; its port and the log of what it took."""
    port, log = free_port(), folder / "taken.jsonl"
    command = [sys.executable, str(Path(__file__).with_name("quick_sink.py")), str(port), str(log), *more]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
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
        running = [stack.enter_context(subprocess.Popen([*CANDOUR, "tick"], cwd=folder, env=environ, **quiet)) for _ in range(number)]
        pids.write_text(" ".join(str(process.pid) for process in running))
        for process in running:
            process.wait(timeout=300)


def time_passes() -> None:
    """Leases and pauses before the next try end, as they would by themselves after a while."""
    with transaction() as session:
        session.execute(text("UPDATE outbox SET lease_until = '2020-01-01 00:00:00' WHERE lease_until IS NOT NULL"))
        session.execute(text("UPDATE outbox SET next_at = '2020-01-01 00:00:00' WHERE state = 'ready'"))
        session.execute(text("UPDATE mail_channel SET away_until = NULL"))


def waiting() -> int:
    found = mail.status().counts("invitation")
    db.session.rollback()
    return sum(found.get(state, 0) for state in ("ready", "leased", "sending"))


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


@pytest.mark.parametrize(("connections", "people", "kills"), [(1, 1000, (200, 500, 800)), (4, 240, (60, 160))])
def test_killed_right_after_the_server_took_a_letter_nothing_is_lost_and_copies_are_few_and_alike(
    app: Flask, database_url: str, tmp_path: Path, connections: int, people: int, kills: tuple[int, ...]
) -> None:
    config = app.config["CANDOUR"]
    first = found_company({"Sales": people // 2, "Service": people - people // 2})
    open_wave(first.slug, first.opens_at, config.key_dir, actor="test")
    with transaction() as session:  # open now, whatever the calendar says
        session.execute(text("UPDATE wave SET closes = '2099-01-25 17:00:00' WHERE slug = :s"), {"s": first.slug})
    pids = tmp_path / "pids"
    pids.write_text("")
    with sink(tmp_path, "--later", "0.05", "--octets", "--kill", str(pids), *map(str, kills)) as (port, log):
        settings = settings_of(database_url, tmp_path, CANDOUR_MAIL_URL=f"smtp://127.0.0.1:{port}")
        for _ in range(ROUNDS):
            ticks(connections, settings, tmp_path, pids)
            if not waiting():
                break
            time_passes()
    letters = taken(log)
    times = Counter(letter["to"] for letter in letters)
    assert len(times) == people
    assert mail.status().numbers == {"invitation": {"sent": people}}
    twice = pairs(letters)
    assert len(kills) <= len(twice) <= connections * len(kills)
    assert all((a["id"], a["date"]) == (b["id"], b["date"]) and alike(a["octets"], b["octets"]) for a, b in twice)
    assert len({letter["id"] for letter in letters}) == people
    _either_copy_answers_once(waves.wave(first.slug), twice)


def _either_copy_answers_once(wave: Any, twice: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    for number, (one, other) in enumerate(twice):
        copies = (one, other) if number % 2 else (other, one)
        came = [submit(wave, form(code_in(copy["octets"]), {"OVR1": "4"}), wave.opens_at).outcome for copy in copies]
        assert came[0] is Outcome.SENT
        assert came[1] is not Outcome.SENT
    assert db.session.scalar(text("SELECT count(*) FROM ballot")) == len(twice)
