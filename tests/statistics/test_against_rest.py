"""A group against the rest, the families of comparisons, what they can find, and the rebound."""

from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from survey.statistics import (
    Compared,
    Comparing,
    Family,
    Stratum,
    Trend,
    adjust_by_family,
    assign_families,
    break_even,
    break_even_people,
    detectable_factor,
    detectable_in_family,
    detectable_moves,
    detectable_rise,
    difference_interval,
    family_sizes,
    group_against_rest,
    groups_against_rest,
    possible_moves,
    proportion_interval,
    rebound,
    response_odds,
    stratified_difference,
    too_few_to_say,
    widest_range,
)
from survey.statistics.against_rest import fisher_mid_p_values
from survey.statistics.difference import mover_interval
from survey.statistics.wilson import Summary
from tests.proofs import examples

YES_NO = (0, 1)
few = settings(max_examples=examples(60))
pairs = st.tuples(st.integers(0, 30), st.integers(0, 30)).filter(any)


@few
@given(pairs, pairs)
def test_the_mid_p_is_fishers_of_scipy_less_half_of_what_is_as_probable(
    first: tuple[int, int], second: tuple[int, int]
) -> None:
    (found,) = fisher_mid_p_values([first], [second])
    n, m, total = sum(first), sum(second), first[1] + second[1]
    mass = stats.hypergeom.pmf(np.arange(n + 1), n + m, total, n)
    ties = mass[np.isclose(mass, mass[first[1]], rtol=1e-7)].sum()
    exact = stats.fisher_exact([first, second]).pvalue
    # That of scipy is a little off for probabilities near zero.
    assert found == pytest.approx(exact - ties / 2, abs=2e-8)
    assert found == pytest.approx(fisher_mid_p_values([second], [first])[0], abs=1e-9)
    assert 0 < found <= 1


@few
@given(st.lists(st.tuples(pairs, st.integers(0, 40)), min_size=2, max_size=5))
def test_a_group_is_compared_with_the_rest_by_its_weights_and_by_the_larger_p(
    cells: list[tuple[tuple[int, int], int]],
) -> None:
    strata = [Stratum(sum(counts) + silent, counts) for counts, silent in cells]
    group, *rest = strata
    found = group_against_rest(group, rest)
    by_weight = stratified_difference([group], rest, YES_NO)
    together = tuple(np.sum([stratum.counts for stratum in rest], axis=0).tolist())
    exact = fisher_mid_p_values([group.counts], [together])[0]
    assert (found.estimate, found.low, found.high) == pytest.approx(
        (by_weight.estimate, by_weight.low, by_weight.high), abs=1e-9
    )
    assert found.p_value == pytest.approx(max(by_weight.p_value, exact), abs=1e-9)
    many = groups_against_rest(
        [[stratum.population for stratum in strata]], [[stratum.counts for stratum in strata]]
    )
    for at, one in enumerate(strata):
        alone = group_against_rest(one, [*strata[:at], *strata[at + 1 :]])
        assert many[at].p_value == pytest.approx(alone.p_value, abs=1e-9)
        assert many[at].low == pytest.approx(alone.low, abs=1e-9)


def test_a_group_that_equals_the_company_is_not_called_unlike_for_who_answers() -> None:
    """The company is 75 %: half of it at 90, half at 60. Only the first half answers eagerly."""
    alike = Stratum(100, (25, 75))
    rest = [Stratum(500, (45, 405)), Stratum(500, (40, 60))]
    unweighted = difference_interval((25, 75), (85, 465), YES_NO)
    assert unweighted.p_value < 0.05
    assert group_against_rest(alike, rest).p_value > 0.5


# Families


def test_each_comparison_belongs_to_the_family_of_the_table() -> None:
    table = [
        (Compared(Comparing.TREND, is_overall=True), Family.HEADLINE),
        (Compared(Comparing.CHANGE, is_overall=True), Family.EXPLORATION),
        (Compared(Comparing.TREND, has_target=True), Family.TARGETS),
        (Compared(Comparing.CHANGE, has_target=True), Family.TARGETS),
        (Compared(Comparing.TREND), Family.EXPLORATION),
        (Compared(Comparing.CHANGE), Family.EXPLORATION),
        (Compared(Comparing.GROUP, is_overall=True), Family.EXPLORATION),
        (Compared(Comparing.GROUP, has_target=True), Family.EXPLORATION),
        (Compared(Comparing.YEAR, is_overall=True), Family.EXPLORATION),
        (Compared(Comparing.YEAR_AGO, has_target=True), Family.EXPLORATION),
    ]
    families = assign_families([compared for compared, _ in table])
    assert families == tuple(family for _, family in table)
    assert family_sizes(families) == {
        Family.HEADLINE: 1,
        Family.TARGETS: 2,
        Family.EXPLORATION: 7,
    }
    without_trend = assign_families([compared for compared, _ in table[1:]])
    assert without_trend[0] is Family.HEADLINE
    assert family_sizes(without_trend)[Family.HEADLINE] == 1


