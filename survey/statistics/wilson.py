"""The generalised Wilson interval: means, NPS, and proportions of a process, over arrays of cells.

Wilson, J. Am. Statist. Assoc. 22 (1927) for proportions. For bounded scales the variance of the
answers, with one imagined answer at each end, takes the place of p (1 - p): their dispersion phi is
that variance divided by p (1 - p), and n / phi is an effective number of answers. About a finite
population of N people, n becomes n (N - 1) / (N - n).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from survey.statistics.values import Floats, Whole

LOWEST_DISPERSION = 0.02


@dataclass(frozen=True, slots=True)
class Moments:
    """Answers on the unit scale 0..1, one entry per cell.

    `answers` is their number n, `mean` their mean, `centre` the mean with one imagined answer at
    each end, and `dispersion` phi around that centre.
    """

    answers: Floats
    mean: Floats
    centre: Floats
    dispersion: Floats

    @property
    def variance(self) -> Floats:
        """The variance of one answer, with the two imagined answers."""
        return self.dispersion * self.centre * (1 - self.centre)


@dataclass(frozen=True, slots=True)
class Summary:
    """A mean on the unit scale and an effective number of answers, one entry per cell.

    They are all that a Wilson interval is made of.
    """

    mean: Floats
    effective: Floats

    def limits(self, z: float | Floats) -> tuple[Floats, Floats]:
        """The low and high ends (0..1) of Wilson's interval at the normal quantile `z`.

        In the formula p is the mean, n the effective number of answers, and r = z^2 / n.
        """
        r = z * z / self.effective
        p = self.mean
        centre = (p + r / 2) / (1 + r)
        half_width = np.sqrt(r * p * (1 - p) + r * r / 4) / (1 + r)
        low = np.minimum(np.maximum(centre - half_width, 0.0), 1.0)  # faster than np.clip
        high = np.minimum(np.maximum(centre + half_width, 0.0), 1.0)
        return low, high


def moments(counts: ArrayLike, values: ArrayLike) -> Moments:
    """The number, mean, centre and dispersion of each cell's answers, on the scale 0..1.

    `counts` is (... x values); `values` is the ascending scale, mapped to 0..1. A cell without
    answers has mean 0.
    """
    table = np.asarray(counts, dtype=float)
    scale = np.asarray(values, dtype=float)
    unit = (scale - scale[0]) / (scale[-1] - scale[0])
    answers = table.sum(axis=-1)
    total = table @ unit
    total_of_squares = table @ unit**2
    mean = np.clip(total / np.maximum(answers, 1), 0, 1)  # weighted counts add up to a hair more
    # The two imagined answers are 0 and 1.
    centre = (total + 1) / (answers + 2)
    variance = (total_of_squares + 1) / (answers + 2) - centre**2
    dispersion = np.clip(variance / (centre * (1 - centre)), LOWEST_DISPERSION, 1.0)
    return Moments(answers, mean, centre, dispersion)


def summarise_process(cells: Moments) -> Summary:
    """Mean and effective number of answers for ranges about the process, not about these people.

    Not corrected for a finite population.
    """
    return Summary(cells.mean, cells.answers / cells.dispersion)


def level_limits(cells: Moments, people: Whole, z: float) -> tuple[Floats, Floats]:
    """The low and high ends (0..1) of ranges about the people asked, at the quantile `z`.

    `people` is N per cell. Corrected for the finite population, and cut to what is still possible,
    whatever those who did not answer think; a point where everyone answered.
    """
    silent = people - cells.answers
    is_partial = silent > 0
    share = silent / np.maximum(people - 1, 1)
    effective = cells.answers / cells.dispersion / np.where(is_partial, share, 1)
    low, high = Summary(cells.mean, effective).limits(z)
    positive = cells.answers * cells.mean
    lowest, highest = positive / people, (positive + silent) / people
    low = np.where(is_partial, np.maximum(low, lowest), cells.mean)
    high = np.where(is_partial, np.minimum(high, highest), cells.mean)
    return low, high
