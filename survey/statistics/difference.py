"""The difference of two processes: MOVER from the two intervals, and a p-value that agrees with it.

Newcombe, Statist. Med. 17 (1998) 873, method 10; Zou & Donner, Statist. Med. 27 (2008). Without finite-population
correction, for a change says something about the provider, not about who works here now.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from survey.statistics.values import Difference, checked_counts, checked_values, quantile
from survey.statistics.wilson import Moments, limits, moments

WIDEST = 38.0  # beyond it the normal tail is 0 in double precision
STEPS = 80


def difference_interval(first: Sequence[int], second: Sequence[int], values: Sequence[float], confidence: float = 0.95) -> Difference:
    """First mean minus second, in the unit of `values`, with range and two-sided p; put the later wave first.

    `first` and `second` are counts per value; for shares (failures, successes) on (0, 1).

    >>> d = difference_interval((14, 56), (32, 48), (0, 1))
    >>> round(d.estimate, 4), round(d.low, 4), round(d.high, 4), round(d.p_value, 4)
    (0.2, 0.0524, 0.3339, 0.0081)
    """
    z = quantile(confidence)
    scale = checked_values(values)
    one = moments(checked_counts(first, scale, "first"), scale)
    two = moments(checked_counts(second, scale, "second"), scale)
    width = scale[-1] - scale[0]
    distance = float(one.mean - two.mean)
    low, high = _ends(one, two, z)
    return Difference(width * distance, width * low, width * high, _p_value(one, two, distance))


def _ends(one: Moments, two: Moments, z: float) -> tuple[float, float]:
    low_1, high_1 = limits(one.mean, one.answers / one.dispersion, z)
    low_2, high_2 = limits(two.mean, two.answers / two.dispersion, z)
    d = one.mean - two.mean
    low = d - np.hypot(one.mean - low_1, high_2 - two.mean)
    high = d + np.hypot(high_1 - one.mean, two.mean - low_2)
    return float(low), float(high)


def _p_value(one: Moments, two: Moments, distance: float) -> float:
    """2 Phi(-z) at the z where the limit that faces zero reaches it; bisected, for the limit is monotone in z."""
    if distance == 0:
        return 1.0
    facing = 0 if distance > 0 else 1
    inside, outside = 0.0, WIDEST
    for _ in range(STEPS):
        z = (inside + outside) / 2
        excludes_zero = _ends(one, two, z)[facing] * distance > 0
        inside, outside = (z, outside) if excludes_zero else (inside, z)
    return float(2 * ndtr(-inside))


def adjust_p_values(p_values: Sequence[float]) -> tuple[float, ...]:
    """Benjamini-Hochberg q-values of one family, in the order given; empty in, empty out. Refuses p outside 0..1.

    Benjamini & Hochberg, J. R. Statist. Soc. B 57 (1995).

    >>> [round(q, 4) for q in adjust_p_values([.01, .01, .03, .03, .5, 1])]
    [0.03, 0.03, 0.045, 0.045, 0.6, 1.0]
    """
    p = np.asarray(p_values, dtype=float)
    if not len(p):
        return ()
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p_values must lie within 0..1: {tuple(p_values)!r}")
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    adjusted = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    result = np.empty_like(adjusted)
    result[order] = adjusted
    return tuple(float(q) for q in result)
