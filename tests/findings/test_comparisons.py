"""Changes and groups against the rest, judged as one family.

They equal a computation that is written apart from the product.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from math import hypot, sqrt
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from scipy.optimize import brentq
from scipy.stats import false_discovery_control, norm

from survey.findings.document.rules.comparisons import changes_in_words, mix_changed
from survey.findings.document.rules.compute import compute_document
from survey.findings.document.rules.evidence import EarlierWave, Evidence
from survey.findings.service.documents import find_findings
from survey.providers.service import add_provider
from survey.questionnaires.rules import Questionnaire, numeric_scale
from survey.responses.rules import CellCounts, PublishedGroup
from survey.waves import service as waves
from tests.cast import OPENS
from tests.findings.test_history import INVITED, ITEMS, REAL, a_file, import_file
from tests.findings.test_presentation import GROUPS, five, questions, tally, wave
from tests.proofs import on_postgresql

Rows = list[dict[str, str]]
Ends = Callable[[float], tuple[float, float]]
Z = norm.ppf(0.975)


def altered(rows: Rows) -> Rows:
    """The same answers, with three faculties changed.

    Half of Faculty 3 find better hours, a third of Faculty 6 are less content, and two in five of
    Faculty 5 do not answer.
    """
    rows_after = []
    for number, row in enumerate(rows):
        new = dict(row)
        if row["group"] == "Faculty 3" and number % 2:
            new["hours"] = str(min(7, int(row["hours"]) + 2))
        if row["group"] == "Faculty 6" and number % 3 == 0:
            new["overall"] = str(max(1, int(row["overall"]) - 2))
        if row["group"] != "Faculty 5" or number % 5 > 1:
            rows_after.append(new)
    return rows_after


def shares(rows: Rows, question: str) -> dict[str, tuple[int, int]]:
    """(in the two best of seven, answers) by group."""
    by_group = {
        group: [int(row[question]) for row in rows if row["group"] == group] for group in INVITED
    }
    return {group: (sum(v >= 6 for v in values), len(values)) for group, values in by_group.items()}


def wilson(mean: float, effective: float) -> Ends:
    def ends(z: float) -> tuple[float, float]:
        middle, half = (
            mean + z * z / (2 * effective),
            z * sqrt(mean * (1 - mean) / effective + z * z / (4 * effective**2)),
        )
        return (middle - half) / (1 + z * z / effective), (middle + half) / (1 + z * z / effective)

    return ends


def weighted(cells: Mapping[str, tuple[int, int]]) -> tuple[float, Ends]:
    """The value weighted by the people of each group, and its ends, straight from the formulas."""
    total = sum(INVITED[group] for group in cells)
    mean = centre = variance = 0.0
    for group, (x, n) in cells.items():
        share, guess = INVITED[group] / total, (x + 1) / (n + 2)
        mean += share * x / n
        centre += share * guess
        variance += share**2 * guess * (1 - guess) / n
    return mean, wilson(mean, centre * (1 - centre) / variance)


def contrast(one: tuple[float, Ends], two: tuple[float, Ends]) -> dict[str, float]:
    """Newcombe's tenth method, and p at the z where the nearer end reaches zero."""
    d = one[0] - two[0]

    def ends(z: float) -> tuple[float, float]:
        (low_1, high_1), (low_2, high_2) = one[1](z), two[1](z)
        return d - hypot(one[0] - low_1, high_2 - two[0]), d + hypot(
            high_1 - one[0], two[0] - low_2
        )

    low, high = ends(Z)
    p = (
        1.0
        if d == 0
        else 2 * norm.sf(brentq(lambda z: ends(z)[0 if d > 0 else 1], 1e-9, 37, xtol=1e-12))
    )
    return {"estimate": d, "low": low, "high": high, "p_value": p}


def compared(
    document: Mapping[str, Any],
) -> Iterator[tuple[tuple[str, str | None], dict[str, Any]]]:
    for measure in document["measures"]:
        for kind in ("change", "against_rest"):
            if measure.get(kind, {}).get("shown"):
                yield (measure["question"], measure["group"]), measure[kind]


