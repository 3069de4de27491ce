"""What holds for any input: every range on any scale, for any answers and any number of silent
people.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from survey.statistics import (
    Difference,
    Interval,
    Stratum,
    adjust_p_values,
    break_even,
    break_evens,
    difference_interval,
    difference_intervals,
    effective_answers,
    feasible_range,
    feasible_ranges,
    mean_interval,
    mean_intervals,
    nps_interval,
    nps_intervals,
    proportion_interval,
    proportion_intervals,
    stratified_difference,
    stratified_differences,
    stratified_interval,
    stratified_intervals,
    stratified_process_interval,
    stratified_process_intervals,
    too_few_to_say,
)
from survey.statistics.planning import chance_of_answers, outlook
from survey.statistics.values import EVERYONE
from survey.statistics.verdicts import Direction, Verdict, direction, verdict
from survey.statistics.years import year_difference, year_interval
from tests.proofs import examples

CLOSE = 1e-9

Counts = tuple[int, ...]


def for_all(*arguments: Any, **named: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Hypothesis without a stopwatch."""
    return lambda test: settings(max_examples=examples(60))(given(*arguments, **named)(test))


@dataclass(frozen=True)
class Answers:
    """Groups with counts on one scale, and silent people in each."""

    scale: tuple[float, ...]
    groups: tuple[Counts, ...]
    silent: tuple[int, ...]

    @property
    def strata(self) -> list[Stratum]:
        return [
            Stratum(sum(counts) + quiet, counts)
            for counts, quiet in zip(self.groups, self.silent, strict=True)
        ]

    @property
    def everyone(self) -> bool:
        return not any(self.silent)

    def times(self, factor: int) -> "Answers":
        """The same shares from so many times as many answers of the same people."""
        more = tuple(tuple(factor * count for count in counts) for counts in self.groups)
        quiet = tuple(
            left - (factor - 1) * sum(counts)
            for left, counts in zip(self.silent, self.groups, strict=True)
        )
        return Answers(self.scale, more, quiet)

    def mirrored(self) -> "Answers":
        return Answers(
            tuple(-v for v in reversed(self.scale)),
            tuple(counts[::-1] for counts in self.groups),
            self.silent,
        )

    def reachable(self) -> tuple[float, float]:
        """The lowest and the highest value that is possible, whatever the silent think."""
        answered = sum(np.dot(counts, self.scale) for counts in self.groups)
        people = sum(stratum.population for stratum in self.strata)
        low, high = (
            float(answered + sum(self.silent) * end) / people
            for end in (self.scale[0], self.scale[-1])
        )
        return low, high


Kind = Callable[[Answers, float], Interval]


def _share(population: bool) -> Kind:  # noqa: FBT001
    def interval_of(a: Answers, confidence: float) -> Interval:
        (counts,), (silent,) = a.groups, a.silent
        return proportion_interval(
            counts[-1], sum(counts), sum(counts) + silent if population else None, confidence
        )

    return interval_of


KINDS: dict[str, Kind] = {
    "share, level": _share(population=True),
    "share, process": _share(population=False),
    "mean, level": lambda a, c: mean_interval(a.groups[0], a.scale, a.strata[0].population, c),
    "mean, process": lambda a, c: mean_interval(a.groups[0], a.scale, None, c),
    "company, level": lambda a, c: stratified_interval(a.strata, a.scale, c),
    "company, share": lambda a, c: stratified_interval(a.strata, a.scale, c),
    "company, process": lambda a, c: stratified_process_interval(a.strata, a.scale, c),
}
LEVELS = [name for name in KINDS if "level" in name or name == "company, share"]
by_kind = pytest.mark.parametrize("kind", KINDS)
scales = st.lists(st.integers(-50, 50), min_size=2, max_size=6, unique=True).map(
    lambda found: tuple(float(v) for v in sorted(found))
)
confidences = st.floats(0.5, 0.999)


def counts_on(scale: tuple[float, ...], most: int = 40) -> st.SearchStrategy[Counts]:
    return (
        st.lists(st.integers(0, most), min_size=len(scale), max_size=len(scale))
        .filter(any)
        .map(tuple)
    )


@st.composite
def answers(draw: st.DrawFn, kind: str) -> Answers:
    """Answers that this kind of range can be about."""
    scale = (0.0, 1.0) if "share" in kind else draw(scales)
    groups = draw(
        st.lists(counts_on(scale), min_size=1, max_size=4 if kind.startswith("company") else 1)
    )
    silent = draw(st.lists(st.integers(0, 60), min_size=len(groups), max_size=len(groups)))
    return Answers(scale, tuple(groups), tuple(silent))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[tuple[float, ...], Counts, Counts]:
    scale = draw(scales)
    return scale, draw(counts_on(scale)), draw(counts_on(scale))


