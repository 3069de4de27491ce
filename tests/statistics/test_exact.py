"""The exact range of a share against its definition in exact fractions, and its two ways of
computing against each other.
"""

import json
import subprocess
import sys
from fractions import Fraction
from functools import cache
from math import comb

import numpy as np
import pytest
from scipy import stats

from survey.statistics import exact, proportion_interval, proportion_intervals
from survey.statistics.levels import EXACT, WILSON

LARGEST = 16


@cache
def acceptability(satisfied: int, answers: int, people: int) -> list[Fraction]:
    """For each x: the probability of all results whose tail is no larger than the tail of x."""
    mass = [
        Fraction(comb(satisfied, k) * comb(people - satisfied, answers - k), comb(people, answers))
        for k in range(answers + 1)
    ]
    tail = [min(sum(mass[: k + 1]), sum(mass[k:])) for k in range(answers + 1)]
    return [
        sum((mass[k] for k in range(answers + 1) if tail[k] <= tail[x]), Fraction(0))
        for x in range(answers + 1)
    ]


def by_definition(x: int, answers: int, people: int, alpha: Fraction) -> tuple[int, int]:
    """The smallest and the largest count of satisfied people that is kept, widened where the
    definition says so.
    """
    if answers == people:
        return x, x
    possible = range(x, x + people - answers + 1)
    kept = [count for count in possible if acceptability(count, answers, people)[x] > alpha]
    assert kept == list(range(kept[0], kept[-1] + 1)), "the kept set has a gap"
    low, high = min(kept[0], people * x // answers), max(kept[-1], -(-people * x // answers))
    if low == high:
        low, high = (low, high + 1) if x == 0 else (low - 1, high)
    return low, high


@pytest.mark.parametrize("alpha", [Fraction(1, 20), Fraction(1, 5), Fraction(1, 100)])
@pytest.mark.parametrize("people", range(1, LARGEST + 1))
def test_every_range_of_a_small_company_is_the_one_of_the_definition(
    people: int, alpha: Fraction
) -> None:
    cells = [(x, answers) for answers in range(1, people + 1) for x in range(answers + 1)]
    x, n = np.array(cells).T
    shares = proportion_intervals(x, n, np.full(len(cells), people), float(1 - alpha))
    expected = [by_definition(*cell, people, alpha) for cell in cells]
    assert np.rint(np.column_stack([shares.low, shares.high]) * people).astype(int).tolist() == [
        list(ends) for ends in expected
    ]
    assert set(shares.method[n < people]) <= {EXACT}


@pytest.mark.parametrize(("x", "low", "high"), [(1, 1, 2), (38, 38, 39), (0, 0, 1), (39, 39, 40)])
def test_with_one_silent_person_of_forty_the_range_still_holds_the_estimate_and_is_no_point(
    x: int, low: int, high: int
) -> None:
    share = proportion_interval(x, 39, 40)
    assert (share.low * 40, share.high * 40) == pytest.approx((low, high))
    assert share.low <= x / 39 <= share.high


@pytest.mark.parametrize(("x", "answers", "people"), [(62, 83, 87), (21, 83, 87), (67, 84, 89)])
def test_with_little_confidence_a_range_that_is_no_point_is_widened_to_its_estimate_too(
    x: int, answers: int, people: int
) -> None:
    share = proportion_interval(x, answers, people, 0.5)
    assert (share.low * people, share.high * people) == pytest.approx(
        by_definition(x, answers, people, Fraction(1, 2))
    )


def test_a_count_whose_acceptability_equals_alpha_is_dropped_against_rounding() -> None:
    assert acceptability(23, 19, 25)[19] == Fraction(1, 20)
    assert proportion_interval(19, 19, population=25).low == 24 / 25


@pytest.mark.parametrize(
    ("answers", "people"),
    [(9, 30), (18, 60), (57, 60), (60, 200), (199, 200), (120, 400), (400, 401)],
)
def test_a_table_and_a_search_find_the_same(answers: int, people: int) -> None:
    low, high = exact._tabulate_ends(answers, people, 0.05)
    searched = [exact._search_ends(x, answers, people, 0.05) for x in range(answers + 1)]
    assert list(zip(low.tolist(), high.tolist(), strict=True)) == searched


def test_every_larger_company_searches_and_agrees_with_a_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cells = [
        (x, n, people)
        for people, n in ((300, 250), (500, 150), (1000, 90))
        for x in range(0, n + 1, 7)
    ]
    x, n, people = np.array(cells).T
    assert ((people + 1) * (n + 1) > exact.LARGEST_TABLE).all()
    searched = proportion_intervals(x, n, people)
    monkeypatch.setattr(exact, "LARGEST_TABLE", 10**6)
    tabled = proportion_intervals(x, n, people)
    assert searched.low.tolist() == tabled.low.tolist()
    assert searched.high.tolist() == tabled.high.tolist()


@pytest.mark.parametrize(
    ("x", "n", "people"), [(60, 100, 5000), (1500, 2000, 5000), (0, 30, 4000), (30, 30, 4000)]
)
def test_a_large_company_lies_inside_the_tail_limits_of_scipy(x: int, n: int, people: int) -> None:
    """Blaker's range is never wider than the one of two tails of 2.5 %, and its ends are accepted
    by at least one tail.
    """
    share = proportion_interval(x, n, people)
    low, high = round(share.low * people), round(share.high * people)
    assert 0 <= low <= people * x / n <= high <= people
    assert x == 0 or stats.hypergeom.sf(x - 1, people, low, n) > 0.025
    assert x == n or stats.hypergeom.cdf(x, people, high, n) > 0.025


@pytest.mark.parametrize(
    ("x", "n", "people"), [(11, 12, 30_000), (30, 40, 20_000), (150, 200, 9_000), (0, 60, 50_000)]
)
def test_each_end_of_a_large_company_is_the_first_count_that_the_definition_keeps(
    x: int, n: int, people: int
) -> None:
    share, k = proportion_interval(x, n, people), np.arange(n + 1)
    low, high = round(share.low * people), round(share.high * people)

    def kept(first: int, last: int) -> list[bool]:
        satisfied = np.arange(max(x, first), min(people - n + x, last) + 1)
        mass = stats.hypergeom.pmf(k, people, satisfied[:, None], n)
        tail = np.minimum(mass.cumsum(axis=1), mass[:, ::-1].cumsum(axis=1)[:, ::-1])
        as_odd = tail <= tail[:, [x]] * (1 + 1e-7)
        found: list[bool] = ((mass * as_odd).sum(axis=1) > 0.05).tolist()
        return found

    assert kept(low, low) == kept(high, high) == [True]
    assert not any(kept(low - 25, low - 1))
    assert not any(kept(high + 1, high + 25))


WATCHED = """
import json, pathlib, re, time
from survey.statistics import proportion_interval
hard = [(45_000, 50_000, 100_000), (900, 1_000, 100_000), (10, 30, 100_000), (2, 5, 100_000)]
seconds = []
for cell in hard * 2:
    start = time.process_time()
    proportion_interval(*cell)
    seconds.append(time.process_time() - start)
status = pathlib.Path("/proc/self/status").read_text()
mib = max(int(kib) for kib in re.findall(r"Vm(?:HWM|RSS):\\s*(\\d+)", status)) / 1024
print(json.dumps([max(seconds[:4]), max(seconds[4:]), mib]))
"""


def test_an_exact_share_of_a_hundred_thousand_people_costs_little_time_and_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WATCHED], capture_output=True, text=True, check=True, timeout=60
    )
    cold, again, mib = json.loads(done.stdout)
    assert cold < 1
    assert again < 0.01
    assert mib < 200


def test_above_a_hundred_thousand_people_wilson_with_the_correction_takes_over() -> None:
    assert proportion_interval(60, 100, 100_000).method == EXACT
    share = proportion_interval(60, 100, 100_001)
    assert share.method == f"{WILSON}, finite population"
    z = stats.norm.ppf(0.975)
    r = z * z / (100 * 100_000 / 99_901)
    half = np.sqrt(r * 0.24 + r * r / 4) / (1 + r)
    assert (share.low, share.high) == pytest.approx(
        ((0.6 + r / 2) / (1 + r) - half, (0.6 + r / 2) / (1 + r) + half), abs=1e-12
    )


def test_the_two_methods_hardly_differ_where_one_takes_over_from_the_other() -> None:
    below, above = (proportion_interval(1200, 2000, people) for people in (100_000, 100_001))
    assert (below.low, below.high) == pytest.approx((above.low, above.high), abs=0.001)
