"""The database: one session, one way to write, SQLite and PostgreSQL alike."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any, cast

import flask_sqlalchemy.session
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    MetaData,
    create_engine,
    event,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from survey.kernel.child import call_in_child
from survey.kernel.errors import Refused

BUSY_SECONDS = 10
REWRITE_SECONDS = 3
FOREIGN = "candour_foreign"  # an engine with this option begins its transactions itself
_WRITE = "candour_write"
# What a server may write down while people answer: the values of its settings that say nothing of
# who did something, when, or what.
_DISCREET_VALUES = {
    "log_statement": ("none", "ddl"),
    "log_min_duration_statement": ("-1",),
    "log_min_duration_sample": ("-1",),
    "log_transaction_sample_rate": ("0",),
    "log_parameter_max_length_on_error": ("0",),
    "auto_explain.log_min_duration": ("-1",),
    "track_commit_timestamp": ("off",),
}
_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The base class of every table; names all constraints, so that migrations can name them."""

    metadata = MetaData(naming_convention=_NAMES)


class _Session(flask_sqlalchemy.session.Session):
    """A session whose statements run on the connection of the running `transaction()`.

    One that began its own transaction would cost a letter more than its statements do.
    """

    def get_bind(self, *args: Any, **more: Any) -> Engine | Connection:  # noqa: ANN401 - SQLAlchemy's signature
        """The connection of the running `transaction()`; the engine where there is none."""
        bind: Engine | Connection = self.info.get(_WRITE) or super().get_bind(*args, **more)
        return bind


db = SQLAlchemy(
    model_class=Base,
    engine_options={"hide_parameters": True},  # neither a log nor an error may hold who or what
    session_options={"class_": _Session},
)
_HERE = Path(__file__).parent
# In a checkout the folder stands beside the package; in an installed wheel, inside it.
MIGRATIONS = next(
    path for path in (_HERE / "migrations", _HERE.parent / "migrations") if path.is_dir()
)
_REVISION = re.compile(r'^(?:down_)?revision = (?:"(\w+)"|None)$', re.MULTILINE)


class Migrations:
    """What Flask-Migrate looks for in an application; loads that library at the first use.

    It and Alembic hold 16 MiB: they are only needed when a schema is made or changed.
    """

    db = db
    directory = str(MIGRATIONS)

    @cached_property
    def migrate(self) -> Any:  # noqa: ANN401 - without the library, its class has no name here
        """Flask-Migrate's own object, made at the first use."""
        from flask_migrate import Migrate

        return Migrate(db=db, directory=self.directory, render_as_batch=True, compare_type=True)

    def init_app(self, app: Flask) -> None:
        """Registers itself in the application, where `upgrade` looks for the migrations."""
        app.extensions["migrate"] = self


migrate = Migrations()


@cache
def revisions() -> tuple[str, ...]:
    """The ids of all migrations that this program holds, oldest first; files are read once."""
    files = (MIGRATIONS / "versions").glob("*.py")
    pairs = (_REVISION.findall(path.read_text()) for path in files)
    next_revisions = {before: revision for revision, before in pairs}
    history = [next_revisions[""]]
    while history[-1] in next_revisions:
        history.append(next_revisions[history[-1]])
    return tuple(history)


def revision_of(connection: Connection) -> str | None:
    """The revision that the tables are at (see `revisions`); None where there are no tables."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


class UtcDateTime(TypeDecorator[datetime]):
    """A column type for times in UTC, aware in Python; ValueError for a time without zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The value to store: in UTC, and without its zone on SQLite; None for None."""
        if value is None:
            return None
        value = _utc(value)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def bind_processor(self, dialect: Dialect) -> Any:  # noqa: ANN401 - SQLAlchemy's signature
        """A function that makes the value to store; on SQLite it gives the text at once.

        SQLAlchemy's own way to that text takes seven times as long, five times a letter.
        """
        return _sqlite_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """A stored value as an aware time in UTC; None for None."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _utc(value: datetime) -> datetime:
    """The same time in UTC; ValueError for a time without its zone."""
    if value.tzinfo is None:
        raise ValueError(f"a moment needs a time zone: {value!r}")
    return value.astimezone(UTC)


def _sqlite_text(value: datetime | None) -> str | None:
    """A time as SQLite stores it: in UTC, with microseconds, without its zone; None for None."""
    if value is None:
        return None
    return _utc(value).replace(tzinfo=None).isoformat(" ", "microseconds")


@contextmanager
def transaction() -> Iterator[Session]:
    """One write transaction: commits at the end, rolls back on any exception; nested ones join.

    For one use case. Gives the session, after ending a read that was under way; RuntimeError where
    rows were changed before. On SQLite the write lock is taken at once (BEGIN IMMEDIATE), so that
    all that is decided inside was read under that lock.
    """
    session = db.session()
    if session.info.get(_WRITE):
        yield session
        return
    if session.in_transaction():
        if session.new or session.dirty or session.deleted:
            raise RuntimeError("rows were changed outside transaction()")
        session.rollback()  # ends a read that was under way: its snapshot is older than the lock
    with db.engine.connect() as server:
        begun = server.execution_options(**{_WRITE: True}).begin()
        session.info[_WRITE] = server
        try:
            yield session
            session.flush()
            begun.commit()
            # of its objects only, and after the commit: one that fails must leave none as stored
            if session.in_transaction():
                session.commit()
        except BaseException:
            if begun.is_active:
                session.rollback()
            else:  # the commit itself failed
                session.close()
            # the session had nothing to roll back, or the commit is to be undone
            if server.get_transaction() is begun:
                begun.rollback()
            raise
        finally:
            session.info[_WRITE] = None


