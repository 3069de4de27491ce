"""The generalised Wilson interval: means, NPS, and proportions of a process, in array form over cells.

Wilson, J. Am. Statist. Assoc. 22 (1927) for proportions. For bounded scales the variance of the answers, with one imagined answer
at each end, takes the place of p(1 - p): an effective number of answers n / phi. Finite populations: n (N - 1) / (N - n).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from survey.statistics.values import Floats, Whole

LOWEST_DISPERSION = 0.02


@dataclass(frozen=True, slots=True)
class Moments:
    """Answers on the unit scale, one entry per cell: number, mean, the regularised mean, and the dispersion phi around it."""

    answers: Floats
    mean: Floats
    centre: Floats
    dispersion: Floats

    @property
    def variance(self) -> Floats:
        """The regularised variance of one answer."""
        return self.dispersion * self.centre * (1 - self.centre)


@dataclass(frozen=True, slots=True)
class Summary:
    """What a Wilson interval is made of, on the unit scale, one entry per cell: a mean and an effective number of answers."""

    mean: Floats
    effective: Floats

    def limits(self, z: float | Floats) -> tuple[Floats, Floats]:
        """Both ends at this quantile."""
        r = z * z / self.effective
        centre = (self.mean + r / 2) / (1 + r)
        half = np.sqrt(r * self.mean * (1 - self.mean) + r * r / 4) / (1 + r)
        return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def moments(counts: ArrayLike, values: ArrayLike) -> Moments:
    """Moments of cells: `counts` is (... x values), `values` the ascending scale, mapped to 0..1; a cell without answers has mean 0."""
    table = np.asarray(counts, dtype=float)
    scale = np.asarray(values, dtype=float)
    unit = (scale - scale[0]) / (scale[-1] - scale[0])
    answers = table.sum(axis=-1)
    first, second = table @ unit, table @ unit**2
    centre = (first + 1) / (answers + 2)
    spread = (second + 1) / (answers + 2) - centre**2
    dispersion = np.clip(spread / (centre * (1 - centre)), LOWEST_DISPERSION, 1.0)
    return Moments(answers, first / np.maximum(answers, 1), centre, dispersion)


def summarise_process(found: Moments) -> Summary:
    """About the process behind the answers: no correction for a finite population."""
    return Summary(found.mean, found.answers / found.dispersion)


def level_limits(found: Moments, people: Whole, z: float) -> tuple[Floats, Floats]:
    """Both ends on the unit scale about these people: corrected, and cut to what is still possible; a point where all answered."""
    silent = people - found.answers
    share = silent / np.maximum(people - 1, 1)
    corrected = Summary(
        found.mean, found.answers / found.dispersion / np.where(silent > 0, share, 1)
    )
    low, high = corrected.limits(z)
    positive = found.answers * found.mean
    low = np.where(silent > 0, np.maximum(low, positive / people), found.mean)
    high = np.where(silent > 0, np.minimum(high, (positive + silent) / people), found.mean)
    return low, high
