"""Whole reports in which nothing is different: how often each family speaks all the same."""

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy import stats

from survey.statistics import (
    Family,
    adjust_by_family,
    difference_intervals,
    groups_against_rest,
)
from tests.statistics.checks import (
    DEPARTMENTS,
    QUESTIONS,
    SHAPES,
    SHARE,
    Array,
    Measured,
    Size,
    check,
)

ANSWERS_OF = {
    "8 x 10": (10,) * 8,
    "12 x 10": (10,) * 12,
    "30 x 10": (10,) * 30,
    "10, 10, 10, 60": (10, 10, 10, 60),
    "12, one of 400": (400, *[10] * 11),
    "10 to 40": DEPARTMENTS,
}
SATISFIED = {name: sum(shape[3:]) for name, shape in SHAPES.items() if name != "ceiling 97"}
TARGETED = 4  # of the questions, the first of which is the overall measure
REPORTS = {"small": 150, "large": 2_000}
AT_ONCE = 250


def _answers(source: np.random.Generator, design: tuple[int, ...], p: float, reports: int) -> Array:
    """Counts (others, satisfied) of reports x questions x groups; a person's go together (r .5)."""
    people = sum(design)
    person = source.standard_normal((reports, people, 1))
    own = source.standard_normal((reports, people, QUESTIONS))
    satisfied = np.sqrt(0.5) * (person + own) < stats.norm.ppf(p)
    starts = np.cumsum([0, *design[:-1]])
    yes = np.swapaxes(np.add.reduceat(satisfied, starts, axis=1, dtype=np.int64), 1, 2)
    return np.stack([np.array(design) - yes, yes], axis=-1)


def _invited(design: tuple[int, ...]) -> Array:
    return np.array([round(answers / 0.65) for answers in design])


def _without(
    size: Size, p_values_of: Callable[[Array, Array], Array], *, is_adjusted: bool
) -> list[float]:
    """Shares of reports that speak, in the two hardest designs, when something is left out."""
    source, rates = np.random.default_rng(22), []
    for name, shape in (("12 x 10", "high"), ("30 x 10", "ceiling 90")):
        design = ANSWERS_OF[name]
        reports = REPORTS[size] // 2
        counts = _answers(source, design, SATISFIED[shape], reports)
        invited = np.tile(_invited(design), (reports * QUESTIONS, 1))
        found = p_values_of(invited, counts.reshape(-1, len(design), 2)).reshape(reports, -1)
        if is_adjusted:
            family = [Family.EXPLORATION] * found.shape[1]
            found = np.array([adjust_by_family(report.tolist(), family) for report in found])
        rates.append(float((found <= 0.05).any(axis=1).mean()))
    return rates


def _by_mover_alone(invited: Array, counts: Array) -> Array:
    """p-values of each group against the plain sum of all others, by MOVER."""
    rest = counts.sum(axis=1, keepdims=True) - counts
    return difference_intervals(counts.reshape(-1, 2), rest.reshape(-1, 2), SHARE).p_value


@check("mover-alone-fails")
def mover_alone_fails(size: Size) -> Measured:
    what = (
        "Why Fisher's test stands beside MOVER: groups against the rest by MOVER alone (12 x 10"
        " answers at 88 %, 30 x 10 at 96 %): at least one is called clear"
    )
    return what, True, 0.10, _without(size, _by_mover_alone, is_adjusted=True)


@check("unadjusted-fails")
def unadjusted_fails(size: Size) -> Measured:
    what = (
        "Why comparisons are adjusted: the same groups by the larger p, but without the adjustment"
    )
    return (
        what,
        True,
        0.60,
        _without(
            size,
            lambda invited, counts: groups_against_rest(invited, counts).p_value,
            is_adjusted=False,
        ),
    )


@cache
def _shares_of_chance(size: Size) -> list[float]:
    """In reports where one group of each design differs, the mean share of chance in exploration.

    The first group is 25 points less satisfied on the first five questions. A group is compared
    with the rest, which holds the unlike one; so only the like groups on the other five questions
    are surely chance, and what is found of the like ones on the first five is not counted.
    """
    source, rates, reports = np.random.default_rng(23), [], REPORTS[size]
    for design in ANSWERS_OF.values():
        for p in (0.6, 0.75, 0.9):
            counts = _answers(source, design, p, reports)
            lower = _answers(source, design[:1], p - 0.25, reports)
            counts[:, :5, 0] = lower[:, :5, 0]
            invited = np.tile(_invited(design), (reports * QUESTIONS, 1))
            against = groups_against_rest(invited, counts.reshape(-1, len(design), 2)).p_value
            p_values = against.reshape(reports, QUESTIONS, len(design))
            rates.append(float(np.mean([_share_of_chance(report) for report in p_values])))
    return rates


def _share_of_chance(p_values: Array) -> float:
    """What is surely chance among all that one report finds, 0 where it finds nothing."""
    family = [Family.EXPLORATION] * p_values.size
    found = np.array(adjust_by_family(p_values.ravel().tolist(), family)) <= 0.05
    is_clear = found.reshape(p_values.shape)
    by_chance = is_clear[5:].sum()
    counted = by_chance + is_clear[:5, 0].sum()
    return float(by_chance / max(counted, 1))


@check("family-share-of-chance")
def family_share_of_chance(size: Size) -> Measured:
    what = (
        "One of 4 to 30 groups (six designs, 60 to 90 % satisfied) is 25 points lower on five of 10"
        " questions: share of chance in what exploration calls clear, 0 where it finds nothing"
    )
    return what, False, 0.05, _shares_of_chance(size)
