"""Before a wave: what it will be able to show, given how many are asked and how many answer."""

from dataclasses import dataclass

from survey.statistics.detectable import Detectable, detectable_moves
from survey.statistics.levels import proportion_interval
from survey.statistics.suppression import DETAIL_FROM, SHARE_FROM
from survey.statistics.values import Interval, checked_fraction, checked_number, checked_whole
from survey.statistics.widest import too_few_to_say

USUAL_SHARE = 0.7
RATES = (0.4, 0.6, 0.8)
# The findings' words for a change still multiply by it; it goes with them.
FOUND_FACTOR = 1.5


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a wave with so many answers could show: its range, and the change it could find.

    `level` is the range around a usual share, None when the answers are too few to be shown;
    `moves` the rise and the fall between two such waves that would be found in 80 of 100 cases,
    None when too few.
    """

    invited: int
    rate: float
    answers: int
    level: Interval | None
    moves: Detectable | None

    @property
    def is_too_few(self) -> bool:
        """Whether so many answers say too little for any range to be printed."""
        return self.level is None or too_few_to_say([(self.answers, self.invited)], is_share=True)


def outlook(
    invited: int, rate: float, share: float = USUAL_SHARE, confidence: float = 0.95
) -> Outlook:
    """What a wave could show if the share `rate` of `invited` people answers: range and change.

    `share` is the satisfied share to expect (0..1). The change is that of one measure alone, such
    as the overall one. Refuses fewer than one invited and rates outside (0, 1].

    >>> expected = outlook(100, 0.6)
    >>> expected.answers, expected.level.low, expected.level.high
    (60, 0.62, 0.77)
    >>> round(expected.moves.rise, 2), round(expected.moves.fall, 2)
    (0.21, 0.25)
    """
    people = int(checked_whole("invited", invited, lowest=1))
    if not 0 < checked_number("rate", rate) <= 1:
        raise ValueError(f"rate must lie within 0..1, and above 0: {rate!r}")
    answers = round(people * rate)
    level, moves = None, None
    if answers >= SHARE_FROM:
        satisfied = round(checked_fraction("share", share) * answers)
        level = proportion_interval(satisfied, answers, people, confidence)
    if answers >= DETAIL_FROM:
        moves = detectable_moves(share, (answers, answers), confidence=confidence)
    return Outlook(people, rate, answers, level, moves)


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
