"""How fast each server may be sent to, and what that means for a launch."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.mail.smtp.rules.presets import SendingPace, pace_for, slow_opening, time_needed

FORTNIGHT = timedelta(days=14)


@pytest.mark.parametrize(
    ("url", "pace"),
    [
        ("smtp+starttls://a%40b.example@smtp.office365.com:587", SendingPace(25, 8_000)),
        ("smtps://SMTP.Office365.com", SendingPace(25, 8_000)),
        ("smtp+starttls://smtp.office365.com.other.example", SendingPace(300, None)),
        ("smtps://a:b@smtp.gmail.com", SendingPace(60, 1_800)),
        ("smtps://smtp-relay.gmail.com", SendingPace(60, 9_000)),
        ("smtps://mail.northwind.example", SendingPace(300, None)),
        ("smtp://127.0.0.1:2525", SendingPace(None, None)),
        ("smtp://localhost", SendingPace(None, None)),
        ("catcher://", SendingPace(None, None)),
    ],
)
def test_each_server_has_a_pace_by_its_name(url: str, pace: SendingPace) -> None:
    assert pace_for(url) == pace
    assert pace_for(url, 7) == SendingPace(7, pace.per_day), (
        "what somebody sets replaces the minute, the day stays the server's"
    )


@pytest.mark.parametrize(
    ("letters", "pace", "stays_open", "says"),
    [
        (1_000, SendingPace(25, 8_000), FORTNIGHT, None),
        (8_000, SendingPace(25, 8_000), FORTNIGHT, None),
        (
            12_000,
            SendingPace(25, 8_000),
            FORTNIGHT,
            (
                "12,000 letters at 8,000 a day need 2 days; the last people get theirs that much"
                " later."
            ),
        ),
        (20_000, SendingPace(None, None), FORTNIGHT, None),
        (0, SendingPace(1, 1), FORTNIGHT, None),
        (
            600,
            SendingPace(1, None),
            timedelta(days=1),
            "600 letters at 1 a minute need 10 hours; the last people get theirs that much later.",
        ),
        (
            120,
            SendingPace(1, None),
            timedelta(hours=1, minutes=30),
            (
                "120 letters at 1 a minute need 2 hours, but the wave closes after 2 hours: some"
                " people would never be asked."
            ),
        ),
        (
            30_000,
            SendingPace(60, 1_800),
            FORTNIGHT,
            (
                "30,000 letters at 1,800 a day need 17 days, but the wave closes after 14 days:"
                " some people would never be asked."
            ),
        ),
    ],
)
def test_a_slow_opening_is_said(
    letters: int, pace: SendingPace, stays_open: timedelta, says: str | None
) -> None:
    sentence = slow_opening(letters, pace, stays_open)
    assert (sentence and sentence.removesuffix(" Let it stay open longer.")) == says


@given(
    letters=st.integers(0, 100_000),
    minute=st.integers(1, 500),
    day=st.none() | st.integers(1, 20_000),
)
def test_more_letters_never_take_less_time(letters: int, minute: int, day: int | None) -> None:
    pace = SendingPace(minute, day)
    assert time_needed(letters, pace) <= time_needed(letters + 1, pace)
    slowest = max(letters / minute, (letters / day - 1) * 24 * 60 if day else 0)
    assert time_needed(letters, pace) >= timedelta(minutes=slowest) - timedelta(seconds=1)
