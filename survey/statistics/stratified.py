"""The company's value from its reporting groups, each weighted by the people it has, not by those who answered.

Post-stratification: Cochran, Sampling Techniques (1977), chapter 5; the limits are the generalised Wilson's.
"""

from collections.abc import Sequence

import numpy as np

from survey.statistics.values import EVERYONE, Interval, Stratum, checked_counts, checked_population, checked_values, quantile
from survey.statistics.wilson import limits, moments


def stratified_interval(strata: Sequence[Stratum], values: Sequence[float], confidence: float = 0.95) -> Interval:
    """The population-weighted mean over groups in the unit of `values`, with its range about all their people.

    For a share: values (0, 1) and counts (others, successes). One group gives exactly `mean_interval`. Refuses no
    strata, a stratum without answers or with more answers than people.

    >>> i = stratified_interval([Stratum(12, (2, 8)), Stratum(40, (12, 14))], (0, 1))
    >>> round(i.estimate, 4), i.method
    (0.5988, 'post-stratified generalised Wilson')
    """
    z = quantile(confidence)
    scale = checked_values(values)
    if not strata:
        raise ValueError("strata must hold at least one stratum")
    counts = np.array([checked_counts(s.counts, scale, f"counts of stratum {i}") for i, s in enumerate(strata)], dtype=float)
    people = np.array([checked_population(s.population, int(n)) for s, n in zip(strata, counts.sum(axis=1), strict=True)], dtype=float)
    found = moments(counts, scale)
    weight = people / people.sum()
    silent = people - found.answers
    theta = float(weight @ found.mean)
    centre = float(weight @ found.centre)
    per_stratum = found.dispersion * found.centre * (1 - found.centre) / found.answers * silent / np.maximum(people - 1, 1)
    variance = float(weight**2 @ per_stratum)
    a, width = scale[0], scale[-1] - scale[0]
    if not silent.any():
        return Interval(a + width * theta, a + width * theta, a + width * theta, confidence, EVERYONE)
    ends = limits(theta, centre * (1 - centre) / variance, z)
    positive = found.answers * found.mean
    low = max(float(ends[0]), float(weight @ (positive / people)))
    high = min(float(ends[1]), float(weight @ ((positive + silent) / people)))
    return Interval(a + width * theta, a + width * low, a + width * high, confidence, "post-stratified generalised Wilson")
