"""The published, tabulated and independently computed values, and the worked examples.

Each within its own tolerance.
"""

import builtins
import json
import subprocess
import sys
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from survey import statistics
from survey.statistics import (
    Stratum,
    adjust_p_values,
    break_even,
    difference_interval,
    feasible_range,
    mean_interval,
    nps_interval,
    proportion_interval,
    stratified_interval,
)

CASES = json.loads((Path(__file__).parent / "reference_statistics.json").read_text())["cases"]
HEAVY = ["scipy.stats", "scipy.optimize", "flask", "sqlalchemy", "werkzeug"]
ROOM = Path(statistics.__file__).parent
MODULES = sorted(f"survey.statistics.{path.stem}" for path in ROOM.glob("[!_]*.py"))
FOUR = [
    Stratum(12, (0, 1, 1, 3, 4)),
    Stratum(60, (1, 2, 4, 12, 9)),
    Stratum(140, (3, 4, 10, 25, 20)),
    Stratum(25, (0, 0, 1, 6, 11)),
]
ONE_TO_FIVE = (1, 2, 3, 4, 5)
WORKED = [
    (proportion_interval(6, 6, population=20), (1.0, 0.65, 1.0)),
    (proportion_interval(18, 20), (0.9, 0.699, 0.9721)),
    (proportion_interval(54, 60, population=200), (0.9, 0.82, 0.95)),
    (proportion_interval(1, 39, population=40), (0.0256, 0.025, 0.05)),
    (mean_interval((0, 0, 0, 0, 6), ONE_TO_FIVE, population=20), (5.0, 3.7178, 5.0)),
    (mean_interval((1, 2, 4, 12, 9), ONE_TO_FIVE, population=60), (3.9286, 3.5972, 4.2056)),
    (nps_interval(36, 18, 6, population=200), (50.0, 34.2904, 62.9889)),
    (stratified_interval(FOUR, ONE_TO_FIVE), (3.9795, 3.824, 4.1207)),
    (difference_interval((14, 56), (32, 48), (0, 1)), (0.2, 0.0524, 0.3339)),
    (feasible_range(45, 62, 140), (0.7258, 0.3214, 0.8786)),
]


def called(case: dict[str, Any]) -> Any:
    """What the named function gives for the case's arguments."""
    arguments = dict(case["arguments"])
    if "strata" in arguments:
        arguments["strata"] = [
            Stratum(stratum["population"], tuple(stratum["counts"]))
            for stratum in arguments["strata"]
        ]
    return getattr(statistics, case["function"])(**arguments)


@pytest.mark.parametrize(
    "case", [case for case in CASES if "raises" in case["expected"]], ids=lambda case: case["id"]
)
def test_what_must_be_refused_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(getattr(builtins, case["expected"]["raises"])):
        called(case)


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if "raises" not in case["expected"]],
    ids=lambda case: case["id"],
)
def test_a_reference_value_is_met_within_its_tolerance(case: dict[str, Any]) -> None:
    result = called(case)
    results = (
        asdict(result)
        if is_dataclass(result) and not isinstance(result, type)
        else {"result": result}
    )
    for field, value in case["expected"].items():
        if value is None or isinstance(value, str):
            assert results[field] == value
        else:
            assert results[field] == pytest.approx(
                tuple(value) if isinstance(value, list) else value, abs=case["tolerance"], rel=0
            )


def test_the_file_holds_every_kind_of_case() -> None:
    assert len(CASES) >= 87
    assert {case["function"] for case in CASES} >= {
        "adjust_p_values",
        "break_even",
        "difference_interval",
        "feasible_range",
        "mean_interval",
        "nps_interval",
        "proportion_interval",
        "stratified_interval",
    }


def test_importing_all_of_it_stays_light() -> None:
    ask = (
        f"import sys, json, {', '.join(MODULES)}; print(json.dumps([name for name in"
        " json.loads(sys.argv[1]) if name in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", ask, json.dumps([*HEAVY, "numpy"])],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout) == ["numpy"]


@pytest.mark.parametrize(("interval", "worked"), WORKED)
def test_a_worked_example_gives_what_was_worked_out(
    interval: Any, worked: tuple[float, ...]
) -> None:
    assert (round(interval.estimate, 4), round(interval.low, 4), round(interval.high, 4)) == worked


def test_the_worked_examples_without_a_range() -> None:
    assert round(difference_interval((14, 56), (32, 48), (0, 1)).p_value, 4) == 0.0081
    assert [round(q, 4) for q in adjust_p_values([0.01, 0.01, 0.03, 0.03, 0.5, 1])] == [
        0.03,
        0.03,
        0.045,
        0.045,
        0.6,
        1.0,
    ]
    assert round(break_even(45, 62, 140, 0.8) or 0, 3) == 0.859
    assert mean_interval((0, 1, 2, 3, 4), ONE_TO_FIVE, population=10).method == "everyone answered"
