"""The pulse: a day without a pass is an outage, once.

A clock that jumps is none, and nothing hides a later one.
"""

import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from survey.database import db
from survey.jobs import heartbeat
from survey.jobs.heartbeat import ClockReading, Outage, judge_clock

START = datetime(2027, 1, 18, 9, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seen", "highest", "real", "reading", "since"),
    [
        (0, 0, timedelta(seconds=59), ClockReading.TOO_SOON, 0),
        (0, 0, timedelta(minutes=1), ClockReading.BEAT, 0),
        (0, 0, DAY - timedelta(seconds=1), ClockReading.BEAT, 0),
        (0, 0, DAY, ClockReading.AFTER_OUTAGE, 0),
        (0, 0, -timedelta(minutes=2), ClockReading.TOO_SOON, 0),  # another machine's clock
        (0, 0, -timedelta(minutes=3), ClockReading.BACKWARD, 0),
        (0, 72, 73 * HOUR, ClockReading.BEAT, 72),  # went back three days, then put right
        (0, 72, 96 * HOUR, ClockReading.AFTER_OUTAGE, 72),  # ... and really away for a day
        (
            0,
            9000,
            24 * HOUR,
            ClockReading.AFTER_OUTAGE,
            0,
        ),  # was ahead by a year: that hides no outage
    ],
)
def test_what_a_reading_of_the_clock_means(
    seen: int, highest: int, real: timedelta, reading: ClockReading, since: int
) -> None:
    beat = judge_clock(START + seen * HOUR, START + highest * HOUR, START + real)
    assert (beat.reading, beat.since) == (reading, START + since * HOUR)


@given(st.lists(st.integers(-5000, 5000), min_size=1, max_size=12))
def test_whatever_the_clock_does_an_outage_begins_after_the_one_before_and_ends_after_it_began(
    hours: list[int],
) -> None:
    seen = highest = START
    last = LONG_AGO
    for hour in hours:
        real = START + hour * HOUR
        beat = judge_clock(seen, highest, real)
        if beat.reading is ClockReading.AFTER_OUTAGE:
            assert beat.since < real
            assert real - beat.since >= DAY
            last = real
        seen, highest = real, max(highest, real)
    assert last <= highest


def test_only_a_gap_of_a_day_is_recorded_and_only_once(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    assert heartbeat.last_pass() is None
    assert heartbeat.record_beat(START) == ""
    assert heartbeat.record_beat(START + 23 * HOUR) == ""
    back = START + 23 * HOUR + 3 * DAY
    with caplog.at_level(logging.WARNING):
        assert (
            heartbeat.record_beat(back)
            == "the service was down from 2027-01-19 08:00 to 2027-01-22 08:00 UTC"
        )
    assert "the service was down" in caplog.text
    assert heartbeat.record_beat(back) == ""
    assert heartbeat.record_beat(back + HOUR) == ""
    assert heartbeat.list_outages(LONG_AGO) == (Outage(START + 23 * HOUR, back),)
    assert heartbeat.list_outages(back) == ()
    assert heartbeat.last_pass() == back + HOUR


def test_a_pass_within_the_minute_writes_nothing(app: Flask) -> None:
    heartbeat.record_beat(START)
    heartbeat.record_beat(START + timedelta(seconds=59))
    assert heartbeat.last_pass() == START


def test_a_clock_that_goes_back_is_noted_once_and_putting_it_right_is_no_outage(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    heartbeat.record_beat(START)
    with caplog.at_level(logging.WARNING):
        said = [heartbeat.record_beat(START - 3 * DAY + number * HOUR) for number in range(3)]
    assert said == [
        "the clock went back by 4320 minutes; nothing is undone and nothing is sent again",
        "",
        "",
    ]
    assert caplog.text.count("the clock went back") == 1
    assert heartbeat.record_beat(START + HOUR) == ""
    assert heartbeat.list_outages(LONG_AGO) == ()


def test_of_three_that_come_back_at_once_one_records_the_outage(app: Flask) -> None:
    heartbeat.record_beat(START)
    start, said = threading.Barrier(3), []

    def pass_() -> None:
        start.wait(timeout=20)
        with app.app_context():
            said.append(heartbeat.record_beat(START + 2 * DAY))

    threads = [threading.Thread(target=pass_) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(bool(line) for line in said) == [False, False, True]
    assert heartbeat.list_outages(LONG_AGO) == (Outage(START, START + 2 * DAY),)
    assert db.session.execute(text("SELECT count(*) FROM heartbeat")).scalar() == 1


def test_the_first_beat_of_three_at_once_is_one(app: Flask) -> None:
    start, faults = threading.Barrier(3), []

    def pass_() -> None:
        start.wait(timeout=20)
        with app.app_context():
            try:
                heartbeat.record_beat(START)
            except Exception as error:  # noqa: BLE001 - none may come
                faults.append(error)

    threads = [threading.Thread(target=pass_) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert faults == []
    assert heartbeat.last_pass() == START
