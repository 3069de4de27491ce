"""Long jobs: how far they are, and which process goes on when the one that did it is gone.

The row is a report and a lease. What has been done is read from what the job stored, never from
this row; so whatever is lost or late here costs a repetition, and nothing else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from survey.database import connection, db, transaction
from survey.jobs.rules import LongJob, LongJobState
from survey.jobs.tables import LongJobRow
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.kernel.ids import random_id

LEASE = timedelta(seconds=60)
SILENT = timedelta(minutes=5)  # for a step that cannot report, being one transaction
AFTER_FAULT = timedelta(seconds=30)
SECONDS_BETWEEN_REPORTS = 1.0
UNFINISHED = (LongJobState.WAITING.value, LongJobState.RUNNING.value)
TAKEN_OVER = (
    "Another process has taken this over and goes on with it, so this one stopped. Nothing is lost"
    " and nothing is done twice."
)


@dataclass(slots=True)
class JobLease:
    """A process's right to do a long job; it runs out by itself when the process ends.

    A minute after the last report (five after `expect_silence`) another process may take the job.
    `lease` is the token that shows that the row is still this process's.
    """

    kind: str
    subject: str
    lease: str
    reported: float = field(default_factory=monotonic)

    def report(self, done: int, total: int) -> None:
        """Stores how far the job is and renews the lease, about once a second and at the end.

        Must not be called inside the job's own transaction. A report that the database does not
        take is left out, with a rollback of the session: the job goes on.
        """
        if done < total and monotonic() - self.reported < SECONDS_BETWEEN_REPORTS:
            return
        self._report(done=done, total=total, until=LEASE)

    def expect_silence(self) -> None:
        """Extends the lease to five minutes, for one long transaction that cannot report meanwhile.

        Like a report, it is left out where the database does not take it.
        """
        self._report(until=SILENT)

    def step(self, done: int) -> None:
        """Stores how far the job is, inside the transaction of a step; refused if taken over.

        Both are stored together or not at all. Refused when another process has taken the job over.
        """
        if not self._change(done=done):
            raise Refused("taken-over", TAKEN_OVER)

    def end(self, says: str = "") -> None:
        """Stores that the job is done, with the sentence `says`, and ends the lease.

        Inside the job's last transaction or after it. Does nothing when another process has taken
        the job over.
        """
        self._change(
            state=LongJobState.DONE.value,
            done=LongJobRow.total,
            says=says,
            lease_token=None,
            lease_until=None,
        )

    def give_back(self) -> None:
        """Stores the job as waiting and ends the lease, so that the next process does the rest."""
        self._change(state=LongJobState.WAITING.value, lease_token=None, lease_until=None)

    def _report(self, until: timedelta, **numbers: int) -> None:
        """Stores numbers, and a lease of length `until`; only rolls back on a database error."""
        self.reported = monotonic()
        try:
            self._change(lease_until=now() + until, **numbers)
        except SQLAlchemyError:
            db.session.rollback()

    def _change(self, **values: object) -> bool:
        """Updates the job's row and renews the lease; False if another process has the job now.

        A `lease_until` among the `values` counts instead of the usual minute.
        """
        changed_at = now()
        columns = {"changed_at": changed_at, "lease_until": changed_at + LEASE, **values}
        query = update(LongJobRow).where(
            LongJobRow.kind == self.kind,
            LongJobRow.subject == self.subject,
            LongJobRow.lease_token == self.lease,
        )
        with transaction():
            return bool(connection().execute(query.values(**columns)).rowcount)


def queue_job(kind: str, subject: str, total: int, *, actor: str) -> bool:
    """Stores a job as waiting, for any process to take; False if it waits or runs already.

    `total` is how many steps it has. Does nothing where the job waits or runs.
    """
    with transaction():
        row = db.session.get(
            LongJobRow, (kind, subject), with_for_update=True, populate_existing=True
        )
        if row is not None and row.state in UNFINISHED:
            return False
        return _store_waiting(kind, subject, total, actor)


def lease_job(kind: str, subject: str) -> JobLease | None:
    """Takes a waiting or abandoned job for this process; None if there is none to take.

    That is so when it has ended, or another process does it.
    """
    return _lease(kind, subject, _is_free())


def take_over_job(kind: str, subject: str, total: int, *, actor: str) -> JobLease:
    """Takes a job for this process, even from another one; queues it first if it has ended.

    For somebody who says that it must be done here.
    """
    with transaction():
        queue_job(kind, subject, total, actor=actor)
        lease = _lease(kind, subject, LongJobRow.state.in_(UNFINISHED))
    assert lease is not None
    return lease


@contextmanager
def work_under_lease(lease: JobLease) -> Iterator[JobLease]:
    """Runs a block that does a leased job; an error stores it as failed or waiting, and is raised.

    The block itself stores a good end. A refusal ends the job as failed, with its sentence; a fault
    or the end of the process leaves it to the next process, after a fault half a minute later.
    """
    try:
        yield lease
    except Refused as refused:
        _give_up_lease(lease, LongJobState.FAILED, refused.sentence)
        raise
    except Exception:
        _give_up_lease(lease, LongJobState.WAITING, until=now() + AFTER_FAULT)
        raise
    except BaseException:
        _give_up_lease(lease, LongJobState.WAITING)
        raise


def forget_job(kind: str, subject: str) -> None:
    """Deletes a job's row, so that no number of it outlives what it was about."""
    with transaction():
        connection().execute(
            delete(LongJobRow).where(LongJobRow.kind == kind, LongJobRow.subject == subject)
        )


