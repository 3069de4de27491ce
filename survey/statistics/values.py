"""What the functions return, and the checks they share: everything is checked over whole arrays of cells at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

EVERYONE = "everyone answered"
LARGEST = 2**53  # beyond it floats miss whole numbers

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the range compatible with the data, in the unit of the values; low <= estimate <= high always."""

    estimate: float
    low: float
    high: float
    confidence: float
    method: str

    def __post_init__(self) -> None:
        """Keeps the order against rounding in the last digit."""
        object.__setattr__(self, "low", min(self.low, self.estimate))
        object.__setattr__(self, "high", max(self.high, self.estimate))


@dataclass(frozen=True, slots=True)
class Intervals:
    """Intervals of many cells: four arrays with one entry per cell, all with the same confidence."""

    estimate: Floats
    low: Floats
    high: Floats
    confidence: float
    method: NDArray[np.str_]

    def __post_init__(self) -> None:
        """Keeps the order against rounding in the last digit."""
        object.__setattr__(self, "low", np.minimum(self.low, self.estimate))
        object.__setattr__(self, "high", np.maximum(self.high, self.estimate))

    def __len__(self) -> int:
        return len(self.estimate)

    def __getitem__(self, cell: int) -> Interval:
        return Interval(
            float(self.estimate[cell]),
            float(self.low[cell]),
            float(self.high[cell]),
            self.confidence,
            str(self.method[cell]),
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """First minus second, with its range and two-sided p-value."""

    estimate: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Differences:
    """Differences of many pairs of cells: arrays with one entry per pair."""

    estimate: Floats
    low: Floats
    high: Floats
    p_value: Floats

    def __len__(self) -> int:
        return len(self.estimate)

    def __getitem__(self, cell: int) -> Difference:
        return Difference(
            float(self.estimate[cell]),
            float(self.low[cell]),
            float(self.high[cell]),
            float(self.p_value[cell]),
        )


@dataclass(frozen=True, slots=True)
class Stratum:
    """One reporting group: people invited (less opt-outs) and answers per value, zeros included."""

    population: int
    counts: tuple[int, ...]


def quantile(confidence: float) -> float:
    """The two-sided normal quantile; refuses anything not strictly between 0 and 1, so 95 too."""
    if not 0 < checked_number("confidence", confidence) < 1:
        raise ValueError(f"confidence must lie strictly between 0 and 1: {confidence!r}")
    from scipy.special import ndtri

    return float(-ndtri((1 - confidence) / 2))


def checked_reals(name: str, values: ArrayLike) -> Floats:
    """Finite numbers of any kind; refuses text, NaN and infinities, by name and value."""
    found = _rectangular(name, values)
    if found.dtype.kind not in "iufb":
        raise ValueError(f"{name} must be a number: {values!r}")
    found = found.astype(np.float64)
    endless = ~np.isfinite(found)
    if endless.any():
        raise ValueError(f"{name} must be finite: {found[endless].flat[0].item()!r}")
    return found


def checked_number(name: str, value: float) -> float:
    """One finite number."""
    found = checked_reals(name, value)
    if found.ndim:
        raise ValueError(f"{name} must be one number: {value!r}")
    return float(found)


def checked_fraction(name: str, value: float) -> float:
    """One number within 0..1; refuses anything else, so 80 too."""
    if not 0 <= checked_number(name, value) <= 1:
        raise ValueError(f"{name} must lie within 0..1: {value!r}")
    return float(value)


def checked_whole(name: str, values: ArrayLike, *, lowest: int = 0) -> Whole:
    """Whole numbers of any kind, each at least `lowest`; refuses fractions, NaN, what is too small or too large, by name and value."""
    found = _rectangular(name, values)
    if found.dtype.kind not in "iufb":
        raise ValueError(f"{name} must be a whole number: {values!r}")
    if found.dtype.kind == "f":
        fractions = ~(np.isfinite(found) & (np.floor(found) == found))
        if fractions.any():
            raise ValueError(f"{name} must be a whole number: {found[fractions].flat[0].item()!r}")
    small = found < lowest
    if small.any():
        raise ValueError(f"{name} must be at least {lowest}: {found[small].flat[0].item()!r}")
    large = found > LARGEST
    if large.any():
        raise ValueError(f"{name} must be at most {LARGEST}: {found[large].flat[0].item()!r}")
    return found.astype(np.int64)


def _rectangular(name: str, values: ArrayLike) -> NDArray[Any]:
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must hold rows of equal length") from error


def checked_successes(successes: ArrayLike, answers: ArrayLike) -> tuple[Whole, Whole]:
    """Successes and answers per cell, at least one answer each and no more successes than answers."""
    n, x = checked_whole("answers", answers, lowest=1), checked_whole("successes", successes)
    if n.shape != x.shape or n.ndim != 1:
        raise ValueError(f"successes and answers must be of equal length: {x.shape} and {n.shape}")
    refuse_where(x > n, lambda at: f"successes ({x[at]}) exceed answers ({n[at]})")
    return x, n


def checked_counts(counts: ArrayLike, values: Sequence[float], name: str = "counts") -> Whole:
    """Counts as cells x values: as many as there are values, and at least one answer in each cell."""
    found = checked_whole(name, counts)
    if found.ndim != 2:
        raise ValueError(f"{name} must hold one row of counts per cell")
    if found.shape[1] != len(values):
        raise ValueError(
            f"{name} and values must be of equal length: {found.shape[1]} and {len(values)}"
        )
    refuse_where(
        found.sum(axis=1) == 0, lambda at: f"{name} holds no answers: {tuple(found[at].tolist())!r}"
    )
    return found


def checked_values(values: Sequence[float]) -> tuple[float, ...]:
    """A whole scale: two or more finite values, strictly ascending."""
    found = tuple(checked_reals("values", values).ravel().tolist())
    if len(found) < 2:
        raise ValueError(f"values must hold at least two points: {values!r}")
    if any(a >= b for a, b in pairwise(found)):
        raise ValueError(f"values must ascend strictly: {values!r}")
    if found[-1] - found[0] == float("inf"):
        raise ValueError(f"values lie too far apart: {values!r}")
    return found


def checked_population(population: ArrayLike, answers: Whole) -> Whole:
    """People per cell: at least one, and at least as many as answered."""
    found = checked_whole("population", population, lowest=1)
    if found.shape != answers.shape:
        raise ValueError(
            f"population must have one entry per cell: {found.shape} for {answers.shape}"
        )
    refuse_where(
        answers > found, lambda at: f"answers ({answers[at]}) exceed the population ({found[at]})"
    )
    return found


def refuse_where(wrong: NDArray[np.bool_], say: Callable[[tuple[int, ...]], str]) -> None:
    """Raises ValueError about the first cell that is wrong."""
    if wrong.any():
        raise ValueError(say(tuple(int(part) for part in np.argwhere(wrong)[0])))
