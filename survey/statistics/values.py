"""What the functions return, and the checks they share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral

from scipy.special import ndtri

EVERYONE = "everyone answered"


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
class Difference:
    """First minus second, with its range and two-sided p-value."""

    estimate: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Stratum:
    """One reporting group: people invited (less opt-outs) and answers per value, zeros included."""

    population: int
    counts: tuple[int, ...]


def quantile(confidence: float) -> float:
    """The two-sided normal quantile; refuses anything not strictly between 0 and 1, so 95 too."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie strictly between 0 and 1: {confidence!r}")
    return float(ndtri(0.5 + confidence / 2))


def whole(name: str, value: object, *, lowest: int = 0) -> int:
    """A whole number of any kind, at least `lowest`; refuses fractions, NaN and what is too small, by name."""
    if isinstance(value, Integral) or (isinstance(value, float) and value.is_integer()):
        number = int(value)
    else:
        raise ValueError(f"{name} must be a whole number: {value!r}")
    if number < lowest:
        raise ValueError(f"{name} must be at least {lowest}: {value!r}")
    return number


def checked_counts(counts: Sequence[int], values: Sequence[float], name: str = "counts") -> tuple[int, ...]:
    """Counts as whole numbers, as many as there are values and at least one answer among them."""
    if len(counts) != len(values):
        raise ValueError(f"{name} and values must be of equal length: {len(counts)} and {len(values)}")
    found = tuple(whole(name, count) for count in counts)
    if not sum(found):
        raise ValueError(f"{name} holds no answers: {tuple(counts)!r}")
    return found


def checked_values(values: Sequence[float]) -> tuple[float, ...]:
    """A whole scale: two or more finite values, strictly ascending."""
    found = tuple(float(value) for value in values)
    if len(found) < 2:
        raise ValueError(f"values must hold at least two points: {values!r}")
    if not all(math.isfinite(value) for value in found):
        raise ValueError(f"values must be finite: {values!r}")
    if any(a >= b for a, b in pairwise(found)):
        raise ValueError(f"values must ascend strictly: {values!r}")
    return found


def checked_population(population: int | None, answers: int) -> int | None:
    """A population of at least one and at least the answers, or None."""
    if population is None:
        return None
    found = whole("population", population, lowest=1)
    if answers > found:
        raise ValueError(f"answers ({answers}) exceed the population ({found})")
    return found
