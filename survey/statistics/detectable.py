"""How large a change would probably have shown, given how many others are judged with it.

With h, half the width of the 95 % range, a change is called clear when it passes z h / 1.96, and
one larger by 0.84 h / 1.96 does so in about 80 of 100 waves (Cohen, Statistical Power Analysis,
1988). In a family of m comparisons z is that of 1 - 0.025 / m: the case in which this change is the
only one, and so the hardest.
"""

from dataclasses import dataclass

import numpy as np

from survey.statistics.difference import mover_interval, mover_limits
from survey.statistics.trends import Trend
from survey.statistics.values import (
    checked_fraction,
    checked_number,
    checked_reals,
    checked_whole,
    quantile,
)
from survey.statistics.wilson import Summary

POWER = 0.8
STEPS_OF_SHARE = 1000  # a tenth of a point
_MIDDLES = (np.arange(2000) + 0.5) / 2000  # of equal parts of a distribution


@dataclass(frozen=True, slots=True)
class Detectable:
    """The rise and the fall that would probably have shown, in the unit of the values.

    Both are positive; None for one that is impossible: from 85 % nothing rises by 24 points.
    """

    rise: float | None
    fall: float | None


def detectable_factor(
    members: int = 1, confidence: float = 0.95, degrees: int | None = None
) -> float:
    """How many half-widths of its range a change must have, to be found in 80 % of waves.

    `members` is the size of its family, itself included. `degrees` are those of the t-test that
    judges it too, by how far waves swing; None where two waves alone do. The half-width is always
    that of the two waves. Refuses fewer than one of either.

    >>> [round(detectable_factor(members), 2) for members in (1, 8, 40)]
    [1.43, 1.82, 2.08]
    >>> [round(detectable_factor(degrees=degrees), 2) for degrees in (3, 5)]
    [2.17, 1.79]
    """
    from scipy.special import ndtri

    number = int(checked_whole("members", members, lowest=1))
    z = quantile(confidence)
    tail = (1 - confidence) / 2 / number
    if degrees is None:
        return float((ndtri(POWER) - ndtri(tail)) / z)
    return _shift_found(tail, int(checked_whole("degrees", degrees, lowest=1))) / z


def _shift_found(tail: float, degrees: int) -> float:
    """How many standard errors a change must have for a t-test to find it in 80 % of waves.

    The noncentrality at which the t-distribution exceeds its quantile with probability `POWER`:
    the mean of that over the standard error, which is known by so many degrees only.
    """
    from scipy.special import gammaincinv, ndtr, stdtrit

    known = np.sqrt(2 * gammaincinv(degrees / 2, _MIDDLES) / degrees)
    limits = -stdtrit(degrees, tail) * known
    low, high = float(limits.min()) - 10, float(limits.max()) + 10
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if ndtr(middle - limits).mean() > POWER else (middle, high)
    return high


def detectable_rise(found: Trend, members: int = 1) -> float:
    """How large a rise over the trend's whole span would probably have shown, in its family.

    In the unit of the values. Where swings decide (`degrees`), by the t-distribution.

    >>> found = Trend(0.02, -0.1, 0.14, 0.74, 0.95, (0, 1, 2, 3, 4), 36, None)
    >>> round(detectable_rise(found), 3), round(detectable_rise(found, 8), 3)
    (0.172, 0.219)
    """
    from scipy.special import stdtrit

    half = max(found.high - found.rise, found.rise - found.low)
    if found.degrees is None:
        return detectable_factor(members, found.confidence) * half
    number = int(checked_whole("members", members, lowest=1))
    tail = (1 - found.confidence) / 2
    needed = _shift_found(tail / number, found.degrees)
    return float(half * needed / -stdtrit(found.degrees, tail))


def detectable_in_family(
    answers: int, share: float = 0.7, members: int = 1, confidence: float = 0.95
) -> float:
    """The change of a share (0..1) near `share` that two waves would probably show.

    Each of the two has so many `answers`; the change is one of a family of `members`.

    >>> [round(100 * detectable_in_family(n)) for n in (12, 36, 60, 120, 360, 600)]
    [48, 29, 23, 16, 10, 7]
    >>> [round(100 * detectable_in_family(n, members=8)) for n in (12, 36, 60, 120, 360, 600)]
    [62, 38, 29, 21, 12, 9]
    """
    n = int(checked_whole("answers", answers, lowest=1))
    satisfied = round(checked_fraction("share", share) * n)
    wave = Summary(np.array([satisfied / n]), np.array([float(n)]))
    no_change = mover_interval(wave, wave, 1.0, quantile(confidence))[0]
    return detectable_factor(members, confidence) * (no_change.high - no_change.low) / 2


def detectable_moves(
    share: float,
    answers: tuple[float, float],
    members: int = 1,
    confidence: float = 0.95,
    degrees: int | None = None,
) -> Detectable:
    """The rise and the fall from `share` (0..1) that two waves would probably have shown.

    `answers` are the effective numbers of the later and of the earlier wave (`effective_answers`);
    `degrees` as in `detectable_factor`, for a change that `change_within_trend` judges by six or
    more waves (`degrees_of_swings`).
    Each is the smallest move whose p-value would be that of both quantiles together; unlike a
    half-width times `detectable_factor` it allows for the wider range of the value moved to, so
    that near 0 and 100 % it is found as often as said. A move that no share could make is None.

    >>> moves = detectable_moves(0.7, (60, 60))
    >>> round(moves.rise, 2), round(moves.fall, 2)
    (0.21, 0.25)
    >>> detectable_moves(0.9, (60, 60)).rise is None
    True
    >>> round(detectable_moves(0.7, (60, 60), degrees=5).fall, 2)
    0.32
    """
    before = checked_fraction("share", share)
    numbers = checked_reals("answers", answers)
    if numbers.shape != (2,) or (numbers < 1).any():
        raise ValueError(f"answers must be two numbers of at least 1: {answers!r}")
    z = detectable_factor(members, confidence, degrees) * quantile(confidence)
    moved = np.linspace(0, 1, STEPS_OF_SHARE + 1)
    later = Summary(moved, np.full(moved.shape, numbers[0]))
    earlier = Summary(np.full(moved.shape, before), np.full(moved.shape, numbers[1]))
    low, high = mover_limits(later, earlier, z)
    clear_up, clear_down = moved[low > 0], moved[high < 0]
    return Detectable(
        float(clear_up[0] - before) if len(clear_up) else None,
        float(before - clear_down[-1]) if len(clear_down) else None,
    )


def possible_moves(value: float, change: float, lowest: float, highest: float) -> Detectable:
    """A change that would have shown, as a rise and a fall, each only where it is possible.

    `value` is where the measure was before, `lowest` and `highest` are the ends of its scale.

    >>> possible_moves(0.85, 0.24, 0.0, 1.0)
    Detectable(rise=None, fall=0.24)
    """
    size = abs(checked_number("change", change))
    before = checked_number("value", value)
    return Detectable(
        size if before + size <= highest + 1e-9 else None,
        size if before - size >= lowest - 1e-9 else None,
    )