@on_postgresql("databases")
@pytest.mark.skipif(
    not REAL.exists(),
    reason=(
        "the real answers are not beside this checkout:"
        " ../shared/data/orientation_services_2002.csv"
    ),
)
def test_real_answers_and_an_altered_wave_agree_with_a_computation_apart(
    app: Flask, tmp_path_factory: pytest.TempPathFactory
) -> None:
    add_provider("University", [("Rosa", "rosa@university.example")])
    waves.store_survey(
        waves.SurveyPlan(
            "Orientation", "University", "quarterly_8", "quarterly", OPENS, 14, "Europe/Rome", "all"
        )
    )
    before: Rows = list(csv.DictReader(io.StringIO(REAL.read_text())))
    after = altered(before)
    for name, rows, opened, closed in (
        ("first", before, "2002-03-01", "2002-03-31"),
        ("second", after, "2002-06-01", "2002-06-30"),
    ):
        text = "\n".join([",".join(before[0]), *(",".join(row.values()) for row in rows)])
        past = ("--scale", "7", "--survey", "Orientation", "--opened", opened, "--closed", closed)
        import_file(tmp_path_factory.mktemp(name), text, *past, wave=name, groups=INVITED)
    right = {}
    for item in ITEMS:
        now, then = shares(after, item), shares(before, item)
        right[item, None] = contrast(weighted(now), weighted(then))
        for group, (x, n) in now.items():
            others = [pair for other, pair in now.items() if other != group]
            rest_x, rest_n = sum(x for x, _ in others), sum(n for _, n in others)
            right[item, group] = contrast(
                (x / n, wilson(x / n, n)), (rest_x / rest_n, wilson(rest_x / rest_n, rest_n))
            )
    q_values = dict(
        zip(
            right,
            false_discovery_control([differences["p_value"] for differences in right.values()]),
            strict=True,
        )
    )
    differences = dict(compared(find_findings("second").document))
    assert set(differences) == set(right)
    for place, numbers in right.items():
        expected = numbers | {"q_value": q_values[place]}
        assert {key: differences[place][key] for key in expected} == pytest.approx(
            expected, rel=1e-6, abs=1e-9
        ), place
        clear = q_values[place] <= 0.05
        assert differences[place]["direction"] == (
            "unclear" if not clear else "up" if numbers["estimate"] > 0 else "down"
        )
        assert differences[place]["verdict"].startswith("clear" if clear else "no clear")
    assert {differences[item, None]["since"] for item in ITEMS} == {"first"}
    assert differences["hours", None]["direction"] == "up"
    assert differences["overall", None]["direction"] == "down"
    assert (
        find_findings("second").document["changed"]
        == "Clearly up since the wave of March 2002: Hours. Clearly down since the wave of March"
        " 2002: Overall."
    )
    assert all(kind is not None for (_, kind), _ in compared(find_findings("first").document))


def asked(**changes: Any) -> Questionnaire:
    """The example's questionnaire; `changes` replace facts of OVR1."""
    changed = tuple(replace(q, **changes) if q.id == "OVR1" else q for q in questions())
    return Questionnaire.of(
        slug="example", title="Example", language="en", preamble="", questions=changed
    )


def earlier(
    opened: str, answers: Mapping[str, Sequence[tuple[int, ...]]] | None = None, **facts: Any
) -> EarlierWave:
    cells = tally(questions())
    changed = {
        key: {g: CellCounts(c, 0) for (g, _, _), c in zip(GROUPS, counts, strict=True)}
        for key, counts in (answers or {}).items()
    }
    known = replace(cells, cells={**cells.cells, **changed})
    base = {
        "slug": f"it-{opened}",
        "opened": date.fromisoformat(opened),
        "imported": False,
        "questionnaire": asked(),
        "tally": known,
    }
    return EarlierWave(**(base | facts))


def document(*before: EarlierWave, opened: str = "2027-01-11") -> dict[str, Any]:
    return compute_document(
        wave(opened), "Brightline IT", asked(), tally(questions()), Evidence(earlier=before)
    )


def company(computed: Mapping[str, Any], question: str) -> dict[str, Any]:
    return next(
        m
        for m in computed["measures"]
        if m["question"] == question and m["group"] is None and m["statistic"] == "top2"
    )


def test_each_question_is_compared_with_the_newest_wave_that_asked_the_same() -> None:
    newest, oldest = earlier("2026-10-12", questionnaire=asked(revision=2)), earlier("2026-07-13")
    computed = document(newest, oldest)
    assert company(computed, "OVR1")["change"]["since"] == "it-2026-07-13"
    assert company(computed, "REL1")["change"]["since"] == "it-2026-10-12"
    assert company(computed, "REL1")["change"]["opened"] == "2026-10-12"