def test_an_overall_measure_with_a_target_is_the_headline_and_no_target() -> None:
    (family,) = assign_families([Compared(Comparing.CHANGE, is_overall=True, has_target=True)])
    assert family is Family.HEADLINE


@few
@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from(Family)), max_size=25))
def test_p_values_are_adjusted_within_their_family_alone(
    given_pairs: list[tuple[float, Family]],
) -> None:
    found = adjust_by_family([p for p, _ in given_pairs], [family for _, family in given_pairs])
    for family in Family:
        inside = [p for p, other in given_pairs if other is family]
        expected = stats.false_discovery_control(inside).tolist() if inside else []
        adjusted = [q for q, (_, other) in zip(found, given_pairs, strict=True) if other is family]
        assert adjusted == pytest.approx(expected, abs=1e-12)


# What could have been found


@pytest.mark.parametrize(
    ("members", "shares"), [(1, (48, 29, 23, 16, 10, 7)), (8, (62, 38, 29, 21, 12, 9))]
)
def test_what_could_be_found_is_as_tabulated(members: int, shares: tuple[int, ...]) -> None:
    found = [
        round(100 * detectable_in_family(n, members=members)) for n in (12, 36, 60, 120, 360, 600)
    ]
    assert found == list(shares)
    assert round(detectable_factor(members), 1) == {1: 1.4, 8: 1.8}[members]


def test_a_larger_family_and_a_line_that_swings_find_less() -> None:
    quiet = Trend(0.0, -0.1, 0.1, 1.0, 0.95, (0, 1, 2, 3, 4), 30, None)
    swinging = Trend(0.0, -0.1, 0.1, 1.0, 0.95, (0, 1, 2, 3, 4), 30, 3)
    assert detectable_rise(quiet) == pytest.approx(0.1 * detectable_factor())
    for found in (quiet, swinging):
        sizes = [detectable_rise(found, members) for members in (1, 2, 8, 40)]
        assert sizes == sorted(sizes)
        assert sizes[0] > 0.1


@few
@given(st.floats(0, 1), st.floats(10, 400), st.floats(10, 400), st.sampled_from([1, 8, 40]))
def test_a_move_that_would_have_shown_is_possible_and_its_tail_is_that_of_both_quantiles(
    share: float, later: float, earlier: float, members: int
) -> None:
    found = detectable_moves(share, (later, earlier), members)
    z = detectable_factor(members) * stats.norm.ppf(0.975)
    for sign, size in ((1, found.rise), (-1, found.fall)):
        if size is None:
            continue
        moved = share + sign * size
        assert 0 <= moved <= 1
        one, other = (
            Summary(np.array([p]), np.array([n])) for p, n in ((moved, later), (share, earlier))
        )
        p_value = mover_interval(one, other, 1.0, 1.96)[0].p_value
        nearer = Summary(np.array([moved - sign * 0.001]), np.array([later]))
        assert p_value <= 2 * stats.norm.sf(z) + 1e-9
        assert mover_interval(nearer, other, 1.0, 1.96)[0].p_value >= 2 * stats.norm.sf(z) - 1e-9
    larger = detectable_moves(share, (later, earlier), members + 1)
    assert found.fall is None or larger.fall is None or larger.fall >= found.fall


@pytest.mark.parametrize(
    ("value", "change", "rise", "fall"),
    [
        (0.85, 0.24, None, 0.24),
        (0.15, 0.24, 0.24, None),
        (0.5, 0.6, None, None),
        (0.8, 0.2, 0.2, 0.2),
    ],
)
def test_what_is_impossible_is_not_promised(
    value: float, change: float, rise: float | None, fall: float | None
) -> None:
    found = possible_moves(value, change, 0.0, 1.0)
    assert (found.rise, found.fall) == (rise, fall)


# Those who did not answer