def drawn(data: st.DataObject, kind: str) -> Answers:
    return data.draw(answers(kind))


def near(result: Interval | Difference, other: Interval | Difference, width: float = 1.0) -> None:
    for field in ("estimate", "low", "high"):
        assert getattr(result, field) == pytest.approx(
            getattr(other, field), abs=1e-11 * width, rel=1e-11
        )


@by_kind
@for_all(data=st.data(), confidence=confidences)
def test_a_range_holds_its_estimate_and_only_what_is_possible(
    kind: str, data: st.DataObject, confidence: float
) -> None:
    a = drawn(data, kind)
    interval = KINDS[kind](a, confidence)
    weights = np.array([stratum.population for stratum in a.strata]) / sum(
        stratum.population for stratum in a.strata
    )
    means = [np.dot(counts, a.scale) / sum(counts) for counts in a.groups]
    assert interval.estimate == pytest.approx(float(weights @ means), abs=CLOSE)
    lowest, highest = a.reachable() if kind in LEVELS else (a.scale[0], a.scale[-1])
    assert lowest - CLOSE <= interval.low <= interval.estimate <= interval.high <= highest + CLOSE


@by_kind
@for_all(data=st.data())
def test_a_range_has_no_width_exactly_when_it_is_about_people_who_all_answered(
    kind: str, data: st.DataObject
) -> None:
    a = drawn(data, kind)
    interval = KINDS[kind](a, 0.95)
    exact = kind in LEVELS and a.everyone
    assert (interval.high == interval.low) == exact
    assert (interval.method == EVERYONE) == exact


@by_kind
@for_all(data=st.data(), one=confidences, other=confidences)
def test_more_confidence_never_makes_a_range_narrower(
    kind: str, data: st.DataObject, one: float, other: float
) -> None:
    a = drawn(data, kind)
    less, more = (KINDS[kind](a, confidence) for confidence in sorted((one, other)))
    assert more.low <= less.low + CLOSE
    assert less.high <= more.high + CLOSE


@by_kind
@for_all(data=st.data(), factor=st.integers(2, 4))
def test_the_same_shares_from_more_answers_of_the_same_people_never_make_a_range_wider(
    kind: str, data: st.DataObject, factor: int
) -> None:
    a = drawn(data, kind)
    a = Answers(
        a.scale,
        a.groups,
        tuple(
            quiet + (factor - 1) * sum(counts)
            for quiet, counts in zip(a.silent, a.groups, strict=True)
        ),
    )
    few, many = KINDS[kind](a, 0.95), KINDS[kind](a.times(factor), 0.95)
    assert many.high - many.low <= few.high - few.low + CLOSE