@pytest.mark.parametrize("change", [{"revision": 2}, {"id": "OVR9"}], ids=str)
def test_nothing_is_compared_across_another_wording(change: dict[str, Any]) -> None:
    other = earlier("2026-10-12", questionnaire=asked(**change))
    assert "change" not in company(document(other), "OVR1")


def test_nothing_is_compared_across_another_scale() -> None:
    assert "change" not in company(
        document(earlier("2026-10-12", questionnaire=asked(scale=numeric_scale(7)))), "OVR1"
    )


def test_below_ten_answers_in_a_wave_words_stand_instead_of_a_change() -> None:
    few = earlier("2026-10-12", {"OVR1": [five(2, 3), five(2, 2), five(1, 2), five(1, 2)]})
    change = company(document(few), "OVR1")["change"]
    words = "Compared from 10 answers in each wave."
    assert change == {
        "since": "it-2026-10-12",
        "opened": "2026-10-12",
        "imported": False,
        "shown": False,
        "words": words,
    }


def test_who_answers_cannot_fake_a_change() -> None:
    same = tally(questions())
    shifted = {
        "OVR1": {
            "Sales": (9, 10),
            "Service": (11, 12),
            "Warehouse": (3, 11),
            "Finance and Legal": (3, 9),
        }
    }
    fewer = {"OVR1": [five(9, 10), five(11, 12), five(1, 4), five(1, 3)]}
    cells = {
        **same.cells,
        "OVR1": {name: CellCounts(five(x, n), 0) for name, (x, n) in shifted["OVR1"].items()},
    }
    computed = compute_document(
        wave(),
        "Brightline IT",
        asked(),
        replace(same, cells=cells),
        Evidence(earlier=[earlier("2026-10-12", fewer)]),
    )
    change = company(computed, "OVR1")["change"]
    pooled = 26 / 42 - 22 / 29
    assert abs(change["estimate"]) < abs(pooled) / 2
    assert change["direction"] == "unclear"


def test_another_mix_of_departments_lets_no_change_be_called_clear() -> None:
    crowd = earlier("2026-10-12", {"SEC1": [five(0, 10), five(1, 12), five(1, 11), five(0, 9)]})
    assert company(document(crowd), "SEC1")["change"]["direction"] == "up"
    groups = tuple(
        replace(group, invited=40 if group.name == "Sales" else group.invited)
        for group in crowd.tally.groups
    )
    computed = document(replace(crowd, tally=replace(crowd.tally, groups=groups)))
    assert (
        company(computed, "SEC1")["change"]["direction"],
        company(computed, "SEC1")["change"]["mix_changed"],
    ) == ("unclear", True)
    assert computed["changed"] == ""


@pytest.mark.parametrize(
    ("second", "changed"),
    [
        ([("Sales", ("Sales",), 20), ("Rest", ("Service", "Legal"), 20)], False),
        ([("Sales", ("Sales",), 29), ("Rest", ("Service", "Legal"), 11)], True),
        (
            [("Sales", ("Sales",), 20), ("Legal", ("Legal",), 9), ("Service", ("Service",), 11)],
            False,
        ),
        (
            [("Legal and Sales", ("Legal", "Sales"), 21), ("Service", ("Service",), 19)],
            False,
        ),  # all one block: nothing to tell
    ],
)
def test_the_mix_is_read_off_the_coarsest_partition_that_both_waves_share(
    second: list[tuple[str, tuple[str, ...], int]], *, changed: bool
) -> None:
    together = PublishedGroup(
        "Legal and Service", ("Legal and Service",), 20, 9, ("Legal", "Service")
    )
    first = [PublishedGroup("Sales", ("Sales",), 20, 9, ("Sales",)), together]
    now = [
        PublishedGroup(name, (name,), invited, 9, departments)
        for name, departments, invited in second
    ]
    assert mix_changed(first, now) is changed


def test_the_year_is_four_waves_that_count_as_one() -> None:
    days = (
        "2026-10-12",
        "2026-07-13",
        "2026-04-13",
        "2026-01-12",
        "2025-10-13",
        "2025-07-14",
        "2025-04-14",
    )
    worse = {"SEC1": [five(1, 10), five(1, 12), five(1, 11), five(0, 9)]}
    year = document(*(earlier(day, worse if day < "2026-02" else None) for day in days))["year"]
    assert year["waves"] == ["it-2026-04-13", "it-2026-07-13", "it-2026-10-12", "it-2027-01-11"]
    security = next(m for m in year["measures"] if m["question"] == "SEC1")
    assert (security["waves"], security["answers"], security["estimate"]) == (
        4,
        42,
        pytest.approx(37 / 42),
    )
    assert security["change"]["direction"] == "up"
    assert document(*(earlier(day) for day in days[:1]))["year"] is None
    assert "change" not in document(*(earlier(day) for day in days[:4]))["year"]["measures"][0]


