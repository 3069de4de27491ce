"""Level and process intervals of single numbers: shares, means and net promoter scores.

Functions in the plural take arrays of cells and give arrays; those in the singular take one cell.
A level is about the people asked (a `population` is given); without one the range is about the
process behind the answers. Methods: `exact.py` (Blaker 2000) and `wilson.py` (Wilson 1927).
"""

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

LARGEST_EXACT = 100_000
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
    """Shares x / n (0..1) of each cell with their ranges: `successes` x of `answers` n.

    With a `population` N per cell the ranges are about these N people, else about the process.
    Exact hypergeometric (Blaker 2000) up to 100,000 people, Wilson (1927) otherwise.

    Refuses negative or fractional numbers, no answers, more successes than answers, more answers
    than people, a confidence outside (0, 1).

    >>> shares = proportion_intervals([54, 6], [60, 6], [200, 20])
    >>> shares.low.tolist(), shares.high.tolist()
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
    low[exact] = fewest / people[exact]
    high[exact] = most / people[exact]
    methods = _name_methods(people, n, np.where(exact, EXACT, WILSON + FINITE))
    return Intervals(x / n, low, high, confidence, methods)


def mean_intervals(
    counts: ArrayLike,
    values: Sequence[float],
    population: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Intervals:
    """Mean of each cell on a bounded scale, with its generalised Wilson range.

    The unit is that of `values`. `counts` is cells x values, zeros included; `values` the whole
    scale, ascending. With a `population` per cell the ranges are about these people, else about the
    process.

    Refuses what cannot be a scale, negative or fractional counts, a cell without answers, more
    answers than people.

    >>> means = mean_intervals([(1, 2, 4, 12, 9), (0, 0, 0, 0, 6)], (1, 2, 3, 4, 5), [60, 20])
    >>> means.low.round(4).tolist(), means.high.round(4).tolist()
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
    methods = _name_methods(people, answers, np.full(len(low), GENERALISED + FINITE))
    return _on_scale(cells, low, high, scale, confidence, methods)


def nps_intervals(
    promoters: ArrayLike,
    passives: ArrayLike,
    detractors: ArrayLike,
    population: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Intervals:
    """Net promoter scores (-100..100) of each cell, with their generalised Wilson ranges.

    The score is the share of promoters minus that of detractors, in percent: the mean of a scale
    of -100 (detractor), 0 (passive) and 100 (promoter). Refuses what `mean_intervals` refuses.

    >>> nps_intervals([36], [18], [6], [200]).low.round(4).tolist()
    [34.2904]
    """
    ascending = {"detractors": detractors, "passives": passives, "promoters": promoters}
    counts = [checked_whole(name, numbers) for name, numbers in ascending.items()]
    if len({numbers.shape for numbers in counts}) > 1:
        raise ValueError("promoters, passives and detractors must be of equal length")
    if (np.sum(counts, axis=0) == 0).any():
        raise ValueError("no answers: promoters, passives and detractors are all 0")
    return mean_intervals(np.stack(counts, axis=-1), NPS_VALUES, population, confidence)


def proportion_interval(
    successes: int, answers: int, population: int | None = None, confidence: float = 0.95
) -> Interval:
    """The share (0..1) of one cell with its range; see `proportion_intervals`.

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
    """The mean of one cell with its range, in the unit of `values`; see `mean_intervals`.

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
    """The net promoter score (-100..100) of one cell with its range; see `nps_intervals`.

    >>> i = nps_interval(36, 18, 6, population=200)
    >>> round(i.estimate, 4), round(i.low, 4), round(i.high, 4)
    (50.0, 34.2904, 62.9889)
    """
    return nps_intervals(
        [promoters], [passives], [detractors], single_cell(population), confidence
    )[0]


def single_cell(population: int | None) -> list[int] | None:
    """A population as a list for one cell; None where there is no population."""
    return None if population is None else [population]


def _name_methods(people: Whole, answers: Whole, otherwise: Words) -> Words:
    """The method's name per cell: `EVERYONE` where all answered, else that in `otherwise`."""
    return np.where(people == answers, EVERYONE, otherwise)


def _on_scale(
    cells: Moments,
    low: Floats,
    high: Floats,
    scale: Sequence[float],
    confidence: float,
    method: Words,
) -> Intervals:
    """Intervals in the unit of the scale, from means and ends between 0 and 1."""
    lowest, width = scale[0], scale[-1] - scale[0]
    return Intervals(
        lowest + width * cells.mean,
        lowest + width * low,
        lowest + width * high,
        confidence,
        method,
    )