@pytest.mark.parametrize("people", range(4, 61))
def test_also_the_exact_range_of_a_share_is_never_wider_for_more_answers_with_the_same_share(
    people: int,
) -> None:
    cells = [
        (x, n, factor)
        for n in range(1, people // 2 + 1)
        for factor in range(2, people // n + 1)
        for x in range(n + 1)
    ]
    x, n, factor = np.array(cells).T
    few, many = (
        proportion_intervals(x * by, n * by, np.full(len(x), people))
        for by in (np.ones_like(factor), factor)
    )
    assert (many.high - many.low <= few.high - few.low + CLOSE).all()


@by_kind
@for_all(data=st.data())
def test_answers_in_a_mirror_give_the_range_in_a_mirror(kind: str, data: st.DataObject) -> None:
    a = drawn(data, kind)
    interval = KINDS[kind](a, 0.95)
    # A share is rounded to whole people, which knows no share of 0 and -1.
    is_share = "share" in kind or a.scale == (0.0, 1.0)
    mirror = (
        Answers(a.scale, tuple(counts[::-1] for counts in a.groups), a.silent)
        if is_share
        else a.mirrored()
    )
    shift = 1.0 if is_share else 0.0
    there = KINDS[kind](mirror, 0.95)
    assert (there.low, there.high) == pytest.approx(
        (shift - interval.high, shift - interval.low), abs=CLOSE
    )


@for_all(pairs())
def test_swapped_samples_mirror_their_difference(
    samples: tuple[tuple[float, ...], Counts, Counts],
) -> None:
    scale, first, second = samples
    there, back = (
        difference_interval(first, second, scale),
        difference_interval(second, first, scale),
    )
    assert (back.estimate, back.low, back.high) == pytest.approx(
        (-there.estimate, -there.high, -there.low), abs=CLOSE
    )
    assert back.p_value == pytest.approx(there.p_value, abs=CLOSE)
    assert there.low <= there.estimate <= there.high
    assert 0 <= there.p_value <= 1


@for_all(pairs(), st.sampled_from([0.9, 0.95, 0.99]))
def test_p_is_below_alpha_exactly_when_the_range_leaves_out_zero(
    samples: tuple[tuple[float, ...], Counts, Counts], confidence: float
) -> None:
    scale, first, second = samples
    d = difference_interval(first, second, scale, confidence)
    assert (d.p_value < 1 - confidence) == (not d.low <= 0 <= d.high)


@for_all(answers("company"), answers("company"), st.sampled_from([0.9, 0.95, 0.99]))
def test_the_same_holds_for_the_change_of_a_company(
    one: Answers, two: Answers, confidence: float
) -> None:
    other = [
        Stratum(stratum.population, _fitted(stratum.counts, len(one.scale)))
        for stratum in two.strata
    ]
    there, back = (
        stratified_difference(a, b, one.scale, confidence)
        for a, b in ((one.strata, other), (other, one.strata))
    )
    assert (back.estimate, back.low, back.high) == pytest.approx(
        (-there.estimate, -there.high, -there.low), abs=CLOSE
    )
    assert (there.p_value < 1 - confidence) == (not there.low <= 0 <= there.high) or abs(
        there.estimate
    ) < CLOSE


def _fitted(counts: Counts, points: int) -> Counts:
    """The same answers on a scale of another length."""
    kept = [*counts[:points], *[0] * (points - len(counts))]
    kept[-1] += sum(counts[points:])
    return tuple(kept)


@for_all(answers("mean"), answers("mean"))
def test_one_group_is_the_company(one: Answers, two: Answers) -> None:
    width = one.scale[-1] - one.scale[0]
    (only,) = one.strata
    other = Stratum(two.strata[0].population, _fitted(two.groups[0], len(one.scale)))
    if one.scale != (0.0, 1.0):  # a share is rounded outward afterwards
        near(
            stratified_interval([only], one.scale),
            mean_interval(only.counts, one.scale, only.population),
            width,
        )
    near(
        stratified_process_interval([only], one.scale), mean_interval(only.counts, one.scale), width
    )
    stratified, plain = (
        stratified_difference([only], [other], one.scale),
        difference_interval(only.counts, other.counts, one.scale),
    )
    near(stratified, plain, width)
    assert stratified.p_value == pytest.approx(plain.p_value, abs=1e-7)


@for_all(answers("company, share"))
def test_a_companys_share_is_rounded_outward_to_whole_people_and_no_further(a: Answers) -> None:
    people = sum(stratum.population for stratum in a.strata)
    rounded = stratified_interval(a.strata, (0, 1))
    plain = stratified_interval(a.strata, (0, 2))  # the same answers on a scale that is no share
    ends = np.array([rounded.low, rounded.high]) * people
    if not a.everyone:
        is_whole = np.abs(ends - np.rint(ends)) < 1e-6
        is_estimate = np.isclose([rounded.low, rounded.high], rounded.estimate)
        assert (is_whole | is_estimate).all()
    assert plain.low / 2 - 1 / people - CLOSE <= rounded.low <= plain.low / 2 + CLOSE
    assert plain.high / 2 - CLOSE <= rounded.high <= plain.high / 2 + 1 / people + CLOSE


@for_all(st.integers(0, 200), st.integers(0, 200).filter(bool), confidences)
def test_the_mean_of_zeros_and_ones_is_wilsons_share_as_scipy_has_it(
    failures: int, successes: int, confidence: float
) -> None:
    n = failures + successes
    share = proportion_interval(successes, n, None, confidence)
    near(share, mean_interval((failures, successes), (0, 1), None, confidence))
    wilson = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert (share.low, share.high) == pytest.approx((wilson.low, wilson.high), abs=1e-10)


@for_all(
    st.integers(0, 40), st.integers(0, 40), st.integers(0, 40).filter(bool), st.integers(0, 50)
)
def test_a_net_promoter_score_is_a_mean_of_three_values(
    promoters: int, passives: int, detractors: int, silent: int
) -> None:
    people = promoters + passives + detractors + silent
    near(
        nps_interval(promoters, passives, detractors, people),
        mean_interval((detractors, passives, promoters), (-100, 0, 100), people),
        200,
    )


# Arrays of cells


@for_all(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30)).filter(
            lambda c: c[0] + c[1] > 0
        ),
        min_size=1,
    )
)
def test_many_shares_are_each_the_one_of_its_cell(cells: list[tuple[int, int, int]]) -> None:
    x = [good for good, _, _ in cells]
    n = [good + bad for good, bad, _ in cells]
    people = [sum(cell) for cell in cells]
    levels, processes, ranges = (
        proportion_intervals(x, n, people),
        proportion_intervals(x, n),
        feasible_ranges(x, n, people),
    )
    evens = break_evens(x, n, people, 0.8).tolist()
    for at in range(len(cells)):
        assert levels[at] == proportion_interval(x[at], n[at], people[at])
        near(processes[at], proportion_interval(x[at], n[at]))
        assert ranges[at] == feasible_range(x[at], n[at], people[at])
        assert evens[at] == break_even(x[at], n[at], people[at], 0.8)


