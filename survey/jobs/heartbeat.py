"""The heartbeat: when the timetable was last at work by the real clock, and the outages.

Nothing here looks at the time that somebody pretends with `candour tick --now`: such a jump is no
outage.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from survey.database import connection, db, transaction
from survey.jobs.tables import HeartbeatRow, OutageRow

log = logging.getLogger(__name__)
OUTAGE = timedelta(days=1)  # only whole days are made up for
BETWEEN_BEATS = timedelta(minutes=1)  # no write with every pass
SILENT = timedelta(minutes=5)  # without a beat: nothing does the timed work
UNSTEADY = timedelta(minutes=2)  # clocks of several machines differ a little
WENT_BACK = "the clock went back by {minutes} minutes; nothing is undone and nothing is sent again"


class ClockReading(Enum):
    """What the time of a pass (one run of the timetable) means beside the times before it."""

    TOO_SOON = "too soon"
    BEAT = "beat"
    AFTER_OUTAGE = "after an outage"
    BACKWARD = "backward"


@dataclass(frozen=True, slots=True)
class Beat:
    """What the time of a pass means, and since when no pass had been seen (`since`)."""

    reading: ClockReading
    since: datetime


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which the timetable did not run: from the last pass before to the first after."""

    since: datetime
    until: datetime


def judge_clock(seen: datetime, highest: datetime, real: datetime) -> Beat:
    """What a pass at `real` means: too soon, a beat, after a day's outage, or a clock gone back.

    `seen` is the time of the last pass, `highest` the latest time ever read. Stores nothing. A
    clock that goes back and is put right again is no outage: what it makes up for then lies before
    `highest`. A clock that was ahead for a while hides no later outage, since `highest` counts only
    once it has been passed.

    >>> monday = datetime(2027, 1, 18)
    >>> thursday = monday + timedelta(days=3)
    >>> judge_clock(seen=monday, highest=monday, real=thursday).reading
    <ClockReading.AFTER_OUTAGE: 'after an outage'>
    >>> judge_clock(seen=monday, highest=thursday, real=thursday + timedelta(hours=1)).reading
    <ClockReading.BEAT: 'beat'>
    """
    since = highest if seen < highest <= real else seen
    if seen - real > UNSTEADY:
        return Beat(ClockReading.BACKWARD, seen)
    if real - since >= OUTAGE:
        return Beat(ClockReading.AFTER_OUTAGE, since)
    return Beat(ClockReading.BEAT if real - seen >= BETWEEN_BEATS else ClockReading.TOO_SOON, since)


def record_beat(real: datetime) -> str:
    """Stores that a pass runs at `real`; after a day or more without one, stores an outage.

    Within a minute of the last beat it stores nothing. It logs a warning of an outage or of a clock
    that went back. Gives the line to print about an outage or a clock that went back, else an empty
    one. Of several processes that come back at once, one records the outage.
    """
    row = db.session.get(HeartbeatRow, 1, populate_existing=True)
    if row is not None and _judge(row, real).reading is ClockReading.TOO_SOON:
        return ""
    with transaction() as session:
        row = session.get(HeartbeatRow, 1, with_for_update=True, populate_existing=True)
        if row is None:
            _insert_first_beat(real)
            return ""
        beat = _judge(row, real)
        if beat.reading is ClockReading.TOO_SOON:
            return ""
        line = ""
        if beat.reading is ClockReading.BACKWARD:
            line = WENT_BACK.format(minutes=(row.seen_at - real) // timedelta(minutes=1))
            log.warning(line)
        if beat.reading is ClockReading.AFTER_OUTAGE:
            session.add(OutageRow(since=beat.since, until=real))
            line = (
                f"the service was down from {beat.since:%Y-%m-%d %H:%M} to"
                f" {real:%Y-%m-%d %H:%M} UTC"
            )
            log.warning(line)
        row.seen_at, row.highest_at = real, max(row.highest_at, real)
    return line


def _judge(row: HeartbeatRow, real: datetime) -> Beat:
    """What a pass at `real` means after the stored ones; see `judge_clock`."""
    return judge_clock(row.seen_at, row.highest_at, real)


def _insert_first_beat(real: datetime) -> None:
    """Stores the first beat; does nothing if another process has just stored one."""
    is_postgresql = db.session.get_bind().dialect.name == "postgresql"
    insert = postgresql.insert if is_postgresql else sqlite.insert
    row = insert(HeartbeatRow).values(number=1, seen_at=real, highest_at=real)
    connection().execute(row.on_conflict_do_nothing())


def last_pass() -> datetime | None:
    """When the timetable was last seen running, exact to a minute; None before its first pass."""
    return db.session.scalar(select(HeartbeatRow.seen_at))


def is_beating(real: datetime) -> bool:
    """Whether the timetable ran in the five minutes before `real`, by its last stored pass."""
    seen = last_pass()
    return seen is not None and real - seen < SILENT


def list_outages(after: datetime) -> tuple[Outage, ...]:
    """The stored outages that ended after this moment, oldest first."""
    query = select(OutageRow).where(OutageRow.until > after).order_by(OutageRow.since)
    rows = db.session.scalars(query)
    return tuple(Outage(row.since, row.until) for row in rows)
