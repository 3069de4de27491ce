"""The company's value from its reporting groups, each weighted by the people it has.

Post-stratification: Cochran, Sampling Techniques (1977), chapter 5; the limits are those of the
generalised Wilson interval (`wilson.py`). A group (stratum) h with N_h people has the weight
W_h = N_h / N, however many of them answered. The level is about the people invited; the process
interval is not, so it has no correction for a finite population.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from survey.statistics.values import (
    EVERYONE,
    Floats,
    Interval,
    Intervals,
    Stratum,
    Whole,
    checked_values,
    checked_whole,
    quantile,
    refuse_where,
)
from survey.statistics.wilson import Moments, Summary, moments

ROUNDING = 1e-9  # of a person: a whole number of people stays what it is
LEVEL, PROCESS = "post-stratified generalised Wilson", "post-stratified generalised Wilson, process"


@dataclass(frozen=True, slots=True)
class Strata:
    """The strata (groups) of each cell, as arrays of cells x strata.

    `people` is N_h, `weight` W_h, their share of all, `counts` their answers per value, and
    `moments` are those of these answers on the unit scale. A stratum that a cell does not have has
    no people.
    """

    people: Whole
    weight: Floats
    counts: Whole
    moments: Moments

    @property
    def mean(self) -> Floats:
        """The weighted mean of each cell, on the unit scale, though weights add up to 1 nearly."""
        mean: Floats = np.clip((self.weight * self.moments.mean).sum(axis=1), 0, 1)
        return mean

    def summary(self, correction: Floats | float = 1.0) -> Summary:
        """Each cell's weighted mean and effective number of answers.

        The variance of each stratum's mean is multiplied by its `correction`.
        """
        centre = (self.weight * self.moments.centre).sum(axis=1)
        variances = self.moments.variance / np.maximum(self.moments.answers, 1) * correction
        variance = (self.weight**2 * variances).sum(axis=1)
        effective = centre * (1 - centre) / np.maximum(variance, np.finfo(float).tiny)
        return Summary(self.mean, effective)


def checked_strata(population: ArrayLike, counts: ArrayLike, values: Sequence[float]) -> Strata:
    """Makes `Strata` from people and counts; refuses people without answers and the like.

    `population` is cells x strata, with 0 for a stratum that a cell does not have; `counts` is
    cells x strata x values.

    Refuses no strata, a stratum with people but without answers or with more answers than people,
    and answers without people.
    """
    people, table = checked_whole("population", population), checked_whole("counts", counts)
    if table.ndim != 3:
        raise ValueError("counts must hold one row of counts per stratum of each cell")
    if table.shape[2] != len(values):
        raise ValueError(
            f"counts and values must be of equal length: {table.shape[2]} and {len(values)}"
        )
    if people.shape != table.shape[:2]:
        raise ValueError(
            f"population must have one entry per stratum: {people.shape} for {table.shape[:2]}"
        )
    refuse_where(
        (people == 0).all(axis=1),
        lambda at: f"strata of cell {at[0]} must hold at least one stratum with people",
    )
    answers = table.sum(axis=2)
    refuse_where(
        (people > 0) & (answers == 0),
        lambda at: f"counts of stratum {at[1]} holds no answers: {tuple(table[at].tolist())!r}",
    )
    refuse_where(
        answers > people,
        lambda at: (
            f"answers ({answers[at]}) exceed the population ({people[at]}) of stratum {at[1]}"
        ),
    )
    weight = people / people.sum(axis=1, keepdims=True)
    return Strata(people, weight, table, moments(table, values))


def stratified_intervals(
    population: ArrayLike, counts: ArrayLike, values: Sequence[float], confidence: float = 0.95
) -> Intervals:
    """Mean per cell, its groups weighted by their people, with ranges about all the people.

    The unit is that of `values`. `population` is cells x strata, `counts` cells x strata x values;
    for a share the counts are (others, successes) on the values (0, 1). Cells with fewer strata are
    filled up with people 0. The ends of a share are rounded outward to whole people, as those of
    the exact range are; otherwise one stratum gives exactly `mean_intervals`. Refuses what
    `checked_strata` refuses.

    >>> stratified_intervals([[12, 40]], [[(2, 8), (12, 14)]], (0, 1)).estimate.round(4).tolist()
    [0.5988]
    """
    z = quantile(confidence)
    scale = checked_values(values)
    strata = checked_strata(population, counts, scale)
    silent = strata.people - strata.moments.answers
    correction = silent / np.maximum(strata.people - 1, 1)
    low, high = strata.summary(correction).limits(z)
    share = strata.weight / np.maximum(strata.people, 1)  # that one person has in the whole
    positive = strata.moments.answers * strata.moments.mean
    lowest = (share * positive).sum(axis=1)
    highest = (share * (positive + silent)).sum(axis=1)
    everyone = ~silent.any(axis=1)
    if scale == (0.0, 1.0):
        low, high = _rounded_outward(low, high, strata.people.sum(axis=1))
    low = np.where(everyone, strata.mean, np.maximum(low, lowest))
    high = np.where(everyone, strata.mean, np.minimum(high, highest))
    methods = np.where(everyone, EVERYONE, LEVEL)
    return _on_scale(strata.mean, low, high, scale, confidence, methods)


def stratified_process_intervals(
    population: ArrayLike, counts: ArrayLike, values: Sequence[float], confidence: float = 0.95
) -> Intervals:
    """The means of `stratified_intervals`, with ranges about the process, not these people.

    They say what the service would give an unlimited number of people in these proportions.

    >>> means = stratified_process_intervals([[12, 40]], [[(2, 8), (12, 14)]], (0, 1))
    >>> means.low.round(4).tolist(), means.high.round(4).tolist()
    ([0.4378], [0.741])
    """
    z = quantile(confidence)
    scale = checked_values(values)
    strata = checked_strata(population, counts, scale)
    low, high = strata.summary().limits(z)
    return _on_scale(strata.mean, low, high, scale, confidence, np.full(len(low), PROCESS))


def effective_answers(strata: Sequence[Stratum]) -> float:
    """Kish's effective sample size: how many answers, spread evenly over the groups, weigh as much.

    1 / sum(W_h^2 / n_h), a function of numbers of people and answers alone (Kish, Survey Sampling,
    1965, section 11.7). Equal to the number of answers when all groups answer at the same rate,
    smaller otherwise. Refuses a stratum without answers or with more answers than people.

    >>> round(effective_answers([Stratum(12, (2, 8)), Stratum(40, (12, 14))]), 1)
    35.6
    """
    people, counts = as_arrays(strata)
    answers = checked_whole("counts", counts).sum(axis=2)
    refuse_where(answers == 0, lambda at: f"counts of stratum {at[1]} holds no answers")
    refuse_where(
        answers > people,
        lambda at: (
            f"answers ({answers[at]}) exceed the population ({people[at]}) of stratum {at[1]}"
        ),
    )
    weight = people / people.sum()
    return float(1 / (weight**2 / answers).sum())


def stratified_interval(
    strata: Sequence[Stratum], values: Sequence[float], confidence: float = 0.95
) -> Interval:
    """One company's mean, groups weighted by people, with range; see `stratified_intervals`.

    >>> i = stratified_interval([Stratum(12, (2, 8)), Stratum(40, (12, 14))], (0, 1))
    >>> round(i.estimate, 4), i.method
    (0.5988, 'post-stratified generalised Wilson')
    """
    return stratified_intervals(*as_arrays(strata), values, confidence)[0]


def stratified_process_interval(
    strata: Sequence[Stratum], values: Sequence[float], confidence: float = 0.95
) -> Interval:
    """One company's mean with its range about the process, not about these people.

    See `stratified_process_intervals`.
    """
    return stratified_process_intervals(*as_arrays(strata), values, confidence)[0]


def as_arrays(strata: Sequence[Stratum]) -> tuple[Whole, ArrayLike]:
    """The people and the counts of strata as arrays of one cell; refuses strata without people.

    Refuses no strata, too, and counts of unequal length.
    """
    if not strata:
        raise ValueError("strata must hold at least one stratum")
    if len({len(stratum.counts) for stratum in strata}) > 1:
        raise ValueError("counts of all strata must be of equal length")
    populations = [[stratum.population for stratum in strata]]
    counts = [[stratum.counts for stratum in strata]]
    return checked_whole("population", populations, lowest=1), counts


def _rounded_outward(low: Floats, high: Floats, people: Whole) -> tuple[Floats, Floats]:
    """The ends of shares of so many people, moved outward to the next whole number of people.

    Only such shares can be true. Without it, ranges of small companies miss the truth too often:
    `stratified-fixed-company` of the measurements.
    """
    fewest = np.floor(people * low + ROUNDING) / people
    most = np.ceil(people * high - ROUNDING) / people
    return fewest, most


def _on_scale(
    mean: Floats,
    low: Floats,
    high: Floats,
    scale: Sequence[float],
    confidence: float,
    method: ArrayLike,
) -> Intervals:
    """Intervals in the unit of the scale, from means and ends between 0 and 1."""
    lowest, width = scale[0], scale[-1] - scale[0]
    return Intervals(
        lowest + width * mean,
        lowest + width * low,
        lowest + width * high,
        confidence,
        np.asarray(method),
    )
