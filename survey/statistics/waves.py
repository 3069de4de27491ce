"""Whole waves as numbers: their stratified value and how many answers it is worth.

A wave with reporting groups is treated as one sample of its effective number of answers (Kish,
Survey Sampling, 1965, section 11.7), whose answers are distributed as the groups' are, each group
weighted by the people it has. With one group that is the wave itself.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache

import numpy as np

from survey.statistics.stratified import Strata, as_arrays, checked_strata
from survey.statistics.suppression import COMPARED_FROM
from survey.statistics.values import Stratum, checked_whole
from survey.statistics.wilson import Moments, Summary, moments, summarise_process

Wave = Sequence[Stratum]
Mix = Sequence[tuple[Collection[str], int]]


def summarise_wave(strata: Strata, values: Sequence[float]) -> Moments:
    """The moments of each cell's wave, as one sample of its effective number of answers.

    `answers` of the result is Kish's 1 / sum(W_h^2 / n_h), and its `mean` the stratified value.
    """
    answers = np.maximum(strata.moments.answers, 1)
    effective = 1 / (strata.weight**2 / answers).sum(axis=1)
    shares = (strata.weight / answers)[..., None] * strata.counts
    return moments(effective[:, None] * shares.sum(axis=1), values)


def moments_of(wave: Wave, values: Sequence[float]) -> Moments:
    """The moments of one wave, as arrays of one cell; refuses what `stratified_interval` does."""
    return _moments_of(tuple(wave), tuple(values))


@lru_cache(maxsize=4096)
def _moments_of(wave: tuple[Stratum, ...], values: tuple[float, ...]) -> Moments:
    """The moments of one wave, computed once: a report looks at each of its waves several times."""
    people, counts = as_arrays(wave)
    return summarise_wave(checked_strata(people, counts, values), values)


def answers_in(wave: Wave) -> int:
    """How many people answered in all groups of a wave; refuses counts that are not whole."""
    counts = [count for stratum in wave for count in stratum.counts]
    return int(checked_whole("counts", counts).sum())


def is_counted(wave: Wave) -> bool:
    """Whether a wave enters a year or a trend: by its number of answers alone, from 10.

    Leaving out waves for what was answered selects among them: waves of 8 answers at a true 90 %
    averaged 72 % once those that were all or nearly all alike had been left out.

    >>> is_counted([Stratum(12, (2, 8))]), is_counted([Stratum(12, (0, 9))])
    (True, False)
    """
    return answers_in(wave) >= COMPARED_FROM


def mean_of_waves(waves: Sequence[Moments]) -> Summary:
    """The mean of the waves' values, as much worth as the mean wave is; waves count alike.

    People who answer four waves are no four people, so numbers of answers are not added up.
    """
    summaries = [summarise_process(wave) for wave in waves]
    return Summary(
        np.mean([summary.mean for summary in summaries], axis=0),
        np.mean([summary.effective for summary in summaries], axis=0),
    )


def mix_shift(first: Mix, second: Mix) -> float:
    """How far the departments' shares of the people invited moved between two waves (0..1).

    Half the sum of all absolute differences. Each wave is its groups: the departments in a group,
    and the people invited. Shares are compared over the finest partition into which the groups of
    both waves fit whole. For years, give the groups of all their waves. Refuses a side that invited
    nobody.

    >>> mix_shift([({"IT"}, 50), ({"HR"}, 50)], [({"IT"}, 80), ({"HR"}, 20)])
    0.3
    >>> mix_shift([({"IT"}, 50), ({"HR"}, 50)], [({"HR", "IT"}, 40)])
    0.0
    """
    blocks: list[set[str]] = []
    for departments in (set(group) for group, _ in (*first, *second)):
        touched = [block for block in blocks if block & departments]
        untouched = [block for block in blocks if block not in touched]
        blocks = [*untouched, departments.union(*touched)]
    pairs = zip(_shares("first", first, blocks), _shares("second", second, blocks), strict=True)
    return round(sum(abs(one - other) for one, other in pairs) / 2, 12)


def _shares(name: str, mix: Mix, blocks: Sequence[set[str]]) -> list[float]:
    """Each block's share (0..1) of the people invited; a block holds whole groups."""
    numbers = checked_whole(name, [invited for _, invited in mix]).tolist()
    if not sum(numbers):
        raise ValueError(f"{name} must hold at least one person: {mix!r}")
    inside = [[block >= set(group) for group, _ in mix] for block in blocks]
    return [
        sum(number for number, is_in in zip(numbers, groups, strict=True) if is_in) / sum(numbers)
        for groups in inside
    ]
