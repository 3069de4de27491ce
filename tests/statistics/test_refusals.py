"""Nonsense is refused by the name of the argument, one cell or many.

And nothing that is accepted gives NaN.
"""

from collections.abc import Callable
from dataclasses import astuple
from itertools import product
from typing import Any

import numpy as np
import pytest

from survey.statistics import (
    Compared,
    Comparing,
    DatedWave,
    Difference,
    Family,
    Interval,
    Stratum,
    Trend,
    adjust_by_family,
    adjust_p_values,
    assign_families,
    break_even,
    break_even_people,
    break_evens,
    change_within_trend,
    degrees_of_change,
    degrees_of_swings,
    detectable_factor,
    detectable_in_family,
    detectable_moves,
    detectable_rise,
    difference_interval,
    difference_intervals,
    effective_answers,
    family_sizes,
    feasible_range,
    feasible_ranges,
    group_against_rest,
    groups_against_rest,
    mean_interval,
    mean_intervals,
    mix_shift,
    nps_interval,
    nps_intervals,
    possible_moves,
    proportion_interval,
    proportion_intervals,
    rebound,
    response_odds,
    stratified_difference,
    stratified_differences,
    stratified_interval,
    stratified_intervals,
    stratified_process_interval,
    stratified_process_intervals,
    too_few_to_say,
    trend,
    values_of_rests,
    widest_range,
    year_difference,
    year_interval,
)
from survey.statistics.drivers import key_drivers, relative_weights
from survey.statistics.planning import chance_of_answers, outlook
from survey.statistics.verdicts import Direction, direction, verdict

NAN, INF = float("nan"), float("inf")
YES_NO, FIVE = (0, 1), (1, 2, 3, 4, 5)
NO_WHOLE_NUMBER = [-1, 1.5, NAN, INF, -INF, "3", None, 10**300, 1e300, 2**63 + 5]
TEN, ONE = Stratum(60, (5, 20)), Stratum(60, (30,))
MIX = [({"IT"}, 10)]
RISE = Trend(0.1, -0.1, 0.3, 0.3, 0.95, (0, 1, 2, 3, 4), 20, 3)
NO_SHARE = [-0.1, 1.1, 80, NAN, INF, "0.8", None]
NO_CONFIDENCE = [0, 1, 95, -0.5, NAN, INF, "0.95", None, [0.9, 0.95]]
NO_SCALE = [
    (),
    (1,),
    (1, 1),
    (2, 1),
    (1, NAN),
    (1, INF),
    (-1.7e308, 1.7e308),
    ("0", "1"),
    "01",
    None,
    3,
]
GOOD = [Stratum(12, (2, 8)), Stratum(40, (12, 14))]
PEOPLE, COUNTS = [[12, 40]], [[(2, 8), (12, 14)]]

Call = Callable[[Any], Any]

