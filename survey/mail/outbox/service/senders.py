"""Whether another sender is alive: on SQLite every sender holds a shared lock on a file, which ends with its process."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def among_senders(path: Path, when_alone: Callable[[], None]) -> Iterator[None]:
    """While this lasts we count as a sender; when no other one was alive at its beginning, `when_alone` is called first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if _is_alone(file):
            when_alone()
        fcntl.flock(
            file, fcntl.LOCK_SH
        )  # waits while another one, alone until now, looks after what was left behind
        yield
    finally:
        os.close(file)


def _is_alone(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
