"""Working days: all but the weekend and the holidays that somebody listed."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import date, timedelta
from typing import Self

SATURDAY_AND_SUNDAY = (5, 6)  # as `date.weekday` counts, from Monday on
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class DaysOff(frozenset[date]):
    """The listed holidays, and which weekdays are the weekend (0 is Monday).

    A plain set of holidays has the weekend of most countries, Saturday and Sunday.
    """

    weekend: frozenset[int]

    def __new__(
        cls, holidays: Iterable[date] = (), weekend: Iterable[int] = SATURDAY_AND_SUNDAY
    ) -> Self:
        """Refuses nothing; the weekend should leave a working day."""
        days_off = super().__new__(cls, holidays)
        days_off.weekend = frozenset(weekend)
        return days_off


NONE_LISTED = DaysOff()


def is_working_day(day: date, holidays: AbstractSet[date] = NONE_LISTED) -> bool:
    """Whether a day is not in the weekend and not one of the `holidays`.

    >>> friday, saturday = date(2027, 3, 26), date(2027, 3, 27)
    >>> is_working_day(friday), is_working_day(friday, {friday}), is_working_day(saturday)
    (True, False, False)
    >>> is_working_day(friday, DaysOff(weekend=[4, 5]))
    False
    """
    weekend = holidays.weekend if isinstance(holidays, DaysOff) else SATURDAY_AND_SUNDAY
    return day.weekday() not in weekend and day not in holidays


def next_working_day(day: date, holidays: AbstractSet[date] = NONE_LISTED) -> date:
    """The first working day on or after this day, so the day itself if it is one.

    >>> str(next_working_day(date(2027, 3, 26), {date(2027, 3, 26), date(2027, 3, 29)}))
    '2027-03-30'
    """
    while not is_working_day(day, holidays):
        day += timedelta(days=1)
    return day


def add_working_days(day: date, number: int, holidays: AbstractSet[date] = NONE_LISTED) -> date:
    """The date `number` working days after a day, which itself is not counted.

    A `number` of 0 gives the day itself.

    >>> str(add_working_days(date(2027, 1, 28), 10))
    '2027-02-11'
    """
    while number > 0:
        day += timedelta(days=1)
        number -= is_working_day(day, holidays)
    return day


def subtract_working_days(
    day: date, number: int, holidays: AbstractSet[date] = NONE_LISTED
) -> date:
    """The date `number` working days before a day, which itself is not counted.

    A `number` of 0 gives the day itself.

    >>> str(subtract_working_days(date(2027, 1, 25), 1))
    '2027-01-22'
    """
    while number > 0:
        day -= timedelta(days=1)
        number -= is_working_day(day, holidays)
    return day
