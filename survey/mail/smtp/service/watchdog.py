"""Ends what takes too long.

One thread for a whole connection, because one for each letter costs more than the letter.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Watchdog:
    """Calls `when_late`, from a separate thread, when what is watched is not over in time."""

    def __init__(self, when_late: Callable[[], None]) -> None:
        self._when_late = when_late
        self._changed = threading.Condition()
        self._until: float | None = None  # when what is being watched must be over
        self._wakes_at: float | None = None  # when the thread looks again by itself
        self._thread: threading.Thread | None = None

    @contextmanager
    def watch(self, seconds: float) -> Iterator[None]:
        """Calls `when_late` if the `with` block lasts longer than so many seconds."""
        self._watch_until(time.monotonic() + seconds)
        try:
            yield
        finally:
            with self._changed:
                self._until = None  # nobody is woken: the thread finds out when it looks again

    def rest(self) -> None:
        """Lets the thread end; the next watch starts another."""
        with self._changed:
            self._thread = None
            self._changed.notify_all()

    def _watch_until(self, until: float) -> None:
        """Sets the time limit; starts the thread, or wakes it where it would wake too late."""
        with self._changed:
            self._until = until
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="mail watchdog", daemon=True)
                self._thread.start()
            elif self._wakes_at is None or until < self._wakes_at:
                self._changed.notify_all()

    def _run(self) -> None:
        """Runs in the thread: sleeps until the limit and calls `when_late` if it is still set."""
        while True:
            with self._changed:
                if self._thread is not threading.current_thread():
                    return
                now = time.monotonic()
                if self._until is None or self._until > now:
                    self._wakes_at = self._until
                    self._changed.wait(None if self._until is None else self._until - now)
                    continue
                self._until = None
            self._when_late()
