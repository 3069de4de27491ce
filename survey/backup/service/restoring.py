"""Putting a copy of the SQLite database in its place, without losing what is newer there.

All is made ready in a file of its own: the copy, brought to this version, with what is carried over
and the entry of the audit log. Then that file takes the place of the database in one step, so a
restore that is killed leaves the old database or the new one, whole.
"""

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from pathlib import Path

from survey.access.service import audit
from survey.backup.rules import Ancestry, Comparison, Restored
from survey.backup.service.carrying import carry_over, end_what_opens_doors
from survey.backup.service.comparing import compare_databases, erased_people
from survey.backup.service.copying import (
    COMMAND_LINE,
    check_copy,
    copy_database,
    fresh_file_in,
    mark_file,
    resolve,
    tool_command,
)
from survey.backup.service.replacing import (
    check_untouched,
    fingerprint_of,
    merge_log,
    set_aside,
)
from survey.config import Config
from survey.copies.rules import set_aside_name
from survey.counting.service import void_wave
from survey.database import db, on_copy, overwrite_deleted_rows, revisions, transaction
from survey.kernel.errors import Refused
from survey.kernel.files import sync
from survey.mail import service as mail

RESTORED = "database restored"
_PG_RESTORE = "pg_restore --clean --if-exists --no-owner --single-transaction --dbname={url} {file}"
_PAUSED = "a copy of the database was put back, and letters that left already wait in it again"
_VOID = "the database was put back to a time before the count"


def restore_copy(
    config: Config, file: Path, now: datetime, *, decide: Callable[[Comparison], bool]
) -> Restored:
    """Replaces the SQLite database by a copy, and keeps what was there beside it.

    `decide` is shown what both hold before anything is changed: it gives whether what is newer is
    kept (else only people's rights and accounts are), or refuses. Ends all sessions, links and
    half-done imports, records itself, and pauses mail where letters that left may wait again.
    Refused without any change: a file that is no copy or of a newer Candour, a database that a
    process still uses, two that do not fit together, and PostgreSQL, which has its own tools.
    """
    target = config.database_file
    if target is None:
        raise Refused(
            "postgresql-restored-by-own-tools",
            "A copy of PostgreSQL is put back by its own tool, which asks for the password.",
            tool=tool_command(config, _PG_RESTORE, file),
        )
    file = resolve(file)
    if target.exists() and file.samefile(target):
        raise Refused("copy-is-the-database", f"{file} is the database itself. Name a copy.")
    check_copy(file)
    target.parent.mkdir(parents=True, exist_ok=True)
    db.session.remove()
    db.engine.dispose()  # this process holds the database open no longer
    with ExitStack() as files:
        fresh = files.enter_context(fresh_file_in(target.parent))
        copy_database(file, fresh)
        _bring_to_this_version(fresh)
        is_readable = target.exists() and merge_log(target)
        fingerprint = fingerprint_of(target)
        present, fault = _present_to_read(target, files, is_readable=is_readable)
        comparison = compare_databases(fresh, present, fault)
        keeps_newer = decide(comparison)
        old = _name_aside(target, now) if target.exists() else None
        restored = _make_ready(fresh, present, comparison, old, keeps_newer=keeps_newer)
        check_untouched(target, fingerprint)
        if old:
            set_aside(target, old, fresh)
        fresh.replace(target)
    sync(target.parent)
    return restored


def note_foreign_restore() -> None:
    """Does what is left to do after another tool has put a copy back, as on PostgreSQL.

    Ends all sessions, links and half-done imports of the copy, pauses mail, and records that
    nothing could be compared.
    """
    length, newest = audit.number_of_entries(), audit.list_entries(limit=1)
    facts: dict[str, object] = {
        "copy_newest": newest[0].at.isoformat() if newest else None,
        "log_of_copy": length,
        "copy_length": length,
        "copy_head": audit.head_digest(),
        "previous_length": None,
        "previous_head": None,
        "set_aside": None,
        "carried": {},
        "lost": {"answers": None},
        "void": [],
    }
    with transaction():
        end_what_opens_doors()
        mail.pause_sending(_PAUSED, actor=COMMAND_LINE)
        audit.record(RESTORED, facts, COMMAND_LINE)


