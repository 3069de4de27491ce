"""Progress of long work on standard error: a bar on a terminal, plain lines elsewhere.

Nothing in the first second. No line ever holds a name, an address or a score: the caller gives a
label and two numbers.
"""

import sys
from time import monotonic

SECONDS_BEFORE_PROGRESS, SECONDS_BETWEEN_LINES, SECONDS_BETWEEN_BARS = 1.0, 30.0, 0.2
_BAR = 22


class Progress:
    """Prints progress of long work to standard error when called with how much is done of all."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.is_terminal = sys.stderr.isatty()
        self._began = monotonic()
        self._printed_at = 0.0  # seconds after the beginning
        self._printed_tenths = 0
        self._bar_length = 0  # of the line that is drawn, 0 where there is none

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Prints `done` of `total` and the `note`, such as the pace; nothing in the first second.

        Prints nothing without a total either, and not more often than its kind of output allows
        (see `_draw_bar` and `_print_line`).
        """
        seconds = monotonic() - self._began
        if seconds < SECONDS_BEFORE_PROGRESS or total <= 0:
            return
        if self.is_terminal:
            self._draw_bar(min(done, total), total, note, seconds)
        else:
            self._print_line(done, total, note, seconds)

    def close(self) -> None:
        """Ends the line of a bar that was drawn; does nothing if there is none.

        What is printed next then has a line to itself.
        """
        if self._bar_length:
            _write("\n")
            self._bar_length = 0

    def _print_line(self, done: int, total: int, note: str, seconds: float) -> None:
        """Prints a line for each new tenth that is done, or after 30 seconds without a line."""
        tenths = 10 * done // total
        is_late = seconds - self._printed_at >= SECONDS_BETWEEN_LINES
        if tenths <= self._printed_tenths and not is_late:
            return
        self._printed_tenths, self._printed_at = tenths, seconds
        suffix = f", {note}" if note else ""
        _write(f"{self.label}: {done:,} of {total:,}{suffix}\n")

    def _draw_bar(self, done: int, total: int, note: str, seconds: float) -> None:
        """Draws the bar over the last one, at most every 0.2 seconds; ends its line at the end."""
        is_early = seconds - self._printed_at < SECONDS_BETWEEN_BARS
        if self._bar_length and done < total and is_early:
            return
        filled = "#" * (_BAR * done // total)
        percent = 100 * done // total
        suffix = f"  {note}" if note else ""
        line = f"{self.label}  [{filled:-<{_BAR}}]  {done:,} of {total:,}  {percent}%{suffix}"
        _write(f"\r{line:<{self._bar_length}}")
        self._bar_length, self._printed_at = len(line), seconds
        if done == total:
            self.close()


def _write(text: str) -> None:
    """Writes text to standard error, at once."""
    sys.stderr.write(text)
    sys.stderr.flush()
