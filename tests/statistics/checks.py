"""What the simulations share: companies and their answers, and the checks that sum them up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from survey.statistics.values import Differences, Intervals

Size = Literal["small", "large"]
Array = NDArray[Any]
Scale = tuple[float, ...]

SHARE: Scale = (0, 1)
ONE_TO_FIVE: Scale = (1, 2, 3, 4, 5)
CLOSE = 1e-9
SHAPES = {
    "typical": (0.05, 0.10, 0.20, 0.40, 0.25),
    "high": (0.01, 0.03, 0.08, 0.38, 0.50),
    "ceiling 90": (0.01, 0.01, 0.02, 0.06, 0.90),
    "ceiling 97": (0.003, 0.003, 0.004, 0.02, 0.97),
    "polarised": (0.35, 0.10, 0.05, 0.10, 0.40),
    "low": (0.40, 0.30, 0.15, 0.10, 0.05),
}
NPS_SHAPES = {
    "typical": (0.25, 0.40, 0.35),
    "high": (0.06, 0.24, 0.70),
    "ceiling 90": (0.03, 0.07, 0.90),
    "ceiling 97": (0.01, 0.02, 0.97),
    "polarised": (0.45, 0.10, 0.45),
    "low": (0.70, 0.20, 0.10),
}
DESIGNS = ([8] * 6, [15] * 12, [40, 60], [10] * 3, [12, 25, 60, 140], [100, 100], [8] * 30)
PAIRS_SHARE = ((10, 10), (12, 12), (12, 18), (36, 36), (60, 180), (300, 300))
PAIRS_MEAN = ((10, 10), (12, 18), (36, 36), (60, 180), (120, 120))
QUESTIONS = 10
DEPARTMENTS = (10, 12, 14, 16, 20, 25, 30, 40)  # answers


@dataclass(frozen=True, slots=True)
class Check:
    """What was measured: in how many situations, against which bound, with the worst and the mean
    of them.
    """

    id: str
    what: str
    cells: int
    at_least: bool
    bound: float
    worst: float
    mean: float

    @property
    def holds(self) -> bool:
        """Whether the worst situation keeps the bound."""
        return self.worst >= self.bound if self.at_least else self.worst <= self.bound


Measured = tuple[str, bool, float, Sequence[float]]
CHECKS: dict[str, Callable[[Size], Check]] = {}


def check(name: str) -> Callable[[Callable[[Size], Measured]], Callable[[Size], Check]]:
    """Registers a function that measures; its result is summed up under this name."""

    def register(measure: Callable[[Size], Measured]) -> Callable[[Size], Check]:
        def summed(size: Size) -> Check:
            what, at_least, bound, rates = measure(size)
            worst = min(rates) if at_least else max(rates)
            return Check(
                name,
                what,
                len(rates),
                at_least,
                bound,
                round(float(worst), 4),
                round(float(np.mean(rates)), 4),
            )

        CHECKS[name] = summed
        return summed

    return register


def contains(ranges: Intervals | Differences, truth: float | Array) -> Array:
    """Which of the ranges hold the truth."""
    held: Array = (ranges.low <= truth + CLOSE) & (ranges.high >= truth - CLOSE)
    return held


def called_different(differences: Differences) -> Array:
    """Which of the differences have p < .05."""
    different: Array = differences.p_value < 0.05
    return different
