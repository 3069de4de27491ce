"""The listed holidays: the cadence opens no wave on them, and they are no working days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import delete, select

from survey.access.service.audit import record
from survey.database import db, transaction
from survey.kernel.errors import NotFound, Refused
from survey.waves import service as waves
from survey.waves.rules.holidays import MOST, Holiday
from survey.waves.rules.waves import Wave
from survey.waves.tables import HolidayRow


@dataclass(frozen=True, slots=True)
class HolidayChange:
    """What came of a change to the list: the days it was about, and the planned waves that moved."""

    holidays: tuple[Holiday, ...]
    moved: tuple[Wave, ...]


def list_holidays() -> tuple[Holiday, ...]:
    """All listed holidays by day."""
    return tuple(
        Holiday(row.day, row.name)
        for row in db.session.scalars(select(HolidayRow).order_by(HolidayRow.day))
    )


def add_holidays(
    holidays: Sequence[Holiday], now: datetime, *, actor: str | None = None
) -> HolidayChange:
    """Lists these days (one listed already takes the new name) and moves the planned waves of a cadence that fell on them."""
    with transaction() as session:
        known = {one.day: one for one in list_holidays()}
        fresh = tuple(
            sorted({one.day: one for one in holidays if known.get(one.day) != one}.values())
        )
        if len({*known, *(one.day for one in fresh)}) > MOST:
            raise Refused(
                "too-many-holidays",
                f"More than {MOST} days would be listed. Remove what is long past.",
            )
        for one in fresh:
            session.merge(HolidayRow(day=one.day, name=one.name))
        session.flush()
        if fresh:
            record("holidays listed", {"days": {str(one.day): one.name for one in fresh}}, actor)
        return HolidayChange(fresh, waves.move_planned(now, actor=actor))


def remove_holidays(
    days: Sequence[date], now: datetime, *, actor: str | None = None
) -> HolidayChange:
    """Takes days off the list; planned waves that had moved because of them go back. Refuses a day that is not listed."""
    with transaction() as session:
        known = {one.day: one for one in list_holidays()}
        if missing := sorted(set(days) - set(known)):
            raise NotFound("holiday", f"{missing[0]} is not a listed holiday.")
        session.execute(delete(HolidayRow).where(HolidayRow.day.in_(days)))
        record("holidays removed", {"days": [str(day) for day in sorted(set(days))]}, actor)
        return HolidayChange(
            tuple(known[day] for day in sorted(set(days))), waves.move_planned(now, actor=actor)
        )
