"""Counting the SQL statements that a piece of work takes."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from survey.database import db

# What SQLite's driver settings send as statements, and PostgreSQL's time limit of a lock, which
# SQLite has as a setting.
NOT_COUNTED = ("BEGIN", "SET LOCAL")


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """The statements that the block sends to the database, in order."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(NOT_COUNTED):
            statements.append(" ".join(statement.split()))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
