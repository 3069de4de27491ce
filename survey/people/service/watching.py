"""What another room does when people join or leave the directory, in the same transaction.

The directory does not know who was invited to what. So the room that does know registers here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from survey.people.rules.staff_list import Person, PersonId


@dataclass(frozen=True, slots=True)
class DirectoryWatch:
    """What is called inside each transaction that changes who is in the directory.

    joined: called with the people who have just been added.
    left: called with the people who have just been deleted, as they stood there.
    awaited: gives the ids of people who left and may come back, so that their wish about survey
        mails is kept for them.
    open_waves: gives the slugs of the waves that are open, oldest first.
    """

    joined: Callable[[Sequence[Person]], None]
    left: Callable[[Sequence[Person]], None]
    awaited: Callable[[], frozenset[PersonId]]
    open_waves: Callable[[], tuple[str, ...]]


def watch_directory(watch: DirectoryWatch) -> None:
    """Registers what is done when people join or leave, in place of what was there.

    For this whole process: the application factory does it.
    """
    _registered[:] = [watch]


def directory_watch() -> DirectoryWatch:
    """What is done when people join or leave the directory."""
    [watch] = _registered
    return watch


_registered: list[DirectoryWatch] = []
