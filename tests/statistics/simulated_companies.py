"""Companies that are fixed: every possible one is looked at, and every result it can give."""

from collections.abc import Iterator
from functools import cache
from itertools import combinations_with_replacement, product

import numpy as np
from scipy import stats

from survey.statistics import mean_intervals, stratified_intervals
from survey.statistics.suppression import SHARE_FROM
from survey.statistics.values import Intervals
from tests.statistics.checks import (
    CLOSE,
    ONE_TO_FIVE,
    SHARE,
    Array,
    Measured,
    Size,
    check,
    contains,
)

TARGETS = (0.7, 0.8, 0.9)


def _two_groups(size: Size) -> Iterator[tuple[Array, Array]]:
    """People and answers of companies of two groups, each with enough answers to be shown."""
    sizes, rates = (8, 10, 13, 18, 25, 36, 50), (0.4, 0.6, 0.75, 0.9)
    if size == "small":
        sizes, rates = sizes[:5:2], rates[1:4:2]
    for people, answering in product(
        combinations_with_replacement(sizes, 2), product(rates, repeat=2)
    ):
        invited = np.array(people)
        answers = np.rint(invited * answering).astype(int)
        if answers.min() >= SHARE_FROM:
            yield invited, answers


def _all_results(people: Array, answers: Array) -> Intervals:
    """The ranges of every pair of numbers of satisfied answers in two groups."""
    x = np.stack(np.meshgrid(*(np.arange(n + 1) for n in answers), indexing="ij"), axis=-1)
    x = x.reshape(-1, 2)
    counts = np.stack([answers - x, x], axis=-1)
    return stratified_intervals(np.tile(people, (len(x), 1)), counts, SHARE)


def _rates(of_first: Array, told: Array, of_second: Array) -> Array:
    """How often something is told of companies, by the chances of each result in both groups."""
    table = told.reshape(of_first.shape[1], of_second.shape[1]).astype(float)
    rates: Array = ((of_first @ table) * of_second).sum(axis=1)
    return rates


@cache
def _fixed_companies(size: Size) -> tuple[list[float], list[float]]:
    """How often the truth is covered, per truth; and how often a verdict is wrong, at worst, per
    company and target.
    """
    covered: list[float] = []
    wrong: list[float] = []
    for people, answers in _two_groups(size):
        ranges = _all_results(people, answers)
        chances = [
            stats.hypergeom.pmf(np.arange(n + 1), N, np.arange(N + 1)[:, None], n)
            for N, n in zip(people, answers, strict=True)
        ]
        worst = dict.fromkeys(TARGETS, 0.0)
        for total in range(people.sum() + 1):
            first = np.arange(max(0, total - people[1]), min(people[0], total) + 1)
            of_first, of_second = chances[0][first], chances[1][total - first]
            truth = total / people.sum()

            covered += _rates(of_first, contains(ranges, truth), of_second).tolist()
            for target in TARGETS:
                met = truth >= target - CLOSE
                missing, meeting = ranges.high < target - CLOSE, ranges.low >= target - CLOSE
                wrongly = _rates(of_first, missing if met else meeting, of_second)
                worst[target] = max(worst[target], float(wrongly.max()))
        wrong += worst.values()
    return covered, wrong


@check("stratified-fixed-company")
def stratified_fixed_company(size: Size) -> Measured:
    what = (
        "The range of a share weighted by group holds the true share of one fixed company of two"
        " groups of 8 to 50 people (every company; counted, not drawn)"
    )
    return what, True, 0.89, _fixed_companies(size)[0]


@check("stratified-fixed-three-groups")
def stratified_fixed_three_groups(size: Size) -> Measured:
    what = "The same with three groups of 8 to 12 people"
    rates: list[float] = []
    sizes = ((8, 8, 8), (8, 10, 12), (12, 12, 12)) if size == "large" else ((8, 8, 8),)
    for invited, answering in product(sizes, product((0.6, 0.75, 0.9), repeat=3)):
        people = np.array(invited)
        answers = np.maximum(np.rint(people * answering).astype(int), SHARE_FROM)
        rates += _covered_in_three(people, answers)
    return what, True, 0.89, rates


def _covered_in_three(people: Array, answers: Array) -> list[float]:
    """How often the truth is covered, for every number of satisfied people in three groups."""
    x = np.stack(np.meshgrid(*(np.arange(n + 1) for n in answers), indexing="ij"), axis=-1)
    flat = x.reshape(-1, 3)
    counts = np.stack([answers - flat, flat], axis=-1)
    ranges = stratified_intervals(np.tile(people, (len(flat), 1)), counts, SHARE)
    chances = [
        stats.hypergeom.pmf(np.arange(n + 1), number, np.arange(number + 1)[:, None], n)
        for number, n in zip(people, answers, strict=True)
    ]
    rates: list[float] = []
    for total in range(people.sum() + 1):
        held = contains(ranges, total / people.sum()).reshape(x.shape[:3]).astype(float)
        table = np.einsum("abc,ia,jb,kc->ijk", held, *chances, optimize=True)
        rates += table[np.indices(table.shape).sum(axis=0) == total].tolist()
    return rates


@check("stratified-fixed-verdict")
def stratified_fixed_verdict(size: Size) -> Measured:
    what = (
        "The same companies of two groups against targets of 70, 80 and 90 %: the verdict is wrong,"
        " in the worst of all truths"
    )
    return what, False, 0.10, _fixed_companies(size)[1]


@check("stratified-fixed-verdict-often")
def stratified_fixed_verdict_often(size: Size) -> Measured:
    what = "Of these pairs of numbers and target, the verdict of so many can be wrong above 5 %"
    wrong = _fixed_companies(size)[1]
    return what, False, 0.05, [float(np.mean(np.array(wrong) > 0.05))]


DISSENTERS_ANSWERING = list(product((20, 40, 60, 200, 1000), range(20, 100, 5)))  # people, %


def rates_of_dissenters(dissenters: int) -> list[float]:
    """How often the range of a mean holds that of a company with so many 1s among its 5s."""
    rates = []
    for people, percent in DISSENTERS_ANSWERING:
        n = people * percent // 100
        drawn = np.arange(dissenters + 1)
        counts = np.stack([drawn, *np.zeros((3, len(drawn)), int), n - drawn], axis=1)
        truth = (dissenters + 5 * (people - dissenters)) / people
        means = mean_intervals(counts, ONE_TO_FIVE, np.full(len(drawn), people))
        chance = stats.hypergeom.pmf(drawn, people, dissenters, n)
        rates.append(float(chance @ contains(means, truth)))
    return rates


@check("one-dissenter")
def one_dissenter(size: Size) -> Measured:
    what = (
        "The range of a mean holds that of one fixed company in which one person answers 1 and all"
        " others 5 (20 to 1,000 people; counted, not drawn)"
    )
    return what, True, 0.79, rates_of_dissenters(1)


@check("two-dissenters")
def two_dissenters(size: Size) -> Measured:
    what = "The same with two such people"
    return what, True, 0.83, rates_of_dissenters(2)
