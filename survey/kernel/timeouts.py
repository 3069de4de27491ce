"""Waiting for something that may never end."""

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def run_within(seconds: float, work: Callable[[], T]) -> T:
    """Runs `work` in a thread; gives its result or raises its error; `TimeoutError` if too slow.

    Work that takes longer than `seconds` is not stopped but goes on in its thread. For calls that
    have no time limit themselves, such as asking the system for a name's address.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again where somebody waits
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError
    return results[0]
