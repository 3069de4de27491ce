"""Which month asks which third, and when a quarter is complete."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from survey.waves.rules.thirds import (
    completed_quarters,
    group_of_everybody,
    third_of_quarter,
    usual_questionnaire,
)
from survey.waves.rules.waves import ReportingGroup, Wave, WaveState
from tests.findings.test_presentation import wave

FIRST = datetime(2027, 1, 11, 9)  # noqa: DTZ001 - a wall-clock time


def thirds(*states: str, quarter: str = "2027-q1", after: int = 0) -> list[Wave]:
    """The thirds of a quarter in these states; one that is no state was never planned."""
    return [
        replace(
            wave(),
            id=f"{quarter}{at}",
            quarter=quarter,
            third=at,
            state=WaveState(state),
            opens=FIRST + timedelta(days=30 * at + after),
        )
        for at, state in enumerate(states, 1)
        if state != "missing"
    ]


@pytest.mark.parametrize(
    ("anchor", "period", "expected"),
    [
        ("2027-01-11", "2027-01", ("2027-q1", 1)),
        ("2027-01-11", "2027-12", ("2027-q4", 3)),
        ("2027-02-28", "2027-04", ("2027-q1", 3)),
        ("2027-11-30", "2028-01", ("2027-q4", 3)),
        ("2027-12-01", "2028-03", ("2028-q1", 1)),
        ("2027-01-11", "2030-08", ("2030-q3", 2)),
    ],
)
def test_a_month_has_its_quarter_and_its_third_from_the_first_opening_on(
    anchor: str, period: str, expected: tuple[str, int]
) -> None:
    assert third_of_quarter(datetime.fromisoformat(anchor), period) == expected


@pytest.mark.parametrize("month", range(1, 13))
def test_quarters_have_names_of_their_own_whenever_the_first_begins(month: int) -> None:
    anchor = datetime(2027, month, 5)  # noqa: DTZ001 - a wall-clock time
    months = [divmod(12 * 2027 + month - 1 + number, 12) for number in range(36)]
    quarters_and_thirds = [third_of_quarter(anchor, f"{year}-{at + 1:02}") for year, at in months]
    assert [third for _, third in quarters_and_thirds] == [1, 2, 3] * 12
    names = [quarter for quarter, third in quarters_and_thirds if third == 1]
    assert len(set(names)) == 12
    assert [quarter for quarter, _ in quarters_and_thirds] == [
        name for name in names for _ in range(3)
    ]


@pytest.mark.parametrize(
    ("states", "is_complete"),
    [
        (("counted", "counted", "counted"), True),
        (("counted", "void", "shared"), True),
        (("counted", "counted", "planned"), False),
        (("counted", "counted", "open"), False),
        (("counted", "counted", "closed"), False),
        (("counted", "counted", "missing"), False),
        (("void", "void", "void"), False),
    ],
)
def test_a_quarter_is_complete_when_its_three_thirds_have_ended(
    states: tuple[str, ...], *, is_complete: bool
) -> None:
    assert [len(quarter) for quarter in completed_quarters(thirds(*states), is_ended=False)] == (
        [3] if is_complete else []
    )


def test_a_third_that_was_never_planned_is_not_waited_for_once_the_next_quarter_has_begun() -> None:
    held = thirds("counted", "missing", "counted")
    assert completed_quarters(held, is_ended=False) == ()
    assert completed_quarters(
        [*held, *thirds("planned", quarter="2027-q2", after=90)], is_ended=False
    ) == (tuple(held),)


def test_an_ended_survey_waits_for_no_third_but_for_those_who_are_answering() -> None:
    assert len(completed_quarters(thirds("counted", "planned"), is_ended=True)) == 1
    assert completed_quarters(thirds("counted", "open"), is_ended=True) == ()
    assert completed_quarters(thirds("void", "planned"), is_ended=True) == ()


def test_everybody_of_a_quarter_is_one_group_with_the_people_of_void_thirds() -> None:
    groups = [
        (ReportingGroup("one third", 20, ("Legal", "Sales")),),
        (ReportingGroup("one third", 21, ("Sales", "Service")),),
        (),
    ]
    held = [
        replace(third, groups=own)
        for third, own in zip(thirds("counted", "void", "void"), groups, strict=True)
    ]
    assert group_of_everybody(held) == ReportingGroup(
        "all three thirds", 41, ("Legal", "Sales", "Service")
    )


def test_the_usual_questionnaire_follows_from_the_cadence() -> None:
    assert [
        usual_questionnaire(cadence) for cadence in ("quarterly", "monthly", "monthly-thirds")
    ] == [
        "quarterly_8",
        "quarterly_8",
        "monthly_3",
    ]
