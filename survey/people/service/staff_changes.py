"""Counts every change of the staff list, by day and kind: how many, never who.

An employee cannot see the staff list, yet whoever keeps it could add people who do not exist. So
each way of changing it calls `count_staff_changes` in its own transaction, and a wave publishes the
numbers.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.dialects import postgresql, sqlite

from survey.database import connection, db, transaction
from survey.kernel.clock import now
from survey.kernel.staff_changes import RECENT_DAYS, StaffChanges
from survey.people.tables import StaffChangeRow

# Lets readers through, and keeps waiting whoever changes or locks a row: who has locked one already
# goes on first, so that neither waits for the other for ever.
_HOLD = text("LOCK TABLE person IN EXCLUSIVE MODE")


def count_staff_changes(changes: StaffChanges) -> None:
    """Adds changes of the directory to today's counts, inside the transaction that makes them.

    Zeros store nothing.
    """
    is_postgresql = connection().dialect.name == "postgresql"
    insert = postgresql.insert if is_postgresql else sqlite.insert
    with transaction():
        for kind, number in changes.as_numbers().items():
            if number:
                row = insert(StaffChangeRow).values(day=now().date(), kind=kind, number=number)
                total = StaffChangeRow.number + row.excluded.number
                connection().execute(
                    row.on_conflict_do_update(
                        index_elements=["day", "kind"], set_={"number": total}
                    )
                )


def staff_changes_before(moment: datetime) -> StaffChanges:
    """The changes of the 30 days (UTC) before a moment, and those so far of its own day."""
    first_day = (moment - timedelta(days=RECENT_DAYS)).date()
    return _sum(StaffChangeRow.day.between(first_day, moment.date()))


def all_staff_changes() -> StaffChanges:
    """All changes ever counted. The difference of two such sums is what happened between them."""
    return _sum()


def hold_staff_list() -> None:
    """Keeps others from changing the directory until the caller's transaction ends.

    On SQLite the transaction itself does.
    """
    if connection().dialect.name == "postgresql":
        connection().execute(_HOLD)


def _sum(*conditions: ColumnElement[bool]) -> StaffChanges:
    """The sum of the counts for which all conditions hold, by kind."""
    query = (
        select(StaffChangeRow.kind, func.sum(StaffChangeRow.number))
        .where(*conditions)
        .group_by(StaffChangeRow.kind)
    )
    return StaffChanges.of({kind: int(number) for kind, number in db.session.execute(query)})
