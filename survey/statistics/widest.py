"""Whether so many answers can say anything at all: decided by numbers of people alone.

A range is printed unless the widest one that is possible with so many answers of so many people
exceeds half the scale. What was answered does not decide: to hide a range for its own width tells
that the answers lie near the middle, such as 4 or 6 of 10.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from survey.statistics.levels import mean_intervals, proportion_intervals
from survey.statistics.stratified import stratified_intervals
from survey.statistics.suppression import WIDEST
from survey.statistics.values import Intervals, checked_whole

YES_NO = (0, 1)
NO_SHARE = (0, 2)  # two ends that are not rounded to whole people
# The exact range of a share of so many answers is never that wide, however many people there are:
# what it keeps has a tail above 0.025, so it lies within sqrt(ln(40) / 2n) of the estimate
# (Hoeffding, J. Am. Statist. Assoc. 58, 1963, section 6), and rounding adds at most two people.
SURELY_ENOUGH = 50
SAME_SHARES = 21  # of satisfied people, alike in all groups


def too_few_to_say(groups: Sequence[tuple[int, int]], *, is_share: bool) -> bool:
    """Whether the widest range possible for these (answers, people) exceeds half the scale.

    One group is a level of its own; several are the groups of a company's value. `is_share` says
    whether it is a share; other scales are wider for their ends alone, whatever lies between.

    >>> too_few_to_say([(6, 20)], is_share=True), too_few_to_say([(7, 20)], is_share=True)
    (True, False)
    """
    if is_share and len(groups) == 1 and groups[0][0] >= SURELY_ENOUGH:
        return False
    return widest_range(groups, is_share=is_share) > WIDEST + 1e-9


def widest_range(groups: Sequence[tuple[int, int]], *, is_share: bool) -> float:
    """The width of the widest 95 % range, as a part of the scale, that these numbers can give.

    `groups` are answers and people. For one group all results are looked at; for several those in
    which all groups answer alike. Refuses no groups, no answers, and more answers than people.

    >>> round(widest_range([(10, 60)], is_share=True), 2)
    0.53
    >>> round(widest_range([(30, 60), (20, 40)], is_share=True), 2)
    0.2
    """
    if not groups:
        raise ValueError("groups must hold at least one group")
    numbers = checked_whole("groups", groups, lowest=1)
    if numbers.ndim != 2 or numbers.shape[1] != 2:
        raise ValueError("groups must hold answers and people of each group")
    return _widest(tuple((int(n), int(people)) for n, people in numbers), is_share)


@lru_cache(maxsize=4096)
def _widest(groups: tuple[tuple[int, int], ...], is_share: bool) -> float:  # noqa: FBT001
    """The width of the widest range, computed once for the same numbers."""
    if len(groups) == 1:
        ranges = _ranges_of_one(*groups[0], is_share)
    else:
        ranges = _ranges_of_many(groups, is_share)
    return float((ranges.high - ranges.low).max())


def _ranges_of_one(answers: int, people: int, is_share: bool) -> Intervals:  # noqa: FBT001
    """The ranges of every possible number of satisfied answers; of both ends of another scale."""
    x = np.arange(answers + 1)
    population = np.full(answers + 1, people)
    if is_share:
        return proportion_intervals(x, np.full(answers + 1, answers), population)
    return mean_intervals(np.column_stack([answers - x, x]), YES_NO, population)


def _ranges_of_many(groups: Sequence[tuple[int, int]], is_share: bool) -> Intervals:  # noqa: FBT001
    """The ranges of a company whose groups all have the same share of satisfied answers."""
    answers = np.array([n for n, _ in groups])
    satisfied = np.rint(np.linspace(0, 1, SAME_SHARES)[:, None] * answers).astype(np.int64)
    counts = np.stack([answers - satisfied, satisfied], axis=-1)
    population = np.tile([people for _, people in groups], (SAME_SHARES, 1))
    found = stratified_intervals(population, counts, YES_NO if is_share else NO_SHARE)
    width = YES_NO[-1] if is_share else NO_SHARE[-1]
    estimate, low, high = (part / width for part in (found.estimate, found.low, found.high))
    return Intervals(estimate, low, high, found.confidence, found.method)
