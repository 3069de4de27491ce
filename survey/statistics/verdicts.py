"""Verdicts: the one place that compares a range with a target, or a difference with chance."""

from enum import StrEnum

from survey.statistics.suppression import COMPARED_FROM
from survey.statistics.values import Difference, Interval, checked_number

CLEAR_Q = 0.05
_SLACK = 1e-9  # in favour of equality: a range that ends on the target has reached it


class Verdict(StrEnum):
    """What a range says about a target: meets it, misses it, or is too close to call."""

    MEETS = "meets"
    MISSES = "misses"
    TOO_CLOSE = "too close to call"


class Direction(StrEnum):
    """What a difference says: clearly up, clearly down, or nothing clear."""

    UP = "up"
    DOWN = "down"
    UNCLEAR = "unclear"


def verdict(interval: Interval, target: float) -> Verdict:
    """MEETS if the whole range is at or above the target, MISSES if below it, else TOO_CLOSE.

    Compared as they are, without rounding.

    >>> verdict(Interval(0.9, 0.82, 0.95, 0.95, ""), 0.8).value
    'meets'
    """
    needed = checked_number("target", target) - _SLACK
    if interval.low >= needed:
        return Verdict.MEETS
    if interval.high < needed:
        return Verdict.MISSES
    return Verdict.TOO_CLOSE


def agree_on(
    first: Interval, second: Interval, target: float, minimum: float | None = None
) -> bool:
    """Whether two ranges of one figure say the same of a target, and of a minimum below it.

    Alike are: both above the target, both below it, both around it; and both below the minimum or
    neither. For consequences the range of plain counts and the stratified one must agree.

    >>> plain, weighted = Interval(0.7, 0.61, 0.78, 0.95, ""), Interval(0.72, 0.63, 0.81, 0.95, "")
    >>> agree_on(plain, weighted, 0.6), agree_on(plain, weighted, 0.8)
    (True, False)
    """
    if verdict(first, target) is not verdict(second, target):
        return False
    if minimum is None:
        return True
    below = [verdict(each, minimum) is Verdict.MISSES for each in (first, second)]
    return below[0] == below[1]


def direction(difference: Difference, q_value: float, answers: tuple[int, int]) -> Direction:
    """Whether a difference is clearly up or down, by q-value, range and answers; else unclear.

    It is clear when chance would rarely do it among all comparisons of a report (`q_value`, see
    `adjust_p_values`), and both sides have 10 `answers`. The range must leave out zero as well,
    which at q <= 0.05 it nearly always does. Where the mix of departments moved by more than a
    tenth (`Difference.is_mix_moved`) nothing is clear.

    >>> direction(Difference(0.2, 0.05, 0.33, 0.008), 0.03, (70, 80)).value
    'up'
    >>> direction(Difference(0.2, 0.05, 0.33, 0.008), 0.09, (70, 80)).value
    'unclear'
    """
    has_enough_answers = min(answers) >= COMPARED_FROM
    holds_zero = difference.low <= 0 <= difference.high
    if difference.is_mix_moved or not has_enough_answers or holds_zero:
        return Direction.UNCLEAR
    if not q_value <= CLEAR_Q:
        return Direction.UNCLEAR
    return Direction.UP if difference.estimate > 0 else Direction.DOWN
