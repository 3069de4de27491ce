"""Working days: Monday to Friday, without the holidays that somebody listed."""

from collections.abc import Set as AbstractSet
from datetime import date, timedelta

NONE_LISTED: frozenset[date] = frozenset()


def is_working_day(day: date, holidays: AbstractSet[date] = NONE_LISTED) -> bool:
    """Whether a day is Monday to Friday and not one of the `holidays`.

    >>> friday, saturday = date(2027, 3, 26), date(2027, 3, 27)
    >>> is_working_day(friday), is_working_day(friday, {friday}), is_working_day(saturday)
    (True, False, False)
    """
    return day.weekday() < 5 and day not in holidays


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
