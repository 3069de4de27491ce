"""The engine in real processes: each time once, whoever dies; its database may go away, and nothing depends on it."""

import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from survey.jobs.engine import SCHEMA, engine_database
from tests.conftest import settings
from tests.jobs.engines import clock, each_time_once, runs, until

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


def test_of_two_processes_one_runs_each_time_and_the_death_of_one_leaves_no_gap(database_url: str, tmp_path: Path) -> None:
    url = engine_url(database_url, tmp_path)
    (tmp_path / "hold-one").touch()
    with clock(url, tmp_path, "one") as one:
        until((tmp_path / "held-one").exists, "the first is at work")
        with clock(url, tmp_path, "two") as two:
            until(lambda: ran(tmp_path, "two") > 1, "the second does what the first has no time for")
            kill(one)
            at_death = ran(tmp_path, "two")
            until(lambda: ran(tmp_path, "two") > at_death + 2, "the second goes on")
            until(lambda: not any(run.status == "ENQUEUED" for run in runs(url)), "nothing waits behind the dead one")
    found = runs(url)
    assert each_time_once(found, BEAT)
    executors = {run.executor.split(":")[1]: run.executor for run in found if run.executor}
    assert executors.keys() == {str(one.pid), str(two.pid)}
    (left,) = [run for run in found if run.status != "SUCCESS"]
    assert (left.status, left.executor) == ("PENDING", executors[str(one.pid)])
    assert (ran(tmp_path, "one"), ran(tmp_path, "two") < len(found)) == (1, True)
    assert (tmp_path / "two.log").read_text() == ""


def test_a_process_that_comes_back_is_another_and_leaves_what_the_first_had_begun_alone(database_url: str, tmp_path: Path) -> None:
    url = engine_url(database_url, tmp_path)
    (tmp_path / "hold-one").touch()
    with clock(url, tmp_path, "one") as one:
        until((tmp_path / "held-one").exists, "it is at work")
        kill(one)
    (tmp_path / "hold-one").unlink()
    with clock(url, tmp_path, "one"):
        until(lambda: ran(tmp_path, "one") > 1, "it goes on")
    found = runs(url)
    assert len({run.executor for run in found if run.executor}) == 2
    assert [run.status for run in found].count("PENDING") == 1


def test_what_an_older_program_left_waiting_is_done_by_the_newer_one(database_url: str, tmp_path: Path) -> None:
    url = engine_url(database_url, tmp_path)
    (tmp_path / "hold-old").touch()
    with clock(url, tmp_path, "old", DBOS__APPVERSION="old") as old:
        until(lambda: [run.status for run in runs(url)].count("ENQUEUED") > 1, "times wait behind one that does not end")
        kill(old)
    left = {run.at for run in runs(url) if run.status == "ENQUEUED"}
    with clock(url, tmp_path, "new", DBOS__APPVERSION="new"):
        until(lambda: left <= {run.at for run in runs(url) if run.status == "SUCCESS"}, "the newer program does them")
    newer = {run.executor for run in runs(url) if run.at in left}
    assert len(newer) == 1
    assert newer.isdisjoint({run.executor for run in runs(url) if run.status == "PENDING"})


def test_an_engine_whose_database_is_deleted_makes_another_and_goes_on(database_url: str, tmp_path: Path) -> None:
    url = engine_url(database_url, tmp_path)
    with clock(url, tmp_path, "one"):
        until(lambda: len(runs(url)) > 2, "it runs")
        last = runs(url)[-1].at
        forgotten(url, tmp_path)
        until(lambda: runs(url)[0].at > last and sum(run.status == "SUCCESS" for run in runs(url)) > 2, "it goes on with a new database")
    assert each_time_once(runs(url), BEAT)


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
