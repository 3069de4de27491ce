"""What the functions of `survey.statistics` return, and the checks of what they are given.

The checks are made over whole arrays of cells at once; each raises ValueError with the argument's
name and the first value that is wrong.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

EVERYONE = "everyone answered"
MIX_MOVED = 0.10  # enough to move a value by 3 points where departments differ by 30
LARGEST = 2**53  # beyond it floats miss whole numbers

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the range compatible with the data, in the unit of the values.

    Always low <= estimate <= high.
    """

    estimate: float
    low: float
    high: float
    confidence: float
    method: str

    def __post_init__(self) -> None:
        """Moves `low` and `high` to the estimate where rounding put them beyond it."""
        object.__setattr__(self, "low", min(self.low, self.estimate))
        object.__setattr__(self, "high", max(self.high, self.estimate))


@dataclass(frozen=True, slots=True)
class Intervals:
    """Intervals of many cells: arrays with one entry per cell, all with the same confidence."""

    estimate: Floats
    low: Floats
    high: Floats
    confidence: float
    method: NDArray[np.str_]

    def __post_init__(self) -> None:
        """Moves `low` and `high` to the estimate where rounding put them beyond it."""
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
    """First mean minus second, with its range and two-sided p-value.

    `mix_shift` is how far the departments' shares of the people invited moved between the two
    (0..1; 0 where it was not asked).
    """

    estimate: float
    low: float
    high: float
    p_value: float
    mix_shift: float = 0.0

    @property
    def is_mix_moved(self) -> bool:
        """Whether the shares moved by more than a tenth, so that no change may be called clear."""
        return self.mix_shift > MIX_MOVED + 1e-9

    def with_mix_shift(self, shift: float) -> "Difference":
        """The same difference, of companies whose mix moved by `shift`."""
        return Difference(self.estimate, self.low, self.high, self.p_value, shift)

    def within_scale(self, width: float) -> "Difference":
        """The same difference, its range cut at what is possible on a scale of this width.

        >>> Difference(-0.4, -1.2, 0.4, 0.3).within_scale(1.0).low
        -1.0
        """
        low, high = max(self.low, -width), min(self.high, width)
        return Difference(self.estimate, low, high, self.p_value, self.mix_shift)


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
    """The two-sided normal quantile z of a confidence (0..1): 1.96 for 0.95.

    Refuses a confidence not strictly between 0 and 1, so 95 too.
    """
    if not 0 < checked_number("confidence", confidence) < 1:
        raise ValueError(f"confidence must lie strictly between 0 and 1: {confidence!r}")
    from scipy.special import ndtri

    return float(-ndtri((1 - confidence) / 2))


def checked_reals(name: str, values: ArrayLike) -> Floats:
    """The values as an array of floats; refuses text, NaN and infinities, by name and value."""
    array = _as_rectangle(name, values)
    if array.dtype.kind not in "iufb":
        raise ValueError(f"{name} must be a number: {values!r}")
    reals = array.astype(np.float64)
    endless = ~np.isfinite(reals)
    if endless.any():
        raise ValueError(f"{name} must be finite: {reals[endless].flat[0].item()!r}")
    return reals


def checked_number(name: str, value: float) -> float:
    """One finite number as a float; refuses arrays, text, NaN and infinities."""
    number = checked_reals(name, value)
    if number.ndim:
        raise ValueError(f"{name} must be one number: {value!r}")
    return float(number)


def checked_fraction(name: str, value: float) -> float:
    """One number within 0..1 as a float; refuses anything else, so 80 too."""
    if not 0 <= checked_number(name, value) <= 1:
        raise ValueError(f"{name} must lie within 0..1: {value!r}")
    return float(value)


def checked_whole(name: str, values: ArrayLike, *, lowest: int = 0) -> Whole:
    """Whole numbers as an integer array, each from `lowest` to 2^53; refuses others.

    Refuses fractions, NaN, what is too small or too large, by name and value; 3.0 is whole.
    """
    array = _as_rectangle(name, values)
    if array.dtype.kind not in "iufb":
        raise ValueError(f"{name} must be a whole number: {values!r}")
    if array.dtype.kind == "f":
        fractions = ~(np.isfinite(array) & (np.floor(array) == array))
        if fractions.any():
            raise ValueError(f"{name} must be a whole number: {array[fractions].flat[0].item()!r}")
    small = array < lowest
    if small.any():
        raise ValueError(f"{name} must be at least {lowest}: {array[small].flat[0].item()!r}")
    large = array > LARGEST
    if large.any():
        raise ValueError(f"{name} must be at most {LARGEST}: {array[large].flat[0].item()!r}")
    return array.astype(np.int64)


def _as_rectangle(name: str, values: ArrayLike) -> NDArray[Any]:
    """The values as an array of any type; refuses rows of unequal length."""
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must hold rows of equal length") from error


def checked_successes(successes: ArrayLike, answers: ArrayLike) -> tuple[Whole, Whole]:
    """Both as integer arrays; refuses no answers, and more successes than answers.

    Gives successes x first, then answers n, one per cell.
    """
    n, x = checked_whole("answers", answers, lowest=1), checked_whole("successes", successes)
    if n.shape != x.shape or n.ndim != 1:
        raise ValueError(f"successes and answers must be of equal length: {x.shape} and {n.shape}")
    refuse_where(x > n, lambda at: f"successes ({x[at]}) exceed answers ({n[at]})")
    return x, n


def checked_counts(counts: ArrayLike, values: Sequence[float], name: str = "counts") -> Whole:
    """Counts as an array of cells x values; refuses a cell without answers or of wrong length.

    Each cell has one count per value of the scale.
    """
    table = checked_whole(name, counts)
    if table.ndim != 2:
        raise ValueError(f"{name} must hold one row of counts per cell")
    if table.shape[1] != len(values):
        raise ValueError(
            f"{name} and values must be of equal length: {table.shape[1]} and {len(values)}"
        )
    refuse_where(
        table.sum(axis=1) == 0,
        lambda at: f"{name} holds no answers: {tuple(table[at].tolist())!r}",
    )
    return table


def checked_values(values: Sequence[float]) -> tuple[float, ...]:
    """The scale as a tuple; refuses fewer than two values, or any not strictly ascending.

    Infinite ones and those too far apart are refused too.
    """
    scale = tuple(checked_reals("values", values).ravel().tolist())
    if len(scale) < 2:
        raise ValueError(f"values must hold at least two points: {values!r}")
    if any(lower >= upper for lower, upper in pairwise(scale)):
        raise ValueError(f"values must ascend strictly: {values!r}")
    if scale[-1] - scale[0] == float("inf"):
        raise ValueError(f"values lie too far apart: {values!r}")
    return scale


def checked_population(population: ArrayLike, answers: Whole) -> Whole:
    """People per cell as an array; refuses fewer than one, or fewer than answered."""
    people = checked_whole("population", population, lowest=1)
    if people.shape != answers.shape:
        raise ValueError(
            f"population must have one entry per cell: {people.shape} for {answers.shape}"
        )
    refuse_where(
        answers > people,
        lambda at: f"answers ({answers[at]}) exceed the population ({people[at]})",
    )
    return people


def refuse_where(wrong: NDArray[np.bool_], say: Callable[[tuple[int, ...]], str]) -> None:
    """Raises ValueError about the first wrong cell; `say` makes the sentence from its index."""
    if wrong.any():
        first = tuple(int(part) for part in np.argwhere(wrong)[0])
        raise ValueError(say(first))
