"""The pulse: when a pass of the timetable was last seen, by the real clock, and the outages that this tells of.

Nothing here looks at the time that somebody pretends with `candour tick --now`: such a jump is no outage.
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
SILENT = timedelta(minutes=5)
UNSTEADY = timedelta(minutes=2)  # clocks of several machines differ a little
WENT_BACK = "the clock went back by {minutes} minutes; nothing is undone and nothing is sent again"


class ClockReading(Enum):
    """What a pass tells when it reads the clock."""

    TOO_SOON = "too soon"
    BEAT = "beat"
    AFTER_OUTAGE = "after an outage"
    BACKWARD = "backward"


@dataclass(frozen=True, slots=True)
class Beat:
    """What a beat means: the kind of reading, and since when nobody had been seen."""

    reading: ClockReading
    since: datetime


@dataclass(frozen=True, slots=True)
class Outage:
    """From the last pass before to the first one after."""

    since: datetime
    until: datetime


def judge_clock(seen: datetime, highest: datetime, real: datetime) -> Beat:
    """What a pass at `real` means after one seen at `seen`, when `highest` is the latest time ever read.

    A clock that goes back and is put right again has not been away: what it makes up for then lies before `highest`. A clock that was
    ahead for a while hides no later outage, since `highest` counts only once it has been passed.

    >>> day = datetime(2027, 1, 18)
    >>> judge_clock(day, day, day + timedelta(days=3)).reading, judge_clock(day, day + timedelta(days=3), day + timedelta(days=3, hours=1)).reading
    (<ClockReading.AFTER_OUTAGE: 'after an outage'>, <ClockReading.BEAT: 'beat'>)
    """
    since = highest if seen < highest <= real else seen
    if seen - real > UNSTEADY:
        return Beat(ClockReading.BACKWARD, seen)
    if real - since >= OUTAGE:
        return Beat(ClockReading.AFTER_OUTAGE, since)
    return Beat(ClockReading.BEAT if real - seen >= BETWEEN_BEATS else ClockReading.TOO_SOON, since)


def record_beat(real: datetime) -> str:
    """Notes that a pass is under way and, after a day and more without one, that the service was down; what is to be said of it.

    Of several processes that come back at once, one records the outage.
    """
    seen = db.session.get(HeartbeatRow, 1, populate_existing=True)
    if (
        seen is not None
        and judge_clock(seen.seen_at, seen.highest_at, real).reading is ClockReading.TOO_SOON
    ):
        return ""
    with transaction() as session:
        row = session.get(HeartbeatRow, 1, with_for_update=True, populate_existing=True)
        if row is None:
            insert = (
                postgresql.insert
                if session.get_bind().dialect.name == "postgresql"
                else sqlite.insert
            )
            first = insert(HeartbeatRow).values(number=1, seen_at=real, highest_at=real)
            connection().execute(first.on_conflict_do_nothing())  # another process may be as fast
            return ""
        found = judge_clock(row.seen_at, row.highest_at, real)
        if found.reading is ClockReading.TOO_SOON:
            return ""
        said = ""
        if found.reading is ClockReading.BACKWARD:
            said = WENT_BACK.format(minutes=(row.seen_at - real) // timedelta(minutes=1))
            log.warning(said)
        if found.reading is ClockReading.AFTER_OUTAGE:
            session.add(OutageRow(since=found.since, until=real))
            said = (
                f"the service was down from {found.since:%Y-%m-%d %H:%M} to"
                f" {real:%Y-%m-%d %H:%M} UTC"
            )
            log.warning(said)
        row.seen_at, row.highest_at = real, max(row.highest_at, real)
    return said


def last_pass() -> datetime | None:
    """When the timetable was last seen at work, to a minute; None before its first pass."""
    return db.session.scalar(select(HeartbeatRow.seen_at))


def is_beating(real: datetime) -> bool:
    """Whether something does the timed work at present, as far as its last pass tells."""
    seen = last_pass()
    return seen is not None and real - seen < SILENT


def list_outages(after: datetime) -> tuple[Outage, ...]:
    """The recorded outages that ended after this moment, oldest first."""
    query = select(OutageRow).where(OutageRow.until > after).order_by(OutageRow.since)
    return tuple(Outage(row.since, row.until) for row in db.session.scalars(query))
