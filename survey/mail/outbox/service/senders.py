"""Whether another sender is alive, on SQLite.

Every sender holds a shared lock on a file; the lock ends with its process.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def among_senders(path: Path, when_alone: Callable[[], None]) -> Iterator[None]:
    """Holds a shared lock on this file while the block runs: this process is a sender.

    When no other sender was alive at its beginning, `when_alone` is called first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if _lock_if_alone(file):
            when_alone()
        # Waits while another sender, alone until now, looks after what was left behind.
        fcntl.flock(file, fcntl.LOCK_SH)
        yield
    finally:
        os.close(file)


def _lock_if_alone(file: int) -> bool:
    """Takes the exclusive lock if nobody else holds one; False when somebody does."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
