"""Monday to Friday, or as the organisation has its weekend."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.kernel.workdays import (
    DaysOff,
    add_working_days,
    is_working_day,
    next_working_day,
    subtract_working_days,
)


@pytest.mark.parametrize(
    ("day", "number", "expected"),
    [
        (date(2027, 1, 25), 3, date(2027, 1, 28)),  # Monday to Thursday
        (date(2027, 1, 28), 5, date(2027, 2, 4)),  # over one weekend
        (date(2027, 1, 28), 10, date(2027, 2, 11)),  # over two
        (date(2027, 1, 29), 1, date(2027, 2, 1)),  # Friday to Monday
        (date(2027, 1, 30), 1, date(2027, 2, 1)),  # Saturday to Monday
        (date(2027, 1, 31), 1, date(2027, 2, 1)),  # Sunday to Monday
        (date(2027, 1, 30), 0, date(2027, 1, 30)),  # nothing to add: the day itself
    ],
)
def test_working_days_skip_saturday_and_sunday(day: date, number: int, expected: date) -> None:
    assert add_working_days(day, number) == expected


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(1, 60))
def test_the_day_reached_is_a_working_day_with_so_many_behind_it(day: date, number: int) -> None:
    reached = add_working_days(day, number)
    assert reached.weekday() < 5
    between = [date.fromordinal(one) for one in range(day.toordinal() + 1, reached.toordinal() + 1)]
    assert sum(one.weekday() < 5 for one in between) == number


@pytest.mark.parametrize(
    ("day", "number", "expected"),
    [
        (date(2027, 1, 25), 1, date(2027, 1, 22)),  # Monday to Friday
        (date(2027, 1, 25), 2, date(2027, 1, 21)),
        (date(2027, 1, 24), 1, date(2027, 1, 22)),  # Sunday to Friday
        (date(2027, 1, 30), 0, date(2027, 1, 30)),
    ],
)
def test_working_days_are_counted_back_over_a_weekend(
    day: date, number: int, expected: date
) -> None:
    assert subtract_working_days(day, number) == expected


EASTER = {date(2027, 3, 26), date(2027, 3, 29)}


@pytest.mark.parametrize(
    ("day", "number", "expected"),
    [
        (
            date(2027, 3, 25),
            1,
            date(2027, 3, 30),
        ),  # over Good Friday, the weekend and Easter Monday
        (date(2027, 3, 24), 2, date(2027, 3, 30)),
        (date(2027, 3, 30), -1, date(2027, 3, 25)),
        (date(2027, 3, 31), -2, date(2027, 3, 25)),
    ],
)
def test_listed_holidays_are_no_working_days(day: date, number: int, expected: date) -> None:
    step = add_working_days if number > 0 else subtract_working_days
    assert step(day, abs(number), EASTER) == expected


@given(
    st.dates(date(2027, 1, 1), date(2028, 1, 1)),
    st.sets(st.dates(date(2027, 1, 1), date(2028, 1, 1)), max_size=40),
)
def test_the_next_working_day_is_one_and_none_lies_before_it(day: date, listed: set[date]) -> None:
    reached = next_working_day(day, listed)
    assert is_working_day(reached, listed)
    skipped = [date.fromordinal(one) for one in range(day.toordinal(), reached.toordinal())]
    assert not any(is_working_day(one, listed) for one in skipped)


def test_the_weekend_is_where_the_organisation_has_it() -> None:
    days_off = DaysOff([date(2027, 1, 31)], weekend=(4, 5))  # a Sunday off; Friday and Saturday
    thursday = date(2027, 1, 28)
    assert add_working_days(thursday, 1, days_off) == date(2027, 2, 1)
    assert next_working_day(date(2027, 1, 29), DaysOff(weekend=(4, 5))) == date(2027, 1, 31)
    assert subtract_working_days(date(2027, 2, 1), 1, days_off) == thursday
    assert add_working_days(thursday, 1, DaysOff(weekend=())) == date(2027, 1, 29)
