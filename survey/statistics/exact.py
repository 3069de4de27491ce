"""The exact level interval of a proportion, by Blaker's acceptability for the hypergeometric law.

Blaker, Confidence curves and improved exact confidence intervals for discrete distributions,
Canad. J. Statist. 28 (2000).

Symbols: `N` people (`population`), of whom an unknown number `K` is satisfied; `n` of them answered
(`answers`), and `x` of these are satisfied (`successes`). The interval holds every `K` that agrees
with `x` of `n`: those whose acceptability at `x` is above `alpha`, from the lowest to the highest.
"""

from functools import lru_cache

import numpy as np

from survey.statistics.values import Floats, Whole

SLACK = 1e-7  # ties are ties also when rounding says otherwise
LARGEST_TABLE = 60_000
FIRST_ROWS = 16


def kept_counts(
    successes: Whole, answers: Whole, population: Whole, alpha: float
) -> tuple[Whole, Whole]:
    """The lowest and highest number satisfied of all people that the answers allow, per cell.

    These are the smallest and the largest K that `successes` of `answers` do not rule out. All
    three arrays have one entry per cell; `alpha` is 1 - confidence.

    >>> x, n, people = np.array([6, 19]), np.array([6, 19]), np.array([20, 25])
    >>> low, high = kept_counts(x, n, people, 0.05)
    >>> low.tolist(), high.tolist()
    ([13, 24], [20, 25])
    """
    low, high = successes.copy(), successes.copy()
    sizes = answers * (population.max(initial=0) + 1) + population
    for cells in _group_cells(np.where(answers < population, sizes, -1)):
        n, people = int(answers[cells[0]]), int(population[cells[0]])
        if (people + 1) * (n + 1) <= LARGEST_TABLE:
            lows, highs = _tabulate_ends(n, people, alpha)
            low[cells], high[cells] = lows[successes[cells]], highs[successes[cells]]
        else:
            ends = [_search_ends(int(x), n, people, alpha) for x in successes[cells]]
            low[cells], high[cells] = np.array(ends).T
    return _widen_to_estimate(low, high, successes, answers, population)


def _group_cells(keys: Whole) -> list[Whole]:
    """The indexes of cells with the same key, as one array per key; negative keys left out."""
    order = np.argsort(keys, kind="stable")
    first_kept = np.searchsorted(keys[order], 0)
    order = order[first_kept:]
    if not len(order):
        return []
    starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
    return np.split(order, starts[1:])


