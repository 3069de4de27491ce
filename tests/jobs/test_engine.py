"""The engine in real processes: each time once, whoever dies.

Its database may go away, and nothing depends on it.
"""

import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from survey.jobs.engine import SCHEMA, clock_jumped, engine_database, is_stale
from tests.conftest import settings
from tests.jobs.engines import clock, each_time_once, runs, until
from tests.proofs import proof

BEAT = timedelta(seconds=2)


def engine_url(database_url: str, folder: Path) -> str:
    return settings(database_url, folder).engine_url


def ran(folder: Path, name: str) -> int:
    file = folder / "ran"
    return file.read_text().split().count(name) if file.exists() else 0


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=20)


def forgotten(url: str, folder: Path) -> None:
    """Deletes the engine's database."""
    if url.startswith("sqlite"):
        for path in folder.glob("engine.db*"):
            path.unlink()
        return
    engine = engine_database(url)
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {SCHEMA} CASCADE"))
    engine.dispose()


def test_of_two_processes_one_runs_each_time_and_the_death_of_one_leaves_no_gap(
    database_url: str, tmp_path: Path
) -> None:
    url = engine_url(database_url, tmp_path)
    (tmp_path / "hold-one").touch()
    with clock(url, tmp_path, "one") as one:
        until((tmp_path / "held-one").exists, "the first is at work")
        with clock(url, tmp_path, "two") as two:
            until(
                lambda: ran(tmp_path, "two") > 1, "the second does what the first has no time for"
            )
            kill(one)
            at_death = ran(tmp_path, "two")
            until(lambda: ran(tmp_path, "two") > at_death + 2, "the second goes on")
            until(
                lambda: not any(run.status == "ENQUEUED" for run in runs(url)),
                "nothing waits behind the dead one",
            )
    all_runs = runs(url)
    assert each_time_once(all_runs, BEAT)
    executors = {run.executor.split(":")[1]: run.executor for run in all_runs if run.executor}
    assert executors.keys() == {str(one.pid), str(two.pid)}
    (left,) = [run for run in all_runs if run.executor == executors[str(one.pid)]]
    assert left.status == "PENDING"
    assert (ran(tmp_path, "one"), ran(tmp_path, "two") < len(all_runs)) == (1, True)
    assert (tmp_path / "two.log").read_text() == ""


@proof("workers")
def test_a_process_that_comes_back_is_another_and_leaves_what_the_first_had_begun_alone(
    database_url: str, tmp_path: Path
) -> None:
    url = engine_url(database_url, tmp_path)
    (tmp_path / "hold-one").touch()
    with clock(url, tmp_path, "one") as one:
        until((tmp_path / "held-one").exists, "it is at work")
        kill(one)
    (tmp_path / "hold-one").unlink()
    with clock(url, tmp_path, "one"):
        until(lambda: ran(tmp_path, "one") > 1, "it goes on")
    all_runs = runs(url)
    assert len({run.executor for run in all_runs if run.executor}) == 2
    assert [run.status for run in all_runs].count("PENDING") == 1


@proof("workers")
def test_what_an_older_program_left_waiting_is_done_by_the_newer_one(
    database_url: str, tmp_path: Path
) -> None:
    url = engine_url(database_url, tmp_path)
    (tmp_path / "hold-old").touch()
    with clock(url, tmp_path, "old", DBOS__APPVERSION="old") as old:
        until(
            lambda: [run.status for run in runs(url)].count("ENQUEUED") > 1,
            "times wait behind one that does not end",
        )
        kill(old)
    left = [run.at for run in runs(url) if run.status == "ENQUEUED"]
    with clock(url, tmp_path, "new", DBOS__APPVERSION="new"):
        until(
            lambda: left[0] in {run.at for run in runs(url) if run.status == "SUCCESS"},
            "the newer program does the first of them",
        )
        until(
            lambda: not [run for run in runs(url) if run.at in left and run.status == "ENQUEUED"],
            "which does for the others",
        )
    (newer,) = {run.executor for run in runs(url) if run.at == left[0]}
    assert newer not in {run.executor for run in runs(url) if run.status == "PENDING"}


