"""The embedded engine: one thread that wakes up and does what is due."""

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class Loop:
    """Calls `work` every so many seconds until stopped; a fault is logged without details of any person and tried again."""

    def __init__(self, work: Callable[[], None], seconds: float) -> None:
        self._work, self._seconds = work, seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        """Begins, with a first call at once."""
        self._thread.start()

    def stop(self) -> None:
        """Lets the call under way end, for at most ten seconds."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._work()
            except Exception as error:  # noqa: BLE001 - whatever it was, the next pass tries again
                log.error("a pass of due work failed and will be tried again: %s", type(error).__name__)  # noqa: TRY400 - a traceback could quote an address
            self._stop.wait(self._seconds)
