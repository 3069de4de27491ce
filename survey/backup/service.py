"""Copying the SQLite database while it is in use, and putting a copy back.

The wave keys are never part of a copy.
"""

import os
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import URL, make_url

from survey.config import Config
from survey.database import revisions
from survey.kernel.errors import Refused
from survey.kernel.files import sync
from survey.kernel.ids import random_id

_SIDE_FILES = ("-wal", "-shm", "-journal")
_IN_USE = (
    "The database is in use. Nothing was changed. Stop every process of Candour (serve, worker,"
    " tick), then restore again."
)


def back_up(config: Config, file: Path) -> int:
    """Writes a consistent copy of the SQLite database to a new file; gives its size in bytes.

    It is consistent even if others write meanwhile. Refused: no database yet, a file that is there
    already or lies in the key folder, and PostgreSQL, which has its own tools.
    """
    source = _database_file(config, "pg_dump --format=custom --no-owner --file={file} {url}", file)
    if not source.is_file():
        raise Refused("no-database", f"There is no database at {source} yet.")
    file = _resolve(file)
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
    with _fresh_file_beside(file) as fresh:
        _copy(source, fresh)
        fresh.replace(file)
    sync(file.parent)
    return file.stat().st_size


def restore_copy(config: Config, file: Path, now: datetime) -> Path | None:
    """Replaces the SQLite database by a copy; keeps what was there beside it and gives its path.

    None where there was none. Refused without any change: a file that is no copy or of a newer
    Candour, a database that a process still uses, and PostgreSQL, which has its own tools.
    """
    target = _database_file(
        config,
        "pg_restore --clean --if-exists --no-owner --single-transaction --dbname={url} {file}",
        file,
    )
    file = _resolve(file)
    if target.exists() and file.samefile(target):
        raise Refused("copy-is-the-database", f"{file} is the database itself. Name a copy.")
    _check_copy(file)
    target.parent.mkdir(parents=True, exist_ok=True)
    old = target.with_name(f"{target.name}.before-restore-{now:%Y%m%dT%H%M%SZ}")
    with _fresh_file_beside(target) as fresh:
        _copy(file, fresh)
        had_database = _set_aside(target, old, fresh)
        fresh.replace(target)
    sync(target.parent)
    return old if had_database else None


def _database_file(config: Config, command: str, file: Path) -> Path:
    """The SQLite file; on PostgreSQL refused with the command of its own tool, without password."""
    if config.database_file:
        return config.database_file
    url = make_url(config.database_url)
    query = {name: value for name, value in url.query.items() if name != "password"}
    without_password = URL.create(
        "postgresql", url.username, None, url.host, url.port, url.database, query
    )
    address = without_password.render_as_string()
    raise Refused(
        "postgresql-has-own-tools",
        "PostgreSQL is copied and put back by its own tools, which ask for the password.",
        tool=command.format(file=shlex.quote(str(file)), url=shlex.quote(address)),
    )


def _resolve(file: Path) -> Path:
    """The whole path of a file; refused where its folder is not there."""
    if not file.parent.is_dir():
        raise Refused(
            "no-folder",
            f"There is no folder {file.parent}. Name a file in a folder that exists.",
        )
    return file.resolve()


def _check_copy(file: Path) -> None:
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


def _copy(source: Path, fresh: Path) -> None:
    """Copies a database into an empty file, in one read transaction; refuses when that fails.

    Writers go on, and what they write meanwhile is not in the copy.
    """
    try:
        with (
            closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(fresh)) as new,
        ):
            old.backup(new)
            new.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it
        sync(fresh)
    except (OSError, sqlite3.Error) as error:
        raise Refused(
            "database-not-copied",
            f"{source} could not be copied to {fresh.parent} ({error}). Nothing was kept. See"
            " whether the disk has room.",
        ) from error


@contextmanager
def _fresh_file_beside(file: Path) -> Iterator[Path]:
    """Makes an empty hidden file in the same folder; deletes it and its side files at the end.

    Even after an exception, unless it was moved away. Refuses a folder that cannot be written.
    """
    fresh = file.with_name(f".{file.name}.{random_id()}")
    try:
        os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise Refused(
            "file-not-written",
            f"{file.parent} cannot be written ({error.strerror}). Nothing was changed.",
        ) from error
    try:
        yield fresh
    finally:
        for suffix in ("", *_SIDE_FILES):
            fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)


def _set_aside(target: Path, old: Path, fresh: Path) -> bool:
    """Gives the present database the second name `old`; False if there is none.

    Refused if somebody uses it. It is then whole in one file, with the log of a damaged one beside
    it. The file `fresh` takes over its owner and mode.
    """
    if not target.exists():
        return False
    is_whole = _merge_log(target)
    status = target.stat()
    fresh.chmod(status.st_mode & 0o777)
    with suppress(PermissionError):
        os.chown(fresh, status.st_uid, status.st_gid)
    try:
        os.link(target, old)
    except OSError as error:
        raise Refused(
            "file-not-written",
            f"{old} cannot be written ({error.strerror}). Nothing was changed.",
        ) from error
    for suffix in _SIDE_FILES:
        side_file = target.with_name(target.name + suffix)
        if side_file.exists():
            if is_whole:
                raise Refused("database-in-use", _IN_USE)
            side_file.rename(old.with_name(old.name + suffix))
    return True


def _merge_log(target: Path) -> bool:
    """Merges the write-ahead log into the database's file; False where that is too damaged.

    That only works when nobody else has it open; refused when somebody has.
    """
    try:
        with closing(sqlite3.connect(f"{target.as_uri()}?mode=rw", uri=True, timeout=0)) as present:
            mode = present.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
            present.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        is_busy = error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
        if is_busy:
            raise Refused("database-in-use", _IN_USE) from error
        raise Refused(
            "database-not-replaced",
            f"{target} cannot be replaced ({error}). Nothing was changed.",
        ) from error
    except sqlite3.DatabaseError:
        return False
    if mode != "delete":
        raise Refused("database-in-use", _IN_USE)
    return True
