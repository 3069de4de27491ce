"""Copying the SQLite database while it is in use. The wave keys are never part of a copy."""

import os
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from survey.backup.rules import BackedUp
from survey.config import Config
from survey.copies.rules import SIDE_FILES, CopyStamp, backup_name, unfinished_name
from survey.copies.service import delete_due_copies, record_backup
from survey.database import db, revisions
from survey.kernel.errors import Refused
from survey.kernel.files import shred, sync
from survey.kernel.ids import random_id

COMMAND_LINE = "command line"
_PG_DUMP = "pg_dump --format=custom --no-owner --file={file} {url}"


def back_up(config: Config, file: Path | None, now: datetime) -> BackedUp:
    """Writes a consistent copy of the SQLite database.

    It is consistent even if others write meanwhile. Without a file it goes into the folder of
    copies, under a name with the time; what is too old there is deleted. Audited. Refused: no
    database yet, no folder set, a file that is there already or lies in the key folder, and
    PostgreSQL, which has its own tools.
    """
    source = config.database_file
    if source is None:
        raise Refused(
            "postgresql-has-own-tools",
            "PostgreSQL is copied by its own tool, which asks for the password.",
            tool=tool_command(config, _PG_DUMP, file or Path(backup_name(now))),
        )
    if not source.is_file():
        raise Refused("no-database", f"There is no database at {source} yet.")
    file = resolve(file) if file else _name_in(_folder_of_copies(config), now)
    if config.key_dir and file.is_relative_to(config.key_dir.resolve()):
        raise Refused(
            "copy-in-key-folder",
            f"{file} lies in the key folder; a key beside a copy of the database opens its ballots."
            " Choose another place.",
        )
    if file.exists():
        raise Refused(
            "file-exists",
            f"{file} is there already. Nothing was changed; choose another name.",
        )
    with fresh_file_in(file.parent) as fresh:
        copy_database(source, fresh, stamp=CopyStamp(now, config.backup_days))
        fresh.replace(file)
    sync(file.parent)
    return BackedUp(file, file.stat().st_size, _record(file, config, now))


def _record(file: Path, config: Config, now: datetime) -> bool:
    """Audits a copy and deletes old ones; False where the database does not take it.

    As one of another version may: the copy is worth more than the entry.
    """
    try:
        record_backup(file, config)
        delete_due_copies(config, now, actor=COMMAND_LINE)
    except SQLAlchemyError:
        db.session.rollback()
        return False
    return True


def _name_in(folder: Path, now: datetime) -> Path:
    """A free name in the folder of copies: with the time, or some seconds on."""
    while (file := folder / backup_name(now)).exists():
        now += timedelta(seconds=1)
    return file


def _folder_of_copies(config: Config) -> Path:
    """The folder that is set for copies, made where it is missing; refused where none is set."""
    if config.backup_dir is None:
        raise Refused("no-folder-of-copies", "No folder for copies is set. Name a file.")
    try:
        config.backup_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(
            "file-not-written",
            f"{config.backup_dir} cannot be made ({error.strerror}). Nothing was changed.",
        ) from error
    return config.backup_dir


def tool_command(config: Config, command: str, file: Path) -> str:
    """The command of PostgreSQL's own tool, filled in, without the password."""
    url = make_url(config.database_url)
    query = {name: value for name, value in url.query.items() if name != "password"}
    without_password = URL.create(
        "postgresql", url.username, None, url.host, url.port, url.database, query
    )
    address = without_password.render_as_string()
    return command.format(file=shlex.quote(str(file)), url=shlex.quote(address))


def resolve(file: Path) -> Path:
    """The whole path of a file; refused where its folder is not there."""
    if not file.parent.is_dir():
        raise Refused(
            "no-folder",
            f"There is no folder {file.parent}. Name a file in a folder that exists.",
        )
    return file.resolve()


def check_copy(file: Path) -> None:
    """Refuses a file that is no copy of a database, is damaged, or is of a newer Candour."""
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as copy:
            faults = [row[0] for row in copy.execute("PRAGMA integrity_check(3)") if row[0] != "ok"]
            rows = copy.execute("SELECT version_num FROM alembic_version")
            copied_revisions = {row[0] for row in rows}
    except sqlite3.Error as error:
        raise Refused(
            "no-copy-of-a-database",
            f"{file} is not a copy of a Candour database ({error}). Nothing was changed.",
        ) from error
    if faults:
        raise Refused(
            "copy-damaged",
            f"{file} is damaged ({faults[0]}). Nothing was changed. Take another copy.",
        )
    if not copied_revisions or not copied_revisions <= set(revisions()):
        raise Refused(
            "copy-of-newer-version",
            f"{file} was written by a newer Candour. Nothing was changed. Install that version"
            " first, then restore.",
        )


def copy_database(source: Path, fresh: Path, *, stamp: CopyStamp | None = None) -> None:
    """Copies a database into an empty file, in one read transaction; refuses when that fails.

    Writers go on, and what they write meanwhile is not in the copy. A `stamp` marks the
    file as made by `candour backup`.
    """
    try:
        with (
            closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(fresh)) as new,
        ):
            old.backup(new)
            new.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it
            mark_file(new, stamp)
        sync(fresh)
    except (OSError, sqlite3.Error) as error:
        raise Refused(
            "database-not-copied",
            f"{source} could not be copied to {fresh.parent} ({error}). Nothing was kept. See"
            " whether the disk has room.",
        ) from error


def mark_file(database: sqlite3.Connection, stamp: CopyStamp | None) -> None:
    """Marks a database's file as a copy that `candour backup` made, or as none."""
    application_id, user_version = stamp.header_numbers() if stamp else (0, 0)
    database.execute(f"PRAGMA application_id={application_id:d}")
    database.execute(f"PRAGMA user_version={user_version:d}")


@contextmanager
def fresh_file_in(folder: Path) -> Iterator[Path]:
    """Makes an empty hidden file in this folder; shreds it and its side files at the end.

    Even after an exception, unless it was moved away. Refuses a folder that cannot be written.
    """
    fresh = folder / unfinished_name(random_id())
    try:
        os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise Refused(
            "file-not-written",
            f"{folder} cannot be written ({error.strerror}). Nothing was changed.",
        ) from error
    try:
        yield fresh
    finally:
        for suffix in ("", *SIDE_FILES):
            shred(fresh.with_name(fresh.name + suffix))
