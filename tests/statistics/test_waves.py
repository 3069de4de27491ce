"""Years, quarters, trends and changes within them: against scipy, against definitions in other
words, and for any input.
"""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from survey.statistics import (
    DatedWave,
    Stratum,
    change_within_trend,
    effective_answers,
    mean_interval,
    mix_shift,
    stratified_difference,
    stratified_process_interval,
    trend,
    year_difference,
    year_interval,
)
from survey.statistics.verdicts import Direction, direction
from tests.proofs import examples

YES_NO, FIVE = (0, 1), (1, 2, 3, 4, 5)
JANUARY = [Stratum(100, (8, 67)), Stratum(100, (18, 27))]
LATER = [Stratum(100, (5, 40)), Stratum(100, (30, 45))]
few = settings(max_examples=examples(60))


@st.composite
def waves(draw: st.DrawFn, fewest: int = 1, most: int = 8) -> list[list[Stratum]]:
    """Waves on 1 to 5, of one to three groups each, some with fewer than ten answers."""
    found = []
    for _ in range(draw(st.integers(fewest, most))):
        groups = draw(
            st.lists(
                st.tuples(st.lists(st.integers(0, 9), min_size=5, max_size=5), st.integers(0, 40)),
                min_size=1,
                max_size=3,
            )
        )
        found.append(
            [
                Stratum(sum(counts) + silent, tuple(counts))
                for counts, silent in groups
                if sum(counts)
            ]
            or [Stratum(6, (1, 1, 1, 1, 1))]
        )
    return found


def dated(given_waves: Sequence[Sequence[Stratum]]) -> list[DatedWave]:
    return [DatedWave(at, wave) for at, wave in enumerate(given_waves)]


def numbers(satisfied: Sequence[int], answers: int = 60, people: int = 100) -> list[DatedWave]:
    """Waves of one group with the same number of answers."""
    return dated([[Stratum(people, (answers - x, x))] for x in satisfied])


# Years


@few
@given(waves())
def test_a_year_is_the_mean_of_its_waves_with_ten_answers_and_no_sum(
    year: list[list[Stratum]],
) -> None:
    found = year_interval(year, FIVE)
    counted = [wave for wave in year if sum(sum(group.counts) for group in wave) >= 10]
    assert [year[at] for at in found.counted] == counted
    assert found.waves == len(year)
    assert found.is_complete == (len(counted) == len(year))
    if not counted:
        assert found.interval is None
        return
    each = [stratified_process_interval(wave, FIVE).estimate for wave in counted]
    assert found.interval is not None
    assert found.interval.estimate == pytest.approx(np.mean(each), abs=1e-9)
    assert 1 <= found.interval.low <= found.interval.estimate <= found.interval.high <= 5


@few
@given(st.tuples(*[st.integers(0, 12)] * 5).filter(lambda c: sum(c) >= 10), st.integers(1, 5))
def test_the_same_wave_again_and_again_is_worth_one_wave(
    counts: tuple[int, ...], times: int
) -> None:
    found = year_interval([[Stratum(99, counts)]] * times, FIVE).interval
    alone = mean_interval(counts, FIVE)
    assert found is not None
    assert (found.estimate, found.low, found.high) == pytest.approx(
        (alone.estimate, alone.low, alone.high), abs=1e-9
    )


def test_a_year_is_worth_its_mean_wave_by_the_effective_number() -> None:
    found = year_interval([JANUARY, LATER], YES_NO).interval
    n = np.mean([effective_answers(wave) for wave in (JANUARY, LATER)])
    assert found is not None
    wilson = stats.binomtest(round(found.estimate * 10**6), 10**6).statistic
    r = stats.norm.ppf(0.975) ** 2 / n
    half = np.sqrt(r * wilson * (1 - wilson) + r * r / 4) / (1 + r)
    assert found.high - found.low == pytest.approx(2 * half, abs=1e-6)


def test_answers_that_move_between_departments_change_no_year() -> None:
    """Nobody changed their mind; the answers added up would fall by 7.5 points."""
    apart = year_difference([LATER] * 4, [JANUARY] * 4, YES_NO)
    assert apart is not None
    assert abs(apart.estimate) < 0.01
    assert apart.p_value > 0.9


def test_what_was_answered_does_not_decide_which_waves_are_in() -> None:
    eight, ten = [Stratum(12, (0, 8))], [Stratum(12, (0, 10))]
    assert year_interval([eight, ten, [Stratum(12, (4, 4))]], YES_NO).counted == (1,)
    assert year_interval([eight], YES_NO).interval is None
    assert year_difference([[*ten]], [eight], YES_NO) is None


def test_a_quarter_without_one_of_its_thirds_has_no_value() -> None:
    thirds = [[Stratum(20, (4, 9))], [Stratum(20, (3, 11))], [Stratum(21, (4, 5))]]
    assert year_interval(thirds, YES_NO, needs_all=True).interval is None
    assert year_interval(thirds, YES_NO).interval is not None
    assert year_interval(thirds[:2], YES_NO, needs_all=True).interval is not None


