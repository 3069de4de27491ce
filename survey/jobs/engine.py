"""The engine: a clock that several processes share, and a wake-up. It decides nothing and remembers nothing that counts.

What is due stands in our own tables; every job asks them, so a time that fires late, twice or in two processes ends in
the same state. All that this module asks of DBOS is: of all processes on one database, one runs a job at each of its times.
Another engine can stand behind the same three methods.
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
VERSION = (  # of the jobs' signature; it stays, so that a newer program takes up what an older one left
    "1"
)
LOOK = 5.0
KEPT = timedelta(hours=1)
ABANDONED = timedelta(days=1)
LONGEST_END = 50
MOST = 5_000
JUMP = 60.0
ENDED = ["SUCCESS", "ERROR", "CANCELLED"]
logging.getLogger("dbos").addHandler(
    logging.NullHandler()
)  # else it adds one of its own, and quotes what went wrong
logging.getLogger("dbos").propagate = False


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """What to do at which times: a cron expression with seconds, in UTC."""

    name: str
    times: str
    work: Callable[[], None]


class Engine:
    """Runs jobs at their times until stopped; goes on by itself when its database was away, or was deleted."""

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
                "workflow_fn": self._registered(job),
                "schedule": job.times,
                "queue_name": job.name,
            }
            for job in (*jobs, ScheduledJob("housekeeping", "0 17 * * * *", _tidy_up))
        ]

    def start(self) -> None:
        """Begins, beside the caller."""
        self._thread.start()

    def stop(self) -> None:
        """Begins nothing more and lets what is under way end, for at most a minute."""
        self._stop.set()
        self._thread.join(LONGEST_END)
        self._down(LONGEST_END)

    def _watch(self) -> None:
        said = ""
        while not self._stop.is_set():
            try:
                if not self._is_sound():
                    self._down(0)
                    self._up()
                looked = (now(), time.monotonic())
                if clock_jumped(looked[0] - self._looked[0], looked[1] - self._looked[1]):
                    self._begin_anew(looked[0])
                self._looked = looked
                said = ""
            except Exception as error:  # noqa: BLE001 - whatever it was, the next look tries again
                if said != (said := type(error).__name__):
                    log.error(  # noqa: TRY400
                        "the engine's database does not answer (%s); it is tried again until it"
                        " does",
                        said,
                    )
            self._stop.wait(LOOK)

    def _is_sound(self) -> bool:
        """Whether the engine runs on the database that is there now."""
        if self._database is None or self._file != _identity(self._url):
            return False
        try:
            return scheduled_names(self._database) >= {
                one["schedule_name"] for one in self._schedules
            }
        except OperationalError:
            raise  # it is away: DBOS waits for it by itself
        except SQLAlchemyError:
            return False  # it was emptied

    def _up(self) -> None:
        database = engine_database(self._url)
        DBOS(
            config={
                "name": "candour",
                "application_version": VERSION,
                # never the same for two: a second process must not take up what a living one does
                "executor_id": f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(8)}",
                "system_database_engine": database,
                "dbos_system_schema": SCHEMA,
                "serializer": (
                    DBOSPortableJSONSerializer()
                ),  # no pickles, which run code when they are read
                "use_listen_notify": False,
                "enable_otlp": False,
                "log_level": "CRITICAL",
            }
        )
        DBOS.launch()
        for one in (
            self._schedules
        ):  # no limit across processes: the task of a dead one would hold its place for good
            DBOS.register_queue(
                one["schedule_name"], worker_concurrency=1, on_conflict="always_update"
            )
        DBOS.apply_schedules(self._schedules)
        self._database, self._file, self._looked = (
            database,
            _identity(self._url),
            (now(), time.monotonic()),
        )

    def _begin_anew(self, moment: datetime) -> None:
        """After the clock was set, or the machine slept: DBOS would wait for the time it had in mind, or go through all that passed."""
        log.warning(
            "the clock jumped by more than a minute, or the machine slept; the times of the jobs"
            " are reckoned anew"
        )
        ended = DBOS.list_workflows(
            status=ENDED,
            workflow_id_prefix="sched-",
            limit=MOST,
            sort_desc=True,
            load_input=False,
            load_output=False,
        )
        if ahead := [
            one.workflow_id for one in ended if one.workflow_id > _key(str(one.name), moment)
        ]:
            DBOS.delete_workflows(
                ahead
            )  # those times come again, and a time that the engine knows is not begun twice
        anew = secrets.token_hex(
            8
        )  # a changed schedule is taken up from now on; one that stays the same is not
        DBOS.apply_schedules([{**one, "context": anew} for one in self._schedules])

    def _registered(self, job: ScheduledJob) -> Callable[[datetime, object], None]:
        """The job as DBOS runs it. A time that passed while the job was at work needs no turn of its own: it looked meanwhile."""
        ended: list[datetime] = []

        def run(scheduled_at: datetime, _context: object) -> None:
            at = datetime.fromisoformat(str(scheduled_at))  # the engine keeps it as text
            if not (ended and is_stale(at, ended[-1], now())):
                try:
                    job.work()
                except Exception as error:  # noqa: BLE001 - whatever it was, the next time tries again
                    log.error(  # noqa: TRY400
                        "%s failed and will be tried again: %s", job.name, type(error).__name__
                    )
                ended[:] = [now()]
            self._drop(job, ended[-1])

        return DBOS.workflow(name=job.name)(run)

    def _drop(self, job: ScheduledJob, before: datetime) -> None:
        """Takes all the times that passed from the queue at once: one by one, at one a second, they would keep the next from its turn."""
        database = self._database
        if database is None:
            return
        drop = text(
            f"UPDATE {_table(database, 'workflow_status')} SET status = 'CANCELLED', queue_name = NULL, completed_at = :moment, "  # noqa: S608 - a constant
            "updated_at = :moment WHERE queue_name = :job AND status = 'ENQUEUED' AND workflow_uuid"
            " < :before"
        )
        try:
            with database.begin() as connection:
                connection.execute(
                    drop,
                    {
                        "moment": int(now().timestamp() * 1000),
                        "job": job.name,
                        "before": _key(job.name, before),
                    },
                )
        except SQLAlchemyError as error:  # they are skipped one by one, or dropped the next time
            log.warning("times that passed could not be taken back (%s)", type(error).__name__)

    def _down(self, seconds: int) -> None:
        DBOS.destroy(workflow_completion_timeout_sec=seconds)
        if self._database:
            self._database.dispose()
            self._database = None


def engine_database(url: str) -> Database:
    """A connection to the engine's database; it begins its own transactions, and loses nothing that counts when the machine fails."""
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
    """The names of the jobs that the engine's database knows."""
    with database.connect() as connection:
        return set(
            connection.scalars(
                text(f"SELECT schedule_name FROM {_table(database, 'workflow_schedules')}")  # noqa: S608
            )
        )


