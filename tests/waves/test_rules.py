"""When a wave opens and closes: by the wall clock; a late opening costs nobody a day."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.kernel.errors import Refused
from survey.waves.rules.checks import check_audience, check_wave_length, check_zone
from survey.waves.rules.surveys import Cadence, Survey, period_key, planned_opening
from survey.waves.rules.waves import Target, closing_time, printed_time, times_when_opened, to_utc

LONDON = "Europe/London"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def plan(opens: str, cadence: Cadence = Cadence.QUARTERLY) -> Survey:
    return Survey("", "", "", "", "", cadence, at(opens), 14, LONDON, "all", 2, "active")


@pytest.mark.parametrize(
    ("wall", "utc"),
    [
        ("2027-01-11T09:00", "2027-01-11T09:00"),
        ("2027-04-12T09:00", "2027-04-12T08:00"),
        ("2027-03-28T01:30", "2027-03-28T01:30"),  # does not exist: the offset before the gap
        ("2027-10-31T01:30", "2027-10-31T00:30"),  # comes twice: the first
    ],
)
def test_wall_clock_time_is_kept_across_daylight_saving(wall: str, utc: str) -> None:
    assert to_utc(at(wall), LONDON) == at(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("opens", "closes"),
    [
        ("2027-01-11T09:00", "2027-01-25T17:00"),
        ("2027-01-11T17:00", "2027-01-25T17:00"),
        ("2027-01-11T17:01", "2027-01-26T17:00"),
        ("2027-03-22T09:00", "2027-04-05T17:00"),
    ],
)
def test_a_wave_closes_at_five_on_its_last_day(opens: str, closes: str) -> None:
    assert closing_time(at(opens), 14) == at(closes)


def test_the_closing_hour_is_five_on_the_wall_also_when_the_clocks_changed_meanwhile() -> None:
    closes = closing_time(at("2027-03-22T09:00"), 14)
    assert to_utc(closes, LONDON).hour == 16
    assert printed_time(closes, LONDON, several_zones=True) == "Monday 5 April, 17:00 BST"
    assert printed_time(closes, LONDON) == "Monday 5 April, 17:00"


@pytest.mark.parametrize(
    ("wall", "opens", "closes"),
    [
        ("2027-01-11T09:00", "2027-01-11T09:00", "2027-01-25T17:00"),
        ("2027-01-11T14:10", "2027-01-11T09:00", "2027-01-25T17:00"),  # some late hours
        ("2027-01-07T10:00", "2027-01-07T10:00", "2027-01-21T17:00"),  # by hand, early
        ("2027-01-11T08:00", "2027-01-11T08:00", "2027-01-25T17:00"),
        (
            "2027-01-14T08:00",
            "2027-01-14T08:00",
            "2027-01-28T17:00",
        ),  # the machine slept from the 8th to the 14th
        ("2027-01-11T18:00", "2027-01-11T18:00", "2027-01-26T17:00"),  # after 17:00
        ("2027-02-14T09:00", "2027-02-14T09:00", "2027-02-28T17:00"),
    ],
)
def test_a_wave_keeps_its_fourteen_days_whenever_it_opens(
    wall: str, opens: str, closes: str
) -> None:
    assert times_when_opened(at("2027-01-11T09:00"), at("2027-01-25T17:00"), at(wall)) == (
        at(opens),
        at(closes),
    )


@pytest.mark.parametrize(
    ("planned", "wall", "held"),
    [
        (
            ("2027-01-11T18:00", "2027-01-26T17:00"),
            "2027-01-07T10:00",
            ("2027-01-07T10:00", "2027-01-21T17:00"),
        ),
        (
            ("2027-01-11T09:00", "2027-01-11T12:00"),
            "2027-01-10T14:00",
            ("2027-01-10T14:00", "2027-01-10T17:00"),
        ),
        (
            ("2027-01-11T09:00", "2027-01-11T12:00"),
            "2027-01-11T10:00",
            ("2027-01-11T09:00", "2027-01-11T12:00"),
        ),
        (
            ("2027-01-11T09:00", "2027-01-11T12:00"),
            "2027-01-11T13:00",
            ("2027-01-11T13:00", "2027-01-11T16:00"),
        ),
        (
            ("2027-01-11T09:00", "2027-01-11T17:00"),
            "2027-01-10T17:00",
            ("2027-01-10T17:00", "2027-01-11T01:00"),
        ),
    ],
)
def test_planned_times_of_any_kind_move_as_a_whole(
    planned: tuple[str, str], wall: str, held: tuple[str, str]
) -> None:
    assert times_when_opened(at(planned[0]), at(planned[1]), at(wall)) == (at(held[0]), at(held[1]))


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 - wall-clock times
    st.timedeltas(timedelta(minutes=1), timedelta(days=92)),
    st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
)
def test_no_opening_ever_costs_a_wave_its_length(
    opens: datetime, length: timedelta, wall: datetime
) -> None:
    opened, closes = times_when_opened(opens, opens + length, wall)
    assert opened in {opens, wall}
    assert closes - opened > length - timedelta(days=1)
    assert closes > wall


@pytest.mark.parametrize(
    ("anchor", "days"),
    [
        (
            "2027-01-31T09:00",
            ["2027-01-31", "2027-04-30", "2027-08-02", "2027-11-01", "2028-01-31"],
        ),
        (
            "2027-01-11T09:00",
            ["2027-01-11", "2027-04-12", "2027-07-12", "2027-10-11", "2028-01-11"],
        ),
    ],
)
def test_openings_come_from_the_anchor_and_move_off_weekends(anchor: str, days: list[str]) -> None:
    assert [
        f"{planned_opening(plan(anchor), number):%Y-%m-%d}" for number in range(len(days))
    ] == days


@given(st.datetimes(datetime(2026, 1, 1), datetime(2035, 1, 1)), st.sampled_from(Cadence))  # noqa: DTZ001
def test_openings_never_drift_and_each_has_a_period_of_its_own(
    anchor: datetime, cadence: Cadence
) -> None:
    survey = plan(anchor.isoformat(), cadence)
    numbers = range(1, 25)
    dates = [planned_opening(survey, number) for number in numbers]
    assert all(day.weekday() < 5 and day.time() == anchor.time() for day in dates)
    assert dates == sorted(set(dates))
    nominal = [
        (anchor.year * 12 + anchor.month - 1 + number * cadence.months, number)
        for number in numbers
    ]
    assert all(
        0 <= (dates[number - 1] - datetime(months // 12, months % 12 + 1, 1)).days <= 32  # noqa: DTZ001
        for months, number in nominal
    )
    assert len({period_key(survey, number) for number in numbers}) == len(numbers)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "Europe", "x" * 500])
def test_an_unknown_time_zone_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(Refused, match="Europe/London"):
        check_zone(name)


@pytest.mark.parametrize(
    ("opens", "closes", "says"),
    [
        ("2027-01-11T09:00", "2027-01-11T09:00", "before it opens"),
        ("2027-01-11T09:00", "2027-04-14T09:00", "92 days"),
        ("0001-01-01T00:00", "0001-01-11T09:00", "year 1"),
    ],
)
def test_dates_that_cannot_be_are_refused(opens: str, closes: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        check_wave_length(at(opens), at(closes))


@pytest.mark.parametrize(
    ("shares", "says"),
    [
        ((1.0,), "between 0 and 1"),
        ((0.0,), "between 0 and 1"),
        ((0.7, 0.7), "below the target"),
        ((0.7, 0.6, 0.7), "above the target"),
    ],
)
def test_targets_out_of_order_are_refused(shares: tuple[float, ...], says: str) -> None:
    with pytest.raises(Refused, match=says):
        Target(*shares)


def test_eight_people_are_a_wave_and_seven_are_none() -> None:
    check_audience(8)
    with pytest.raises(Refused, match="at least 8"):
        check_audience(7)