# The mix of those invited


def test_where_the_departments_invited_moved_by_more_than_a_tenth_nothing_is_clear() -> None:
    half = [({"IT"}, 50), ({"HR"}, 50)]
    moved = [({"IT"}, 72), ({"HR"}, 48)]
    more = [({"IT"}, 74), ({"HR"}, 46)]
    ten, over = (
        stratified_difference([Stratum(120, (10, 100))], [Stratum(100, (60, 20))], YES_NO, 0.95, m)
        for m in ((moved, half), (more, half))
    )
    assert (ten.is_mix_moved, over.is_mix_moved) == (False, True)
    assert direction(ten, 0.0, (110, 80)) is Direction.UP
    assert direction(over, 0.0, (110, 80)) is Direction.UNCLEAR
    year = year_difference([[Stratum(120, (10, 100))]], [[Stratum(100, (60, 20))]], YES_NO, 0.95)
    assert year is not None
    assert not year.is_mix_moved
    guarded = year_difference(
        [[Stratum(120, (10, 100))]], [[Stratum(100, (60, 20))]], YES_NO, 0.95, (more, half)
    )
    assert guarded is not None
    assert guarded.is_mix_moved


def test_groups_that_were_merged_are_compared_as_far_as_they_can_be() -> None:
    before = [({"IT"}, 40), ({"HR"}, 30), ({"Legal"}, 30)]
    assert mix_shift([({"HR", "IT"}, 70), ({"Legal"}, 30)], before) == 0
    assert mix_shift([({"HR", "IT"}, 50), ({"Legal"}, 50)], before) == pytest.approx(0.2)
    assert mix_shift([({"New"}, 10), *before], before) == pytest.approx(10 / 110)


# Trends


def test_a_line_with_equal_waves_that_swing_is_the_regression_of_scipy() -> None:
    satisfied = (55, 20, 50, 25, 58, 31, 57)
    found = trend(numbers(satisfied), YES_NO)
    by_scipy = stats.linregress(range(7), np.array(satisfied) / 60)
    half = stats.t.ppf(0.975, 5) * by_scipy.stderr
    assert found is not None
    assert found.degrees == 5
    assert found.p_value == pytest.approx(by_scipy.pvalue, abs=1e-9)
    assert (found.rise, found.low, found.high) == pytest.approx(
        (6 * by_scipy.slope, 6 * (by_scipy.slope - half), 6 * (by_scipy.slope + half)), abs=1e-9
    )


def test_a_line_through_quiet_waves_takes_the_error_of_their_answers() -> None:
    satisfied = (30, 32, 34, 36, 38)
    found = trend(numbers(satisfied), YES_NO)
    p = (np.array(satisfied) + 1) / 62
    error = np.sqrt((p * (1 - p) / 60).mean() / 10)
    assert found is not None
    assert found.degrees is None
    assert found.rise == pytest.approx(4 * 2 / 60)
    assert found.p_value == pytest.approx(2 * stats.norm.sf((2 / 60) / error), abs=1e-9)
    assert found.high - found.rise == pytest.approx(4 * stats.norm.ppf(0.975) * error, abs=1e-9)


def test_a_wave_weighs_by_its_answers_and_a_void_one_leaves_a_gap() -> None:
    satisfied, answers, at = (10, 40, 24, 33, 70), (20, 50, 30, 40, 80), (0, 1, 3, 4, 5)
    given_waves = [
        DatedWave(t, [Stratum(100, (n - x, x))])
        for t, n, x in zip(at, answers, satisfied, strict=True)
    ]
    slope = np.polyfit(at, np.divide(satisfied, answers), 1, w=np.sqrt(answers))[0]
    found = trend(given_waves, YES_NO)
    assert found is not None
    assert found.rise == pytest.approx(5 * slope, abs=1e-9)
    assert found.fewest_answers == 20


def test_the_last_eight_waves_with_ten_answers_are_in_and_five_are_needed() -> None:
    full = numbers([30] * 10)
    found = trend(full, YES_NO)
    assert found is not None
    assert found.counted == (2, 3, 4, 5, 6, 7, 8, 9)
    nine = DatedWave(8, [Stratum(60, (0, 9))])
    found = trend([*full[:8], nine, full[9]], YES_NO)
    assert found is not None
    assert found.counted == (0, 1, 2, 3, 4, 5, 6, 7, 9)[-8:]
    assert trend(full[:4], YES_NO) is None
    assert trend([*full[:4], DatedWave(4, [Stratum(60, (0, 9))])], YES_NO) is None


def test_the_obvious_rise_of_the_demonstration_is_clearly_up() -> None:
    """19 to 69 % over eight waves, each step too small to be clear."""
    found = trend(numbers((11, 16, 20, 24, 28, 33, 37, 41)), YES_NO)
    assert found is not None
    assert direction(found.difference, found.p_value, (60, 60)) is Direction.UP
    assert found.rise == pytest.approx(0.5, abs=0.03)


