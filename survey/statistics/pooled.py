"""Several waves of the same people as one: the answers are pooled, but weigh as much as one wave's.

Who answers four waves is four times the same person, not four people; so the score is that of all
answers together, and its number of answers is the mean of the waves'.
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
    """The mean of all waves' answers, with a range as wide as one wave of mean size has.

    The range is about the process; all is in the unit of `values`. `waves` are counts per value,
    one row a wave. Refuses what `mean_intervals` refuses, and no waves.

    In the example 113 of 164 answers are satisfied, and there are 41 answers a wave:

    >>> i = pooled_interval([(13, 29), (13, 25), (13, 31), (12, 28)], (0, 1))
    >>> round(i.estimate, 4), round(i.low, 4), round(i.high, 4)
    (0.689, 0.5364, 0.8093)
    """
    z = quantile(confidence)
    scale = checked_values(values)
    summary = _summarise_waves(waves, scale, "waves")
    low, high = summary.limits(z)
    lowest, width = scale[0], scale[-1] - scale[0]
    return Interval(
        lowest + width * float(summary.mean[0]),
        lowest + width * float(low[0]),
        lowest + width * float(high[0]),
        confidence,
        POOLED,
    )


def pooled_difference(
    first: Sequence[Sequence[int]],
    second: Sequence[Sequence[int]],
    values: Sequence[float],
    confidence: float = 0.95,
) -> Difference:
    """The mean of all `first` waves minus that of all `second` ones, with range and p-value.

    Put the later waves first. A pool counts as one wave of the mean size; refuses what
    `pooled_interval` refuses.

    >>> d = pooled_difference([(13, 29), (13, 25)], [(20, 20), (18, 22)], (0, 1))
    >>> round(d.estimate, 3), round(d.p_value, 3)
    (0.15, 0.17)
    """
    z = quantile(confidence)
    scale = checked_values(values)
    summary_1 = _summarise_waves(first, scale, "first")
    summary_2 = _summarise_waves(second, scale, "second")
    return mover_interval(summary_1, summary_2, scale[-1] - scale[0], z)[0]


def _summarise_waves(waves: Sequence[Sequence[int]], scale: Sequence[float], name: str) -> Summary:
    """The mean of all waves' answers together, weighing as much as one wave of mean size.

    Refuses no waves.
    """
    if not len(waves):
        raise ValueError(f"{name} must hold at least one wave")
    table = checked_counts(waves, scale, name)
    pooled = moments(table.sum(axis=0, keepdims=True), scale)
    mean_answers = np.array([table.sum(axis=1).mean()])
    return Summary(pooled.mean, mean_answers / pooled.dispersion)
