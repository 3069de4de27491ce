"""The exact level interval of a proportion: which numbers of satisfied people among N agree with x of n answers.

Blaker, Confidence curves and improved exact confidence intervals for discrete distributions, Canad. J. Statist. 28 (2000),
for the hypergeometric distribution.
"""

from functools import lru_cache

import numpy as np

from survey.statistics.values import Floats, Whole

SLACK = 1e-7  # ties are ties also when rounding says otherwise
LARGEST_TABLE = 60_000


def kept_counts(
    successes: Whole, answers: Whole, population: Whole, alpha: float
) -> tuple[Whole, Whole]:
    """The smallest and largest number of satisfied people (of each `population`) that `successes` of `answers` do not rule out.

    >>> [ends.tolist() for ends in kept_counts(np.array([6, 19]), np.array([6, 19]), np.array([20, 25]), 0.05)]
    [[13, 24], [20, 25]]
    """
    low, high = successes.copy(), successes.copy()
    sizes = answers * (population.max(initial=0) + 1) + population
    for place in _cells_by(np.where(answers < population, sizes, -1)):
        n, people = int(answers[place[0]]), int(population[place[0]])
        if (people + 1) * (n + 1) <= LARGEST_TABLE:
            low[place], high[place] = (ends[successes[place]] for ends in _table(n, people, alpha))
        else:
            low[place], high[place] = np.array(
                [_searched(int(x), n, people, alpha) for x in successes[place]]
            ).T
    return _widened(low, high, successes, answers, population)


def _cells_by(keys: Whole) -> list[Whole]:
    """The places of the cells that share a key; those with a negative one are left out."""
    order = np.argsort(keys, kind="stable")
    order = order[np.searchsorted(keys[order], 0) :]
    starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
    return np.split(order, starts[1:]) if len(order) else []


def _widened(low: Whole, high: Whole, x: Whole, n: Whole, people: Whole) -> tuple[Whole, Whole]:
    """Holds the estimate, and is never a point unless everyone answered (both act only from 95 % response on)."""
    silent = n < people
    low = np.where(silent, np.minimum(low, people * x // n), low)
    high = np.where(silent, np.maximum(high, -(-people * x // n)), high)
    point = silent & (low == high)
    return low - (point & (x > 0)), high + (point & (x == 0))


@lru_cache(maxsize=1024)
def _table(answers: int, population: int, alpha: float) -> tuple[Whole, Whole]:
    """Both ends for every x of an (n, N) at once."""
    satisfied = np.arange(population + 1)
    kept = _acceptability(satisfied, answers, population) > alpha * (1 + SLACK)
    x = np.arange(answers + 1)
    kept &= (satisfied[:, None] >= x) & (satisfied[:, None] <= x + population - answers)
    return kept.argmax(axis=0), population - kept[::-1].argmax(axis=0)


@lru_cache(maxsize=20_000)
def _searched(successes: int, answers: int, population: int, alpha: float) -> tuple[int, int]:
    """Both ends for one x, without a table; the high one by symmetry."""
    return _lowest(successes, answers, population, alpha), population - _lowest(
        answers - successes, answers, population, alpha
    )


def _lowest(successes: int, answers: int, population: int, alpha: float) -> int:
    """The smallest kept count: inwards from where the upper tail alone rules out."""
    first, last = successes, population * successes // answers
    while first < last:  # the tail P(X >= x) grows with the count
        middle = (first + last) // 2
        upper = _mass(np.array([middle]), answers, population)[0, successes:].sum()
        first, last = (middle + 1, last) if upper <= alpha / 2 * (1 - SLACK) else (first, middle)
    for count in range(first, successes + population - answers + 1):
        if _acceptability(np.array([count]), answers, population)[0, successes] > alpha * (
            1 + SLACK
        ):
            return count
    return successes + population - answers


def _mass(satisfied: Whole, answers: int, population: int) -> Floats:
    """P(X = k) for each count (rows) and each k = 0..n (columns)."""
    from scipy.special import gammaln

    log = gammaln(np.arange(population + 2) + 1.0)  # of every factorial that can occur
    k = np.arange(answers + 1)
    rows = satisfied[:, None]
    others = population - rows
    possible = (k <= rows) & (answers - k <= others)
    undrawn, unmet = np.where(possible, rows - k, 0), np.where(possible, others - answers + k, 0)
    found = log[rows] - log[k] - log[undrawn] + log[others] - log[answers - k] - log[unmet]
    found -= log[population] - log[answers] - log[population - answers]
    mass: Floats = np.where(possible, np.exp(np.where(possible, found, 0.0)), 0.0)
    return mass


def _acceptability(satisfied: Whole, answers: int, population: int) -> Floats:
    """A_K(x): the probability, under each count K, of results with a tail no larger than that of x."""
    mass = _mass(satisfied, answers, population)
    lower = np.cumsum(mass, axis=1)
    upper = np.cumsum(mass[:, ::-1], axis=1)[:, ::-1]
    tail = np.minimum(lower, upper)
    order = np.argsort(tail, axis=1, kind="stable")
    ranked = np.take_along_axis(tail, order, axis=1)
    total = np.cumsum(np.take_along_axis(mass, order, axis=1), axis=1)
    tied = ranked[:, 1:] <= ranked[:, :-1] * (1 + SLACK)
    for _ in range(
        2
    ):  # by symmetry at most a pair of tails is equal where the mass is not negligible
        total[:, :-1] = np.where(tied, total[:, 1:], total[:, :-1])
    result = np.empty_like(total)
    np.put_along_axis(result, order, total, axis=1)
    return result