def _name_aside(target: Path, now: datetime) -> Path:
    """A free name beside the database for what is there now: with the time, or some seconds on."""
    while (old := target.with_name(set_aside_name(target.name, now))).exists():
        now += timedelta(seconds=1)
    return old


def _bring_to_this_version(file: Path) -> None:
    """Upgrades the tables of a database in a file of its own to those of this program."""
    if _revision_of(file) == revisions()[-1]:
        return
    from flask_migrate import upgrade

    with on_copy(file):
        upgrade()


def _present_to_read(
    target: Path, files: ExitStack, *, is_readable: bool
) -> tuple[Path | None, str]:
    """The present database with the tables of this version, to read; or None, and why.

    One of an older version is copied and upgraded there; that copy is deleted when `files` end.
    """
    if not target.exists():
        return None, ""
    if not is_readable:
        return None, "it is damaged"
    try:
        check_copy(target)
    except Refused as refused:
        return None, _FAULTS.get(refused.code, "it is no database of Candour")
    if _revision_of(target) == revisions()[-1]:
        return target, ""
    upgraded = files.enter_context(fresh_file_in(target.parent))
    copy_database(target, upgraded)
    _bring_to_this_version(upgraded)
    return upgraded, ""


_FAULTS = {
    "copy-damaged": "it is damaged",
    "copy-of-newer-version": "it was written by a newer Candour",
}


def _revision_of(file: Path) -> str:
    """The revision that the tables of a database file are at."""
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
        row = database.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0])


def _make_ready(
    fresh: Path,
    present: Path | None,
    comparison: Comparison,
    old: Path | None,
    *,
    keeps_newer: bool,
) -> Restored:
    """Makes the file ready that will be the database: carries over, ends, pauses, records."""
    is_shared, carried = comparison.history.is_shared, dict[str, int]()
    with on_copy(fresh, present):
        if present and is_shared:
            erased = erased_people(fresh, present)
            carried = carry_over(comparison, erased, with_waves=keeps_newer)
        end_what_opens_doors()
    with on_copy(fresh):
        voided = () if keeps_newer or not is_shared else comparison.ended_waves
        for slug in voided:
            void_wave(slug, None, reason=_VOID, actor=COMMAND_LINE)
        takes_waves = comparison.takes_waves(keeps_newer=keeps_newer)
        is_paused = bool(comparison.copy.people) and not takes_waves
        lost = {} if takes_waves else _lost(comparison)
        restored = Restored(old.name if old else None, carried, lost, voided, is_paused)
        with transaction():
            if is_paused:
                mail.pause_sending(_PAUSED, actor=COMMAND_LINE)
            audit.record(RESTORED, _facts(comparison, restored), COMMAND_LINE)
        overwrite_deleted_rows()
    with closing(sqlite3.connect(fresh)) as database:
        database.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it
        mark_file(database, None)
    sync(fresh)
    return restored


def _lost(comparison: Comparison) -> dict[str, int | None]:
    """The number of answers that are lost, None where nobody knows; nothing where none are."""
    if comparison.history is Ancestry.UNREADABLE:
        return {"answers": None}
    return {"answers": comparison.lost_answers} if comparison.lost_answers else {}


def _facts(comparison: Comparison, restored: Restored) -> dict[str, object]:
    """What the audit log keeps of a restore.

    Up to the entry `copy_length` this log and the one before are the same, and `copy_head` is the
    digest there; entries up to `previous_length` that come after it are gone. What could not be
    read of the log before is None. `log_of_copy` is the number of entries that the copy had.
    """
    copy, present = comparison.copy, comparison.present
    common = (copy.length, copy.head)
    if present and comparison.history is Ancestry.LATER:
        common = (present.length, present.head)
    elif comparison.common:
        common = comparison.common
    return {
        "copy_newest": copy.newest_at.isoformat() if copy.newest_at else None,
        "log_of_copy": copy.length,
        "copy_length": common[0],
        "copy_head": common[1],
        "previous_length": present.length if present else None,
        "previous_head": present.head if present else None,
        "set_aside": restored.set_aside,
        "carried": restored.carried,
        "lost": restored.lost,
        "void": list(restored.voided),
    }
