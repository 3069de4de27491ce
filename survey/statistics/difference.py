"""The difference of two processes: MOVER from the two intervals, and a p-value that agrees with it.

Newcombe, Statist. Med. 17 (1998) 873, method 10; Zou & Donner, Statist. Med. 27 (2008). Without finite-population
correction, for a change says something about the provider, not about who works here now.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from survey.statistics.stratified import as_arrays, checked_strata
from survey.statistics.values import (
    Difference,
    Differences,
    Floats,
    Stratum,
    checked_counts,
    checked_reals,
    checked_values,
    quantile,
)
from survey.statistics.wilson import Summary, moments, summarise_process

WIDEST = 38.0  # beyond it the normal tail is 0 in double precision
STEPS = 40  # halves 38 to below 1e-10


def difference_intervals(
    first: ArrayLike, second: ArrayLike, values: Sequence[float], confidence: float = 0.95
) -> Differences:
    """First means minus second ones, in the unit of `values`, with ranges and two-sided p; put the later wave first.

    `first` and `second` are cells x values of counts; for shares (failures, successes) on (0, 1). Refuses what `mean_intervals` refuses.

    >>> d = difference_intervals([(14, 56)], [(32, 48)], (0, 1))
    >>> d.low.round(4).tolist(), d.high.round(4).tolist(), d.p_value.round(4).tolist()
    ([0.0524], [0.3339], [0.0081])
    """
    z = quantile(confidence)
    scale = checked_values(values)
    one, two = (
        checked_counts(counts, scale, name)
        for counts, name in ((first, "first"), (second, "second"))
    )
    if one.shape != two.shape:
        raise ValueError(f"first and second must hold as many cells: {len(one)} and {len(two)}")
    return mover_interval(
        summarise_process(moments(one, scale)),
        summarise_process(moments(two, scale)),
        scale[-1] - scale[0],
        z,
    )


def difference_interval(
    first: Sequence[int], second: Sequence[int], values: Sequence[float], confidence: float = 0.95
) -> Difference:
    """One difference; see `difference_intervals`.

    >>> d = difference_interval((14, 56), (32, 48), (0, 1))
    >>> round(d.estimate, 4), round(d.low, 4), round(d.high, 4), round(d.p_value, 4)
    (0.2, 0.0524, 0.3339, 0.0081)
    """
    return difference_intervals([first], [second], values, confidence)[0]


def stratified_differences(
    first: tuple[ArrayLike, ArrayLike],
    second: tuple[ArrayLike, ArrayLike],
    values: Sequence[float],
    confidence: float = 0.95,
) -> Differences:
    """Changes of companies' values; `first` and `second` are each the people and the counts that `stratified_intervals` takes.

    >>> before = [[100, 100]], [[(8, 67), (18, 27)]]
    >>> after = [[100, 100]], [[(5, 40), (30, 45)]]
    >>> stratified_differences(after, before, (0, 1)).p_value.round(3).tolist()
    [0.968]
    """
    z = quantile(confidence)
    scale = checked_values(values)
    one, two = (checked_strata(people, counts, scale) for people, counts in (first, second))
    if len(one.people) != len(two.people):
        raise ValueError(
            f"first and second must hold as many cells: {len(one.people)} and {len(two.people)}"
        )
    return mover_interval(one.summary(), two.summary(), scale[-1] - scale[0], z)


def stratified_difference(
    first: Sequence[Stratum],
    second: Sequence[Stratum],
    values: Sequence[float],
    confidence: float = 0.95,
) -> Difference:
    """The change of a company's value: each wave's groups weighted by their own people, so that who answers cannot fake it.

    The two waves may have different groups. With one group each it equals `difference_interval`.

    >>> before = [Stratum(100, (8, 67)), Stratum(100, (18, 27))]  # 90 and 60 per cent satisfied, 75 and 45 answered
    >>> after = [Stratum(100, (5, 40)), Stratum(100, (30, 45))]   # the same, 45 and 75 answered
    >>> round(stratified_difference(after, before, (0, 1)).estimate, 3)
    -0.002
    """
    return stratified_differences(as_arrays(first), as_arrays(second), values, confidence)[0]


def mover_interval(one: Summary, two: Summary, width: float, z: float) -> Differences:
    """Ranges and p-values of differences of means that two summaries describe, for a scale of this width."""
    distance = one.mean - two.mean
    low, high = _ends(one, two, z)
    return Differences(width * distance, width * low, width * high, _p_values(one, two, distance))


def _ends(one: Summary, two: Summary, z: float | Floats) -> tuple[Floats, Floats]:
    low_1, high_1 = one.limits(z)
    low_2, high_2 = two.limits(z)
    d = one.mean - two.mean
    return d - np.hypot(one.mean - low_1, high_2 - two.mean), d + np.hypot(
        high_1 - one.mean, two.mean - low_2
    )


def _p_values(one: Summary, two: Summary, distance: Floats) -> Floats:
    """2 Phi(-z) at the z where the limit that faces zero reaches it; bisected, for the limit is monotone in z."""
    from scipy.special import ndtr

    inside, outside = np.zeros_like(distance), np.full_like(distance, WIDEST)
    for _ in range(STEPS):
        z = (inside + outside) / 2
        low, high = _ends(one, two, np.maximum(z, 1e-12))
        excludes_zero = np.where(distance > 0, low > 0, high < 0)
        inside, outside = np.where(excludes_zero, z, inside), np.where(excludes_zero, outside, z)
    p: Floats = np.where(distance == 0, 1.0, 2 * ndtr(-inside))
    return p


def adjust_p_values(p_values: Sequence[float]) -> tuple[float, ...]:
    """Benjamini-Hochberg q-values of one family, in the order given; empty in, empty out. Refuses p outside 0..1.

    Benjamini & Hochberg, J. R. Statist. Soc. B 57 (1995).

    >>> [round(q, 4) for q in adjust_p_values([.01, .01, .03, .03, .5, 1])]
    [0.03, 0.03, 0.045, 0.045, 0.6, 1.0]
    """
    p = checked_reals("p_values", p_values)
    if p.ndim != 1:
        raise ValueError(f"p_values must be one flat list: {p_values!r}")
    if not len(p):
        return ()
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p_values must lie within 0..1: {tuple(p_values)!r}")
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    adjusted = np.clip(np.minimum.accumulate(scaled[::-1])[::-1], p[order], 1.0)
    result = np.empty_like(adjusted)
    result[order] = adjusted
    return tuple(float(q) for q in result)
