"""Processes with an engine, and what stands in an engine's database."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from survey.jobs.engine import SCHEMA, engine_database
from tests.conftest import settings_of

CANDOUR = Path(sys.executable).with_name("candour")
CLOCK = Path(__file__).with_name("clock.py")


@dataclass(frozen=True, slots=True)
class Run:
    """One scheduled time as the engine's database knows it."""

    at: datetime
    status: str
    executor: str | None


def runs(url: str, job: str = "timetable") -> list[Run]:
    """The scheduled times of a job, in order."""
    engine = engine_database(url)
    table = "workflow_status" if engine.dialect.name == "sqlite" else f"{SCHEMA}.workflow_status"
    query = text(
        f"SELECT workflow_uuid, status, executor_id FROM {table} WHERE name = :job ORDER BY"
        " workflow_uuid"
    )
    try:
        with engine.connect() as connection:
            rows = connection.execute(query, {"job": job}).all()
    finally:
        engine.dispose()
    return [
        Run(datetime.fromisoformat(key.removeprefix(f"sched-{job}-")), status, executor)
        for key, status, executor in rows
    ]


def each_time_once(all_runs: list[Run], every: timedelta) -> bool:
    """Whether no time between the first and the last is missing or there twice."""
    times = [run.at for run in all_runs]
    return times == [times[0] + number * every for number in range(len(times))]


def until(what: Callable[[], object], says: str, seconds: int = 60) -> None:
    """Waits until something is so, for at most so long."""
    fault = ""
    for _ in range(5 * seconds):
        try:
            if what():
                return
            fault = ""
        except Exception as error:  # noqa: BLE001 - the database may be away meanwhile
            fault = f" ({type(error).__name__}: {error})"
        time.sleep(0.2)
    pytest.fail(f"within {seconds} seconds it was not so that {says}{fault}")


@contextmanager
def clock(url: str, folder: Path, name: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process whose engine runs one job every two seconds."""
    command = [sys.executable, str(CLOCK), url, str(folder), name]
    with (folder / f"{name}.log").open("a") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **environment}
        )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                assert process.stdin
                process.stdin.close()
                try:
                    process.wait(timeout=60)
                finally:
                    process.kill()


@contextmanager
def candour(
    *words: str, database_url: str, folder: Path, log: str = "", **more: str
) -> Iterator[subprocess.Popen[str]]:
    """The product's own command in a process of its own; what it says goes to a file beside."""
    environment = {"PATH": os.environ["PATH"], **settings_of(database_url, folder, **more)}
    with (folder / f"{log or words[0]}.log").open("a") as file:
        process = subprocess.Popen(
            [CANDOUR, *words], env=environment, cwd=folder, stderr=file, text=True
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        finally:
            process.kill()
            process.wait()
