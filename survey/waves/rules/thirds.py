"""Monthly thirds: which month asks which third, when a quarter is complete, and whom its result is about."""

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
    """What a survey of this cadence asks where nobody chose: three questions where somebody is asked every month."""
    return "monthly_3" if cadence == Cadence.MONTHLY_THIRDS.value else "quarterly_8"


def third_of_quarter(anchor: datetime, period: str) -> tuple[str, int]:
    """The quarter and the third that a month belongs to, counted from the survey's first opening.

    >>> third_of_quarter(datetime(2027, 1, 11, 9), "2027-03"), third_of_quarter(datetime(2026, 11, 2, 9), "2027-02")
    (('2027-q1', 3), ('2027-q1', 1))
    """
    year, month = map(int, period.split("-"))
    begun = 12 * anchor.year + anchor.month - 1
    rounds, third = divmod(12 * year + month - 1 - begun, THIRDS)
    first = begun + THIRDS * rounds
    return f"{first // 12}-q{first % 12 // 3 + 1}", third + 1


def last_closing(closes: date, third: int) -> date:
    """About when the last third of a quarter closes, given when this one does: to a few days, for weekends move openings.

    >>> str(last_closing(date(2027, 1, 31), 2)), str(last_closing(date(2027, 3, 25), 3))
    ('2027-02-28', '2027-03-25')
    """
    return closes + relativedelta(months=THIRDS - third)


def completed_quarters(thirds: Sequence[Wave], *, is_ended: bool) -> tuple[tuple[Wave, ...], ...]:
    """The quarters, each by its thirds, of which no more will come and some were counted, among all thirds of one survey.

    No more will come when all three have ended, or when a later quarter has begun, for then the missing one was never planned; and
    when the survey was ended while nobody could answer.
    """
    listed = sorted(thirds, key=lambda item: item.opens)
    by_quarter = [tuple(found) for _, found in groupby(listed, key=lambda item: item.quarter)]
    return tuple(
        held
        for at, held in enumerate(by_quarter)
        if any(item.is_published for item in held)
        and _is_over(held, is_last=at == len(by_quarter) - 1, is_ended=is_ended)
    )


def group_of_everybody(thirds: Sequence[Wave]) -> ReportingGroup:
    """All who were invited in a quarter, those of a void third too, as one group."""
    groups = [group for item in thirds for group in item.groups]
    departments = sorted({name for group in groups for name in group.members})
    return ReportingGroup(ALL_THIRDS, sum(group.invited for group in groups), tuple(departments))


def _is_over(held: Sequence[Wave], *, is_last: bool, is_ended: bool) -> bool:
    states = {item.state for item in held}
    if states & _PENDING:
        return False
    if WaveState.PLANNED in states:
        return is_ended
    return len(held) == THIRDS or not is_last or is_ended
