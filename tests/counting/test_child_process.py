"""Ballots are opened in a child process that ends.

No comment, no ballot and no private key is in the memory of the process that had them counted.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from flask import Flask
from sqlalchemy import text

from survey.counting import service as counting
from survey.counting.service import close_wave
from survey.database import db
from survey.jobs import long_jobs
from survey.kernel import child
from survey.kernel.errors import NotFound, Refused
from survey.kernel.ids import random_id
from survey.vault.keys.service import key_files
from survey.waves import service as waves
from survey.waves.rules.waves import WaveState
from tests import forking
from tests.answering.today import open_today
from tests.cast import Company, answer_all, open_company
from tests.conftest import settings_of
from tests.counting.tasks import fail_quoting, find_nothing, print_and_count, refuse_all
from tests.counting.test_ceremony import returned_file
from tests.proofs import on_postgresql
from tests.representative import representative, strict_company

ANSWERS = 30
COUNTER = Path(__file__).with_name("counter.py")
WAYS = ("command", "page", "timetable", "long job", "ceremony")
WORD = "canaryword"


def leave_large(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closes the wave as one of many ballots, whose counting waits for the timed work."""
    monkeypatch.setattr(counting, "COUNTED_AT_ONCE", 20)
    close_wave(
        company.wave.slug,
        company.wave.closes_at,
        company.config.key_dir,
        actor="test",
        leave_large=True,
    )


def memory_after_count(
    company: Company, database_url: str, folder: Path, way: str, *, in_this_process: bool
) -> bytes:
    """Everything in the memory of a process that has had the wave counted in this way."""
    memory = folder / "memory"
    job = {
        "settings": settings_of(database_url, folder),
        "folder": str(folder),
        "wave": company.wave.slug,
        "now": company.wave.closes_at.isoformat(),
        "way": way,
        "file": str(folder / "opened"),
        "memory": str(memory),
        "in_this_process": in_this_process,
    }
    db.session.remove()
    done = forking.run(COUNTER, typed=json.dumps(job))
    assert done.returncode == 0, done.stderr
    content = memory.read_bytes()
    memory.unlink()
    return content


def answered_company(
    app: Flask, folder: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[Company, bytes]:
    """A wave whose answers wait to be counted in this way, and its private key."""
    if way == "ceremony":
        rosa = representative("Rosa Marin")
        company = strict_company(app, rosa, answers=ANSWERS, comment=WORD)
        (folder / "opened").write_bytes(returned_file(company, rosa))
    else:
        company = open_today(app) if way == "page" else open_company(app)
        answer_all(company, company.codes[:ANSWERS], comment=WORD)
    if way == "long job":
        leave_large(company, monkeypatch)
    return company, key_files.load_key(company.config.key_dir, company.wave.id)


def check_counted(company: Company) -> None:
    db.session.remove()
    assert waves.find_wave(company.wave.slug).state is WaveState.COUNTED
    comments = db.session.execute(text("SELECT text FROM comment")).scalars().all()
    assert sorted(comments) == sorted(f"{WORD}{number}" for number in range(ANSWERS))
    assert list((company.config.key_dir or Path()).iterdir()) == []


@on_postgresql("databases")
@pytest.mark.parametrize("way", WAYS)
def test_no_comment_is_in_the_memory_of_the_process_that_had_them_counted(
    app: Flask, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    company, key = answered_company(app, tmp_path, way, monkeypatch)
    memory = memory_after_count(company, database_url, tmp_path, way, in_this_process=False)
    assert company.wave.slug.encode() in memory, "nothing was written down"
    assert memory.count(WORD.encode()) == 0
    assert key not in memory
    check_counted(company)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("way", ["command", "ceremony"])
def test_what_a_count_in_the_same_process_leaves_in_its_memory_is_found(
    app: Flask, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    company, _ = answered_company(app, tmp_path, way, monkeypatch)
    memory = memory_after_count(company, database_url, tmp_path, way, in_this_process=True)
    assert WORD.encode() in memory
    check_counted(company)


# What comes back from the child


def counted_in_child(company: Company, progress: child.Progress | None = None) -> None:
    close_wave(
        company.wave.slug,
        company.wave.closes_at,
        company.config.key_dir,
        actor="test",
        progress=progress,
    )


@on_postgresql("databases")
def test_progress_and_refusals_come_back_from_the_child(app: Flask, real_children: None) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:ANSWERS], comment=WORD)
    (key,) = (company.config.key_dir or Path()).iterdir()
    private = key.read_bytes()
    key.write_bytes(os.urandom(32))
    with pytest.raises(Refused) as refused:
        counted_in_child(company)
    assert refused.value.code == "key-of-other-wave"
    assert refused.value.about == {"folder": str(company.config.key_dir)}
    assert waves.find_wave(company.wave.slug).state is WaveState.OPEN
    key.write_bytes(private)
    seen: list[tuple[int, int]] = []
    counted_in_child(company, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (ANSWERS, ANSWERS)
    check_counted(company)


@on_postgresql("databases")
def test_a_process_without_the_key_folder_starts_no_child(
    app: Flask, real_children: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:ANSWERS])
    monkeypatch.setattr(child, "_COMMAND", ("/nowhere/python",))
    with pytest.raises(Refused) as refused:
        close_wave(company.wave.slug, company.wave.closes_at, None, actor="test")
    assert refused.value.code == "no-key-folder"
    assert long_jobs.queue_job(counting.COUNT, company.wave.slug, 1, actor="test")
    with pytest.raises(Refused) as refused:
        counting.continue_count(company.wave.slug, None, actor="test")
    assert refused.value.code == "no-key-folder"
    with pytest.raises(Refused) as refused:
        counted_in_child(company)
    assert refused.value.code == "child-not-started"


# A child that ends early, and a parent that does


@on_postgresql("databases")
def test_a_child_that_is_killed_is_a_refusal_and_the_count_is_done_again(
    app: Flask, real_children: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:ANSWERS], comment=WORD)
    source, real = Random(10), child._send

    def killed_soon(process: "subprocess.Popen[bytes]", task: object) -> None:
        real(process, task)
        time.sleep(source.uniform(0.1, 0.9))
        process.kill()

    monkeypatch.setattr(child, "_send", killed_soon)
    for _ in range(3):
        if waves.find_wave(company.wave.slug).state is WaveState.COUNTED:
            break
        with pytest.raises(Refused, match="SIGKILL") as refused:
            counted_in_child(company)
        assert refused.value.code == "child-ended"
    monkeypatch.setattr(child, "_send", real)
    counted_in_child(company)
    check_counted(company)


