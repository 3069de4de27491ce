"""What a whole-list import would remove: how many, of how many, and while which waves are open."""

from collections.abc import Collection

from sqlalchemy import func, select

from survey.database import db
from survey.people.rules.removals import WholeListRemoval
from survey.people.rules.staff_list import Person
from survey.people.service.watching import directory_watch
from survey.people.tables import PersonRow


def planned_removal(missing: Collection[Person]) -> WholeListRemoval:
    """What removing these people would be, as things are now; stores nothing."""
    in_directory = db.session.scalar(select(func.count()).select_from(PersonRow)) or 0
    return WholeListRemoval(len(missing), in_directory, directory_watch().open_waves())
