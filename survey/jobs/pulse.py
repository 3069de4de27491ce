"""When the timetable was last gone through: one row, so that monitors see a clock that stands still."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from survey.database import db, transaction
from survey.jobs.tables import PulseRow


def note_pass(moment: datetime) -> None:
    """Writes down that a pass has just ended, by the real clock."""
    with transaction() as session:
        connection = session.connection()
        if connection.execute(update(PulseRow).values(last_pass=moment)).rowcount == 0:
            insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            connection.execute(insert(PulseRow).values(number=1, last_pass=moment).on_conflict_do_nothing())  # another may be as fast


def last_pass() -> datetime | None:
    """When the last pass ended, on whichever machine."""
    return db.session.scalar(select(PulseRow.last_pass))