# What is wrong -> which argument is named -> calls that are given it.
WRONG: list[tuple[list[Any], str, list[Call]]] = [
    (
        NO_WHOLE_NUMBER,
        "successes",
        [lambda v: proportion_interval(v, 5), lambda v: proportion_intervals([2, v], [5, 5])],
    ),
    (
        [0, *NO_WHOLE_NUMBER],
        "answers",
        [lambda v: proportion_interval(0, v), lambda v: proportion_intervals([0, 0], [5, v])],
    ),
    (
        [0, *NO_WHOLE_NUMBER[:-4], *NO_WHOLE_NUMBER[-3:]],
        "population",
        [
            lambda v: proportion_interval(2, 5, v),
            lambda v: proportion_intervals([2, 2], [5, 5], [9, v]),
            lambda v: mean_interval((1, 2), YES_NO, v),
            lambda v: mean_intervals([(1, 2), (1, 2)], YES_NO, [9, v]),
            lambda v: nps_interval(1, 2, 3, v),
            lambda v: feasible_range(2, 5, v),
            lambda v: break_even(2, 5, v, 0.8),
            lambda v: stratified_interval([Stratum(v, (1, 2))], YES_NO),
            lambda v: effective_answers([Stratum(v, (1, 2))]),
        ],
    ),
    (
        [4],
        "population",
        [
            lambda v: proportion_interval(2, 5, v),
            lambda v: mean_intervals([(2, 1), (2, 3)], YES_NO, [v, v]),
            lambda v: nps_intervals([1], [2], [3], [v]),
            lambda v: feasible_ranges([2], [5], [v]),
            lambda v: break_evens([2], [5], [v], 0.8),
            lambda v: stratified_interval([Stratum(v, (2, 3))], YES_NO),
            lambda v: stratified_process_intervals([[9, v]], [[(2, 3), (2, 3)]], YES_NO),
            lambda v: stratified_differences(
                (PEOPLE, COUNTS), ([[9, v]], [[(2, 3), (2, 3)]]), YES_NO
            ),
            lambda v: effective_answers([Stratum(v, (2, 3))]),
        ],
    ),
    (
        [None, [None]],
        "population",
        [lambda v: feasible_ranges([2], [5], v), lambda v: break_evens([2], [5], v, 0.8)],
    ),
    (
        [6],
        "successes",
        [lambda v: proportion_interval(v, 5), lambda v: feasible_ranges([1, v], [5, 5], [9, 9])],
    ),
    ([[1], [1, 2, 3]], "successes", [lambda v: proportion_intervals(v, [5, 5])]),
    (
        [[1], [1, 2, 3], [[5], [6]], 9],
        "population",
        [lambda v: proportion_intervals([2, 2], [5, 5], v)],
    ),
    (
        NO_WHOLE_NUMBER,
        "counts",
        [
            lambda v: mean_interval((1, v), YES_NO),
            lambda v: mean_intervals([(1, 2), (1, v)], YES_NO),
            lambda v: stratified_interval([GOOD[0], Stratum(9, (1, v))], YES_NO),
            lambda v: stratified_process_intervals([[12, 9]], [[(1, 2), (1, v)]], YES_NO),
            lambda v: effective_answers([Stratum(9, (1, v))]),
        ],
    ),
    (
        [(), (0, 0), (1,), (1, 2, 3), "12", ((1, 2), (3,))],
        "counts",
        [
            lambda v: mean_interval(v, YES_NO),
            lambda v: mean_intervals([v], YES_NO),
            lambda v: stratified_interval([Stratum(9, v)], YES_NO),
            lambda v: stratified_process_interval([GOOD[0], Stratum(9, v)], YES_NO),
            lambda v: stratified_intervals([[12, 9]], [[(1, 2), v]], YES_NO),
        ],
    ),
    ([[], (1, 2), 3, [(1, 2), (1, 2, 3)]], "counts", [lambda v: mean_intervals(v, YES_NO)]),
    (
        [[], [(1, 2)], 3, [[(1, 2), (1, 2, 3)]]],
        "counts",
        [lambda v: stratified_intervals([[5]], v, YES_NO)],
    ),
    (
        [[[1, 2], [3]], [[5, 6]], [5]],
        "population",
        [lambda v: stratified_intervals(v, [[(1, 2)]], YES_NO)],
    ),
    (
        [NAN, -1, (0, 0), (1,), (1, 2, 3), ("1", "2"), None],
        "first",
        [
            lambda v: difference_interval(v, (1, 2), YES_NO),
            lambda v: difference_intervals([(1, 2), v], [(1, 2)] * 2, YES_NO),
        ],
    ),
    (
        [NAN, -1, (0, 0), (1,), ("1", "2")],
        "second",
        [lambda v: difference_interval((1, 2), v, YES_NO)],
    ),
    ([[(1, 2)] * 3], "second", [lambda v: difference_intervals([(1, 2)], v, YES_NO)]),
    (
        [[]],
        "strata",
        [
            lambda v: stratified_interval(v, YES_NO),
            lambda v: stratified_process_interval(v, YES_NO),
            lambda v: stratified_difference(v, GOOD, YES_NO),
            lambda v: stratified_difference(GOOD, v, YES_NO),
            effective_answers,
            lambda v: stratified_intervals([[0, 0]], [[(0, 0), (0, 0)]], YES_NO),
        ],
    ),
    (
        NO_WHOLE_NUMBER,
        "promoters",
        [lambda v: nps_interval(v, 1, 1), lambda v: nps_intervals([1, v], [1, 1], [1, 1])],
    ),
    (NO_WHOLE_NUMBER, "passives", [lambda v: nps_interval(1, v, 1)]),
    (NO_WHOLE_NUMBER, "detractors", [lambda v: nps_interval(1, 1, v)]),
    (
        [0],
        "promoters, passives and detractors",
        [lambda v: nps_interval(v, v, v), lambda v: nps_intervals([1, v], [1, v], [1, v])],
    ),
    ([[1]], "promoters, passives and detractors", [lambda v: nps_intervals([1, 2], v, [1, 2])]),
    (
        NO_SCALE,
        "values",
        [
            lambda v: mean_interval((1, 2), v),
            lambda v: stratified_interval(GOOD, v),
            lambda v: stratified_process_intervals(PEOPLE, COUNTS, v),
            lambda v: difference_interval((1, 2), (1, 2), v),
            lambda v: stratified_difference(GOOD, GOOD, v),
        ],
    ),
    (
        NO_CONFIDENCE,
        "confidence",
        [
            lambda v: proportion_interval(2, 5, 9, v),
            lambda v: mean_intervals([(1, 2)], YES_NO, None, v),
            lambda v: nps_interval(1, 2, 3, None, v),
            lambda v: stratified_interval(GOOD, YES_NO, v),
            lambda v: stratified_process_interval(GOOD, YES_NO, v),
            lambda v: difference_interval((1, 2), (1, 2), YES_NO, v),
            lambda v: stratified_difference(GOOD, GOOD, YES_NO, v),
            lambda v: outlook(60, 0.5, 0.7, v),
        ],
    ),
    (
        NO_SHARE,
        "target",
        [lambda v: break_even(2, 5, 9, v), lambda v: break_evens([2], [5], [9], v)],
    ),
    ([NAN, INF, "0.8", None], "target", [lambda v: verdict(Interval(0.5, 0.4, 0.6, 0.95, ""), v)]),
    (NO_SHARE, "p_values", [lambda v: adjust_p_values([0.5, v])]),
    ([0.5, [[0.1, 0.2]], "ab", [[0.1], [0.2, 0.3]]], "p_values", [adjust_p_values]),
    ([0, *NO_WHOLE_NUMBER], "invited", [lambda v: outlook(v, 0.5), chance_of_answers]),
    ([0, *NO_SHARE], "rate", [lambda v: outlook(60, v)]),
    (NO_SHARE, "rate", [lambda v: chance_of_answers(60, 10, v)]),
    (NO_SHARE, "share", [lambda v: outlook(60, 0.5, v)]),
    (
        [NAN, INF, "3", None, 1.5],
        "predictors",
        [lambda v: key_drivers([(1, 2), (3, v)] * 60, [1, 2] * 60)],
    ),
    ([NAN, INF, "3", None], "outcome", [lambda v: relative_weights([(1, 2), (3, 4)], [1, v])]),
    (
        [[1], [1, 2, 3], 4],
        "outcome",
        [
            lambda v: relative_weights([(1, 2), (3, 4)], v),
            lambda v: key_drivers([(1, 2), (3, 4)], v),
        ],
    ),
    ([[]], "predictors", [lambda v: relative_weights(v, [])]),
    (
        [(1,), (1, NAN), (1, -1), (1, 1.5)],
        "counts",
        [
            lambda v: group_against_rest(Stratum(30, v), [Stratum(30, (4, 8))]),
            lambda v: group_against_rest(Stratum(30, (4, 8)), [Stratum(30, v)]),
            lambda v: groups_against_rest([[30, 30]], [[v, v]]),
            lambda v: values_of_rests([[30, 30]], [[v, v]]),
            lambda v: year_interval([[Stratum(60, v)]] if v != (1,) else [[TEN, ONE]], YES_NO),
            lambda v: rebound([[Stratum(60, v)]] if v != (1,) else [[TEN, ONE]], YES_NO),
        ],
    ),
    (
        [(30,), (30, NAN), (30, -1), (30, 1.5)],
        "counts",
        [
            lambda v: year_difference([[TEN]], [[Stratum(60, v)]], YES_NO),
            lambda v: trend([DatedWave(at, [Stratum(60, v)]) for at in range(6)], YES_NO),
            lambda v: change_within_trend(
                [DatedWave(at, [Stratum(60, v)]) for at in range(6)], YES_NO
            ),
        ],
    ),
    ([[]], "rest", [lambda v: group_against_rest(TEN, v)]),
    (
        [[[30]]],
        "rest",
        [
            lambda v: groups_against_rest(v, [[(4, 8)]]),
            lambda v: values_of_rests(v, [[(4, 8)]]),
        ],
    ),
    ([[]], "waves", [lambda v: year_interval(v, YES_NO)]),
    ([[]], "second", [lambda v: year_difference([[TEN]], v, YES_NO)]),
    (NO_SCALE, "values", [lambda v: year_interval([[TEN]], v), lambda v: rebound([[TEN]], v)]),
    (
        NO_CONFIDENCE,
        "confidence",
        [
            lambda v: group_against_rest(TEN, [TEN], v),
            lambda v: year_interval([[TEN]], YES_NO, v),
            lambda v: trend([], YES_NO, v),
            lambda v: detectable_factor(1, v),
        ],
    ),
    (
        [NAN, INF, "3", None, 0],
        "time",
        [lambda v: trend([DatedWave(0, [TEN]), DatedWave(v, [TEN])], YES_NO)],
    ),
    ([[], [({"IT"}, 0)], [({"IT"}, -1)], [({"IT"}, 1.5)]], "first", [lambda v: mix_shift(v, MIX)]),
    (
        [0, *NO_WHOLE_NUMBER],
        "members",
        [
            detectable_factor,
            lambda v: detectable_factor(v, degrees=3),
            lambda v: detectable_rise(RISE, v),
            lambda v: detectable_in_family(9, members=v),
        ],
    ),
    ([0, *NO_WHOLE_NUMBER], "answers", [detectable_in_family]),
    ([5, *NO_WHOLE_NUMBER], "waves", [degrees_of_swings]),
    (
        [(-1, 8), (1.5, 8)],
        "counts",
        [lambda v: degrees_of_change([DatedWave(0, [Stratum(30, v)])])],
    ),
    (
        [value for value in [0, *NO_WHOLE_NUMBER] if value is not None],
        "degrees",
        [
            lambda v: detectable_factor(degrees=v),
            lambda v: detectable_moves(0.7, (60, 60), degrees=v),
        ],
    ),
    (NO_SHARE, "share", [lambda v: detectable_moves(v, (60, 60))]),
    ([(60,), (0, 60), (60, NAN), None, 60], "answers", [lambda v: detectable_moves(0.7, v)]),
    ([NAN, INF, "0.8", None], "value", [lambda v: possible_moves(v, 0.1, 0.0, 1.0)]),
    ([NAN, INF, "0.8", None], "change", [lambda v: possible_moves(0.5, v, 0.0, 1.0)]),
    ([0, *NO_WHOLE_NUMBER], "lowest", [lambda v: rebound([[TEN]], YES_NO, v)]),
    ([[]], "measures", [lambda v: rebound(v, YES_NO)]),
    (
        [[], [(0, 5)], [(5, 0)], [(1.5, 5)], [5], [(1, 2, 3)]],
        "groups",
        [lambda v: widest_range(v, is_share=True), lambda v: too_few_to_say(v, is_share=False)],
    ),
    ([[(6, 5)]], "population", [lambda v: widest_range(v, is_share=True)]),
    (
        NO_SHARE,
        "target",
        [lambda v: break_even_people(2, 5, 9, v), lambda v: response_odds(2, 5, 9, v)],
    ),
    ([0, *NO_WHOLE_NUMBER], "answers", [lambda v: response_odds(0, v, 9, 0.8)]),
    ([0, *NO_WHOLE_NUMBER], "population", [lambda v: response_odds(2, 5, v, 0.8)]),
    (NO_SHARE, "p_values", [lambda v: adjust_by_family([v], [Family.TARGETS])]),
    ([[], [4], ["targets"]], "families", [lambda v: adjust_by_family([0.5], v)]),
    ([[4], ["targets"], [None]], "families", [family_sizes]),
    (
        [[Compared(what, is_overall=True)] * 2 for what in (Comparing.TREND, Comparing.CHANGE)],
        "comparisons",
        [assign_families],
    ),
]
REFUSALS = [
    (call, value, named) for values, named, calls in WRONG for value, call in product(values, calls)
]


