"""Whether this process has been told to end: long work looks here between two steps."""

import threading

_requested = threading.Event()


def is_shutting_down() -> bool:
    """Whether this process was told to end, so that nothing new shall begin."""
    return _requested.is_set()


def request_shutdown() -> None:
    """Tells everything in this process to come to an end."""
    _requested.set()


def withdraw_shutdown() -> None:
    """Takes the request to end back.

    For a process, such as that of the tests, in which one service follows another.
    """
    _requested.clear()


def wait_for_shutdown(seconds: float) -> bool:
    """Waits until the process is told to end, at most so long; gives whether it was."""
    return _requested.wait(seconds)