@contextmanager
def on_copy(file: Path, beside: Path | None = None) -> Iterator[None]:
    """Lets everything inside work on this SQLite file instead of on the database.

    For putting a copy back, in a process that does nothing else at that time: the copy is made
    ready by the same services that work on the database. The file `beside` can be read there under
    the schema name `present`, and not be written.
    """
    db.session.remove()
    engines = cast("dict[str | None, Engine]", db.engines)  # of this application, by name
    ours = engines[None]
    ours.dispose()
    engines[None] = create_engine(
        f"sqlite:///{file}",
        creator=lambda: sqlite3.connect(file.as_uri(), uri=True),
        hide_parameters=True,
    )
    if beside is not None:
        address = f"{beside.as_uri()}?mode=ro"
        event.listen(
            engines[None], "connect", lambda raw, _: raw.execute("ATTACH ? AS present", [address])
        )
    try:
        yield
    finally:
        db.session.remove()
        engines[None].dispose()
        engines[None] = ours


def flush_or_refuse(code: str, sentence: str) -> None:
    """Writes pending rows to the database; refuses with this code if they break a constraint.

    As they do when another process was as fast.
    """
    try:
        db.session.flush()
    except IntegrityError as error:
        raise Refused(code, sentence) from error


def connection() -> Connection:
    """A connection for plain statements: of the running `transaction()`, else of a read.

    For statements that need no rows as objects.
    """
    session = db.session()
    current: Connection = session.info.get(_WRITE) or session.connection()
    return current


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: object, _record: object) -> None:
    """Sets up each new SQLite connection: WAL, waiting for locks, deleted data overwritten.

    Nothing on PostgreSQL.
    """
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.isolation_level = None  # the driver must not begin transactions behind our back
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={BUSY_SECONDS * 1000}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@event.listens_for(Engine, "begin")
def _begin_sqlite(connection: Connection) -> None:
    """Begins a transaction on SQLite, for `transaction()` with the write lock at once.

    Not on an engine with the option `FOREIGN`, nor on PostgreSQL.
    """
    if connection.dialect.name == "sqlite" and not connection.get_execution_options().get(FOREIGN):
        write = connection.get_execution_options().get(_WRITE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def revealing_server_settings() -> tuple[str, ...]:
    """Lines on server settings that log what links a person to an answer; empty if none does.

    One line a setting, with its remedy. SQLite writes nothing.
    """
    if db.engine.dialect.name == "sqlite":
        return ()
    names = (*_DISCREET_VALUES, "pgaudit.log")
    query = select(*(func.current_setting(name, True) for name in names))
    row = db.session.execute(query).one()
    values = {name: value or "" for name, value in zip(names, row, strict=True)}
    remedies = {
        name: discreet[0]
        for name, discreet in _DISCREET_VALUES.items()
        if values[name] and values[name] not in discreet
    }
    audited = {word.strip() for word in values["pgaudit.log"].lower().split(",")}
    if audited & {"all", "read", "write"}:
        remedies["pgaudit.log"] = "ddl or role"
    return tuple(f"{name} is {values[name]}, set it to {good}." for name, good in remedies.items())


def overwrite_deleted_rows(*tables: str) -> None:
    """Removes the bytes of deleted rows from the disk; first ends the session's read.

    On SQLite from free pages and from the write-ahead log; on PostgreSQL from the pages of these
    tables, as long as no other process keeps them busy (see `_rewrite`).
    """
    db.session.rollback()
    if db.engine.dialect.name == "sqlite":
        call_in_child(_rewrite_file, str(db.engine.url.database))
        return
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as server:
        for table in tables:
            _rewrite(server, server.dialect.identifier_preparer.quote(table))


def empty_write_ahead_log() -> None:
    """Moves what SQLite's write-ahead log still holds into the file, and cuts the log to nothing.

    First ends the session's read. Does nothing on PostgreSQL, and leaves the log while others read.
    """
    db.session.rollback()
    if db.engine.dialect.name == "sqlite":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as file:
            file.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _rewrite_file(path: str) -> None:
    """Rewrites an SQLite file without its deleted rows, and empties its write-ahead log.

    In a child process, because every row that is kept, comments too, goes through the memory.
    """
    with closing(sqlite3.connect(path)) as connection:
        _prepare_sqlite(connection, None)
        for statement in (
            "PRAGMA wal_checkpoint(TRUNCATE)",
            "VACUUM",
            "PRAGMA wal_checkpoint(TRUNCATE)",
        ):
            connection.execute(statement).fetchall()


def _rewrite(server: Connection, table: str) -> None:
    """Rewrites a PostgreSQL table without its dead rows; plain VACUUM where it stays busy.

    It waits for the table for `REWRITE_SECONDS`. A plain VACUUM frees the room of dead rows but
    leaves their bytes there.
    """
    server.exec_driver_sql(f"SET lock_timeout = '{REWRITE_SECONDS}s'")
    try:
        server.exec_driver_sql(f"VACUUM (FULL) {table}")
    except OperationalError:  # others hold it, as a backup does: answers must not wait behind us
        server.exec_driver_sql(f"VACUUM {table}")
    finally:
        server.exec_driver_sql("RESET lock_timeout")
