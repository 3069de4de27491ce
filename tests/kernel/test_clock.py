"""The one clock."""

from datetime import UTC, datetime, timedelta

from survey.kernel.clock import now


def test_the_clock_tells_the_present_instant_in_utc() -> None:
    before = datetime.now(UTC)
    moment = now()
    assert before <= moment <= datetime.now(UTC)
    assert moment.utcoffset() == timedelta(0)
