"""The company's value from its reporting groups, each weighted by the people it has, not by those who answered.

Post-stratification: Cochran, Sampling Techniques (1977), chapter 5; the limits are the generalised Wilson's. The level speaks
about the people invited; its twin about the process, so without the correction for a finite population.
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

LEVEL, PROCESS = "post-stratified generalised Wilson", "post-stratified generalised Wilson, process"


@dataclass(frozen=True, slots=True)
class Strata:
    """Cells x strata: people, their share of all, and the moments of their answers on the unit scale; an unused stratum has no people."""

    people: Whole
    weight: Floats
    found: Moments

    @property
    def mean(self) -> Floats:
        """The weighted mean of each cell."""
        found: Floats = (self.weight * self.found.mean).sum(axis=1)
        return found

    def summary(self, correction: Floats | float = 1.0) -> Summary:
        """Mean and effective number of answers, each stratum's variance multiplied by its correction."""
        centre = (self.weight * self.found.centre).sum(axis=1)
        each = self.found.variance / np.maximum(self.found.answers, 1) * correction
        variance = (self.weight**2 * each).sum(axis=1)
        return Summary(
            self.mean, centre * (1 - centre) / np.maximum(variance, np.finfo(float).tiny)
        )


def checked_strata(population: ArrayLike, counts: ArrayLike, values: Sequence[float]) -> Strata:
    """Strata from people (cells x strata) and answers (cells x strata x values); people 0 mark a stratum that a cell does not have.

    Refuses no strata, a stratum with people but without answers or with more answers than people, and answers without people.
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
    return Strata(people, people / people.sum(axis=1, keepdims=True), moments(table, values))


def stratified_intervals(
    population: ArrayLike, counts: ArrayLike, values: Sequence[float], confidence: float = 0.95
) -> Intervals:
    """Population-weighted means over groups in the unit of `values`, with their ranges about all their people.

    `population` is cells x strata, `counts` cells x strata x values; for a share: values (0, 1) and counts (others, successes). Cells
    with fewer strata are filled up with people 0. One stratum gives exactly `mean_intervals`. Refuses what `checked_strata` refuses.

    >>> stratified_intervals([[12, 40]], [[(2, 8), (12, 14)]], (0, 1)).estimate.round(4).tolist()
    [0.5988]
    """
    z = quantile(confidence)
    scale = checked_values(values)
    strata = checked_strata(population, counts, scale)
    silent = strata.people - strata.found.answers
    low, high = strata.summary(silent / np.maximum(strata.people - 1, 1)).limits(z)
    share = strata.weight / np.maximum(strata.people, 1)
    positive = strata.found.answers * strata.found.mean
    everyone = ~silent.any(axis=1)
    low = np.where(everyone, strata.mean, np.maximum(low, (share * positive).sum(axis=1)))
    high = np.where(
        everyone, strata.mean, np.minimum(high, (share * (positive + silent)).sum(axis=1))
    )
    return _on_scale(strata.mean, low, high, scale, confidence, np.where(everyone, EVERYONE, LEVEL))


def stratified_process_intervals(
    population: ArrayLike, counts: ArrayLike, values: Sequence[float], confidence: float = 0.95
) -> Intervals:
    """The same means with their ranges about the process: what the service would give for ever more people in these proportions.

    >>> found = stratified_process_intervals([[12, 40]], [[(2, 8), (12, 14)]], (0, 1))
    >>> found.low.round(4).tolist(), found.high.round(4).tolist()
    ([0.4378], [0.741])
    """
    z = quantile(confidence)
    scale = checked_values(values)
    strata = checked_strata(population, counts, scale)
    low, high = strata.summary().limits(z)
    return _on_scale(strata.mean, low, high, scale, confidence, np.full(len(low), PROCESS))


def effective_answers(strata: Sequence[Stratum]) -> float:
    """How many answers, spread evenly over the groups, would weigh as much: Kish's effective sample size.

    1 / sum(W^2 / n), a function of numbers of people and answers alone (Kish, Survey Sampling, 1965, section 11.7). Equal to the
    number of answers when all groups answer at the same rate, smaller otherwise.

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
    """One company's value; see `stratified_intervals`.

    >>> i = stratified_interval([Stratum(12, (2, 8)), Stratum(40, (12, 14))], (0, 1))
    >>> round(i.estimate, 4), i.method
    (0.5988, 'post-stratified generalised Wilson')
    """
    return stratified_intervals(*as_arrays(strata), values, confidence)[0]


def stratified_process_interval(
    strata: Sequence[Stratum], values: Sequence[float], confidence: float = 0.95
) -> Interval:
    """One company's value about the process; see `stratified_process_intervals`."""
    return stratified_process_intervals(*as_arrays(strata), values, confidence)[0]


def as_arrays(strata: Sequence[Stratum]) -> tuple[Whole, ArrayLike]:
    """Strata as arrays of one cell; refuses none, and strata without people."""
    if not strata:
        raise ValueError("strata must hold at least one stratum")
    if len({len(stratum.counts) for stratum in strata}) > 1:
        raise ValueError("counts of all strata must be of equal length")
    return checked_whole("population", [[stratum.population for stratum in strata]], lowest=1), [
        [stratum.counts for stratum in strata]
    ]


def _on_scale(
    mean: Floats,
    low: Floats,
    high: Floats,
    scale: Sequence[float],
    confidence: float,
    method: ArrayLike,
) -> Intervals:
    a, width = scale[0], scale[-1] - scale[0]
    return Intervals(
        a + width * mean, a + width * low, a + width * high, confidence, np.asarray(method)
    )
