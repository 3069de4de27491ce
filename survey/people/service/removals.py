"""What a whole-list import would remove: how many, of how many, and in which open waves."""

from collections.abc import Callable, Collection

from sqlalchemy import func, select

from survey.database import db
from survey.people.rules.removals import WholeListRemoval
from survey.people.rules.staff_list import Person, PersonId
from survey.people.tables import PersonRow

OpenWavesOf = Callable[[Collection[PersonId]], tuple[str, ...]]
# Waves lie above this room, so the application says at its start how to find the open ones.
_open_waves_of: list[OpenWavesOf] = []


def find_open_waves_with(open_waves_of: OpenWavesOf) -> None:
    """Says how to find the open waves in which any of these people is asked; replaces any before.

    Until it is said nobody is removed by an import.
    """
    _open_waves_of[:] = [open_waves_of]


def planned_removal(missing: Collection[Person]) -> WholeListRemoval:
    """What removing these people would be, as things are now; stores nothing."""
    (open_waves_of,) = _open_waves_of
    in_directory = db.session.scalar(select(func.count()).select_from(PersonRow)) or 0
    waves = open_waves_of({person.id for person in missing}) if missing else ()
    return WholeListRemoval(len(missing), in_directory, waves)
