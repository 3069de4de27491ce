"""Changes and groups against the rest, judged in their families.

They equal a computation that is written apart from the product.
"""

import csv
import io
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from survey.findings.document.rules.comparisons import changes_in_words
from survey.findings.service.documents import find_findings
from survey.providers.service import add_provider
from survey.waves import service as waves
from tests.cast import OPENS
from tests.findings.apart import (
    Cells,
    adjusted,
    against_rest,
    contrast,
    kish,
    weighted,
    within_swings,
)
from tests.findings.many_waves import (
    NOW,
    PEOPLE,
    QUARTERS,
    company,
    compared,
    counted,
    document,
    earlier,
    two_departments,
)
from tests.findings.test_history import INVITED, ITEMS, REAL, a_file, import_file
from tests.findings.test_presentation import GROUPS
from tests.proofs import on_postgresql

Rows = list[dict[str, str]]


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
    right: dict[tuple[str, str, str | None], dict[str, float]] = {}
    for item in ITEMS:
        now, then = shares(after, item), shares(before, item)
        right["change", item, None] = contrast(weighted(now, INVITED), weighted(then, INVITED))
        for group in now:
            right["against_rest", item, group] = against_rest(now, group, INVITED)
    q_values = adjusted(
        {place: numbers["p_value"] for place, numbers in right.items()}, dict.fromkeys(right, 3)
    )
    differences = dict(compared(find_findings("second").document))
    assert set(differences) == set(right)
    for place, numbers in right.items():
        expected = numbers | {"q_value": q_values[place], "family": 3, "comparisons": len(right)}
        assert {key: differences[place][key] for key in expected} == pytest.approx(
            expected, rel=1e-6, abs=1e-9
        ), place
        clear = q_values[place] <= 0.05
        assert differences[place]["direction"] == (
            "unclear" if not clear else "up" if numbers["estimate"] > 0 else "down"
        )
        assert differences[place]["verdict"].startswith("clear" if clear else "no clear")
    changes = {item: differences["change", item, None] for item in ITEMS}
    assert {change["since"] for change in changes.values()} == {"first"}
    assert changes["hours"]["direction"] == "up"
    assert changes["overall"]["direction"] == "down"
    assert (
        find_findings("second").document["changed"]
        == "Clearly up since the wave of March 2002: Hours. Clearly down since the wave of March"
        " 2002: Overall."
    )
    first = find_findings("first").document
    assert {kind for (kind, _, _), _ in compared(first)} == {"against_rest"}


def test_below_ten_answers_in_a_wave_words_stand_instead_of_a_change() -> None:
    few = earlier("2026-10-12", {"OVR1": [(2, 3), (2, 2), (1, 2), (1, 2)]})
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
    now = counted({"OVR1": [(9, 10), (11, 12), (3, 11), (3, 9)]})
    fewer = earlier("2026-10-12", {"OVR1": [(9, 10), (11, 12), (1, 4), (1, 3)]})
    change = company(document(fewer, counts=now), "OVR1")["change"]
    pooled = 26 / 42 - 22 / 29
    assert abs(change["estimate"]) < abs(pooled) / 2
    assert change["direction"] == "unclear"


def test_a_group_is_compared_with_the_others_each_with_its_own_weight() -> None:
    """Two departments: in the plain sum of the others those who answered most would count most."""
    cells = [(8, 10), (12, 12), (3, 11), (7, 9)]
    computed = document(counts=counted({"OVR1": cells}))
    by_group: Cells = {group: cell for (group, _, _), cell in zip(GROUPS, cells, strict=True)}
    blocks = {g: part for (kind, q, g), part in compared(computed) if (kind, q) == REST_OVERALL}
    # nine answers are too few for a comparison
    assert blocks.keys() == by_group.keys() - {"Finance and Legal"}
    for group, block in blocks.items():
        assert group
        expected = against_rest(by_group, group, PEOPLE)
        assert {key: block[key] for key in expected} == pytest.approx(expected, rel=1e-6)
        n = by_group[group][1]
        assert block["answers"] == [n, 42 - n]


REST_OVERALL = "against_rest", "OVR1"


def test_a_small_group_near_the_top_is_judged_by_the_exact_test_where_that_is_stricter() -> None:
    """Eight of ten against 196 of 200: the tail of MOVER alone is too thin there."""
    invited, cells = {"Sales": 20, "Service": 600}, {"Sales": (8, 10), "Service": (196, 200)}
    computed = document(counts=two_departments((8, 196), (10, 200), people=(20, 600)))
    (small, large) = (part for place, part in compared(computed) if place[1] == "OVR1")
    alone = contrast(*(weighted({name: cell}, invited) for name, cell in cells.items()))
    assert alone["p_value"] < 0.002
    expected = against_rest(cells, "Sales", invited)
    assert expected["p_value"] > 5 * alone["p_value"]
    assert {key: small[key] for key in expected} == pytest.approx(expected, rel=1e-6)
    assert large["p_value"] == pytest.approx(small["p_value"])
    assert large["estimate"] == pytest.approx(-small["estimate"])


def test_groups_are_compared_by_shares_alone() -> None:
    computed = document()
    compared_by = {m["statistic"] for m in computed["measures"] if "against_rest" in m}
    assert compared_by == {"top2"}


