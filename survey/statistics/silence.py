"""What those who did not answer could change."""

import math

from survey.statistics.values import Interval, checked_population, whole


def feasible_range(successes: int, answers: int, population: int) -> Interval:
    """The lowest and highest share that is possible, whatever the silent think.

    >>> i = feasible_range(45, 62, 140)
    >>> round(i.estimate, 4), round(i.low, 4), round(i.high, 4)
    (0.7258, 0.3214, 0.8786)
    """
    x, n, people = _checked(successes, answers, population)
    return Interval(x / n, x / people, (x + people - n) / people, 1.0, "feasible range")


def break_even(successes: int, answers: int, population: int, target: float) -> float | None:
    """The share of the silent who would have to be satisfied for the target to be met; None when everyone answered.

    At most 0: met whatever they think; above 1: missed whatever they think. Refuses a target outside 0..1, so 80 too.

    >>> round(break_even(45, 62, 140, 0.8), 3)
    0.859
    """
    x, n, people = _checked(successes, answers, population)
    if not (math.isfinite(target) and 0 <= target <= 1):
        raise ValueError(f"target must lie within 0..1: {target!r}")
    return None if people == n else (people * target - x) / (people - n)


def _checked(successes: int, answers: int, population: int) -> tuple[int, int, int]:
    n = whole("answers", answers, lowest=1)
    x = whole("successes", successes)
    if x > n:
        raise ValueError(f"successes ({x}) exceed answers ({n})")
    people = checked_population(population, n)
    if people is None:
        raise ValueError("population must be given")
    return x, n, people
