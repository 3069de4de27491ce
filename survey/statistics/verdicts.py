"""The one place that compares a range with a target."""

from enum import StrEnum

from survey.statistics.values import Interval

_SLACK = 1e-9  # in favour of equality: a range that ends on the target has reached it


class Verdict(StrEnum):
    """What a range says about a target."""

    MEETS = "meets"
    MISSES = "misses"
    TOO_CLOSE = "too close to call"


def verdict(interval: Interval, target: float) -> Verdict:
    """Meets when the whole range is at or above the target, misses when all of it is below; unrounded.

    >>> verdict(Interval(0.9, 0.82, 0.95, 0.95, ""), 0.8).value
    'meets'
    """
    if interval.low >= target - _SLACK:
        return Verdict.MEETS
    if interval.high < target - _SLACK:
        return Verdict.MISSES
    return Verdict.TOO_CLOSE
