"""Browsers whose requests share nothing but cookies, and a clock that tests can set forward."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask import Flask

from survey.access.views import setup
from survey.kernel.clock import now
from tests.outside import Browser, browser


@pytest.fixture
def stranger(app: Flask) -> Browser:
    """A browser in which nobody is signed in."""
    return browser(app)


@pytest.fixture
def mira(app: Flask) -> Browser:
    """A browser in which an administrator has signed in by link."""
    return browser(app, "admin")


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Sets the clock by which sessions end to so long from the beginning of the test."""
    began = now()

    def set_to(passed: timedelta) -> None:
        moment: datetime = began + passed
        monkeypatch.setattr(setup, "now", lambda: moment)

    return set_to