@pytest.mark.parametrize(("call", "value", "named"), REFUSALS)
def test_nonsense_is_refused_by_the_name_of_the_argument(
    call: Call, value: object, named: str
) -> None:
    with pytest.raises(ValueError, match=rf"\b{named}\b"):
        call(value)


def test_every_public_function_is_given_nonsense() -> None:
    from survey import statistics

    used = {name for call, _, _ in REFUSALS for name in (*call.__code__.co_names, call.__name__)}
    functions = {name for name in statistics.__all__ if name[0].islower()}
    assert functions - used == set()


def test_a_q_value_that_is_no_number_makes_nothing_clear() -> None:
    assert direction(Difference(0.2, 0.1, 0.3, 0.01), NAN, (20, 20)) is Direction.UNCLEAR


def test_no_cells_give_no_ranges() -> None:
    assert len(proportion_intervals([], [], [])) == 0
    assert len(mean_intervals(np.zeros((0, 5), int), FIVE)) == 0
    assert len(difference_intervals(np.zeros((0, 2), int), np.zeros((0, 2), int), YES_NO)) == 0
    assert adjust_p_values([]) == ()


@pytest.mark.parametrize("kind", [int, np.int8, np.uint8, np.uint64, float, np.float32])
def test_whole_numbers_of_any_kind_are_understood(kind: Callable[[int], Any]) -> None:
    plain = proportion_interval(6, 7, 20)
    assert proportion_interval(kind(6), kind(7), kind(20)) == plain
    assert mean_interval((kind(1), kind(6)), YES_NO, kind(20)) == mean_interval((1, 6), YES_NO, 20)