def test_a_step_from_none_to_all_rises_by_no_more_than_the_scale() -> None:
    found = trend(numbers((0, 0, 60, 60, 60)), YES_NO)
    assert found is not None
    assert found.low <= found.rise == found.high == 1


@few
@given(waves(5, 8))
def test_a_trend_in_a_mirror_falls_and_p_agrees_with_its_range(
    given_waves: list[list[Stratum]],
) -> None:
    found = trend(dated(given_waves), FIVE)
    if found is None:
        return
    assert found.low <= found.rise <= found.high
    assert (found.p_value < 0.05) == (not found.low <= 0 <= found.high)
    mirror = [
        [Stratum(group.population, group.counts[::-1]) for group in wave] for wave in given_waves
    ]
    there = trend(dated(mirror), FIVE)
    assert there is not None
    assert there.rise == pytest.approx(-found.rise, abs=1e-9)
    assert there.p_value == pytest.approx(found.p_value, abs=1e-9)


# Changes within a trend


def test_a_change_is_judged_by_how_far_all_waves_swing() -> None:
    satisfied = (52, 30, 50, 28, 51, 29, 53)
    found, alone = (
        change_within_trend(numbers(satisfied), YES_NO),
        stratified_difference([Stratum(100, (7, 53))], [Stratum(100, (31, 29))], YES_NO),
    )
    y = np.array(satisfied) / 60
    last = np.array([0, 0, 0, 0, 0, 0, 1])
    design = np.column_stack([np.ones(7), np.arange(7), last])
    left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    error = np.sqrt(left @ left / 4 * 2)
    assert alone.p_value < 0.001
    assert found.p_value == pytest.approx(2 * stats.t.sf((y[-1] - y[-2]) / error, 4), abs=1e-9)
    assert found.low == pytest.approx(y[-1] - y[-2] - stats.t.ppf(0.975, 4) * error, abs=1e-9)


def test_one_large_change_among_quiet_waves_is_still_clear() -> None:
    """The wave whose change is judged does not count as a swing itself."""
    last = DatedWave(9, [Stratum(100, (45, 15))])
    for waves_before in (5, 7):
        before = numbers((40, 42, 40, 42, 40, 42, 41)[:waves_before])
        found = change_within_trend([*before, last], YES_NO)
        assert found.p_value < 0.05
        assert direction(found, found.p_value, (60, 60)) is Direction.DOWN


def test_unequal_waves_are_weighed_by_their_answers() -> None:
    answers, satisfied = (30, 60, 40, 80, 20, 50, 70), (20, 30, 30, 45, 14, 25, 60)
    given_waves = dated(
        [[Stratum(100, (n - x, x))] for n, x in zip(answers, satisfied, strict=True)]
    )
    y, w = np.divide(satisfied, answers), np.array(answers) / np.mean(answers)
    root = np.sqrt(w)
    last = np.array([0, 0, 0, 0, 0, 0, 1])
    design = np.column_stack([np.ones(7), np.arange(7), last]) * root[:, None]
    left = root * y - design @ np.linalg.lstsq(design, root * y, rcond=None)[0]
    error = np.sqrt(left @ left / 4 * (1 / w[-1] + 1 / w[-2]))
    by_t = 2 * stats.t.sf((y[-1] - y[-2]) / error, 4)
    alone = stratified_difference(given_waves[-1].groups, given_waves[-2].groups, YES_NO)
    found = change_within_trend(given_waves, YES_NO)
    assert found.p_value == pytest.approx(max(by_t, alone.p_value), abs=1e-9)


@few
@given(waves(2, 8))
def test_no_change_is_surer_for_its_trend_and_p_agrees_with_the_range(
    given_waves: list[list[Stratum]],
) -> None:
    found = change_within_trend(dated(given_waves), FIVE)
    alone = stratified_difference(given_waves[-1], given_waves[-2], FIVE)
    assert found.estimate == alone.estimate
    assert found.p_value >= alone.p_value - 1e-12
    assert found.low <= alone.low
    assert found.high >= alone.high
    if abs(found.estimate) > 1e-9:
        assert (found.p_value < 0.05) == (not found.low <= 0 <= found.high)
    counted = [wave for wave in given_waves if sum(sum(group.counts) for group in wave) >= 10]
    if len(counted) < 6:
        assert found == alone


def test_any_two_waves_can_be_compared_and_the_mix_is_looked_at() -> None:
    given_waves = numbers((30, 31, 32, 33, 34, 35, 36))
    year_ago = change_within_trend(given_waves, YES_NO, -1, -5)
    assert year_ago.estimate == pytest.approx(4 / 60)
    moved = change_within_trend(
        given_waves, YES_NO, invited=([({"IT"}, 9), ({"HR"}, 1)], [({"IT"}, 5), ({"HR"}, 5)])
    )
    assert moved.is_mix_moved
