"""The generalised Wilson interval: means, NPS, and proportions of a process, in array form over cells.

Wilson, J. Am. Statist. Assoc. 22 (1927) for proportions. For bounded scales the variance of the answers, with one imagined
answer at each end, takes the place of p(1 - p): an effective number of answers n / phi. Finite populations: n (N - 1) / (N - n).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
LOWEST_DISPERSION = 0.02


@dataclass(frozen=True, slots=True)
class Moments:
    """Answers on the unit scale, one entry per cell: number, mean, regularised second moment's centre and dispersion."""

    answers: Floats
    mean: Floats
    centre: Floats
    dispersion: Floats


def moments(counts: ArrayLike, values: ArrayLike) -> Moments:
    """Moments of cells: `counts` is cells x values, `values` the ascending scale, mapped to 0..1."""
    table = np.asarray(counts, dtype=float)
    scale = np.asarray(values, dtype=float)
    unit = (scale - scale[0]) / (scale[-1] - scale[0])
    answers = table.sum(axis=-1)
    first, second = table @ unit, table @ unit**2
    centre = (first + 1) / (answers + 2)
    spread = (second + 1) / (answers + 2) - centre**2
    dispersion = np.clip(spread / (centre * (1 - centre)), LOWEST_DISPERSION, 1.0)
    return Moments(answers, first / answers, centre, dispersion)


def limits(mean: ArrayLike, effective: ArrayLike, z: float) -> tuple[Floats, Floats]:
    """Wilson's limits on 0..1 for means with an effective number of answers each."""
    mu, n = np.asarray(mean, dtype=float), np.asarray(effective, dtype=float)
    r = z * z / n
    centre = (mu + r / 2) / (1 + r)
    half = np.sqrt(r * mu * (1 - mu) + r * r / 4) / (1 + r)
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def mean_limits(counts: ArrayLike, values: ArrayLike, z: float, population: ArrayLike | None = None) -> tuple[Floats, Floats, Floats]:
    """Estimates, low and high ends of the means of cells (cells x values), in the unit of `values`.

    With a population per cell the limits are cut to what is still possible; a cell where everyone answered is a point.
    """
    table = np.asarray(counts, dtype=float)
    scale = np.asarray(values, dtype=float)
    found = moments(table, scale)
    effective = found.answers / found.dispersion
    a, width = scale[0], scale[-1] - scale[0]
    if population is None:
        low, high = limits(found.mean, effective, z)
    else:
        people = np.asarray(population, dtype=float)
        silent = people - found.answers
        with np.errstate(divide="ignore", invalid="ignore"):
            low, high = limits(found.mean, effective * (people - 1) / np.where(silent > 0, silent, np.nan), z)
        low = np.where(silent > 0, np.maximum(low, found.answers * found.mean / people), found.mean)
        high = np.where(silent > 0, np.minimum(high, (found.answers * found.mean + silent) / people), found.mean)
    return a + width * found.mean, a + width * low, a + width * high
