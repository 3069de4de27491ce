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
    """What a change of the list did: the days listed or removed, and the waves that moved."""

    holidays: tuple[Holiday, ...]
    moved: tuple[Wave, ...]


def list_holidays() -> tuple[Holiday, ...]:
    """All listed holidays with their names, by day."""
    rows = db.session.scalars(select(HolidayRow).order_by(HolidayRow.day))
    return tuple(Holiday(row.day, row.name) for row in rows)


def add_holidays(
    holidays: Sequence[Holiday], now: datetime, *, actor: str | None = None
) -> HolidayChange:
    """Stores holidays, moves planned waves of a cadence off them, and audits both.

    A day that is listed already takes the new name. Refuses more than 2,000 days in all. The result
    holds only days that are new or renamed.
    """
    with transaction() as session:
        listed = {holiday.day: holiday for holiday in list_holidays()}
        new = {holiday.day: holiday for holiday in holidays if listed.get(holiday.day) != holiday}
        if len(listed | new) > MOST:
            raise Refused(
                "too-many-holidays",
                f"More than {MOST} days would be listed. Remove what is long past.",
            )
        changed = tuple(sorted(new.values()))
        for holiday in changed:
            session.merge(HolidayRow(day=holiday.day, name=holiday.name))
        session.flush()
        if changed:
            names_by_day = {str(holiday.day): holiday.name for holiday in changed}
            record("holidays listed", {"days": names_by_day}, actor)
        return HolidayChange(changed, waves.move_planned(now, actor=actor))


def remove_holidays(
    days: Sequence[date], now: datetime, *, actor: str | None = None
) -> HolidayChange:
    """Deletes listed holidays, moves planned waves back that had moved for them; audits both.

    Refuses a day that is not listed.
    """
    with transaction() as session:
        listed = {holiday.day: holiday for holiday in list_holidays()}
        in_order = sorted(set(days))
        if missing := [day for day in in_order if day not in listed]:
            raise NotFound("holiday", f"{missing[0]} is not a listed holiday.")
        session.execute(delete(HolidayRow).where(HolidayRow.day.in_(days)))
        record("holidays removed", {"days": [str(day) for day in in_order]}, actor)
        removed = tuple(listed[day] for day in in_order)
        return HolidayChange(removed, waves.move_planned(now, actor=actor))
