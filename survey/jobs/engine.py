"""The engine: runs jobs at their times, each time in only one of the processes on one database.

It decides nothing and remembers nothing that counts. What is due is in our own tables; every
job asks them, so a time that fires late, twice or in two processes ends in the same state. All that
this module asks of DBOS is that of all processes on one database, one runs a job at each of its
times. Another engine can do the same behind these methods.
"""

import logging
import os
import secrets
import socket
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from dbos import DBOS, DBOSPortableJSONSerializer, ScheduleInput
from sqlalchemy import Engine as Database
from sqlalchemy import create_engine, event, make_url, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from survey.database import FOREIGN
from survey.kernel.clock import now

log = logging.getLogger(__name__)
SCHEMA = "candour_engine"
# Of the jobs' signature; it stays, so that a newer program takes up what an older one left.
VERSION = "1"
SECONDS_BETWEEN_LOOKS = 5.0
ENDED_ARE_KEPT = timedelta(hours=1)
ABANDONED = timedelta(days=1)
LONGEST_END_SECONDS = 50
MOST_AT_ONCE = 5_000
JUMP_SECONDS = 60.0
ENDED = ["SUCCESS", "ERROR", "CANCELLED"]
# Without a handler DBOS adds one of its own, and quotes what went wrong.
logging.getLogger("dbos").addHandler(logging.NullHandler())
logging.getLogger("dbos").propagate = False


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """A named job: the function `work`, and the `times` to run it (cron with seconds, in UTC)."""

    name: str
    times: str
    work: Callable[[], None]