def test_another_mix_of_departments_lets_no_change_be_called_clear() -> None:
    crowd = earlier("2026-10-12", {"SEC1": [(0, 10), (1, 12), (1, 11), (0, 9)]})
    clear = document(crowd)
    assert company(clear, "SEC1")["change"]["direction"] == "up"
    assert "mix_changed" not in company(clear, "SEC1")["change"]
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


# Shares of the satisfied that swing from wave to wave for everybody at once, oldest first.
SWINGING = (40, 62, 38, 60, 41, 63, 37)


def swinging(satisfied: int) -> tuple[tuple[int, int], tuple[int, int]]:
    return (satisfied, satisfied - 10), (80, 60)


@pytest.mark.parametrize("earlier_waves", [4, 5, 7])
def test_from_six_comparable_waves_on_a_change_is_no_surer_than_they_swing(
    earlier_waves: int,
) -> None:
    invited = {"Sales": 100, "Service": 100}
    script = [swinging(x) for x in (*SWINGING[-earlier_waves:], 64)]
    days = [*QUARTERS[:earlier_waves][::-1], NOW]
    before = [
        earlier(day, tally=two_departments(*wave))
        for day, wave in zip(days[:-1], script[:-1], strict=True)
    ]
    computed = document(*before[::-1], counts=two_departments(*script[-1]))
    change = company(computed, "OVR1")["change"]
    cells: list[Cells] = [
        dict(zip(invited, zip(*wave, strict=True), strict=True)) for wave in script
    ]
    values = [(weighted(wave, invited)[0], kish(wave, invited)) for wave in cells]
    alone = contrast(weighted(cells[-1], invited), weighted(cells[-2], invited))
    assert alone["p_value"] < 0.01
    expected = alone
    if len(days) >= 6:
        numbers = [date.fromisoformat(day).toordinal() for day in days]
        expected = within_swings(alone, numbers, values)
        assert expected["p_value"] > alone["p_value"]
    assert {key: change[key] for key in expected} == pytest.approx(expected, rel=1e-6)
    assert (change["direction"] == "up") is (len(days) < 6)


def test_what_would_have_shown_is_named_for_rise_and_fall_where_each_is_possible() -> None:
    middle = {"OVR1": [(5, 10), (6, 12), (6, 11), (4, 9)]}
    change = company(document(earlier("2026-10-12", middle), counts=counted(middle)), "OVR1")
    both = change["change"]
    assert both["detectable"] == max(both["detectable_rise"], both["detectable_fall"])
    assert 0.2 < both["detectable_rise"] < 0.5
    high = {"OVR1": [(9, 10), (11, 12), (10, 11), (9, 9)]}
    change = company(document(earlier("2026-10-12", high), counts=counted(high)), "OVR1")
    top = change["change"]
    assert top["detectable_rise"] is None
    assert top["detectable"] == top["detectable_fall"] > 0.1


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
def test_the_eight_newest_waves_are_compared_with_however_long_ago_and_no_older_one(
    app: Flask, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Eight: those of a trend."""
    imported_waves(
        tmp_path_factory.mktemp("files"),
        ("2007-03-05", "information,willingness", 20),
        ("2008-03-03", "overall,willingness", 21),
        *((f"{year}-03-02", "competence,willingness", year - 1987) for year in range(2009, 2016)),
        ("2026-09-07", "information,overall", 30),
    )
    assert compared_with("wave-2015-03-02") == {
        "competence": "wave-2014-03-02",
        "willingness": "wave-2014-03-02",
    }
    assert compared_with("wave-2026-09-07") == {
        "information": None,
        "overall": "wave-2008-03-03",
    }, "2007 was the ninth newest"


def test_every_wave_of_the_last_two_years_is_compared_with_and_the_ninth_newest_before_them_is_not(
    app: Flask, tmp_path_factory: pytest.TempPathFactory
) -> None:
    imported_waves(
        tmp_path_factory.mktemp("files"),
        ("2024-10-07", "overall,willingness", 20),
        ("2025-02-03", "hours,willingness", 21),
        *((f"2026-{month:02}-02", "competence,willingness", 21 + month) for month in range(1, 9)),
        ("2026-12-07", "hours,overall", 31),
    )
    slugs = compared_with("wave-2026-12-07")
    assert slugs == {
        "hours": "wave-2025-02-03",
        "overall": None,
    }, "2025 is the ninth newest; 2024 is the tenth and over 700 days ago"


@pytest.mark.parametrize("is_imported", [True, False])
def test_history_under_other_names_of_departments_can_be_compared_and_a_renamed_one_cannot(
    is_imported: bool,  # noqa: FBT001
) -> None:
    low = counted({"SEC1": [(1, 10), (1, 12), (1, 11), (0, 9)]})
    renamed = tuple(replace(group, departments=(f"Old {group.name}",)) for group in low.groups)
    before = earlier("2026-10-12", imported=is_imported, tally=replace(low, groups=renamed))
    change = company(document(before), "SEC1")["change"]
    assert ("mix_changed" in change) is not is_imported
    assert (change["direction"] == "up") is is_imported
