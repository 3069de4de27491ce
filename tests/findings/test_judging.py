"""Comparisons are collected first and then judged in three families, whatever they show."""

import json
from dataclasses import replace
from typing import Any

import pytest
from scipy.stats import norm

from survey import statistics as st
from survey.findings.document.rules.document import Judgement
from survey.findings.document.rules.judging import (
    PendingComparison,
    ReportComparisons,
    half_width_detectable,
    unjudged,
)
from survey.waves.rules.waves import Target
from tests.findings.apart import Place, adjusted
from tests.findings.many_waves import (
    QUARTERS,
    Document,
    company,
    compared,
    counted,
    document,
    earlier,
)

WORSE = {"SEC1": [(1, 10), (1, 12), (1, 11), (0, 9)]}
LARGE_ANSWERS = 40, 38
HEADLINE, TARGETS, EXPLORATION = 1, 2, 3


def pending(
    compared_as: st.Compared, difference: st.Difference, answers: tuple[int, int] = LARGE_ANSWERS
) -> PendingComparison:
    detectable = half_width_detectable(difference, 0.5, (0.0, 1.0))
    return PendingComparison(unjudged(difference), compared_as, difference, answers, detectable)


def judged(*comparisons: PendingComparison) -> list[Judgement]:
    report = ReportComparisons()
    report.pending.extend(comparisons)
    report.judge()
    return [each.block for each in comparisons]


CHANGE, TREND, GROUP = st.Comparing.CHANGE, st.Comparing.TREND, st.Comparing.GROUP
RISE = st.Difference(0.25, 0.02, 0.48, 0.03)


def families_of(computed: Document) -> dict[Place, int]:
    return {place: part["family"] for place, part in compared(computed)}


def test_the_headline_is_judged_alone_and_holds_no_q_value() -> None:
    alone, other = judged(
        pending(st.Compared(CHANGE, is_overall=True), RISE),
        pending(st.Compared(CHANGE, has_target=True), RISE),
    )
    assert (alone["family"], alone["comparisons"], "q_value" in alone) == (1, 1, False)
    assert (other["family"], other["comparisons"], other["q_value"]) == (2, 1, 0.03)
    assert alone["direction"] == other["direction"] == "up"


def test_the_same_rise_is_clear_among_few_comparisons_and_not_among_many() -> None:
    """So many that chance would show one such rise."""
    one = st.Compared(CHANGE, has_target=True)
    nothing = st.Difference(0.01, -0.2, 0.2, 0.9)
    few = judged(pending(one, RISE))[0]
    many = judged(pending(one, RISE), *(pending(one, nothing) for _ in range(3)))[0]
    assert (few["direction"], few["verdict"], few["q_value"]) == ("up", "clear change", 0.03)
    assert (many["direction"], many["verdict"], many["comparisons"]) == (
        "unclear", "no clear change", 4,
    )  # fmt: skip
    assert many["q_value"] == pytest.approx(0.12)
    # and what would have shown grows with the number
    assert [few["detectable"], many["detectable"]] == pytest.approx(
        [0.23 * (norm.ppf(1 - 0.025 / m) + norm.ppf(0.8)) / norm.ppf(0.975) for m in (1, 4)]
    )
    other_family = pending(st.Compared(GROUP), nothing)
    assert judged(pending(one, RISE), other_family)[0]["q_value"] == 0.03


@pytest.mark.parametrize(
    ("what", "verdicts"),
    [
        (TREND, ("clearly up", "clearly down", "no clear trend")),
        (CHANGE, ("clear change", "clear change", "no clear change")),
        (st.Comparing.YEAR, ("clear change", "clear change", "no clear change")),
        (st.Comparing.YEAR_AGO, ("clear change", "clear change", "no clear change")),
        (GROUP, ("clear difference", "clear difference", "no clear difference")),
    ],
)
def test_each_kind_of_comparison_has_its_own_words(
    what: st.Comparing, verdicts: tuple[str, str, str]
) -> None:
    fall = st.Difference(-0.25, -0.48, -0.02, 0.001)
    none = st.Difference(0.02, -0.2, 0.2, 0.9)
    as_compared = st.Compared(what)
    found = [judged(pending(as_compared, each))[0] for each in (RISE, fall, none)]
    assert [block["verdict"] for block in found] == list(verdicts)
    assert [block["direction"] for block in found] == ["up", "down", "unclear"]