def _table(database: Database, name: str) -> str:
    return name if database.dialect.name == "sqlite" else f"{SCHEMA}.{name}"


def is_stale(at: datetime, ended: datetime, moment: datetime) -> bool:
    """Whether a time passed before the last run ended; a run that ended in the future shows that the clock was set back, and hides nothing.

    >>> one, two, three = (datetime(2027, 1, 11, hour) for hour in (9, 10, 11))
    >>> is_stale(one, two, three), is_stale(two, one, three), is_stale(one, three, two)
    (True, False, False)
    """
    return at < ended <= moment


def clock_jumped(wall: timedelta, steady: float) -> bool:
    """Whether the clock on the wall and the steady one, which stands still while the machine sleeps, parted by more than a minute."""
    return abs(wall.total_seconds() - steady) > JUMP


def _key(job: str, moment: datetime) -> str:
    """How the engine names a job's time, as far as the second; times in UTC stand in order."""
    return f"sched-{job}-{moment.isoformat(timespec='seconds').removesuffix('+00:00')}"


def _tidy_up() -> None:
    """Takes back what dead processes left, and forgets what has ended."""
    for workflow in _older(ABANDONED, ["PENDING", "ENQUEUED"]):
        DBOS.cancel_workflow(workflow)
    DBOS.delete_workflows(_older(KEPT, ENDED))


def _older(age: timedelta, states: list[str]) -> list[str]:
    """Some of the tasks that are older; the rest follow next time."""
    before = (now() - age).isoformat()
    found = DBOS.list_workflows(
        status=states, end_time=before, limit=MOST, load_input=False, load_output=False
    )
    return [one.workflow_id for one in found]


def _identity(url: str) -> tuple[int, int] | None:
    """Which file the engine's database is, so that a deleted one is noticed; none on PostgreSQL."""
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        return None
    try:
        found = Path(str(address.database)).stat()
    except FileNotFoundError:
        return (0, 0)
    return (found.st_dev, found.st_ino)
