"""Long works: how far they are, for whoever looks, and who goes on when the process that did one is gone.

The row is a report and a lease, never the work's truth: what has been done is read from what was stored. So whatever is lost or late
here costs a repetition, and nothing else.
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
    """A work that this process does, under a lease that ends by itself when the process does."""

    kind: str
    subject: str
    lease: str
    reported: float = field(default_factory=monotonic)

    def report(self, done: int, total: int) -> None:
        """Says how far the work is, about once a second and at the end; must not be called inside the work's own transaction.

        A report that the database does not take is left out: the work goes on.
        """
        if done < total and monotonic() - self.reported < SECONDS_BETWEEN_REPORTS:
            return
        self._report(done=done, total=total, until=LEASE)

    def falls_silent(self) -> None:
        """Says that the next step is one transaction, during which no report can be stored."""
        self._report(until=SILENT)

    def step(self, done: int) -> None:
        """Inside the transaction of a step: stores how far the work is together with it; refused when another process has the work."""
        if not self._change(done=done):
            raise Refused("taken-over", TAKEN_OVER)

    def end(self, says: str = "") -> None:
        """Inside the last transaction or after it: the work is done."""
        self._change(
            state=LongJobState.DONE.value,
            done=LongJobRow.total,
            says=says,
            lease_token=None,
            lease_until=None,
        )

    def give_back(self) -> None:
        """Leaves the rest to the next process that looks."""
        self._change(state=LongJobState.WAITING.value, lease_token=None, lease_until=None)

    def _report(self, until: timedelta, **numbers: int) -> None:
        self.reported = monotonic()
        try:
            self._change(lease_until=now() + until, **numbers)
        except SQLAlchemyError:
            db.session.rollback()

    def _change(self, **values: object) -> bool:
        moment = now()
        facts = {"changed_at": moment, "lease_until": moment + LEASE, **values}
        query = update(LongJobRow).where(
            LongJobRow.kind == self.kind,
            LongJobRow.subject == self.subject,
            LongJobRow.lease_token == self.lease,
        )
        with transaction():
            return bool(connection().execute(query.values(**facts)).rowcount)


def queue_job(kind: str, subject: str, total: int, *, actor: str) -> bool:
    """Leaves a work to the next process that looks; False, and harmless, when it is under way already."""
    with transaction():
        found = db.session.get(
            LongJobRow, (kind, subject), with_for_update=True, populate_existing=True
        )
        return (found is None or found.state not in UNFINISHED) and _put(
            kind, subject, total, actor
        )


def lease_job(kind: str, subject: str) -> JobLease | None:
    """A work that waits, or that was left behind, for this process; None when it has ended or another process does it."""
    return _lease(kind, subject, _is_free())


def take_over_job(kind: str, subject: str, total: int, *, actor: str) -> JobLease:
    """A work for this process, whoever does it now: for somebody who says that it shall be done here."""
    with transaction():
        queue_job(kind, subject, total, actor=actor)
        hold = _lease(kind, subject, LongJobRow.state.in_(UNFINISHED))
    assert hold is not None
    return hold


@contextmanager
def work_under_lease(hold: JobLease) -> Iterator[JobLease]:
    """A block that does the work: a refusal ends it with its sentence, a fault or an end of the process leaves it to the next one."""
    try:
        yield hold
    except Refused as refused:
        _leave(hold, LongJobState.FAILED, refused.sentence)
        raise
    except Exception:
        _leave(hold, LongJobState.WAITING, until=now() + AFTER_FAULT)
        raise
    except BaseException:
        _leave(hold, LongJobState.WAITING)
        raise


def forget_job(kind: str, subject: str) -> None:
    """Leaves nothing of a work, so that no number of it outlives what it was about."""
    with transaction():
        connection().execute(
            delete(LongJobRow).where(LongJobRow.kind == kind, LongJobRow.subject == subject)
        )


def waiting_jobs() -> tuple[LongJob, ...]:
    """The works that wait or were left behind, the oldest first."""
    query = (
        select(LongJobRow)
        .where(LongJobRow.state.in_(UNFINISHED), _is_free())
        .order_by(LongJobRow.begun_at, LongJobRow.subject)
    )
    return tuple(_work(row) for row in db.session.scalars(query))


def find_job(kind: str, subject: str) -> LongJob | None:
    """How far a work is, if there ever was one."""
    row = db.session.get(LongJobRow, (kind, subject), populate_existing=True)
    return _work(row) if row else None


def list_jobs() -> tuple[LongJob, ...]:
    """The last work of each kind about each subject, the newest first."""
    return tuple(
        _work(row)
        for row in db.session.scalars(
            select(LongJobRow).order_by(LongJobRow.begun_at.desc(), LongJobRow.subject)
        )
    )


def _lease(kind: str, subject: str, where: ColumnElement[bool]) -> JobLease | None:
    lease, moment = random_id(), now()
    facts = {
        "state": LongJobState.RUNNING.value,
        "lease_token": lease,
        "lease_until": moment + LEASE,
        "changed_at": moment,
    }
    query = update(LongJobRow).where(
        LongJobRow.kind == kind,
        LongJobRow.subject == subject,
        LongJobRow.state.in_(UNFINISHED),
        where,
    )
    with transaction():
        is_ours = connection().execute(query.values(**facts)).rowcount == 1
    return JobLease(kind, subject, lease) if is_ours else None


def _put(kind: str, subject: str, total: int, actor: str) -> bool:
    moment = now()
    facts = {
        "state": LongJobState.WAITING.value,
        "done": 0,
        "total": total,
        "says": "",
        "actor": actor,
        "lease_token": None,
    }
    facts |= {"lease_until": None, "begun_at": moment, "changed_at": moment}
    insert = (
        postgresql.insert if db.session.get_bind().dialect.name == "postgresql" else sqlite.insert
    )  # another process may be as fast
    row = insert(LongJobRow).values(kind=kind, subject=subject, **facts)
    again = row.on_conflict_do_update(
        index_elements=["kind", "subject"], set_=facts, where=LongJobRow.state.not_in(UNFINISHED)
    )
    return bool(connection().execute(again).rowcount)


def _leave(
    hold: JobLease, state: LongJobState, says: str = "", until: datetime | None = None
) -> None:
    """Gives a work back; when that cannot be stored, its lease ends by itself."""
    try:
        hold._change(state=state.value, says=says, lease_token=None, lease_until=until)  # noqa: SLF001 - of this module
    except SQLAlchemyError:
        db.session.rollback()


def _is_free() -> ColumnElement[bool]:
    return or_(LongJobRow.lease_until.is_(None), LongJobRow.lease_until < now())


def _work(row: LongJobRow) -> LongJob:
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