@pytest.mark.parametrize(
    "comparison",
    [
        pending(st.Compared(CHANGE), RISE.with_mix_shift(0.11)),
        pending(st.Compared(CHANGE), RISE, (9, 40)),
        pending(st.Compared(CHANGE), replace(RISE, low=-0.001)),
    ],
    ids=["another mix", "nine answers", "a range with zero"],
)
def test_a_small_p_value_alone_makes_nothing_clear(comparison: PendingComparison) -> None:
    assert judged(comparison)[0]["direction"] == "unclear"
    assert judged(pending(st.Compared(CHANGE), RISE))[0]["direction"] == "up"


def test_until_it_is_judged_nothing_is_clear() -> None:
    block = unjudged(RISE)
    assert (block["direction"], block["verdict"], block["detectable"]) == ("unclear", "", None)


@pytest.mark.parametrize(
    ("before", "rise", "fall"), [(0.5, 0.3, 0.3), (0.8, None, 0.3), (0.1, 0.3, None)]
)
def test_a_move_that_no_value_can_make_is_not_named(
    before: float, rise: float | None, fall: float | None
) -> None:
    half = 0.3 / st.detectable_factor(1)
    difference = st.Difference(0.01, 0.01 - half, 0.01 + half, 0.9)
    moves = half_width_detectable(difference, before, (0.0, 1.0))(1)
    expected = pytest.approx(0.3)
    assert moves == st.Detectable(rise and expected, fall and expected)
    nowhere = half_width_detectable(st.Difference(0.0, -0.9, 0.9, 1.0), before, (0.0, 1.0))(1)
    assert nowhere == st.Detectable(None, None)


def test_the_families_of_a_report_with_a_year_before_it() -> None:
    computed = document(*(earlier(day, WORSE if day < "2026-02" else None) for day in QUARTERS))
    families = families_of(computed)
    kinds = {(kind, question == "OVR1"): family for (kind, question, _), family in families.items()}
    assert kinds == {
        ("trend", True): HEADLINE,
        ("change", True): EXPLORATION,  # its trend is the headline
        ("trend", False): TARGETS,
        ("change", False): TARGETS,
        ("against_rest", True): EXPLORATION,
        ("against_rest", False): EXPLORATION,
        ("year", True): EXPLORATION,
        ("year", False): EXPLORATION,
    }
    assert list(families.values()).count(TARGETS) == 10
    blocks = dict(compared(computed))
    q_values = adjusted({place: part["p_value"] for place, part in blocks.items()}, families)
    for place, part in blocks.items():
        assert part["comparisons"] == list(families.values()).count(families[place])
        assert ("q_value" in part) is (families[place] != HEADLINE)
        assert part.get("q_value", part["p_value"]) == pytest.approx(q_values[place])
    assert blocks["year", "SEC1", None]["direction"] == "up"
    assert "pending" not in json.dumps(computed)


def test_without_a_trend_the_change_of_the_overall_measure_is_the_headline() -> None:
    families = families_of(document(*(earlier(day) for day in QUARTERS[:3])))
    assert families["change", "OVR1", None] == HEADLINE
    assert families["change", "SEC1", None] == TARGETS
    assert not [place for place in families if place[0] == "trend"]


def test_a_measure_without_a_target_is_exploration() -> None:
    targets: dict[str, Any] = {"SEC1": Target(0.75), "OVR1": Target(0.7)}
    families = families_of(document(earlier("2026-10-12"), targets=targets))
    found = {
        question: family for (kind, question, _), family in families.items() if kind == "change"
    }
    assert found.pop("OVR1") == HEADLINE
    assert found.pop("SEC1") == TARGETS
    assert len(found) == 4
    assert set(found.values()) == {EXPLORATION}


def test_members_and_families_are_the_same_whatever_was_answered() -> None:
    """Family and members are fixed when the wave opens: only numbers of answers may count."""
    turned = {
        question: [(n - x, n) for x, n in pairs]
        for question, pairs in {
            "OVR1": [(7, 10), (9, 12), (7, 11), (6, 9)],
            "REL1": [(5, 10), (7, 12), (4, 11), (5, 9)],
            "SEC1": [(9, 10), (11, 12), (9, 11), (8, 9)],
        }.items()
    }
    before = [earlier(day) for day in QUARTERS]
    as_it_was, other = document(*before), document(*before, counts=counted(turned))
    assert company(as_it_was, "SEC1")["estimate"] != company(other, "SEC1")["estimate"]
    assert families_of(as_it_was) == families_of(other)
