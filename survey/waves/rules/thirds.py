"""Monthly thirds: which month asks which third, and when a quarter is complete."""

from collections.abc import Sequence
from datetime import date, datetime
from itertools import groupby

from dateutil.relativedelta import relativedelta

from survey.waves.rules.surveys import Cadence
from survey.waves.rules.waves import ReportingGroup, Wave, WaveState

THIRDS = 3
OFFERED_FROM = 90  # people; below, a third is so small that its months say nothing
ONE_THIRD, ALL_THIRDS = "one third of all those asked", "all three thirds"
_PENDING = {WaveState.OPEN, WaveState.CLOSED}


def usual_questionnaire(cadence: str) -> str:
    """The slug of the questionnaire for a cadence where nobody chose one.

    It has three questions where a third of the people are asked every month, else eight.
    """
    return "monthly_3" if cadence == Cadence.MONTHLY_THIRDS.value else "quarterly_8"


def third_of_quarter(anchor: datetime, period: str) -> tuple[str, int]:
    """The quarter, like `2027-q1`, and the third (1 to 3) that a survey's month belongs to.

    They are counted from `anchor`, the survey's first opening; `period` is the month, like
    `2027-03`.

    >>> third_of_quarter(datetime(2027, 1, 11, 9), "2027-03")
    ('2027-q1', 3)
    >>> third_of_quarter(datetime(2026, 11, 2, 9), "2027-02")
    ('2027-q1', 1)
    """
    year, month = map(int, period.split("-"))
    first_month = 12 * anchor.year + anchor.month - 1  # months since the year 0
    quarters, third = divmod(12 * year + month - 1 - first_month, THIRDS)
    month_of_quarter = first_month + THIRDS * quarters
    return f"{month_of_quarter // 12}-q{month_of_quarter % 12 // 3 + 1}", third + 1


def last_closing(closes: date, third: int) -> date:
    """About the day on which a quarter's last third closes, when third 1, 2 or 3 does on `closes`.

    It is right to a few days, because weekends move openings.

    >>> str(last_closing(date(2027, 1, 31), 2)), str(last_closing(date(2027, 3, 25), 3))
    ('2027-02-28', '2027-03-25')
    """
    return closes + relativedelta(months=THIRDS - third)


def completed_quarters(thirds: Sequence[Wave], *, is_ended: bool) -> tuple[tuple[Wave, ...], ...]:
    """The quarters with some thirds counted and none still to come, each as its thirds, in order.

    `thirds` are all thirds of one survey, `is_ended` says whether that survey was ended. None is
    still to come when all three have ended, or when a later quarter has begun, for then the missing
    one was never planned; and when the survey was ended while nobody could answer.
    """
    in_order = sorted(thirds, key=lambda wave: wave.opens)
    by_quarter = [tuple(waves) for _, waves in groupby(in_order, key=lambda wave: wave.quarter)]
    completed = []
    for place, waves in enumerate(by_quarter, start=1):
        is_last = place == len(by_quarter)
        some_counted = any(wave.is_published for wave in waves)
        if some_counted and _is_over(waves, is_last=is_last, is_ended=is_ended):
            completed.append(waves)
    return tuple(completed)


def group_of_everybody(thirds: Sequence[Wave]) -> ReportingGroup:
    """One group of all who were invited in a quarter's thirds, those of a void third too."""
    groups = [group for third in thirds for group in third.groups]
    departments = sorted({name for group in groups for name in group.members})
    return ReportingGroup(ALL_THIRDS, sum(group.invited for group in groups), tuple(departments))


def _is_over(thirds: Sequence[Wave], *, is_last: bool, is_ended: bool) -> bool:
    """Whether no third of this quarter is still to come; `is_last`: no later quarter has begun."""
    states = {third.state for third in thirds}
    if states & _PENDING:
        return False
    if WaveState.PLANNED in states:
        return is_ended
    return len(thirds) == THIRDS or not is_last or is_ended
