"""Rules of RFC 5545: what they may hold, what to write instead, and the dates they name."""

from datetime import UTC, date, datetime
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey.kernel.errors import Refused
from survey.waves.rules.recurrence import Rule, read_rule
from survey.waves.rules.surveys import (
    Survey,
    half_period,
    next_planned_opening,
    opening_of_period,
    planned_openings,
)
from survey.waves.rules.waves import named_period, to_utc
from tests.proofs import examples

ANCHOR = datetime(2027, 1, 11, 9, 0)  # noqa: DTZ001 - a wall-clock time, a Monday
LONDON = "Europe/London"


def dates(rule: str, number: int = 5, zone: str = LONDON) -> list[str]:
    return [f"{day:%Y-%m-%d}" for day in islice(read_rule(rule).occurrences(ANCHOR, zone), number)]


def plan(rule: str) -> Survey:
    return Survey("", "", "", "", "", read_rule(rule), ANCHOR, 14, LONDON, "all", 2, "active")


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        (
            "RRULE:FREQ=MONTHLY;INTERVAL=6",
            ["2027-01-11", "2027-07-11", "2028-01-11", "2028-07-11", "2029-01-11"],
        ),
        (
            "RRULE:FREQ=YEARLY",
            ["2027-01-11", "2028-01-11", "2029-01-11", "2030-01-11", "2031-01-11"],
        ),
        (
            "RRULE:FREQ=MONTHLY;BYDAY=2MO",
            ["2027-01-11", "2027-02-08", "2027-03-08", "2027-04-12", "2027-05-10"],
        ),
        (
            "RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
            ["2027-01-11", "2027-01-29", "2027-02-26", "2027-03-31", "2027-04-30"],
        ),
        (
            "RRULE:FREQ=YEARLY;BYMONTH=3,9;BYMONTHDAY=1",
            ["2027-01-11", "2027-03-01", "2027-09-01", "2028-03-01", "2028-09-01"],
        ),
        (
            "RRULE:FREQ=WEEKLY;INTERVAL=6",
            ["2027-01-11", "2027-02-22", "2027-04-05", "2027-05-17", "2027-06-28"],
        ),
        ("RRULE:FREQ=MONTHLY;COUNT=3", ["2027-01-11", "2027-02-11", "2027-03-11"]),
        (
            "RRULE:FREQ=MONTHLY;BYDAY=1MO;COUNT=3",
            ["2027-01-11", "2027-02-01", "2027-03-01"],
        ),  # the first opening counts
        ("RRULE:FREQ=MONTHLY;COUNT=1", ["2027-01-11"]),
        (
            "RRULE:FREQ=MONTHLY;UNTIL=20270311",
            ["2027-01-11", "2027-02-11", "2027-03-11"],
        ),  # the whole last day
        ("RRULE:FREQ=MONTHLY;UNTIL=20270311T085959", ["2027-01-11", "2027-02-11"]),
        ("RRULE:FREQ=MONTHLY;UNTIL=20270311T090000Z", ["2027-01-11", "2027-02-11", "2027-03-11"]),
        ("rrule: freq=monthly ; count=2;", ["2027-01-11", "2027-02-11"]),
    ],
)
def test_a_rule_names_its_days_from_the_first_opening_on(rule: str, named: list[str]) -> None:
    assert dates(rule) == named


def test_an_end_in_utc_is_read_on_the_wall_of_the_survey() -> None:
    assert (
        dates("RRULE:FREQ=MONTHLY;UNTIL=20270311T123000Z", zone="America/St_Johns")[-1]
        == "2027-03-11"
    )  # 09:00 there
    assert (
        dates("RRULE:FREQ=MONTHLY;UNTIL=20270311T122959Z", zone="America/St_Johns")[-1]
        == "2027-02-11"
    )