class Engine:
    """Runs jobs at their times, in background threads, from `start` until `stop`.

    It goes on by itself when its database was away, or was deleted.
    """

    def __init__(self, url: str, jobs: tuple[ScheduledJob, ...]) -> None:
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="engine", daemon=True)
        self._database: Database | None = None
        self._file: tuple[int, int] | None = None
        self._looked = (now(), time.monotonic())
        self._schedules: list[ScheduleInput] = [
            {
                "schedule_name": job.name,
                "workflow_fn": self._register(job),
                "schedule": job.times,
                "queue_name": job.name,
            }
            for job in (*jobs, ScheduledJob("housekeeping", "0 17 * * * *", _tidy_up))
        ]

    def start(self) -> None:
        """Starts the engine in a background thread and returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Starts no more jobs and waits for those that run, at most 50 seconds.

        The watching thread is waited for before that, normally for a moment only.
        """
        self._stop.set()
        self._thread.join(LONGEST_END_SECONDS)
        self._shut_down(LONGEST_END_SECONDS)

    def _watch(self) -> None:
        """Launches the engine, and again when it is not sound, until stopped; logs errors.

        Of the same kind of error several times in a row, only the first is logged.
        """
        last_error = ""
        while not self._stop.is_set():
            try:
                if not self._is_sound():
                    self._shut_down(0)
                    self._launch()
                self._look_at_clocks()
                last_error = ""
            except Exception as error:  # noqa: BLE001 - any error: the next look tries again
                error_name = type(error).__name__
                if error_name != last_error:
                    log.error(  # noqa: TRY400
                        "the engine's database does not answer (%s); it is tried again until it"
                        " does",
                        error_name,
                    )
                last_error = error_name
            self._stop.wait(SECONDS_BETWEEN_LOOKS)

    def _look_at_clocks(self) -> None:
        """Compares both clocks with the last look; reschedules all jobs after a clock jump."""
        wall, steady = now(), time.monotonic()
        last_wall, last_steady = self._looked
        if clock_jumped(wall - last_wall, steady - last_steady):
            self._begin_anew(wall)
        self._looked = wall, steady

    def _is_sound(self) -> bool:
        """Whether DBOS runs on the database file that is there now and knows all the jobs.

        Raises `OperationalError` while the database is away.
        """
        if self._database is None or self._file != _file_identity(self._url):
            return False
        wanted = {schedule["schedule_name"] for schedule in self._schedules}
        try:
            return scheduled_names(self._database) >= wanted
        except OperationalError:
            raise  # it is away: DBOS waits for it by itself
        except SQLAlchemyError:
            return False  # it was emptied

    def _launch(self) -> None:
        """Starts DBOS on the database, and registers a queue and a schedule for each job."""
        database = engine_database(self._url)
        DBOS(
            config={
                "name": "candour",
                "application_version": VERSION,
                # never the same for two: a second process must not take up what a living one does
                "executor_id": f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(8)}",
                "system_database_engine": database,
                "dbos_system_schema": SCHEMA,
                # no pickles, which run code when they are read
                "serializer": DBOSPortableJSONSerializer(),
                "use_listen_notify": False,
                "enable_otlp": False,
                "log_level": "CRITICAL",
            }
        )
        DBOS.launch()
        for schedule in self._schedules:
            # no limit across processes: the task of a dead one would hold its place for good
            DBOS.register_queue(
                schedule["schedule_name"], worker_concurrency=1, on_conflict="always_update"
            )
        DBOS.apply_schedules(self._schedules)
        self._database = database
        self._file = _file_identity(self._url)
        self._looked = (now(), time.monotonic())

    def _begin_anew(self, wall: datetime) -> None:
        """Schedules all jobs again from now on, after the clock was set or the machine slept.

        Logs a warning, and deletes what ended at times still ahead, so that these times can come
        again. DBOS would wait for the time it had in mind, or go through all that passed. `wall` is
        what the clock says now.
        """
        log.warning(
            "the clock jumped by more than a minute, or the machine slept; the times of the jobs"
            " are reckoned anew"
        )
        ended = DBOS.list_workflows(
            status=ENDED,
            workflow_id_prefix="sched-",
            limit=MOST_AT_ONCE,
            sort_desc=True,
            load_input=False,
            load_output=False,
        )
        ahead = [
            workflow.workflow_id
            for workflow in ended
            if workflow.workflow_id > _workflow_id(str(workflow.name), wall)
        ]
        if ahead:  # those times come again, and a time that the engine knows is not begun twice
            DBOS.delete_workflows(ahead)
        # a changed schedule is taken up from now on; one that stays the same is not
        fresh = secrets.token_hex(8)
        DBOS.apply_schedules([{**schedule, "context": fresh} for schedule in self._schedules])

    def _register(self, job: ScheduledJob) -> Callable[[datetime, object], None]:
        """Registers a job with DBOS under its name, and gives the function that DBOS runs.

        That function logs an error of the job and never raises it. It skips a time that passed
        while the job was at work, which needs no turn: the job looked meanwhile. It then cancels
        the other times that passed.
        """
        last_end: datetime | None = None

        def run(scheduled_at: datetime, _context: object) -> None:
            nonlocal last_end
            at = datetime.fromisoformat(str(scheduled_at))  # the engine keeps it as text
            if last_end is None or not is_stale(at, last_end, now()):
                try:
                    job.work()
                except Exception as error:  # noqa: BLE001 - any error: the next time tries again
                    log.error(  # noqa: TRY400
                        "%s failed and will be tried again: %s", job.name, type(error).__name__
                    )
                last_end = now()
            self._cancel_passed_times(job, last_end)

        return DBOS.workflow(name=job.name)(run)

    def _cancel_passed_times(self, job: ScheduledJob, before: datetime) -> None:
        """Cancels all queued times of a job before `before`; only logs a database error.

        One by one, at one a second, they would keep the next from its turn.
        """
        database = self._database
        if database is None:
            return
        statement = text(
            f"UPDATE {_table_name(database, 'workflow_status')}"  # noqa: S608 - a constant
            " SET status = 'CANCELLED', queue_name = NULL, completed_at = :now, updated_at = :now"
            " WHERE queue_name = :job AND status = 'ENQUEUED' AND workflow_uuid < :before"
        )
        values = {
            "now": int(now().timestamp() * 1000),
            "job": job.name,
            "before": _workflow_id(job.name, before),
        }
        try:
            with database.begin() as connection:
                connection.execute(statement, values)
        except SQLAlchemyError as error:  # they are skipped one by one, or dropped the next time
            log.warning("times that passed could not be taken back (%s)", type(error).__name__)

    def _shut_down(self, seconds: int) -> None:
        """Stops DBOS after waiting `seconds` for running jobs, and closes database connections."""
        DBOS.destroy(workflow_completion_timeout_sec=seconds)
        if self._database:
            self._database.dispose()
            self._database = None


