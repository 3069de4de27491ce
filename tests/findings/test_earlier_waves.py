"""Which earlier waves a question is compared with, and what is known of them."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from survey import statistics as st
from survey.findings.document.rules.earlier_waves import (
    comparable_run,
    is_asked_in,
    last_comparable,
    mix_of,
    strata_of_wave,
)
from survey.questionnaires.rules import Question, Questionnaire, numeric_scale
from survey.responses.rules import PublishedGroup
from tests.findings.many_waves import NOW, company, document, earlier
from tests.findings.many_waves import asked as questionnaire

OTHER_WORDING: dict[str, Any] = {"revision": 2}
OTHER_ID: dict[str, Any] = {"id": "OVR9"}
OTHER_SCALE: dict[str, Any] = {"scale": numeric_scale(7)}


def overall(asked: Questionnaire | None = None) -> Question:
    return next(q for q in (asked or questionnaire()).questions if q.id == "OVR1")


def slugs(question: Question, *facts: tuple[str, dict[str, Any]]) -> list[str]:
    """The run back from waves of these days, newest first, each with its questionnaire's change."""
    waves = [earlier(day, questionnaire=questionnaire(**changes)) for day, changes in facts]
    return [wave.slug for wave in comparable_run(question, waves)]


def test_each_question_is_compared_with_the_newest_wave_that_asked_the_same() -> None:
    newest = earlier("2026-10-12", questionnaire=questionnaire(**OTHER_WORDING))
    computed = document(newest, earlier("2026-07-13"))
    assert company(computed, "OVR1")["change"]["since"] == "it-2026-07-13"
    assert company(computed, "REL1")["change"]["since"] == "it-2026-10-12"
    assert company(computed, "REL1")["change"]["opened"] == "2026-10-12"


@pytest.mark.parametrize("changes", [OTHER_WORDING, OTHER_ID, OTHER_SCALE], ids=str)
def test_nothing_is_compared_across_another_wording_or_scale(changes: dict[str, Any]) -> None:
    other = earlier("2026-10-12", questionnaire=questionnaire(**changes))
    assert not is_asked_in(overall(), other.questionnaire)
    assert last_comparable(overall(), [other]) is None
    assert "change" not in company(document(other), "OVR1")


def test_a_typing_error_put_right_ends_no_line() -> None:
    corrected = questionnaire(text="Satisfied, overall?", name="Satisfaction")
    assert is_asked_in(overall(), corrected)
    assert slugs(overall(), ("2026-10-12", {"text": "Satisfied, overal?"})) == ["it-2026-10-12"]


def test_a_line_goes_back_to_where_the_wording_changed_oldest_first() -> None:
    """A wave that did not ask leaves a gap; one with another wording ends the line."""
    assert slugs(
        overall(),
        ("2026-10-12", {}),
        ("2026-07-13", OTHER_ID),
        ("2026-04-13", {}),
        ("2026-01-12", OTHER_WORDING),
        ("2025-10-13", {}),
    ) == ["it-2026-04-13", "it-2026-10-12"]
    assert slugs(overall(), ("2026-10-12", OTHER_SCALE), ("2026-07-13", {})) == []


def test_of_two_waves_of_one_day_the_newer_stands() -> None:
    waves = [earlier("2026-10-12", slug="newer"), earlier("2026-10-12", slug="older")]
    assert [wave.slug for wave in comparable_run(overall(), waves)] == ["newer"]


def test_the_strata_are_those_of_its_document_with_as_many_hidden_groups() -> None:
    wave = earlier("2026-10-12")
    plain = strata_of_wave(wave, overall())
    assert plain == [
        st.Stratum(14, (3, 7)), st.Stratum(15, (3, 9)), st.Stratum(15, (4, 7)),
        st.Stratum(14, (3, 6)),
    ]  # fmt: skip
    hidden = strata_of_wave(replace(wave, further={"OVR1": 2}), overall())
    assert hidden == [st.Stratum(15, (3, 9)), st.Stratum(15, (4, 7)), st.Stratum(28, (6, 13))]
    stricter = strata_of_wave(replace(wave, minimum_group=11), overall())
    assert stricter == [st.Stratum(15, (3, 9)), st.Stratum(15, (4, 7)), st.Stratum(28, (6, 13))]


@pytest.mark.parametrize(
    ("second", "shift"),
    [
        ([("Sales", ("Sales",), 20), ("Rest", ("Service", "Legal"), 20)], 0.0),
        ([("Sales", ("Sales",), 24), ("Rest", ("Service", "Legal"), 16)], 0.1),
        ([("Sales", ("Sales",), 29), ("Rest", ("Service", "Legal"), 11)], 0.225),
        ([("Sales", ("Sales",), 20), ("Legal", ("Legal",), 9), ("Service", ("Service",), 11)], 0.0),
        # all one block: nothing to tell
        ([("Legal and Sales", ("Legal", "Sales"), 21), ("Service", ("Service",), 19)], 0.0),
    ],
)
def test_the_mix_is_read_off_the_coarsest_partition_that_both_waves_share(
    second: list[tuple[str, tuple[str, ...], int]], shift: float
) -> None:
    together = PublishedGroup(
        "Legal and Service", ("Legal and Service",), 20, 9, ("Legal", "Service")
    )
    first = [PublishedGroup("Sales", ("Sales",), 20, 9, ("Sales",)), together]
    now = [
        PublishedGroup(name, (name,), invited, 9, departments)
        for name, departments, invited in second
    ]
    moved = st.mix_shift(mix_of(now), mix_of(first))
    assert moved == pytest.approx(shift)
    # a tenth is the limit, and still allowed
    difference = st.Difference(0.3, 0.2, 0.4, 0.001).with_mix_shift(moved)
    assert difference.is_mix_moved is (shift > 0.1)


def test_of_a_group_without_known_departments_its_members_make_the_mix() -> None:
    old = PublishedGroup("Legal and Sales", ("Legal", "Sales"), 21, 9)
    assert list(mix_of([old])) == [({"Legal", "Sales"}, 21)]


def test_a_wave_that_did_not_open_before_this_one_is_none_of_its_trend() -> None:
    later = [earlier(day) for day in ("2027-10-11", "2027-07-12", "2027-04-12", "2026-10-12")]
    assert date.fromisoformat(NOW) < later[2].opened
    assert "trend" not in company(document(*later), "OVR1")
