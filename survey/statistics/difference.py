"""The difference of two processes: MOVER from the two intervals, and a p-value that agrees with it.

MOVER, the method of variance estimates recovery: Newcombe, Statist. Med. 17 (1998) 873, method 10;
Zou & Donner, Statist. Med. 27 (2008). Without finite-population correction, for a change says
something about the provider, not about who works here now.

Families of p-values: Benjamini & Hochberg, J. R. Statist. Soc. B 57 (1995).
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
from survey.statistics.waves import Mix, mix_shift
from survey.statistics.wilson import Summary, moments, summarise_process

WIDEST = 38.0  # beyond it the normal tail is 0 in double precision
BITS = 40  # of z: 38 divided so often by two is below 1e-10
AT_ONCE = 2_000  # numbers of one array, about as many as cost little more than a single one


def difference_intervals(
    first: ArrayLike, second: ArrayLike, values: Sequence[float], confidence: float = 0.95
) -> Differences:
    """Mean of `first` minus mean of `second` per cell, with ranges and two-sided p-values.

    The unit is that of `values`. Put the later wave first. `first` and `second` are cells x values
    of counts; for shares they are (failures, successes) on the values (0, 1). Refuses what
    `mean_intervals` refuses.

    >>> d = difference_intervals([(14, 56)], [(32, 48)], (0, 1))
    >>> d.low.round(4).tolist(), d.high.round(4).tolist(), d.p_value.round(4).tolist()
    ([0.0524], [0.3339], [0.0081])
    """
    z = quantile(confidence)
    scale = checked_values(values)
    counts_1 = checked_counts(first, scale, "first")
    counts_2 = checked_counts(second, scale, "second")
    if counts_1.shape != counts_2.shape:
        raise ValueError(
            f"first and second must hold as many cells: {len(counts_1)} and {len(counts_2)}"
        )
    summary_1 = summarise_process(moments(counts_1, scale))
    summary_2 = summarise_process(moments(counts_2, scale))
    return mover_interval(summary_1, summary_2, scale[-1] - scale[0], z)


def difference_interval(
    first: Sequence[int], second: Sequence[int], values: Sequence[float], confidence: float = 0.95
) -> Difference:
    """Mean of `first` minus mean of `second`, for one cell; see `difference_intervals`.

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
    """Mean of `first` minus mean of `second` per company, groups weighted by their people.

    With ranges and p-values. Put the later wave first. `first` and `second` are each the people and
    the counts that `stratified_intervals` takes, with as many cells; refuses what it refuses.

    >>> before = [[100, 100]], [[(8, 67), (18, 27)]]
    >>> after = [[100, 100]], [[(5, 40), (30, 45)]]
    >>> stratified_differences(after, before, (0, 1)).p_value.round(3).tolist()
    [0.968]
    """
    z = quantile(confidence)
    scale = checked_values(values)
    strata_1, strata_2 = checked_strata(*first, scale), checked_strata(*second, scale)
    cells_1, cells_2 = len(strata_1.people), len(strata_2.people)
    if cells_1 != cells_2:
        raise ValueError(f"first and second must hold as many cells: {cells_1} and {cells_2}")
    return mover_interval(strata_1.summary(), strata_2.summary(), scale[-1] - scale[0], z)


def stratified_difference(
    first: Sequence[Stratum],
    second: Sequence[Stratum],
    values: Sequence[float],
    confidence: float = 0.95,
    invited: tuple[Mix, Mix] | None = None,
) -> Difference:
    """One company's mean of `first` minus that of `second`, groups weighted by their people.

    Put the later wave first; see `stratified_differences`. Each wave's groups are weighted by their
    own people, so a change in who answers is not taken for a change of the service. The two waves
    may have different groups. With one group each it equals `difference_interval`.

    A change in who was invited is not undone by these weights. So `invited` may hold each wave's
    groups with the people invited, and the result says how far their mix moved (see `mix_shift`).

    In the example 90 and 60 per cent of the two groups are satisfied, before and after, but 75 and
    45 people answer before, 45 and 75 after:

    >>> before = [Stratum(100, (8, 67)), Stratum(100, (18, 27))]
    >>> after = [Stratum(100, (5, 40)), Stratum(100, (30, 45))]
    >>> round(stratified_difference(after, before, (0, 1)).estimate, 3)
    -0.002
    """
    found = stratified_differences(as_arrays(first), as_arrays(second), values, confidence)[0]
    return found.with_mix_shift(mix_shift(*invited)) if invited else found


def mover_interval(one: Summary, two: Summary, width: float, z: float) -> Differences:
    """Mean `one` minus mean `two` per cell, with MOVER ranges at the quantile `z` and p-values.

    The summaries are on the unit scale; `width` is that of the scale in whose unit the result is.
    """
    difference = one.mean - two.mean
    low, high = mover_limits(one, two, z)
    p_values = _p_values(one, two, difference)
    return Differences(width * difference, width * low, width * high, p_values)


def mover_limits(one: Summary, two: Summary, z: float | Floats) -> tuple[Floats, Floats]:
    """The low and the high end (-1..1) of MOVER's range at the quantile `z`, per cell.

    Each side's distance is the hypotenuse of the two means' own distances.
    """
    low_1, high_1 = one.limits(z)
    low_2, high_2 = two.limits(z)
    difference = one.mean - two.mean
    below = np.hypot(one.mean - low_1, high_2 - two.mean)
    above = np.hypot(high_1 - one.mean, two.mean - low_2)
    return difference - below, difference + above


def _p_values(one: Summary, two: Summary, difference: Floats) -> Floats:
    """The two-sided p-values 2 Phi(-z), at the z for which the range ends at zero.

    That z is found bit by bit, for the limit that faces zero is monotone in z: several bits at once
    for few cells, which costs less and gives the same number.
    """
    from scipy.special import ndtr

    cells = max(len(difference), 1)
    bits = next((some for some in (8, 5, 4, 2) if cells * 2**some <= AT_ONCE), 1)
    parts = np.arange(1, 2**bits)
    first, second = (Summary(each.mean[:, None], each.effective[:, None]) for each in (one, two))
    inside, step = np.zeros_like(difference), WIDEST
    for _ in range(BITS // bits):
        step /= 2**bits
        low, high = mover_limits(first, second, inside[:, None] + step * parts)
        excludes_zero = np.where(difference[:, None] > 0, low > 0, high < 0)
        inside += step * excludes_zero.sum(axis=1)
    p: Floats = np.where(difference == 0, 1.0, 2 * ndtr(-inside))
    return p


def adjust_p_values(p_values: Sequence[float]) -> tuple[float, ...]:
    """The Benjamini-Hochberg q-values of one family of p-values, in the order given.

    No p-values give no q-values. Refuses p outside 0..1.

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