def test_all_comparisons_of_a_document_are_one_family() -> None:
    days = (
        "2026-10-12",
        "2026-07-13",
        "2026-04-13",
        "2026-01-12",
        "2025-10-13",
        "2025-07-14",
        "2025-04-14",
    )
    computed = document(*(earlier(day) for day in days))
    pairs = [part for _, part in compared(computed)] + [
        m["change"] for m in computed["year"]["measures"]
    ]
    assert len(pairs) > 12
    assert [part["q_value"] for part in pairs] == pytest.approx(
        list(false_discovery_control([part["p_value"] for part in pairs]))
    )
    assert "pending" not in json.dumps(computed)


def test_the_second_sentence_names_each_wave_it_speaks_of() -> None:
    def clear(question: str, opened: str, way: str) -> dict[str, Any]:
        return {"question": question, "change": {"direction": way, "opened": opened}}

    names = {"A": "Alpha", "B": "Beta", "C": "Gamma"}
    sentences = changes_in_words(
        [
            clear("A", "2026-10-12", "up"),
            clear("B", "2026-07-13", "down"),
            clear("C", "2026-10-12", "unclear"),
        ],
        names,
    )
    assert (
        sentences
        == "Clearly up since the wave of October 2026: Alpha. Clearly down since the wave of July"
        " 2026: Beta."
    )


def imported_waves(folder: Path, *waves_of: tuple[str, str, int]) -> None:
    """A survey with a wave imported for each first day, columns and rows."""
    add_provider("University", [("Rosa", "rosa@university.example")])
    waves.store_survey(
        waves.SurveyPlan(
            "Orientation", "University", "quarterly_8", "quarterly", OPENS, 14, "Europe/Rome", "all"
        )
    )
    for opened, columns, rows in waves_of:
        closed = str(date.fromisoformat(opened) + timedelta(days=14))
        past = ("--scale", "5", "--survey", "Orientation", "--opened", opened, "--closed", closed)
        import_file(folder, a_file(rows, heading=f"group,{columns}"), *past, wave=f"wave-{opened}")


def compared_with(slug: str) -> dict[str, str | None]:
    """The wave that each question of this wave is compared with."""
    since: dict[str, str | None] = {}
    for measure in find_findings(slug).document["measures"]:
        if (
            measure["group"] is None
        ):  # of several statistics of a question, its own one alone carries the change
            question = measure["question"]
            since[question] = since.get(question) or measure.get("change", {}).get("since")
    return since


@on_postgresql("databases")
def test_the_two_newest_waves_are_compared_with_however_long_ago_and_no_older_one(
    app: Flask, tmp_path_factory: pytest.TempPathFactory
) -> None:
    imported_waves(
        tmp_path_factory.mktemp("files"),
        ("2008-03-03", "hours,overall", 24),
        ("2012-03-05", "hours,willingness", 25),
        ("2016-03-07", "competence,willingness", 26),
        ("2026-03-02", "hours,overall", 27),
        ("2026-09-07", "competence,willingness", 28),
    )
    assert compared_with("wave-2016-03-07") == {
        "competence": None,
        "willingness": "wave-2012-03-05",
    }
    assert compared_with("wave-2026-03-02") == {
        "hours": "wave-2012-03-05",
        "overall": None,
    }, "2008 was the third newest"
    assert compared_with("wave-2026-09-07") == {
        "competence": "wave-2016-03-07",
        "willingness": "wave-2016-03-07",
    }


def test_every_wave_of_the_last_two_years_is_compared_with_and_the_third_newest_before_them_is_not(
    app: Flask, tmp_path_factory: pytest.TempPathFactory
) -> None:
    imported_waves(
        tmp_path_factory.mktemp("files"),
        ("2024-10-07", "overall,willingness", 24),
        ("2025-03-03", "hours,willingness", 25),
        ("2025-09-08", "competence,willingness", 26),
        ("2026-03-02", "competence,willingness", 27),
        ("2026-12-07", "hours,overall", 28),
    )
    slugs = compared_with("wave-2026-12-07")
    assert slugs == {
        "hours": "wave-2025-03-03",
        "overall": None,
    }, "2024 is the fourth newest and over 700 days ago"
