"""Progress of long work on standard error: a bar on a terminal, plain lines elsewhere, nothing in the first second.

No line ever holds a name, an address or a score: whoever calls gives a label and two numbers.
"""

import sys
from time import monotonic

SECONDS_BEFORE_PROGRESS, SECONDS_BETWEEN_LINES, SECONDS_BETWEEN_BARS = 1.0, 30.0, 0.2
_BAR = 22


class Progress:
    """Says how far something is; call it with how many of how many are done, and with what else is worth saying."""

    def __init__(self, label: str) -> None:
        self.label, self.began, self.tenth, self.said = label, monotonic(), 0, 0.0
        self.drawn = 0
        self.terminal = sys.stderr.isatty()

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Says how many of how many are done, with a note such as the pace."""
        seconds = monotonic() - self.began
        if seconds < SECONDS_BEFORE_PROGRESS or total <= 0:
            return
        if self.terminal:
            self._draw(min(done, total), total, note, seconds)
        elif 10 * done // total > self.tenth or seconds - self.said >= SECONDS_BETWEEN_LINES:
            self.tenth, self.said = 10 * done // total, seconds
            _say(f"{self.label}: {done:,} of {total:,}{f', {note}' if note else ''}\n")

    def close(self) -> None:
        """Ends a bar that was drawn, so that what is printed next has a line of its own."""
        if self.drawn:
            _say("\n")
            self.drawn = 0

    def _draw(self, done: int, total: int, note: str, seconds: float) -> None:
        if self.drawn and done < total and seconds - self.said < SECONDS_BETWEEN_BARS:
            return
        filled = "#" * (_BAR * done // total)
        line = (
            f"{self.label}  [{filled:-<{_BAR}}]  {done:,} of {total:,} "
            f" {100 * done // total}%{f'  {note}' if note else ''}"
        )
        _say(f"\r{line:<{self.drawn}}")
        self.drawn, self.said = len(line), seconds
        if done == total:
            self.close()


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