PARENT = """
import sys, time
sys.path.insert(0, sys.argv[1])
from survey.kernel import child
from tests.counting.tasks import say_and_sleep
child.call_in_child(say_and_sleep, sys.argv[2])
"""


def ended(process: int) -> bool:
    """Whether a process is gone, or only its parent has not asked yet."""
    try:
        return " Z " in Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return True


def wait_for(condition: Callable[[], object]) -> None:
    for _ in range(400):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to that within 20 seconds")


@pytest.mark.parametrize("signalled", [signal.SIGKILL, signal.SIGINT])
def test_a_child_ends_with_its_parent(tmp_path: Path, signalled: signal.Signals) -> None:
    said = tmp_path / "child"
    parent = subprocess.Popen(
        # Where tests run in the background, the shell has told them to ignore Ctrl-C.
        [
            "env",
            "--default-signal=INT",
            sys.executable,
            "-c",
            PARENT,
            str(COUNTER.parents[2]),
            str(said),
        ],
        stderr=subprocess.DEVNULL,
        cwd=COUNTER.parents[2],
    )
    wait_for(lambda: said.exists() and said.read_text())
    process = int(said.read_text())
    assert not ended(process)
    parent.send_signal(signalled)
    assert parent.wait(20) == -signalled
    wait_for(lambda: ended(process))


# The wire between them


def test_what_a_function_does_in_a_child_arrives_as_if_it_had_been_called_here(
    real_children: None, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[tuple[int, int]] = []
    assert (
        child.call_in_child(
            print_and_count, 3, progress=lambda done, total: seen.append((done, total))
        )
        == 3
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(Refused) as refused:
        child.call_in_child(refuse_all, "some-code")
    assert (refused.value.code, refused.value.sentence) == ("some-code", "No.")
    assert refused.value.details == ("one", "two")
    assert refused.value.about == {"wave": "it-support-2027-q1"}
    with pytest.raises(NotFound) as missing:
        child.call_in_child(find_nothing, "wave")
    assert (missing.value.code, missing.value.what) == ("unknown-wave", "wave")
    word = random_id()
    with pytest.raises(Refused) as failed:
        child.call_in_child(fail_quoting, word)
    assert failed.value.code == "child-failed"
    assert "ValueError" in failed.value.sentence
    assert word not in failed.value.sentence + caplog.text