EXTREME_CONFIDENCE = [1e-300, 1e-9, 0.5, 1 - 1e-9, 1 - 2**-53]
EXTREME_COUNTS = [(1, 0), (0, 1), (1, 1), (2**53, 0), (0, 2**53), (1, 2**53 - 1), (2**52, 2**52)]


@pytest.mark.parametrize(
    ("confidence", "counts"), list(product(EXTREME_CONFIDENCE, EXTREME_COUNTS))
)
def test_nothing_is_ever_not_a_number(confidence: float, counts: tuple[int, int]) -> None:
    n, other = sum(counts), counts[::-1]
    results: list[Any] = [
        proportion_interval(counts[1], n, None, confidence),
        mean_interval(counts, (-1e300, 1e300 / 2), None, confidence),
        mean_interval(counts, (0, 5e-324), None, confidence),
        stratified_process_interval([Stratum(n, counts), Stratum(n, other)], YES_NO, confidence),
        stratified_interval([Stratum(n, counts), Stratum(n, other)], YES_NO, confidence),
        difference_interval(counts, other, YES_NO, confidence),
        difference_interval(counts, counts, YES_NO, confidence),
        stratified_difference([Stratum(n, counts)], [Stratum(n, other)], YES_NO, confidence),
    ]
    if n >= 10:
        waves = [[Stratum(n, counts)], [Stratum(n, other)]]
        results.append(year_interval(waves, YES_NO, confidence).interval)
        results.append(year_difference(waves, waves[:1], YES_NO, confidence))
    if n < 2**53:
        results += [
            proportion_interval(counts[1], n, n + silent, confidence) for silent in (0, 1, 4000)
        ]
        results += [
            mean_interval(counts, YES_NO, n + silent, confidence) for silent in (0, 1, 4000)
        ]
        results += [
            stratified_interval([Stratum(n + silent, counts)], YES_NO, confidence)
            for silent in (0, 1, 4000)
        ]
    for result in results:
        numbers = [value for value in astuple(result) if isinstance(value, float)]
        assert np.isfinite(numbers).all(), result
        assert result.low <= result.estimate <= result.high
