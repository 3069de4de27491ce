"""Working days: Monday to Friday."""

from datetime import date, timedelta


def add_working_days(day: date, number: int) -> date:
    """The date so many working days after a day; the day itself is not counted.

    >>> str(add_working_days(date(2027, 1, 28), 10))
    '2027-02-11'
    """
    while number > 0:
        day += timedelta(days=1)
        number -= day.weekday() < 5
    return day


def subtract_working_days(day: date, number: int) -> date:
    """The date so many working days before a day; the day itself is not counted.

    >>> str(subtract_working_days(date(2027, 1, 25), 1))
    '2027-01-22'
    """
    while number > 0:
        day -= timedelta(days=1)
        number -= day.weekday() < 5
    return day
