"""The races run, compare like with like, and say everything a reader needs."""

import json

import numpy as np
import pytest
from scipy import stats

from survey.statistics import Intervals
from tests.load.intervals import races, run, year_of_waves
from tests.load.pages import BENCHMARKS, PART, timed
from tests.proofs import proof


@proof("benchmarks")
def test_every_race_runs_and_gives_one_complete_line() -> None:
    lines = [json.loads(json.dumps(line)) for line in run(rounds=1, cells=60, theirs=3)]
    assert [line["id"] for line in lines] == [
        "wilson",
        "mean",
        "nps",
        "exact-cold",
        "exact-again",
        "difference",
    ]
    for line in lines:
        assert line.keys() >= {"what", "n", "median", "min", "floor", "ratio", "versions", "load"}
        assert 0 < line["min"] <= line["median"]
        assert line["ratio"] == pytest.approx(line["floor"] / line["median"], rel=0.05, abs=0.1)
    assert {line["id"] for line in lines if line["bound"] == 300} == {"wilson", "mean", "nps"}


def test_both_ways_of_a_wilson_range_give_the_same() -> None:
    (race,) = (race for race in races(60) if race.id == "wilson")
    ours = race.ours()
    assert isinstance(ours, Intervals)
    for at in range(60):
        theirs = race.theirs(at)
        assert isinstance(theirs, type(stats.binomtest(1, 2).proportion_ci()))
        assert (ours.low[at], ours.high[at]) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_a_year_of_waves_holds_as_many_different_cells_as_the_goal_names() -> None:
    cells = np.column_stack(year_of_waves(np.random.default_rng(1), 10_000))
    assert len(cells) == 10_000
    assert len(np.unique(cells, axis=0)) == 2_800
    assert cells[:, 2].max() <= 200
    assert 100 < len(np.unique(cells[:, 1:], axis=0)) <= 130


def test_the_page_about_benchmarks_gets_its_table_and_keeps_the_rest() -> None:
    page = BENCHMARKS.read_text()
    (part,) = (found for found in PART.finditer(page) if found["names"] == "intervals")
    line = {
        "what": "x",
        "n": 10_000,
        "median": 0.0004,
        "floor": 2.5,
        "ratio": 6250.0,
        "bound": 300,
        "rounds": 7,
        "versions": {"Python": "3"},
        "load": 1,
    }
    written = timed(page, "intervals", [line])
    assert "| x | 10,000 | 0.4 ms | 2.50 s | 6,250 | at least 300 |" in written
    assert PART.sub("", written) == PART.sub("", page)
    assert part[1] in written
