"""A reporting group against the rest of its company: how unlike, and how surely.

The difference and its range are those of MOVER (`difference.py`), from the group and the stratified
rest: each other group with its own weight, for an unweighted rest calls a group different that
equals the company. MOVER's tail is too thin for a small group against a large rest near 0 or 100 %:
up to 30 times as many false alarms as it says. So p is the larger of MOVER's and of Fisher's exact
test of the plain table, two-sided, as mid-p: Lancaster, J. Am. Statist. Assoc. 56 (1961); Hwang &
Yang, Statist. Sinica 11 (2001). For shares alone.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from survey.statistics.difference import mover_interval
from survey.statistics.stratified import Strata, as_arrays, checked_strata
from survey.statistics.values import Difference, Differences, Floats, Stratum, Whole, quantile
from survey.statistics.wilson import moments

SHARE = (0.0, 1.0)
TIE = 1e-7  # tables as probable as ours are so also when rounding says otherwise


def groups_against_rest(
    population: ArrayLike, counts: ArrayLike, confidence: float = 0.95
) -> Differences:
    """The share of each group minus that of the rest of its company, with ranges and p-values.

    `population` is companies x groups and `counts` companies x groups x (others, successes), every
    group with people; the result has one entry per company and group, companies first. Refuses
    what `stratified_intervals` refuses, and companies of one group.

    >>> against = groups_against_rest([[30, 60, 40]], [[(8, 12), (6, 34), (5, 25)]])
    >>> against.estimate.round(3).tolist(), against.p_value.round(3).tolist()
    ([-0.243, 0.117, 0.067], [0.02, 0.251, 0.502])
    """
    z = quantile(confidence)
    alone, rest = _each_and_rest(checked_strata(population, counts, SHARE))
    found = mover_interval(alone.summary(), rest.summary(), 1.0, z)
    exact = fisher_mid_p_values(alone.counts.sum(axis=1), rest.counts.sum(axis=1))
    return Differences(found.estimate, found.low, found.high, np.maximum(found.p_value, exact))


def values_of_rests(population: ArrayLike, counts: ArrayLike) -> Floats:
    """The share of the rest of its company for each group, which it is compared with.

    Takes and refuses what `groups_against_rest` does, and has its order.

    >>> values_of_rests([[30, 60, 40]], [[(8, 12), (6, 34), (5, 25)]]).round(3).tolist()
    [0.843, 0.733, 0.767]
    """
    _, rest = _each_and_rest(checked_strata(population, counts, SHARE))
    return rest.mean


def group_against_rest(
    group: Stratum, rest: Sequence[Stratum], confidence: float = 0.95
) -> Difference:
    """The share of one group minus that of the `rest`, each of whose groups keeps its weight.

    Counts are (others, successes). The printed range is MOVER's; p is the larger of two, so a range
    may leave out zero where p is not below 0.05. Refuses what `groups_against_rest` refuses.

    >>> d = group_against_rest(Stratum(30, (8, 12)), [Stratum(60, (6, 34)), Stratum(40, (5, 25))])
    >>> round(d.estimate, 3), round(d.low, 3), round(d.high, 3), round(d.p_value, 3)
    (-0.243, -0.467, -0.035, 0.02)
    """
    if not rest:
        raise ValueError("rest must hold at least one group")
    people, counts = as_arrays([group, *rest])
    z = quantile(confidence)
    strata = checked_strata(people, counts, SHARE)
    alone = _chosen(strata, np.array([[0]]))
    others = _chosen(strata, np.arange(1, len(rest) + 1)[None, :])
    found = mover_interval(alone.summary(), others.summary(), 1.0, z)[0]
    (exact,) = fisher_mid_p_values(alone.counts.sum(axis=1), others.counts.sum(axis=1)).tolist()
    p_value = max(found.p_value, float(exact))
    return Difference(found.estimate, found.low, found.high, p_value)


def fisher_mid_p_values(first: ArrayLike, second: ArrayLike) -> Floats:
    """Fisher's two-sided mid-p per pair of (others, successes): how odd the plain table is.

    With the numbers of answers and of successes as they are, it is the probability of all tables
    less probable than ours, and half that of those as probable.

    >>> fisher_mid_p_values([(7, 3)], [(1, 9)]).round(4).tolist()
    [0.0102]
    """
    one, two = np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
    margins = np.column_stack([one.sum(axis=1), two.sum(axis=1), one[:, 1] + two[:, 1]])
    different, where = np.unique(margins, axis=0, return_inverse=True)
    p_values = np.ones(len(one))
    for at, (answers, others, successes) in enumerate(different.tolist()):
        same = np.flatnonzero(where.ravel() == at)
        p_values[same] = _mid_p_of(answers, others, successes)[one[same, 1]]
    return p_values


def _mid_p_of(answers: int, others: int, successes: int) -> Floats:
    """The mid-p of every number of successes that the first side (of `answers`) can have.

    `others` answers are on the other side, and `successes` on both together. Impossible numbers
    have 0.
    """
    from scipy.special import gammaln

    def choose(n: int, some: Whole) -> Floats:
        logarithm: Floats = gammaln(n + 1.0) - gammaln(some + 1.0) - gammaln(n - some + 1.0)
        return logarithm

    k = np.arange(max(0, successes - others), min(answers, successes) + 1)
    log_mass = choose(answers, k) + choose(others, successes - k)
    mass = np.exp(log_mass - log_mass.max())
    mass /= mass.sum()
    ascending = np.sort(mass)
    total = np.concatenate([[0.0], np.cumsum(ascending)])
    less = total[np.searchsorted(ascending, mass * (1 - TIE), side="left")]
    at_most = total[np.searchsorted(ascending, mass * (1 + TIE), side="right")]
    p_values = np.zeros(answers + 1)
    p_values[k] = np.minimum((less + at_most) / 2, 1.0)
    return p_values


def _each_and_rest(strata: Strata) -> tuple[Strata, Strata]:
    """Each group of each company by itself, and the rest of its company; refuses single groups."""
    groups = strata.people.shape[1]
    if groups < 2:
        raise ValueError("rest must hold at least one group")
    others = np.array([[at for at in range(groups) if at != group] for group in range(groups)])
    return _chosen(strata, np.arange(groups)[:, None]), _chosen(strata, others)


def _chosen(strata: Strata, places: Whole) -> Strata:
    """These groups of each company (cells x groups) as companies of their own, companies first."""
    people = strata.people[:, places].reshape(-1, places.shape[1])
    counts = strata.counts[:, places].reshape(-1, *places.shape[1:], strata.counts.shape[2])
    weight = people / people.sum(axis=1, keepdims=True)
    return Strata(people, weight, counts, moments(counts, SHARE))