@proof("workers")
def test_times_that_passed_during_a_long_run_hold_up_nothing(
    database_url: str, tmp_path: Path
) -> None:
    url = engine_url(database_url, tmp_path)
    (tmp_path / "hold-one").touch()
    with clock(url, tmp_path, "one"):
        until(
            lambda: [run.status for run in runs(url)].count("ENQUEUED") > 4,
            "times wait behind a long run",
        )
        passed = {run.at for run in runs(url) if run.status == "ENQUEUED"}
        (tmp_path / "hold-one").unlink()
        until(lambda: ran(tmp_path, "one") > 1, "it runs again")
    all_runs = runs(url)
    assert each_time_once(all_runs, BEAT)
    assert {run.status for run in all_runs if run.at in passed} <= {"CANCELLED", "SUCCESS"}
    assert [run.status for run in all_runs if run.at in passed].count(
        "SUCCESS"
    ) <= 1  # skipped, not gone through one by one


@proof("workers")
def test_a_clock_set_back_stops_nothing(database_url: str, tmp_path: Path) -> None:
    url = engine_url(database_url, tmp_path)

    def context() -> set[str]:
        engine = engine_database(url)
        with engine.connect() as connection:
            table = (
                "workflow_schedules"
                if engine.dialect.name == "sqlite"
                else f"{SCHEMA}.workflow_schedules"
            )
            contexts = set(connection.scalars(text(f"SELECT context FROM {table}")))
        engine.dispose()
        return contexts

    with clock(url, tmp_path, "one"):
        until(lambda: len(runs(url)) > 2, "it runs")
        before = context()
        (tmp_path / "back").touch()
        until(lambda: context().isdisjoint(before), "the times are reckoned anew")
        at_jump = ran(tmp_path, "one")
        until(lambda: ran(tmp_path, "one") > at_jump + 2, "it goes on")
    assert "the clock jumped" in (tmp_path / "one.log").read_text()


def test_only_a_clock_that_parts_from_the_steady_one_has_jumped() -> None:
    assert not clock_jumped(timedelta(seconds=65), 5.0)
    assert not clock_jumped(timedelta(hours=3), 3 * 3600.0)  # a long wait for the database
    assert clock_jumped(timedelta(seconds=66), 5.0)  # put forward, or the machine slept
    assert clock_jumped(timedelta(minutes=-1), 5.0)


def test_a_time_is_skipped_only_when_it_passed_before_a_run_ended_that_is_past_itself() -> None:
    start = datetime(2027, 1, 11, 9, tzinfo=UTC)
    assert is_stale(start, start + BEAT, start + 2 * BEAT)
    assert not is_stale(start + BEAT, start, start + 2 * BEAT)
    assert not is_stale(start, start + timedelta(hours=2), start + BEAT)  # the clock was set back


@proof("workers")
def test_an_engine_whose_database_is_deleted_makes_another_and_goes_on(
    database_url: str, tmp_path: Path
) -> None:
    url = engine_url(database_url, tmp_path)
    with clock(url, tmp_path, "one"):
        until(lambda: len(runs(url)) > 2, "it runs")
        last = runs(url)[-1].at
        forgotten(url, tmp_path)
        until(
            lambda: (
                runs(url)[0].at > last and sum(run.status == "SUCCESS" for run in runs(url)) > 2
            ),
            "it goes on with a new database",
        )
    assert each_time_once(runs(url), BEAT)


@proof("workers")
def test_a_locked_database_is_waited_for(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'engine.db'}"
    with clock(url, tmp_path, "one"):
        until(lambda: len(runs(url)) > 2, "it runs")
        with closing(sqlite3.connect(tmp_path / "engine.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            before = ran(tmp_path, "one")
            time.sleep(5)
            other.execute("COMMIT")
        until(lambda: ran(tmp_path, "one") > before + 2, "it goes on")
        until(lambda: not any(run.status == "ENQUEUED" for run in runs(url)[:-2]), "it catches up")
    assert each_time_once(runs(url), BEAT)
