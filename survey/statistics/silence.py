"""What those who did not answer could change: the feasible range and the break-even.

Both are arithmetic, without a model: x of n answers are satisfied, N people were asked, and each of
the N - n others is satisfied or not.
"""

import math
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class ResponseOdds:
    """How many times as eager to answer dissatisfied people would have been (odds).

    Below 1 satisfied people were the keener ones.
    """

    odds: float

    @property
    def by_satisfied(self) -> bool:
        """Whether it is satisfied people who would have been keener to answer."""
        return self.odds < 1

    @property
    def times(self) -> float:
        """How many times as eager the keener side would have been; 1 or more."""
        return max(self.odds, 1 / self.odds)


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


def break_even_people(successes: int, answers: int, population: int, target: float) -> int | None:
    """How many of those who did not answer must be satisfied to meet `target`; None if all did.

    0 or fewer: met whatever they think; more than there are: missed whatever they think.

    >>> break_even_people(45, 62, 140, 0.8)
    67
    """
    if break_even(successes, answers, population, target) is None:
        return None
    return math.ceil(population * target - successes - 1e-9)


def response_odds(
    successes: int, answers: int, population: int, target: float
) -> ResponseOdds | None:
    """How much keener to answer one side would have had to be, for the target to be just met.

    If exactly the share `target` of all people were satisfied, the odds that a dissatisfied person
    answered, over those that a satisfied one did. None where no silence could bring it there: where
    it is met or missed whatever the silent think, where all answers are alike, and where everyone
    answered. Refuses a target outside 0..1.

    Andridge and others, Journal of Official Statistics 35 (2019); Meng, Annals of Applied
    Statistics 12 (2018).

    >>> [round(response_odds(x, 39, 60, 0.8).odds, 2) for x in (28, 31)]
    [7.86, 1.1]
    >>> response_odds(36, 39, 60, 0.8).by_satisfied, response_odds(39, 39, 60, 0.8)
    (True, None)
    """
    (x,), (n,) = (part.tolist() for part in checked_successes([successes], [answers]))
    given: ArrayLike = [population]
    (people,) = checked_population(_require_population(given), np.array([n])).tolist()
    needed = people * checked_fraction("target", target)
    satisfied_silent = needed - x
    dissatisfied_silent = people - needed - (n - x)
    if min(x, n - x, satisfied_silent, dissatisfied_silent) <= 1e-9:
        return None
    return ResponseOdds((n - x) / dissatisfied_silent / (x / satisfied_silent))


def _require_population(population: ArrayLike) -> ArrayLike:
    """Gives the population back; refuses None, alone or in a list."""
    if population is None or (isinstance(population, list) and None in population):
        raise ValueError("population must be given")
    return population
