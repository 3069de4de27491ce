"""Puts a finished file in the place of the database, in one step, and keeps what was there."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from survey.copies.rules import SIDE_FILES
from survey.kernel.errors import Refused

_IN_USE = (
    "The database is in use. Nothing was changed. Stop every process of Candour (serve, worker,"
    " tick), then restore again."
)


def fingerprint_of(target: Path) -> tuple[int, ...]:
    """What tells whether a file was written since: its number, size, time and side files."""
    if not target.exists():
        return ()
    status = target.stat()
    sides = [target.with_name(target.name + suffix).exists() for suffix in SIDE_FILES]
    return (status.st_ino, status.st_size, status.st_mtime_ns, *map(int, sides))


def check_untouched(target: Path, fingerprint: tuple[int, ...]) -> None:
    """Refuses where somebody wrote to the database since its fingerprint was taken."""
    if fingerprint_of(target) != fingerprint:
        raise Refused("database-in-use", _IN_USE)


def set_aside(target: Path, old: Path, fresh: Path) -> bool:
    """Gives the present database the second name `old`; False if there is none.

    Refused if somebody uses it. It is then whole in one file, with the log of a damaged one beside
    it. The file `fresh` takes over its owner and mode.
    """
    if not target.exists():
        return False
    is_whole = merge_log(target)
    status = target.stat()
    fresh.chmod(status.st_mode & 0o700)  # never more open than a new file
    with suppress(PermissionError):
        os.chown(fresh, status.st_uid, status.st_gid)
    try:
        os.link(target, old)
    except OSError as error:
        raise Refused(
            "file-not-written",
            f"{old} cannot be written ({error.strerror}). Nothing was changed.",
        ) from error
    for suffix in SIDE_FILES:
        side_file = target.with_name(target.name + suffix)
        if side_file.exists():
            if is_whole:
                raise Refused("database-in-use", _IN_USE)
            side_file.rename(old.with_name(old.name + suffix))
    return True


def merge_log(target: Path) -> bool:
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