def waiting_jobs() -> tuple[LongJob, ...]:
    """The jobs that a process may take now, because they wait or were abandoned; oldest first."""
    query = (
        select(LongJobRow)
        .where(LongJobRow.state.in_(UNFINISHED), _is_free())
        .order_by(LongJobRow.begun_at, LongJobRow.subject)
    )
    return tuple(_job_of(row) for row in db.session.scalars(query))


def find_job(kind: str, subject: str) -> LongJob | None:
    """The stored state and progress of a job; None if none is stored."""
    row = db.session.get(LongJobRow, (kind, subject), populate_existing=True)
    return _job_of(row) if row else None


def list_jobs() -> tuple[LongJob, ...]:
    """All stored jobs (the last of each kind about each subject), the newest first."""
    query = select(LongJobRow).order_by(LongJobRow.begun_at.desc(), LongJobRow.subject)
    return tuple(_job_of(row) for row in db.session.scalars(query))


def _lease(kind: str, subject: str, where: ColumnElement[bool]) -> JobLease | None:
    """Takes an unfinished job for this process if the condition `where` holds, else gives None."""
    token, leased_at = random_id(), now()
    columns = {
        "state": LongJobState.RUNNING.value,
        "lease_token": token,
        "lease_until": leased_at + LEASE,
        "changed_at": leased_at,
    }
    query = update(LongJobRow).where(
        LongJobRow.kind == kind,
        LongJobRow.subject == subject,
        LongJobRow.state.in_(UNFINISHED),
        where,
    )
    with transaction():
        is_ours = connection().execute(query.values(**columns)).rowcount == 1
    return JobLease(kind, subject, token) if is_ours else None


def _store_waiting(kind: str, subject: str, total: int, actor: str) -> bool:
    """Stores a job as waiting, in place of an ended one; False if another process was faster."""
    queued_at = now()
    columns = {
        "state": LongJobState.WAITING.value,
        "done": 0,
        "total": total,
        "says": "",
        "actor": actor,
        "lease_token": None,
        "lease_until": None,
        "begun_at": queued_at,
        "changed_at": queued_at,
    }
    is_postgresql = db.session.get_bind().dialect.name == "postgresql"
    insert = postgresql.insert if is_postgresql else sqlite.insert
    new = insert(LongJobRow).values(kind=kind, subject=subject, **columns)
    upsert = new.on_conflict_do_update(
        index_elements=["kind", "subject"],
        set_=columns,
        where=LongJobRow.state.not_in(UNFINISHED),
    )
    return bool(connection().execute(upsert).rowcount)


def _give_up_lease(
    lease: JobLease, state: LongJobState, says: str = "", until: datetime | None = None
) -> None:
    """Stores a job's `state` and frees it from `until` on; ignores a database error.

    The lease then ends by itself.
    """
    try:
        lease._change(state=state.value, says=says, lease_token=None, lease_until=until)  # noqa: SLF001 - of this module
    except SQLAlchemyError:
        db.session.rollback()


def _is_free() -> ColumnElement[bool]:
    """The SQL condition that no process holds a lease of the job that is still valid."""
    return or_(LongJobRow.lease_until.is_(None), LongJobRow.lease_until < now())


def _job_of(row: LongJobRow) -> LongJob:
    """The `LongJob` that a row stores."""
    return LongJob(
        row.kind,
        row.subject,
        LongJobState(row.state),
        row.done,
        row.total,
        row.says,
        row.actor,
        row.changed_at,
    )
