"""Small functions that tests have a child process do."""

import ctypes
import os
import resource
import time
from pathlib import Path

from survey.kernel.child import Progress
from survey.kernel.errors import NotFound, Refused


def say_and_sleep(file: str) -> None:
    """Says which process it is, and sleeps for longer than any test."""
    Path(file).write_text(str(os.getpid()))
    time.sleep(600)


def refuse_all(code: str) -> None:
    raise Refused(code, "No.", details=("one", "two"), wave="it-support-2027-q1")


def find_nothing(what: str) -> None:
    raise NotFound(what, "There is none.", wave="it-support-2027-q1")


def fail_quoting(words: str) -> None:
    raise ValueError(words)


def print_and_count(number: int, progress: Progress) -> int:
    print("this is no message")
    for done in range(number):
        progress(done + 1, number)
    return number


def protection() -> list[int]:
    """This process's limits of core files, whether it may be dumped, and its umask."""
    umask = os.umask(0)
    os.umask(umask)
    is_dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)  # PR_GET_DUMPABLE
    return [*resource.getrlimit(resource.RLIMIT_CORE), is_dumpable, umask]