@for_all(st.data())
def test_many_means_and_differences_are_each_the_one_of_its_cell(data: st.DataObject) -> None:
    scale = data.draw(scales)
    cells = data.draw(
        st.lists(
            st.tuples(counts_on(scale), counts_on(scale), st.integers(0, 60)),
            min_size=1,
            max_size=4,
        )
    )
    firsts, seconds = [first for first, _, _ in cells], [second for _, second, _ in cells]
    people = [sum(first) + silent for first, _, silent in cells]
    width = scale[-1] - scale[0]
    levels, processes = mean_intervals(firsts, scale, people), mean_intervals(firsts, scale)
    differences = difference_intervals(firsts, seconds, scale)
    scores = nps_intervals(
        *(np.array([_fitted(first, 3)[at] for first in firsts]) for at in range(3))
    )
    for at, (first, second, _) in enumerate(cells):
        near(levels[at], mean_interval(first, scale, people[at]), width)
        near(processes[at], mean_interval(first, scale), width)
        near(differences[at], difference_interval(first, second, scale), width)
        assert levels[at].method == mean_interval(first, scale, people[at]).method
        near(scores[at], nps_interval(*_fitted(first, 3)), 200)


@for_all(answers("company"), answers("company"), st.integers(1, 3), st.randoms())
def test_many_companies_are_each_the_one_of_its_cell_and_groups_without_people_change_nothing(
    one: Answers, two: Answers, empty: int, source: Random
) -> None:
    other = [
        Stratum(stratum.population, _fitted(stratum.counts, len(one.scale)))
        for stratum in two.strata
    ]
    longest = max(len(one.strata), len(other)) + empty
    nobody = Stratum(0, (0,) * len(one.scale))
    padded = [[*strata, *[nobody] * (longest - len(strata))] for strata in (one.strata, other)]
    for strata in padded:
        source.shuffle(strata)
    people, counts = (
        [[getattr(stratum, part) for stratum in strata] for strata in padded]
        for part in ("population", "counts")
    )
    width = one.scale[-1] - one.scale[0]
    levels, processes = (
        call(people, counts, one.scale)
        for call in (stratified_intervals, stratified_process_intervals)
    )
    for at, strata in enumerate((one.strata, other)):
        near(levels[at], stratified_interval(strata, one.scale), width)
        near(processes[at], stratified_process_interval(strata, one.scale), width)
    changes = stratified_differences((people, counts), (people[::-1], counts[::-1]), one.scale)
    near(changes[0], stratified_difference(one.strata, other, one.scale), width)
    near(changes[1], stratified_difference(other, one.strata, one.scale), width)


# Families, verdicts, years, plans


@for_all(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.randoms())
def test_adjusted_p_values_are_those_of_scipy_whatever_their_order(
    p_values: list[float], source: Random
) -> None:
    adjusted = adjust_p_values(p_values)
    assert adjusted == pytest.approx(stats.false_discovery_control(p_values).tolist(), abs=1e-12)
    assert all(q >= p for p, q in zip(p_values, adjusted, strict=True))
    order = list(range(len(p_values)))
    source.shuffle(order)
    assert adjust_p_values([p_values[at] for at in order]) == pytest.approx(
        [adjusted[at] for at in order], abs=1e-12
    )


ends = st.lists(st.floats(-100, 100), min_size=3, max_size=3).map(sorted)


