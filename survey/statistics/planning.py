"""Before a wave: what it will be able to show, given how many are asked and how many answer."""

from dataclasses import dataclass

import numpy as np

from survey.statistics.difference import mover_interval
from survey.statistics.levels import proportion_interval
from survey.statistics.suppression import DETAIL_FROM, SHARE_FROM, too_wide
from survey.statistics.values import (
    Interval,
    checked_fraction,
    checked_number,
    checked_whole,
    quantile,
)
from survey.statistics.wilson import Summary

USUAL_SHARE = 0.7
RATES = (0.4, 0.6, 0.8)
# A change of so many half-widths is found about three times in four
# (measured.json: planned-change-found).
FOUND_FACTOR = 1.5


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a wave with so many answers could show: its range, and the change it could find.

    `level` is the range around a usual share, None when the answers are too few to be shown;
    `change` the change between two waves that would probably be found, None when too few.
    """

    invited: int
    rate: float
    answers: int
    level: Interval | None
    change: float | None

    @property
    def too_wide(self) -> bool:
        """Whether the range would be too wide to be printed; False where there is none."""
        return self.level is not None and too_wide(self.level, 1.0)


def outlook(
    invited: int, rate: float, share: float = USUAL_SHARE, confidence: float = 0.95
) -> Outlook:
    """What a wave could show if the share `rate` of `invited` people answers: range and change.

    `share` is the satisfied share to expect (0..1). Refuses fewer than one invited and rates
    outside (0, 1].

    >>> expected = outlook(100, 0.6)
    >>> expected.answers, expected.level.low, expected.level.high, round(expected.change, 2)
    (60, 0.62, 0.77, 0.24)
    """
    people = int(checked_whole("invited", invited, lowest=1))
    if not 0 < checked_number("rate", rate) <= 1:
        raise ValueError(f"rate must lie within 0..1, and above 0: {rate!r}")
    answers = round(people * rate)
    level = change = None
    if answers >= SHARE_FROM:
        satisfied = round(checked_fraction("share", share) * answers)
        level = proportion_interval(satisfied, answers, people, confidence)
    if answers >= DETAIL_FROM:
        change = detectable_change(answers, share, confidence)
    return Outlook(people, rate, answers, level, change)


def detectable_change(answers: int, share: float = USUAL_SHARE, confidence: float = 0.95) -> float:
    """The smallest change between two waves of so many answers each that would probably be found.

    The change is one of a share (0..1) near `share`; "probably" is about three times in four.

    >>> [round(100 * detectable_change(n)) for n in (12, 36, 60, 120, 360, 600)]
    [51, 31, 24, 17, 10, 8]
    """
    n = int(checked_whole("answers", answers, lowest=1))
    satisfied = round(checked_fraction("share", share) * n)
    wave = Summary(np.array([satisfied / n]), np.array([float(n)]))
    no_change = mover_interval(wave, wave, 1.0, quantile(confidence))[0]
    return FOUND_FACTOR * (no_change.high - no_change.low) / 2


def chance_of_answers(invited: int, at_least: int = DETAIL_FROM, rate: float = 0.65) -> float:
    """The probability (0..1) that at least `at_least` of the invited people answer.

    Each answers with probability `rate`. The upper tail of the binomial distribution of `invited`
    draws; 0 when fewer are invited.

    >>> [round(100 * chance_of_answers(n)) for n in (10, 12, 15, 19)]
    [1, 15, 56, 91]
    """
    from scipy.special import bdtrc

    people = int(checked_whole("invited", invited, lowest=1))
    fewest = int(checked_whole("at_least", at_least))
    if people < fewest:
        return 0.0
    return float(bdtrc(fewest - 1, people, checked_fraction("rate", rate)))