def test_the_hour_on_the_wall_is_kept_across_daylight_saving() -> None:
    days = list(islice(read_rule("RRULE:FREQ=MONTHLY;BYDAY=2MO").occurrences(ANCHOR, LONDON), 12))
    assert {day.hour for day in days} == {9}
    assert [to_utc(day, LONDON).hour for day in days] == [9, 9, 9, 8, 8, 8, 8, 8, 8, 8, 9, 9]
    assert to_utc(days[3], LONDON) == datetime(2027, 4, 12, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule", "faults"),
    [
        ("RRULE:FREQ=HOURLY", ["FREQ=HOURLY is finer than daily. Write one of FREQ=DAILY"]),
        ("RRULE:FREQ=MINUTELY;INTERVAL=90", ["FREQ=MINUTELY is finer"]),
        ("RRULE:FREQ=SECONDLY", ["FREQ=SECONDLY is finer"]),
        ("RRULE:FREQ=DAILY;BYHOUR=9,15", ["BYHOUR is finer than daily. Leave it out"]),
        ("RRULE:FREQ=FORTNIGHTLY", ["FREQ=FORTNIGHTLY is not known"]),
        ("RRULE:INTERVAL=3", ["FREQ is missing"]),
        ("RRULE:", ["FREQ is missing", "An empty part"]),
        (
            "RRULE:FREQ=MONTHLY;INTERVAL=0",
            ["INTERVAL=0 is not possible. Write a whole number from 1 on"],
        ),
        ("RRULE:FREQ=MONTHLY;INTERVAL=1,2", ["INTERVAL=1,2 is not possible"]),
        ("RRULE:FREQ=MONTHLY;INTERVAL=²", ["INTERVAL=² is not possible"]),
        ("RRULE:FREQ=MONTHLY;COUNT=0", ["COUNT=0 is not possible. Write how many waves"]),
        ("RRULE:FREQ=MONTHLY;COUNT=2;UNTIL=20280101", ["COUNT and UNTIL exclude each other"]),
        (
            "RRULE:FREQ=MONTHLY;UNTIL=20270230",
            ["UNTIL=20270230 is not possible. Write a date such as UNTIL=20281231"],
        ),
        ("RRULE:FREQ=MONTHLY;UNTIL=2027-12-31", ["UNTIL=2027-12-31 is not possible"]),
        ("RRULE:FREQ=MONTHLY;BYDAY=6MO", ["BYDAY=6MO is not possible"]),
        ("RRULE:FREQ=WEEKLY;BYDAY=2MO", ["BYDAY=2MO is not possible"]),
        ("RRULE:FREQ=MONTHLY;BYDAY=\u0662MO", ["BYDAY=\u0662MO is not possible"]),
        ("RRULE:FREQ=MONTHLY;UNTIL=\uff12028", ["UNTIL=\uff12028 is not possible. Write a date"]),
        ("RRULE:FREQ=YEARLY;BYWEEKNO=2;BYDAY=1MO", ["BYDAY may not have numbers beside BYWEEKNO"]),
        ("RRULE:FREQ=WEEKLY;BYMONTHDAY=3", ["BYMONTHDAY does not go with FREQ=WEEKLY"]),
        (
            "RRULE:FREQ=MONTHLY;BYYEARDAY=3",
            ["BYYEARDAY does not go with FREQ=MONTHLY. Leave it out, or write FREQ=YEARLY"],
        ),
        ("RRULE:FREQ=MONTHLY;BYMONTH=13", ["BYMONTH=13 is not possible"]),
        ("RRULE:FREQ=MONTHLY;BYSETPOS=1", ["BYSETPOS chooses among the days of another part"]),
        ("RRULE:FREQ=MONTHLY;FREQ=YEARLY", ["FREQ stands there 2 times"]),
        ("RRULE:FREQ=MONTHLY;SOMETIMES=1", ["SOMETIMES is not a part of a rule"]),
        ("RRULE:FREQ=MONTHLY\nDTSTART:20200101", ["FREQ=MONTHLYDTSTART:20200101 is not known"]),
        (
            "RRULE:FREQ=HOURLY;INTERVAL=0;FOO=1",
            ["FREQ=HOURLY is finer", "INTERVAL=0", "FOO is not"],
        ),
    ],
)
def test_every_fault_is_named_at_once_with_what_to_write_instead(
    rule: str, faults: list[str]
) -> None:
    with pytest.raises(Refused, match="This rule cannot be used") as refused:
        read_rule(rule)
    assert len(refused.value.details) == len(faults)
    assert all(
        said.startswith(fault) for said, fault in zip(refused.value.details, faults, strict=True)
    )


