"""Whether this process has been asked to end: long work looks here between two steps."""

import threading

_requested = threading.Event()


def is_shutting_down() -> bool:
    """Whether `request_shutdown` was called in this process, so nothing new may begin."""
    return _requested.is_set()


def request_shutdown() -> None:
    """Sets the flag that makes long work in this process stop at its next step."""
    _requested.set()


def withdraw_shutdown() -> None:
    """Clears the flag that `request_shutdown` set.

    For a process, such as that of the tests, in which one service follows another.
    """
    _requested.clear()


def wait_for_shutdown(seconds: float) -> bool:
    """Waits at most `seconds` for `request_shutdown`; True if it was called, else False."""
    return _requested.wait(seconds)
