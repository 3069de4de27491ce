"""What those who did not answer could change: the feasible range and the break-even.

Both are arithmetic, without a model: x of n answers are satisfied, N people were asked, and each of
the N - n others is satisfied or not.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from survey.statistics.values import (
    Interval,
    Intervals,
    checked_fraction,
    checked_population,
    checked_successes,
)


def feasible_ranges(successes: ArrayLike, answers: ArrayLike, population: ArrayLike) -> Intervals:
    """The lowest and highest possible share per cell, whatever those who did not answer think.

    >>> feasible_ranges([45], [62], [140]).low.round(4).tolist()
    [0.3214]
    """
    x, n = checked_successes(successes, answers)
    people = checked_population(_require_population(population), n)
    lowest, highest = x / people, (x + people - n) / people
    return Intervals(x / n, lowest, highest, 1.0, np.full(len(n), "feasible range"))


def break_evens(
    successes: ArrayLike, answers: ArrayLike, population: ArrayLike, target: float
) -> "np.ma.MaskedArray[Any, Any]":
    """The share of non-respondents who must be satisfied to meet `target`, per cell.

    Non-respondents are the people asked who did not answer. Masked where everyone answered. At most
    0: met whatever they think; above 1: missed whatever they think. Refuses a target outside 0..1,
    so 80 too.

    >>> break_evens([45, 9], [62, 12], [140, 12], 0.8).round(3).tolist()
    [0.859, None]
    """
    x, n = checked_successes(successes, answers)
    people = checked_population(_require_population(population), n)
    needed = people * checked_fraction("target", target)
    silent = people - n
    return np.ma.masked_array((needed - x) / np.maximum(silent, 1), mask=silent == 0)


def feasible_range(successes: int, answers: int, population: int) -> Interval:
    """The lowest and highest possible share of one cell; see `feasible_ranges`.

    >>> i = feasible_range(45, 62, 140)
    >>> round(i.estimate, 4), round(i.low, 4), round(i.high, 4)
    (0.7258, 0.3214, 0.8786)
    """
    return feasible_ranges([successes], [answers], [population])[0]


def break_even(successes: int, answers: int, population: int, target: float) -> float | None:
    """The share of non-respondents who must be satisfied to meet `target`; None if all answered.

    For one cell; see `break_evens`.

    >>> round(break_even(45, 62, 140, 0.8), 3)
    0.859
    """
    share: float | None = break_evens([successes], [answers], [population], target).tolist()[0]
    return share


def _require_population(population: ArrayLike) -> ArrayLike:
    """Gives the population back; refuses None, alone or in a list."""
    if population is None or (isinstance(population, list) and None in population):
        raise ValueError("population must be given")
    return population
