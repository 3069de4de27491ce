"""Level and process intervals of single numbers: shares, means, NPS. Arrays of cells in, arrays out; one cell is an array of one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survey.statistics.exact import kept_counts
from survey.statistics.values import (
    EVERYONE,
    Floats,
    Interval,
    Intervals,
    Whole,
    checked_counts,
    checked_population,
    checked_successes,
    checked_values,
    checked_whole,
    quantile,
)
from survey.statistics.wilson import Moments, level_limits, moments, summarise_process

LARGEST_EXACT = 5000
NPS_VALUES = (-100.0, 0.0, 100.0)
EXACT = "exact hypergeometric (Blaker)"
WILSON, GENERALISED, FINITE = "Wilson", "generalised Wilson", ", finite population"

Words = NDArray[np.str_]


def proportion_intervals(
    successes: ArrayLike,
    answers: ArrayLike,
    population: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Intervals:
    """Shares `successes / answers` (0..1) with their ranges: about these N people with a population per cell, else about the process.

    Exact hypergeometric (Blaker 2000) up to 5,000 people, Wilson (1927) otherwise. Refuses negative or fractional
    numbers, no answers, more successes than answers, more answers than people, a confidence outside (0, 1).

    >>> found = proportion_intervals([54, 6], [60, 6], [200, 20])
    >>> found.low.tolist(), found.high.tolist()
    ([0.82, 0.65], [0.95, 1.0])
    """
    z = quantile(confidence)
    x, n = checked_successes(successes, answers)
    cells = moments(np.stack([n - x, x], axis=-1), (0, 1))
    if population is None:
        low, high = summarise_process(cells).limits(z)
        return Intervals(x / n, low, high, confidence, np.full(len(n), WILSON))
    people = checked_population(population, n)
    low, high = level_limits(cells, people, z)
    exact = people <= LARGEST_EXACT
    fewest, most = kept_counts(x[exact], n[exact], people[exact], 1 - confidence)
    low[exact], high[exact] = fewest / people[exact], most / people[exact]
    return Intervals(
        x / n, low, high, confidence, _methods(people, n, np.where(exact, EXACT, WILSON + FINITE))
    )


def mean_intervals(
    counts: ArrayLike,
    values: Sequence[float],
    population: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Intervals:
    """Means of a bounded scale in the unit of `values`, with their generalised Wilson ranges.

    `counts` is cells x values, zeros included; `values` the whole scale, ascending. Refuses what cannot be a scale,
    negative or fractional counts, a cell without answers, more answers than people.

    >>> found = mean_intervals([(1, 2, 4, 12, 9), (0, 0, 0, 0, 6)], (1, 2, 3, 4, 5), [60, 20])
    >>> found.low.round(4).tolist(), found.high.round(4).tolist()
    ([3.5972, 3.7178], [4.2056, 5.0])
    """
    z = quantile(confidence)
    scale = checked_values(values)
    cells = moments(checked_counts(counts, scale), scale)
    if population is None:
        low, high = summarise_process(cells).limits(z)
        return _on_scale(cells, low, high, scale, confidence, np.full(len(low), GENERALISED))
    answers = cells.answers.astype(np.int64)
    people = checked_population(population, answers)
    low, high = level_limits(cells, people, z)
    return _on_scale(
        cells,
        low,
        high,
        scale,
        confidence,
        _methods(people, answers, np.full(len(low), GENERALISED + FINITE)),
    )


def nps_intervals(
    promoters: ArrayLike,
    passives: ArrayLike,
    detractors: ArrayLike,
    population: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Intervals:
    """Net promoter scores (-100..100): promoters minus detractors, with their generalised Wilson ranges.

    >>> nps_intervals([36], [18], [6], [200]).low.round(4).tolist()
    [34.2904]
    """
    named = {"detractors": detractors, "passives": passives, "promoters": promoters}
    counts = [checked_whole(name, numbers) for name, numbers in named.items()]
    if len({found.shape for found in counts}) > 1:
        raise ValueError("promoters, passives and detractors must be of equal length")
    if (np.sum(counts, axis=0) == 0).any():
        raise ValueError("no answers: promoters, passives and detractors are all 0")
    return mean_intervals(np.stack(counts, axis=-1), NPS_VALUES, population, confidence)


def proportion_interval(
    successes: int, answers: int, population: int | None = None, confidence: float = 0.95
) -> Interval:
    """One share; see `proportion_intervals`.

    >>> i = proportion_interval(54, 60, population=200)
    >>> i.estimate, i.low, i.high
    (0.9, 0.82, 0.95)
    """
    return proportion_intervals([successes], [answers], single_cell(population), confidence)[0]


def mean_interval(
    counts: Sequence[int],
    values: Sequence[float],
    population: int | None = None,
    confidence: float = 0.95,
) -> Interval:
    """One mean; see `mean_intervals`.

    >>> i = mean_interval((1, 2, 4, 12, 9), (1, 2, 3, 4, 5), population=60)
    >>> round(i.estimate, 4), round(i.low, 4), round(i.high, 4)
    (3.9286, 3.5972, 4.2056)
    """
    return mean_intervals([counts], values, single_cell(population), confidence)[0]


def nps_interval(
    promoters: int,
    passives: int,
    detractors: int,
    population: int | None = None,
    confidence: float = 0.95,
) -> Interval:
    """One net promoter score; see `nps_intervals`.

    >>> i = nps_interval(36, 18, 6, population=200)
    >>> round(i.estimate, 4), round(i.low, 4), round(i.high, 4)
    (50.0, 34.2904, 62.9889)
    """
    return nps_intervals(
        [promoters], [passives], [detractors], single_cell(population), confidence
    )[0]


def single_cell(population: int | None) -> list[int] | None:
    """A population as an array of one cell."""
    return None if population is None else [population]


def _methods(people: Whole, answers: Whole, otherwise: Words) -> Words:
    return np.where(people == answers, EVERYONE, otherwise)


def _on_scale(
    cells: Moments,
    low: Floats,
    high: Floats,
    scale: Sequence[float],
    confidence: float,
    method: Words,
) -> Intervals:
    a, width = scale[0], scale[-1] - scale[0]
    return Intervals(a + width * cells.mean, a + width * low, a + width * high, confidence, method)
