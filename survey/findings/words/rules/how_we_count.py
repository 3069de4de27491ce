"""What the page on counting prints besides its example: limits, tables, and what was measured."""

from collections.abc import Mapping
from dataclasses import dataclass

from survey import statistics as st
from survey.findings.words.rules.printing import percent, rounded_number
from survey.findings.words.rules.would_show import moves_in_short
from survey.statistics import suppression
from survey.statistics.detectable import POWER
from survey.statistics.drivers import DRAWS
from survey.statistics.levels import LARGEST_EXACT
from survey.statistics.measured import (
    MeasuredPromise,
    list_measured_promises,
    worst_in_per_cent,
)
from survey.statistics.planning import USUAL_SHARE
from survey.statistics.trends import FEWEST_WAVES, MOST_WAVES, SWINGS_FROM
from survey.statistics.values import MIX_MOVED, quantile
from survey.statistics.verdicts import CLEAR_Q
from survey.waves.rules.waves import CONFIDENCE

PEOPLE = (20, 30, 60, 200, 500)
ANSWERS = (12, 36, 60, 120, 360)
MANY_MEASURES = 8
# What was counted one by one for each company that can be, or each true value of a service.
FOR_EACH = (
    "share-level",
    "share-verdict",
    "stratified-fixed-company",
    "stratified-fixed-three-groups",
    "stratified-fixed-verdict",
    "stratified-fixed-verdict-often",
    "one-dissenter",
    "two-dissenters",
    "share-process",
    "share-process-near-end",
    "no-change-share",
    "change-covered-share",
)
FAILING = "-fail"  # in the name of a check of what goes wrong without one of our rules


@dataclass(frozen=True, slots=True)
class Measured:
    """A measured promise as texts: what was measured, what it must be, the worst and the average.

    The worst is rounded to the unfavourable side; `missed` is the rest to 100%.
    """

    what: str
    bound: str
    worst: str
    mean: str
    missed: str


@dataclass(frozen=True, slots=True)
class CountingLimits:
    """The numbers from which something is shown, compared or called clear, as the product has them.

    Shares are printed as per cent.
    """

    share: int = suppression.SHARE_FROM
    detail: int = suppression.DETAIL_FROM
    compared: int = suppression.COMPARED_FROM
    theme: int = suppression.THEME_FROM
    drivers: int = suppression.DRIVERS_FROM
    ranked: int = suppression.RANKED_FROM
    fewest_waves: int = FEWEST_WAVES
    most_waves: int = MOST_WAVES
    swings_from: int = SWINGS_FROM
    confidence: str = percent(CONFIDENCE)
    widest: str = percent(suppression.WIDEST)
    mix: str = percent(MIX_MOVED)
    usual_share: str = percent(USUAL_SHARE)
    chance: str = percent(CLEAR_Q)
    power: str = percent(POWER)
    z: str = rounded_number(quantile(CONFIDENCE), 2)
    draws: int = DRAWS
    exact_up_to: str = f"{LARGEST_EXACT:,}"
    many_measures: int = MANY_MEASURES


def measured_by_name() -> Mapping[str, Measured]:
    """How often the methods were right in simulations, by the name of each check, as texts."""
    return {check.id: _in_words(check) for check in list_measured_promises()}


def measured_in_parts() -> tuple[tuple[str, str, tuple[Measured, ...]], ...]:
    """All that was measured: headings, what the worst is called, and rows.

    The first part holds for every company or true value that was looked at, the second on average
    over companies drawn anew. The third shows what goes wrong without a rule of ours, or where no
    rule helps; there the worst for us is the mildest of all situations.
    """
    found = list_measured_promises()
    each = [check for check in found if check.id in FOR_EACH]
    failing = [check for check in found if FAILING in check.id]
    average = [check for check in found if check not in each and check not in failing]
    parts = (
        ("Single companies and services, counted one by one", "Worst", each),
        ("Averages over companies of one kind, drawn anew each time", "Worst", average),
        ("What goes wrong without our rules, or in spite of them", "Mildest", failing),
    )
    return tuple(
        (heading, worst, tuple(_in_words(check) for check in checks))
        for heading, worst, checks in parts
    )


def needed_answers() -> tuple[tuple[int, int], ...]:
    """How many people are asked, and how many answers a share then needs to be printed."""
    return tuple((people, _fewest_answers(people)) for people in PEOPLE)


def needed_changes() -> tuple[tuple[int, str, str], ...]:
    """Answers in each wave, and the change in points that would show: alone, and among eight."""
    return tuple(
        (answers, _change(answers, members=1), _change(answers, members=MANY_MEASURES))
        for answers in ANSWERS
    )


def _fewest_answers(people: int) -> int:
    """The smallest number of answers from which a share of so many people is printed."""
    return next(
        answers
        for answers in range(suppression.SHARE_FROM, people + 1)
        if not st.too_few_to_say([(answers, people)], is_share=True)
    )


def _change(answers: int, members: int) -> str:
    """The change from a usual share that would show between two waves of so many answers."""
    moves = st.detectable_moves(USUAL_SHARE, (answers, answers), members, CONFIDENCE)
    return moves_in_short(moves)


def _in_words(check: MeasuredPromise) -> Measured:
    """A check as texts."""
    side = "at least" if check.at_least else "at most"
    worst = worst_in_per_cent(check.worst, at_least=check.at_least)
    mean = 100 * check.mean if check.situations > 1 else worst
    return Measured(
        check.what,
        f"{side} {percent(check.bound)}",
        *(f"{rounded_number(part, 1)}%" for part in (worst, mean, 100 - worst)),
    )
