"""The one way in which Candour says no to a person."""

from collections.abc import Iterator
from contextlib import contextmanager


class Refused(Exception):
    """A request that is turned down: one sentence saying what to do, and optionally one line per detail.

    The command line prints it on standard error and exits with 1; a page shows it. Nothing has been changed.
    """

    def __init__(self, message: str, *, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


@contextmanager
def interruptible(says: str) -> Iterator[None]:
    """Turns Ctrl-C into a sentence: what has happened so far, and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        raise Refused(says) from None