def _widen_to_estimate(
    low: Whole, high: Whole, x: Whole, n: Whole, people: Whole
) -> tuple[Whole, Whole]:
    """Widens each range to hold the estimate N x / n, and to be no point unless all answered.

    Both act only from 95 % response on.
    """
    is_partial = n < people
    rounded_down = people * x // n
    rounded_up = -(-people * x // n)
    low = np.where(is_partial, np.minimum(low, rounded_down), low)
    high = np.where(is_partial, np.maximum(high, rounded_up), high)
    is_point = is_partial & (low == high)
    low = low - (is_point & (x > 0))
    high = high + (is_point & (x == 0))
    return low, high


@lru_cache(maxsize=1024)
def _tabulate_ends(answers: int, population: int, alpha: float) -> tuple[Whole, Whole]:
    """The smallest and the largest kept K for every x of one (n, N), from one large table.

    The table has N + 1 rows and n + 1 columns.
    """
    satisfied = np.arange(population + 1)
    kept = _acceptability(satisfied, answers, population) > alpha * (1 + SLACK)
    x = np.arange(answers + 1)
    rows = satisfied[:, None]
    is_possible = (rows >= x) & (rows <= x + population - answers)
    kept &= is_possible
    low = kept.argmax(axis=0)
    high = population - kept[::-1].argmax(axis=0)
    return low, high


@lru_cache(maxsize=20_000)
def _search_ends(successes: int, answers: int, population: int, alpha: float) -> tuple[int, int]:
    """The smallest and the largest kept K for one x, by search instead of a large table.

    The largest by symmetry (K to N - K, x to n - x).
    """
    low = _search_lowest(successes, answers, population, alpha)
    return low, population - _search_lowest(answers - successes, answers, population, alpha)


def _search_lowest(successes: int, answers: int, population: int, alpha: float) -> int:
    """The smallest K that is kept, searched upwards from where the upper tail alone rules out.

    The tail P(X >= x) grows with K, so where it reaches alpha / 2 is found by bisection. From there
    every K is looked at, many at a time: a few of them where n is large, thousands where it is not.
    """
    first, last = successes, population * successes // answers
    while first < last:
        middle = (first + last) // 2
        upper, _ = _tail_and_acceptability(np.array([middle]), successes, answers, population)
        if upper[0] <= alpha / 2 * (1 - SLACK):
            first = middle + 1
        else:
            last = middle
    highest = successes + population - answers
    rows = FIRST_ROWS
    while first <= highest:
        satisfied = np.arange(first, min(first + rows, highest + 1))
        _, accepted = _tail_and_acceptability(satisfied, successes, answers, population)
        kept = accepted > alpha * (1 + SLACK)
        if kept.any():
            return first + int(kept.argmax())
        first += rows
        columns = np.ptp(_likely_results(satisfied, answers, population)) + 1
        rows = max(FIRST_ROWS, LARGEST_TABLE // int(columns))
    return highest


def _tail_and_acceptability(
    satisfied: Whole, successes: int, answers: int, population: int
) -> tuple[Floats, Floats]:
    """P(X >= x) and Blaker's acceptability at one x, for each K in `satisfied`.

    Only results that have a chance are looked at, so that the cost grows with the root of n.
    """
    lowest, highest = _likely_results(satisfied, answers, population)
    lowest, highest = min(lowest, successes), max(highest, successes)
    mass = _mass(satisfied, answers, population, np.arange(lowest, highest + 1))
    lower = np.cumsum(mass, axis=1)
    upper = np.cumsum(mass[:, ::-1], axis=1)[:, ::-1]
    tail = np.minimum(lower, upper)
    at = successes - lowest
    as_odd = tail <= tail[:, [at]] * (1 + SLACK)
    return upper[:, at], (mass * as_odd).sum(axis=1)


def _likely_results(satisfied: Whole, answers: int, population: int) -> tuple[int, int]:
    """The lowest and the highest k that have a chance under any K in `satisfied` (ascending).

    Left out is what lies ten standard deviations and 40 answers away from the mean: together less
    than 1e-20.
    """
    share = satisfied[[0, -1]] / population
    mean = answers * share
    largest_variance = answers * (population - answers) / max(population - 1, 1) / 4
    variance = min(largest_variance, float(mean.max()), float((answers - mean).max()))
    away = 10 * variance**0.5 + 40
    return max(0, int(mean[0] - away)), min(answers, int(mean[-1] + away) + 1)


@lru_cache(maxsize=8)
def _log_factorials(largest: int) -> Floats:
    """The logarithms of 0! to `largest`!, which may not be written to."""
    from scipy.special import gammaln

    table: Floats = gammaln(np.arange(largest + 1) + 1.0)
    table.flags.writeable = False
    return table


def _mass(satisfied: Whole, answers: int, population: int, k: Whole) -> Floats:
    """The hypergeometric P(X = k) for each K in `satisfied` (rows) and each of `k` (columns)."""
    log = _log_factorials(population)
    rows = satisfied[:, None]
    others = population - rows
    possible = (k <= rows) & (answers - k <= others)
    undrawn = np.where(possible, rows - k, 0)
    undrawn_others = np.where(possible, others - answers + k, 0)
    log_mass = log[rows] - log[k] - log[undrawn]
    log_mass = log_mass + log[others] - log[answers - k] - log[undrawn_others]
    log_mass -= log[population] - log[answers] - log[population - answers]
    mass: Floats = np.where(possible, np.exp(np.where(possible, log_mass, 0.0)), 0.0)
    return mass


def _acceptability(satisfied: Whole, answers: int, population: int) -> Floats:
    """Blaker's acceptability for each K in `satisfied` (rows) and each x = 0..n (columns).

    It is the probability, under K, of all results whose smaller tail is no larger than that of x.
    """
    mass = _mass(satisfied, answers, population, np.arange(answers + 1))
    lower = np.cumsum(mass, axis=1)
    upper = np.cumsum(mass[:, ::-1], axis=1)[:, ::-1]
    tail = np.minimum(lower, upper)
    order = np.argsort(tail, axis=1, kind="stable")
    ranked = np.take_along_axis(tail, order, axis=1)
    total = np.cumsum(np.take_along_axis(mass, order, axis=1), axis=1)
    tied = ranked[:, 1:] <= ranked[:, :-1] * (1 + SLACK)
    # twice, for by symmetry at most a pair of tails is equal where the mass is not negligible
    for _ in range(2):
        total[:, :-1] = np.where(tied, total[:, 1:], total[:, :-1])
    result = np.empty_like(total)
    np.put_along_axis(result, order, total, axis=1)
    return result
