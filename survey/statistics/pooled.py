"""Several waves of the same people as one: the answers are pooled, but count no more than those of one wave.

Who answers four waves is four times the same person, not four people; so the score is that of all answers together, and its
number of answers the mean of the waves.
"""

from collections.abc import Sequence

import numpy as np

from survey.statistics.difference import mover_interval
from survey.statistics.values import Difference, Interval, checked_counts, checked_values, quantile
from survey.statistics.wilson import Summary, moments

POOLED = "generalised Wilson, waves pooled"


def pooled_interval(
    waves: Sequence[Sequence[int]], values: Sequence[float], confidence: float = 0.95
) -> Interval:
    """The mean of all answers with the range about the process that one wave of the mean size has, in the unit of `values`.

    `waves` are counts per value, one row a wave. Refuses what `mean_intervals` refuses, and no waves.

    >>> i = pooled_interval([(13, 29), (13, 25), (13, 31), (12, 28)], (0, 1))  # 113 of 164 satisfied, 41 answers a wave
    >>> round(i.estimate, 4), round(i.low, 4), round(i.high, 4)
    (0.689, 0.5364, 0.8093)
    """
    z = quantile(confidence)
    scale = checked_values(values)
    found = _summary(waves, scale, "waves")
    low, high = found.limits(z)
    a, width = scale[0], scale[-1] - scale[0]
    return Interval(
        a + width * float(found.mean[0]),
        a + width * float(low[0]),
        a + width * float(high[0]),
        confidence,
        POOLED,
    )


def pooled_difference(
    first: Sequence[Sequence[int]],
    second: Sequence[Sequence[int]],
    values: Sequence[float],
    confidence: float = 0.95,
) -> Difference:
    """The change from one pool of waves to another; put the later one first.

    >>> d = pooled_difference([(13, 29), (13, 25)], [(20, 20), (18, 22)], (0, 1))
    >>> round(d.estimate, 3), round(d.p_value, 3)
    (0.15, 0.17)
    """
    z = quantile(confidence)
    scale = checked_values(values)
    return mover_interval(
        _summary(first, scale, "first"), _summary(second, scale, "second"), scale[-1] - scale[0], z
    )[0]


def _summary(waves: Sequence[Sequence[int]], scale: Sequence[float], name: str) -> Summary:
    if not len(waves):
        raise ValueError(f"{name} must hold at least one wave")
    table = checked_counts(waves, scale, name)
    found = moments(table.sum(axis=0, keepdims=True), scale)
    return Summary(found.mean, np.array([table.sum(axis=1).mean()]) / found.dispersion)