@pytest.mark.parametrize(
    ("people", "answers", "satisfied", "odds"),
    [(60, 39, 28, 7.86), (60, 39, 31, 1.10), (200, 130, 100, 1.80)],
)
def test_the_odds_are_those_of_the_table(
    people: int, answers: int, satisfied: int, odds: float
) -> None:
    found = response_odds(satisfied, answers, people, 0.8)
    assert found is not None
    assert round(found.odds, 2) == odds
    assert not found.by_satisfied


@few
@given(st.data())
def test_with_these_odds_exactly_the_target_would_be_satisfied(data: st.DataObject) -> None:
    people = data.draw(st.integers(2, 300))
    answers = data.draw(st.integers(1, people))
    satisfied = data.draw(st.integers(0, answers))
    target = data.draw(st.floats(0, 1))
    found = response_odds(satisfied, answers, people, target)
    share = break_even(satisfied, answers, people, target)
    if found is None or share is None:
        possible = share is not None and 1e-6 < share < 1 - 1e-6
        assert not possible or satisfied in {0, answers}
        return
    assert 0 < share < 1
    satisfied_silent = share * (people - answers)
    others_silent = people - answers - satisfied_silent
    odds = (answers - satisfied) / others_silent / (satisfied / satisfied_silent)
    assert found.odds == pytest.approx(odds, rel=1e-6)
    assert found.times >= 1
    assert found.times == pytest.approx(1 / odds if found.by_satisfied else odds, rel=1e-6)


@few
@given(st.integers(1, 200), st.integers(0, 200), st.integers(0, 200), st.integers(0, 100))
def test_the_people_needed_are_the_smallest_number_that_meets_the_target(
    answers: int, silent: int, satisfied: int, percent: int
) -> None:
    satisfied = min(satisfied, answers)
    people = answers + silent
    found = break_even_people(satisfied, answers, people, percent / 100)
    if not silent:
        assert found is None
        return
    assert found == ceil((people * percent - 100 * satisfied) / 100)


# The rebound


def test_the_lowest_of_equal_measures_is_expected_to_rise_and_one_that_stands_apart_is_not() -> (
    None
):
    equal = [[Stratum(60, (12, 28))] for _ in range(8)]
    more = [[Stratum(300, (60, 140))] for _ in range(8)]
    assert 0.07 < rebound(equal, YES_NO) < 0.13
    assert 0.03 < rebound(more, YES_NO) < 0.06
    assert rebound(equal, YES_NO) == rebound(equal, YES_NO)
    assert rebound(equal, YES_NO, lowest=2) < rebound(equal, YES_NO)
    assert rebound([[Stratum(60, (35, 5))], *equal[1:]], YES_NO) < 0.01
    assert rebound(equal[:1], YES_NO) < 0.02


def test_the_rebound_of_a_mean_is_in_its_unit_and_weighs_groups() -> None:
    groups = [Stratum(30, (1, 2, 4, 6, 5)), Stratum(90, (2, 3, 5, 9, 6))]
    on_five = rebound([groups] * 6, (1, 2, 3, 4, 5))
    on_unit = rebound([groups] * 6, (0, 0.25, 0.5, 0.75, 1))
    assert on_five == pytest.approx(4 * on_unit, abs=1e-9)
    assert on_five > 0


# Whether anything is said at all


@pytest.mark.parametrize(
    ("people", "needed"), [(20, 7), (30, 9), (60, 11), (200, 13), (500, 15), (5_000, 15)]
)
def test_a_share_needs_as_many_answers_as_tabulated(people: int, needed: int) -> None:
    assert too_few_to_say([(needed - 1, people)], is_share=True)
    assert not too_few_to_say([(needed, people)], is_share=True)


@few
@given(st.integers(1, 60), st.integers(0, 100))
def test_no_share_of_so_many_answers_is_wider_than_the_widest(answers: int, silent: int) -> None:
    people = answers + silent
    widest = widest_range([(answers, people)], is_share=True)
    ranges = [proportion_interval(x, answers, people) for x in range(answers + 1)]
    assert max(found.high - found.low for found in ranges) == pytest.approx(widest, abs=1e-12)


@few
@given(
    groups=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40)), min_size=1, max_size=4),
    is_share=st.booleans(),
)
def test_more_answers_never_make_the_widest_range_wider_by_much(
    groups: list[tuple[int, int]],
    is_share: bool,  # noqa: FBT001
) -> None:
    numbers = [(n, n + silent) for n, silent in groups]
    more = [(min(2 * n, people), people) for n, people in numbers]
    room = 2 / sum(people for _, people in numbers) if is_share else 0.02
    assert widest_range(more, is_share=is_share) <= widest_range(numbers, is_share=is_share) + room