@for_all(ends, st.floats(-100, 100), st.floats(0, 10))
def test_a_verdict_never_contradicts_its_range_and_a_higher_target_never_improves_it(
    ends: list[float], target: float, more: float
) -> None:
    low, estimate, high = ends
    interval = Interval(estimate, low, high, 0.95, "")
    said = verdict(interval, target)
    assert (said is Verdict.MEETS) == (low >= target - CLOSE)
    assert (said is Verdict.MISSES) == (high < target - CLOSE)
    order = [Verdict.MISSES, Verdict.TOO_CLOSE, Verdict.MEETS]
    assert order.index(verdict(interval, target + more)) <= order.index(said)


few_or_enough = st.sampled_from([9, 10, 30])


@for_all(
    ends, st.sampled_from([0.0, 0.049, 0.05, 0.051, 1.0]), st.tuples(few_or_enough, few_or_enough)
)
def test_a_direction_is_only_said_when_range_family_and_answers_allow_it(
    ends: list[float], q: float, n: tuple[int, int]
) -> None:
    low, estimate, high = ends
    said = direction(Difference(estimate, low, high, q), q, n)
    allowed = q <= 0.05 and min(n) >= 10
    assert (said is Direction.UP) == (allowed and low > 0)
    assert (said is Direction.DOWN) == (allowed and high < 0)


@for_all(answers("company"))
def test_the_effective_number_of_answers_is_kishs_and_all_of_them_only_when_all_groups_answer_alike(
    a: Answers,
) -> None:
    each = np.concatenate(
        [
            np.full(sum(stratum.counts), stratum.population / sum(stratum.counts))
            for stratum in a.strata
        ]
    )
    assert effective_answers(a.strata) == pytest.approx(each.sum() ** 2 / (each**2).sum())
    assert effective_answers(a.strata) <= len(each) + CLOSE
    alike = [Stratum(3 * sum(counts), counts) for counts in a.groups]
    assert effective_answers(alike) == pytest.approx(len(each))


@for_all(pairs())
def test_a_year_of_one_wave_is_that_wave_and_of_several_the_mean_of_their_values(
    samples: tuple[tuple[float, ...], Counts, Counts],
) -> None:
    scale, first, second = samples
    assume(min(sum(first), sum(second)) >= 10)
    year, width = year_of(scale, first), scale[-1] - scale[0]
    near(year, mean_interval(first, scale), width)
    near(
        change_of_years(scale, [first], [second]), difference_interval(first, second, scale), width
    )
    both = year_of(scale, first, second)
    means = [np.dot(counts, scale) / sum(counts) for counts in (first, second)]
    assert both.estimate == pytest.approx(sum(means) / 2, abs=CLOSE)


def one_group(counts: Counts) -> list[Stratum]:
    return [Stratum(sum(counts), counts)]


def year_of(scale: tuple[float, ...], *waves: Counts) -> Interval:
    found = year_interval([one_group(counts) for counts in waves], scale).interval
    assert found is not None
    return found


def change_of_years(
    scale: tuple[float, ...], first: list[Counts], second: list[Counts]
) -> Difference:
    sides = ([one_group(counts) for counts in side] for side in (first, second))
    found = year_difference(*sides, scale)
    assert found is not None
    return found


@for_all(counts_on((0, 1)), counts_on((0, 1)), st.integers(2, 6))
def test_the_same_people_asked_again_with_the_same_answers_are_no_more_people(
    first: Counts, second: Counts, waves: int
) -> None:
    assume(min(sum(first), sum(second)) >= 10)
    near(year_of((0, 1), *[first] * waves), mean_interval(first, (0, 1)))
    one = difference_interval(first, second, (0, 1))
    again = change_of_years((0, 1), [first] * waves, [second] * waves)
    near(again, one)
    assert again.p_value == pytest.approx(one.p_value, abs=1e-7)


@for_all(st.integers(1, 2000), st.floats(0.01, 1), st.integers(0, 30))
def test_planning_promises_less_from_fewer_answers(invited: int, rate: float, fewest: int) -> None:
    expected = outlook(invited, rate)
    assert expected.answers == round(invited * rate) <= invited
    assert (expected.level is None) == (expected.answers < 5)
    assert (expected.moves is None) == (expected.answers < 10)
    assert expected.is_too_few is (
        expected.answers < 5 or too_few_to_say([(expected.answers, invited)], is_share=True)
    )
    assert chance_of_answers(invited, fewest, rate) == pytest.approx(
        float(stats.binom.sf(fewest - 1, invited, rate)), abs=1e-12
    )
