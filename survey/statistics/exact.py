"""The exact level interval of a proportion: which numbers of satisfied people among N agree with x of n answers.

Blaker, Confidence curves and improved exact confidence intervals for discrete distributions, Canad. J. Statist. 28 (2000),
for the hypergeometric distribution.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

SLACK = 1e-7  # ties are ties also when rounding says otherwise
LARGEST_TABLE = 60_000

Floats = NDArray[np.float64]


@lru_cache(maxsize=20_000)
def kept_counts(successes: int, answers: int, population: int, alpha: float) -> tuple[int, int]:
    """The smallest and largest number of satisfied people (of `population`) that `successes` of `answers` do not rule out.

    >>> kept_counts(6, 6, 20, 0.05)
    (13, 20)
    """
    if answers == population:
        return successes, successes
    if (population + 1) * (answers + 1) <= LARGEST_TABLE:
        low, high = (int(end[successes]) for end in _table(answers, population, alpha))
    else:
        low = _search(successes, answers, population, alpha)
        high = population - _search(answers - successes, answers, population, alpha)
    low = min(low, population * successes // answers)
    high = max(high, -(-population * successes // answers))
    if low == high:
        low, high = (low, high + 1) if successes == 0 else (low - 1, high)
    return low, high


@lru_cache(maxsize=256)
def _table(answers: int, population: int, alpha: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Both ends for every x of an (n, N) at once."""
    satisfied = np.arange(population + 1)
    kept = _acceptability(satisfied, answers, population) > alpha * (1 + SLACK)
    x = np.arange(answers + 1)
    possible = (satisfied[:, None] >= x) & (satisfied[:, None] <= x + population - answers)
    kept &= possible
    low = kept.argmax(axis=0)
    high = population - kept[::-1].argmax(axis=0)
    return low, high


def _search(successes: int, answers: int, population: int, alpha: float) -> int:
    """The smallest kept count, without a table: inwards from where the upper tail alone rules out."""
    first, last = successes, population * successes // answers
    while first < last:  # the tail P(X >= x) grows with the count
        middle = (first + last) // 2
        upper = _mass(np.array([middle]), answers, population)[0, successes:].sum()
        first, last = (middle + 1, last) if upper <= alpha / 2 * (1 - SLACK) else (first, middle)
    for count in range(first, successes + population - answers + 1):
        if _acceptability(np.array([count]), answers, population)[0, successes] > alpha * (1 + SLACK):
            return count
    return successes + population - answers


def _mass(satisfied: NDArray[np.int64], answers: int, population: int) -> Floats:
    """P(X = k) for each count (rows) and each k = 0..n (columns)."""
    k = np.arange(answers + 1)
    rows = satisfied[:, None]
    others = population - rows
    possible = (k <= rows) & (answers - k <= others)
    drawn, left = np.where(possible, k, 0), np.where(possible, answers - k, 0)
    log = (
        gammaln(rows + 1)
        - gammaln(drawn + 1)
        - gammaln(np.maximum(rows - drawn, 0) + 1)
        + gammaln(others + 1)
        - gammaln(left + 1)
        - gammaln(np.maximum(others - left, 0) + 1)
        - (gammaln(population + 1) - gammaln(answers + 1) - gammaln(population - answers + 1))
    )
    return np.where(possible, np.exp(log), 0.0)


def _acceptability(satisfied: NDArray[np.int64], answers: int, population: int) -> Floats:
    """A_K(x): the probability, under each count K, of results with a tail no larger than that of x."""
    mass = _mass(satisfied, answers, population)
    lower = np.cumsum(mass, axis=1)
    upper = np.cumsum(mass[:, ::-1], axis=1)[:, ::-1]
    tail = np.minimum(lower, upper)
    order = np.argsort(tail, axis=1, kind="stable")
    ranked = np.take_along_axis(tail, order, axis=1)
    total = np.cumsum(np.take_along_axis(mass, order, axis=1), axis=1)
    tied = ranked[:, 1:] <= ranked[:, :-1] * (1 + SLACK)
    for _ in range(2):  # by symmetry at most a pair of tails is equal where the mass is not negligible
        total[:, :-1] = np.where(tied, total[:, 1:], total[:, :-1])
    result = np.empty_like(total)
    np.put_along_axis(result, order, total, axis=1)
    return result