def engine_database(url: str) -> Database:
    """A new SQLAlchemy engine for the job engine's database, on PostgreSQL or SQLite.

    DBOS begins its own transactions. SQLite does not wait for the disk, for nothing that counts is
    lost when the machine fails.
    """
    if make_url(url).get_backend_name() != "sqlite":
        arguments = {"application_name": "candour-engine", "connect_timeout": 10}
        return create_engine(
            url, pool_size=5, pool_pre_ping=True, hide_parameters=True, connect_args=arguments
        )
    database = create_engine(url, hide_parameters=True, execution_options={FOREIGN: True})

    @event.listens_for(database, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA busy_timeout=30000")

    return database


def scheduled_names(database: Database) -> set[str]:
    """The names of the jobs that have a schedule in the engine's database."""
    query = text(f"SELECT schedule_name FROM {_table_name(database, 'workflow_schedules')}")  # noqa: S608
    with database.connect() as connection:
        return set(connection.scalars(query))


def _table_name(database: Database, name: str) -> str:
    """The name of a DBOS table, with its schema except on SQLite."""
    return name if database.dialect.name == "sqlite" else f"{SCHEMA}.{name}"


def is_stale(at: datetime, ended: datetime, now: datetime) -> bool:
    """Whether a job's scheduled time `at` lies before the end of its last run (`ended`).

    A run that ended later than `now` shows that the clock was set back, and makes no time stale.

    >>> nine, ten, eleven = (datetime(2027, 1, 11, hour) for hour in (9, 10, 11))
    >>> is_stale(nine, ended=ten, now=eleven), is_stale(ten, ended=nine, now=eleven)
    (True, False)
    >>> is_stale(nine, ended=eleven, now=ten)
    False
    """
    return at < ended <= now


def clock_jumped(wall: timedelta, steady: float) -> bool:
    """Whether two clocks moved apart by more than a minute since the last look at them.

    `wall` is how far the clock on the wall went; `steady` the seconds of the clock that nobody can
    set and that pauses while the machine sleeps.
    """
    return abs(wall.total_seconds() - steady) > JUMP_SECONDS


def _workflow_id(job: str, at: datetime) -> str:
    """The id that DBOS gives to one scheduled time of a job, to the second.

    Ids of times in UTC sort by time.
    """
    return f"sched-{job}-{at.isoformat(timespec='seconds').removesuffix('+00:00')}"


def _tidy_up() -> None:
    """Cancels tasks over a day old that dead processes left; deletes those that have ended.

    An ended task is kept for an hour.
    """
    for workflow_id in _list_older(ABANDONED, ["PENDING", "ENQUEUED"]):
        DBOS.cancel_workflow(workflow_id)
    DBOS.delete_workflows(_list_older(ENDED_ARE_KEPT, ENDED))


def _list_older(age: timedelta, states: list[str]) -> list[str]:
    """The ids of tasks in these states older than `age`; at most 5,000, the rest next time."""
    before = (now() - age).isoformat()
    workflows = DBOS.list_workflows(
        status=states, end_time=before, limit=MOST_AT_ONCE, load_input=False, load_output=False
    )
    return [workflow.workflow_id for workflow in workflows]


def _file_identity(url: str) -> tuple[int, int] | None:
    """The device and inode of the database's file, so that a deleted one is noticed.

    (0, 0) where the file is missing; None on PostgreSQL.
    """
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        return None
    try:
        status = Path(str(address.database)).stat()
    except FileNotFoundError:
        return (0, 0)
    return (status.st_dev, status.st_ino)