@pytest.mark.parametrize(
    ("rule", "days", "says"),
    [
        ("RRULE:FREQ=MONTHLY;UNTIL=20261231", 14, "UNTIL=20261231 lies before the first opening"),
        ("RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", 14, "names no day within ten years"),
        ("RRULE:FREQ=YEARLY;INTERVAL=11", 14, "names no day within ten years"),
        ("RRULE:FREQ=DAILY", 14, "next wave 1 day after one that stays open for 14"),
        ("RRULE:FREQ=WEEKLY", 7, "give at most 6 days"),
        ("RRULE:FREQ=MONTHLY;BYDAY=1MO,3MO", 14, "give at most 6 days"),
    ],
)
def test_a_rule_that_leaves_nothing_or_never_closes_is_refused(
    rule: str, days: int, says: str
) -> None:
    with pytest.raises(Refused, match="This rule cannot be used") as refused:
        read_rule(rule).check(ANCHOR, LONDON, days)
    assert says in refused.value.details[0]


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("RRULE:FREQ=WEEKLY", 6),
        ("RRULE:FREQ=DAILY;INTERVAL=2", 1),
        ("RRULE:FREQ=YEARLY;COUNT=1", 14),
    ],
)
def test_a_rule_that_leaves_room_for_each_wave_is_taken(rule: str, days: int) -> None:
    read_rule(rule).check(ANCHOR, LONDON, days)


def test_an_endless_text_is_refused_before_it_is_read() -> None:
    with pytest.raises(Refused, match="300 are enough"):
        read_rule("RRULE:FREQ=MONTHLY;" + "BYMONTHDAY=1;" * 100)


@given(st.text(max_size=60))
def test_whatever_stands_behind_the_prefix_is_read_or_refused(text: str) -> None:
    said: tuple[str, ...] = ()
    try:
        assert isinstance(read_rule("RRULE:" + text), Rule)
    except Refused as refused:
        said = refused.details
    assert all(line.isprintable() for line in said)


@settings(max_examples=examples(40))
@given(
    st.sampled_from(
        [
            "FREQ=WEEKLY",
            "FREQ=MONTHLY",
            "FREQ=YEARLY;BYMONTH=2,8",
            "FREQ=MONTHLY;BYDAY=-1FR",
            "FREQ=DAILY",
        ]
    ),
    st.integers(1, 5),
    st.sets(st.dates(date(2027, 1, 1), date(2028, 12, 31)), max_size=30),
)
def test_openings_fall_on_working_days_in_order_and_each_period_is_its_own(
    rule: str, interval: int, listed: set[date]
) -> None:
    survey = plan(f"RRULE:{rule};INTERVAL={interval}")
    openings = list(islice(planned_openings(survey, listed), 20))
    assert openings[0].opens == ANCHOR
    assert all(
        opening.opens.weekday() < 5 and opening.opens.date() not in listed
        for opening in openings[1:]
    )
    assert [opening.opens for opening in openings] == sorted(opening.opens for opening in openings)
    assert len({opening.period for opening in openings}) == len(openings)
    assert all(opening_of_period(survey, opening.period, listed) == opening for opening in openings)
    after, reached = ANCHOR, []
    while (upcoming := next_planned_opening(survey, after, listed)) and len(reached) < 8:
        reached.append(upcoming.opens)
        after = upcoming.opens
    assert reached == sorted(set(reached)), (
        "no opening comes twice, also where a weekend moves two onto one day"
    )


def test_half_a_period_comes_from_the_next_opening_or_the_one_before_the_end() -> None:
    survey = plan("RRULE:FREQ=YEARLY;BYMONTH=1,7;COUNT=3")
    assert [
        half_period(survey, key).days for key in ("2027-01-11", "2027-07-11", "2028-01-11")
    ] == [90, 92, 92]
    assert half_period(survey, None).days == 90
    assert half_period(plan("RRULE:FREQ=YEARLY;COUNT=1"), "2027-01-11").days == 45


def test_a_rule_that_has_ended_has_no_next_opening() -> None:
    survey = plan("RRULE:FREQ=MONTHLY;COUNT=2")
    assert next_planned_opening(survey, datetime(2027, 2, 11, 9)) is None  # noqa: DTZ001
    assert named_period("2027-02-11", date(2027, 2, 11)) == "11 February 2027"
