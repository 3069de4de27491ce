"""When the timetable was last gone through: one row, so that monitors see a clock that stands still."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from survey.database import db, transaction
from survey.jobs.tables import PulseRow


def note_pass(moment: datetime) -> None:
    """Writes down that a pass has just ended, by the real clock."""
    with transaction() as session:
        if session.connection().execute(update(PulseRow).values(last_pass=moment)).rowcount == 0:
            try:
                with session.begin_nested():
                    session.add(PulseRow(number=1, last_pass=moment))
            except IntegrityError:
                pass  # another process was as fast


def last_pass() -> datetime | None:
    """When the last pass ended, on whichever machine."""
    return db.session.scalar(select(PulseRow.last_pass))
