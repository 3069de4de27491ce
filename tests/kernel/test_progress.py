"""Progress of long work: where it is said, when, and in which form."""

import io
import os
import pty
import re
import sys

import pytest

from survey.kernel import progress
from survey.kernel.errors import Refused, refuse_on_ctrl_c
from survey.kernel.progress import Progress


class Watch:
    """A stopwatch that is moved by hand."""

    at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    fake = Watch()
    monkeypatch.setattr(progress, "monotonic", fake)
    return fake


def test_nothing_is_said_in_the_first_second_nor_of_nothing(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    say = Progress("Sending letters")
    watch.at = 0.9
    say(5, 10)
    watch.at = 2.0
    say(0, 0)
    assert capsys.readouterr() == ("", "")


def test_away_from_a_terminal_there_is_a_plain_line_per_tenth_or_half_minute(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    say = Progress("Sending letters")
    for second in range(1, 101):
        watch.at = float(second)
        say(min(second, 25), 100, "25 a minute")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "Sending letters: 10 of 100, 25 a minute",
        "Sending letters: 20 of 100, 25 a minute",
        "Sending letters: 25 of 100, 25 a minute",
        "Sending letters: 25 of 100, 25 a minute",
    ]
    assert "\r" not in said.err
    assert "\x1b" not in said.err


def test_on_a_terminal_a_bar_is_drawn_over_itself_without_colour(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        say = Progress("Sending letters")
        for second, done in ((1.0, 0), (1.1, 1), (1.3, 312), (2.0, 500)):
            watch.at = second
            say(done, 500, "about 8 minutes left" if done < 500 else "")
        monkeypatch.undo()
        shown = ""
        while not shown.endswith("\n"):  # a terminal hands over what it has, not all at once
            shown += os.read(ours, 10_000).decode()
    os.close(ours)
    assert "\x1b" not in shown
    bars = [line.rstrip() for line in re.split(r"\r(?!\n)", shown) if line.strip()]
    assert bars == [
        "Sending letters  [----------------------]  0 of 500  0%  about 8 minutes left",
        "Sending letters  [#############---------]  312 of 500  62%  about 8 minutes left",
        "Sending letters  [######################]  500 of 500  100%",
    ]
    assert shown.endswith("\r\n")


def test_a_bar_that_is_left_half_way_leaves_the_next_line_to_others(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = io.StringIO()
    heard.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", heard)
    say = Progress("Sending letters")
    watch.at = 1.0
    say(1, 2)
    say.close()
    say.close()
    assert heard.getvalue().endswith("1 of 2  50%\n")


def test_an_interruption_becomes_a_sentence() -> None:
    with pytest.raises(Refused, match="Go on with this"), refuse_on_ctrl_c("Go on with this."):
        raise KeyboardInterrupt
