"""Two years of six surveys in three time zones, with a fresh process at every step and three
outages of three days.

What must come out is worked out here by hand-written calendars and offsets, with nothing of what
the product uses.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey import schedule
from survey.app import create_app
from survey.database import db
from survey.jobs import heartbeat
from survey.mail.outbox.service.pausing import pause_sending
from survey.organisation.service import set_organisation
from survey.people.service.directory import import_people
from survey.providers.service import add_provider
from survey.waves import service as waves
from tests.cast import staff_csv
from tests.conftest import settings
from tests.proofs import proof

DAYS = 14
LENGTH = timedelta(days=DAYS)
BEGINS, ENDS = date(2027, 1, 1), date(2029, 1, 1)
BETWEEN_PASSES = timedelta(hours=23)
# Standard offset in hours, and from which to which day the summer's offset holds (the changes fall
# into the night).
ZONES = {
    "Europe/London": (
        0.0,
        1.0,
        [(date(2027, 3, 28), date(2027, 10, 31)), (date(2028, 3, 26), date(2028, 10, 29))],
    ),
    "America/St_Johns": (
        -3.5,
        1.0,
        [(date(2027, 3, 14), date(2027, 11, 7)), (date(2028, 3, 12), date(2028, 11, 5))],
    ),
    "Australia/Lord_Howe": (
        10.5,
        0.5,
        [
            (date(2027, 1, 1), date(2027, 4, 4)),
            (date(2027, 10, 3), date(2028, 4, 2)),
            (date(2028, 10, 1), date(2029, 4, 1)),
        ],
    ),
}
OUTAGES = [  # across an opening, across a close, in the middle of a wave
    (datetime(2027, 4, 11, 0, 30, tzinfo=UTC), datetime(2027, 4, 14, 0, 30, tzinfo=UTC)),
    (datetime(2027, 7, 25, 12, 0, tzinfo=UTC), datetime(2027, 7, 28, 12, 0, tzinfo=UTC)),
    (datetime(2027, 10, 15, 6, 0, tzinfo=UTC), datetime(2027, 10, 18, 6, 0, tzinfo=UTC)),
]


def offset(zone: str, day: date) -> timedelta:
    standard, more, summers = ZONES[zone]
    return timedelta(
        hours=standard + (more if any(first <= day < last for first, last in summers) else 0)
    )


def at(zone: str, day: date, hour: int) -> datetime:
    """The instant of an hour on the wall, by the offsets above."""
    return datetime(
        day.year, day.month, day.day, hour, tzinfo=timezone(offset(zone, day))
    ).astimezone(UTC)


def off_the_weekend(day: date) -> date:
    return day + timedelta(days={5: 2, 6: 1}.get(day.weekday(), 0))


def expected(zone: str, months: int) -> Iterator[tuple[str, datetime, datetime]]:
    """Key, opening and closing of each wave."""
    for number in range(0, 24, months):
        year, month = 2027 + number // 12, number % 12 + 1
        key = f"{year}-q{(month + 2) // 3}" if months == 3 else f"{year}-{month:02}"
        planned = off_the_weekend(date(year, month, 11))
        opens, days = at(zone, planned, 9), DAYS
        for since, until in OUTAGES:
            if since <= opens < until:
                opens, local = until, until + offset(zone, planned)
                planned, days = (
                    local.date(),
                    DAYS + (local.hour >= 17),
                )  # the evening before in Newfoundland
            elif opens < until and since < at(zone, planned + timedelta(days=DAYS), 17):
                days += 3
        yield key, opens, at(zone, planned + timedelta(days=days), 17)


def surveys() -> list[tuple[str, str, int]]:
    return [
        (f"{zone.partition('/')[2]} {cadence}", zone, months)
        for zone in ZONES
        for cadence, months in (("quarterly", 3), ("monthly", 1))
    ]


def found() -> None:
    contact = ("Dana Reyes", "dana@northwind.example")
    set_organisation(
        "Northwind Ltd", *contact, "Head of operations", "northwind.example", several_zones=True
    )
    import_people(staff_csv({"Sales": 8}))
    add_provider("Brightline IT", [("Otto Lindqvist", "otto@brightline.example")])
    for name, zone, months in surveys():
        cadence = "quarterly" if months == 3 else "monthly"
        waves.store_survey(
            waves.SurveyPlan(
                name,
                "Brightline IT",
                "monthly_3",
                cadence,
                datetime(2027, 1, 11, 9),  # noqa: DTZ001
                DAYS,
                zone,
                "all",
            )
        )
    pause_sending("nobody is written to here")


def moments(wanted: dict[str, list[tuple[str, datetime, datetime]]]) -> list[tuple[datetime, bool]]:
    """When a pass is made, and whether a process starts with it.

    At each boundary, just before, and so often between that it lives.
    """
    boundaries = {
        moment
        for ours in wanted.values()
        for _, opens, closes in ours
        for moment in (opens, closes)
    }
    moment, last = datetime(BEGINS.year, 1, 1, tzinfo=UTC), datetime(ENDS.year, 1, 1, tzinfo=UTC)
    passes = dict.fromkeys(boundaries, True) | {
        one - timedelta(seconds=1): False for one in boundaries
    }
    passes |= {since: False for since, _ in OUTAGES} | {until: True for _, until in OUTAGES}
    passes = {
        one: fresh
        for one, fresh in passes.items()
        if one < last and not any(since < one < until for since, until in OUTAGES)
    }
    for one in sorted(passes):
        while moment + BETWEEN_PASSES < one and not any(
            since <= moment < until for since, until in OUTAGES
        ):
            moment += BETWEEN_PASSES
            passes[moment] = False
        moment = one
    return sorted(passes.items())


@proof("years")
def test_two_years_with_outages_and_restarts_hold_every_wave_once_and_at_its_full_length(
    app: Flask, database_url: str, tmp_path: Path
) -> None:
    wanted = {name: list(expected(zone, months)) for name, zone, months in surveys()}
    found()
    seen_open: dict[str, list[datetime]] = {}
    processes = 0
    running = app
    for moment, fresh in moments(wanted):
        if fresh:
            with running.app_context():
                db.session.remove()
                db.engine.dispose()
            schedule._last_probes.clear()
            running, processes = create_app(settings(database_url, tmp_path)), processes + 1
        with running.app_context():
            said = schedule.tick(running.config["CANDOUR"], moment, real=moment)
            assert not [line for line in said if "not done" in line or "busy" in line], said
            for item in waves.open_waves():
                if item.takes_answers(moment):
                    seen_open.setdefault(item.slug, []).append(moment)
    with running.app_context():
        db.session.remove()
        db.engine.dispose()
    held = [item for item in waves.list_waves() if item.state != "planned"]
    for name, ours in wanted.items():
        assert [f"{w.period} {w.opens_at} {w.closes_at}" for w in held if w.survey == name] == [
            " ".join(map(str, one)) for one in ours
        ], name
    assert [len(ours) for ours in wanted.values()] == [8, 24] * 3
    assert {item.void_words for item in held} == {"fewer than 5 people answered"}
    assert processes > 100
    for item in held:
        first, last = seen_open[item.slug][0], seen_open[item.slug][-1]
        assert first == item.opens_at
        assert last == item.closes_at - timedelta(seconds=1), item.slug
        assert item.closes_at - item.opens_at >= LENGTH, item.slug
    longer = {item.period for item in held if item.extended_days}
    assert longer == {"2027-q3", "2027-q4", "2027-07", "2027-10"}
    assert {item.extended_days for item in held if item.period in longer} == {3}
    for name in wanted:
        ours = sorted(
            (item for item in held if item.survey == name), key=lambda item: item.opens_at
        )
        assert all(earlier.closes_at <= later.opens_at for earlier, later in pairwise(ours))
    assert [
        (one.since, one.until) for one in heartbeat.list_outages(datetime(2027, 1, 1, tzinfo=UTC))
    ] == OUTAGES
    invited = (
        "SELECT wave, count(*), count(DISTINCT dedupe_key) FROM outbox WHERE kind = 'invitation'"
        " GROUP BY wave"
    )
    assert {tuple(row) for row in db.session.execute(text(invited))} == {
        (item.slug, 8, 8) for item in held
    }


@pytest.mark.parametrize("zone", ZONES)
def test_the_hand_written_offsets_are_right(zone: str) -> None:
    from zoneinfo import ZoneInfo

    day = BEGINS
    while day < ENDS:
        assert ZoneInfo(zone).utcoffset(datetime(day.year, day.month, day.day, 12)) == offset(  # noqa: DTZ001
            zone, day
        ), day
        day += timedelta(days=1)
