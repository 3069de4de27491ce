"""Whether this process has been told to end: long work looks here between two steps."""

import threading

_told = threading.Event()


def is_shutting_down() -> bool:
    """Whether to begin nothing new."""
    return _told.is_set()


def request_shutdown() -> None:
    """Tells everything in this process to come to an end."""
    _told.set()


def withdraw_shutdown() -> None:
    """Takes that back; for a process, such as that of the tests, in which one service follows another."""
    _told.clear()


def wait_for_shutdown(seconds: float) -> bool:
    """Waits until the process is told to end, at most so long; says whether it was."""
    return _told.wait(seconds)
