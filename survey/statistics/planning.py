"""Before a wave: what it will be able to prove, given how many people are asked and how many of them answer."""

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
FOUND_FACTOR = 1.5  # a change of so many half-widths is found about three times in four (measured.json: planned-change-found)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What so many answers allow: the range around a usual share (None: too few to show), and the change that would have shown."""

    invited: int
    rate: float
    answers: int
    level: Interval | None
    change: float | None

    @property
    def too_wide(self) -> bool:
        """Whether the range would be too wide to be printed."""
        return self.level is not None and too_wide(self.level, 1.0)


def outlook(
    invited: int, rate: float, share: float = USUAL_SHARE, confidence: float = 0.95
) -> Outlook:
    """What to expect of a wave when this share of the invited answers; refuses fewer than one invited and rates outside (0, 1].

    >>> found = outlook(100, 0.6)
    >>> found.answers, found.level.low, found.level.high, round(found.change, 2)
    (60, 0.62, 0.77, 0.24)
    """
    people = int(checked_whole("invited", invited, lowest=1))
    if not 0 < checked_number("rate", rate) <= 1:
        raise ValueError(f"rate must lie within 0..1, and above 0: {rate!r}")
    answers = round(people * rate)
    level = (
        proportion_interval(
            round(checked_fraction("share", share) * answers), answers, people, confidence
        )
        if answers >= SHARE_FROM
        else None
    )
    return Outlook(
        people,
        rate,
        answers,
        level,
        detectable_change(answers, share, confidence) if answers >= DETAIL_FROM else None,
    )


def detectable_change(answers: int, share: float = USUAL_SHARE, confidence: float = 0.95) -> float:
    """The change between two waves of so many answers each that would probably be found, for a share near this one (0..1).

    >>> [round(100 * detectable_change(n)) for n in (12, 36, 60, 120, 360, 600)]
    [51, 31, 24, 17, 10, 8]
    """
    n = int(checked_whole("answers", answers, lowest=1))
    wave = Summary(
        np.array([round(checked_fraction("share", share) * n) / n]), np.array([float(n)])
    )
    found = mover_interval(wave, wave, 1.0, quantile(confidence))[0]
    return FOUND_FACTOR * (found.high - found.low) / 2


def chance_of_answers(invited: int, at_least: int = DETAIL_FROM, rate: float = 0.65) -> float:
    """How likely at least so many answers come in when everybody answers with this probability (binomial).

    >>> [round(100 * chance_of_answers(n)) for n in (10, 12, 15, 19)]
    [1, 15, 56, 91]
    """
    from scipy.special import bdtrc

    people, fewest = (
        int(checked_whole("invited", invited, lowest=1)),
        int(checked_whole("at_least", at_least)),
    )
    return (
        float(bdtrc(fewest - 1, people, checked_fraction("rate", rate)))
        if people >= fewest
        else 0.0
    )
