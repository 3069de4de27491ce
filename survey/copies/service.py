"""Deletes copies of the database when their time is over, and says which could not be deleted.

A copy made while a wave was open holds who had answered. So the copy that a restore set aside goes
with the count of such a wave, and every copy in the folder of copies goes after the days that the
settings say. Other files are left alone.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from survey.access.service import audit
from survey.config import Config
from survey.copies.rules import (
    HEADER,
    SIDE_FILES,
    UNFINISHED_LASTS,
    CopyStamp,
    DueCopy,
    backup_moment,
    is_unfinished_name,
    read_stamp,
    set_aside_moment,
)
from survey.database import db, transaction
from survey.kernel import files
from survey.kernel.plurals import how_many
from survey.waves import service as waves
from survey.waves.rules.ids import WaveId, WaveSlug
from survey.waves.rules.waves import WaveState

BACKED_UP = "backup made"
DELETED = "copies deleted"
ELSEWHERE_COUNTS = timedelta(days=400)
_ENDED = frozenset({WaveState.COUNTED, WaveState.SHARED, WaveState.VOID})
_ENDINGS = ("wave counted", "wave void")


def record_backup(file: Path, config: Config) -> None:
    """Audits that a copy was made, where it is, and after how many days it is deleted.

    `elsewhere` says that it lies outside the folder of copies, where the program deletes nothing.
    """
    days = config.days_of_copies if file.parent == config.backup_dir else None
    facts = {"file": str(file), "elsewhere": days is None, "deleted after days": days}
    with transaction():
        audit.record(BACKED_UP, facts)


def copies_made_elsewhere(since: datetime) -> tuple[str, ...]:
    """The files of copies that the audit log says were made outside the folder, newest first.

    Whether they still exist, the program cannot know.
    """
    return tuple(
        str(entry.facts.get("file"))
        for entry in audit.list_entries(what=BACKED_UP, limit=None)
        if entry.facts.get("elsewhere") and entry.at >= since
    )


def set_aside_copies(database: Path | None = None) -> tuple[Path, ...]:
    """The files that a restore set aside beside the database, oldest first; none on PostgreSQL."""
    database = database or _database()
    if database is None or not database.parent.is_dir():
        return ()
    names = {_without_side(path) for path in database.parent.iterdir()}
    return tuple(sorted(path for path in names if set_aside_moment(path.name, database.name)))


def due_set_aside_copies() -> tuple[DueCopy, ...]:
    """The set-aside copies in which a wave is open that has ended since.

    Of one that cannot be read, any wave that has ended since it was set aside counts.
    """
    copies = set_aside_copies()
    if not copies:
        return ()
    ended = {wave.id: wave.slug for wave in waves.list_waves() if wave.state in _ENDED}
    reasons = ((file, _why_due(file, ended)) for file in copies)
    return tuple(DueCopy(file, because) for file, because in reasons if because)


def _why_due(file: Path, ended: Mapping[WaveId, WaveSlug]) -> str:
    """Why a set-aside copy must go; empty where it may stay. `ended` are the waves over by now."""
    database = _database()
    if not file.exists():
        return "it belongs to a copy that is gone"
    if database and database.exists() and file.samefile(database):
        return "it is a second name of the database, which a restore that was killed left"
    running = _running_waves(file)
    if running is None:
        is_over = _has_wave_ended_since(file)
        return "it cannot be read, and a survey has been counted since" if is_over else ""
    slugs = sorted(ended[wave_id] for wave_id in running if wave_id in ended)
    return f"it names who answered {', '.join(slugs)}" if slugs else ""


def due_copies(config: Config, now: datetime) -> tuple[DueCopy, ...]:
    """Every copy made by the program whose time is over, and what killed copying left behind."""
    due = {copy.file: copy for copy in due_set_aside_copies()}
    for file, stamp in _stamped_copies(config):
        if stamp.is_over(now, config.backup_days):
            days = how_many(min(stamp.days, config.backup_days), "day")
            due.setdefault(file, DueCopy(file, f"it is older than {days}"))
    for file in _unfinished_copies(config, now):
        due[file] = DueCopy(file, "it is what a copying that was killed left behind")
    return tuple(due[file] for file in sorted(due))


def delete_set_aside_copies(*, actor: str) -> None:
    """Deletes the set-aside copies of waves that have ended; what cannot be deleted stays due.

    For the count. Audited.
    """
    _delete(due_set_aside_copies(), actor)


def delete_due_copies(config: Config, now: datetime, *, actor: str) -> tuple[str, ...]:
    """Deletes every copy whose time is over, and audits it; a line for each that stays."""
    failed = _delete(due_copies(config, now), actor)
    return tuple(
        f"{copy.file} must be deleted, because {copy.because}; that failed ({error})."
        for copy, error in failed
    )


def _delete(copies: tuple[DueCopy, ...], actor: str) -> list[tuple[DueCopy, str]]:
    """Deletes and audits these copies; gives those that could not be deleted, and why."""
    database, gone, failed = _database(), list[DueCopy](), list[tuple[DueCopy, str]]()
    for copy in copies:
        try:
            _destroy(copy.file, database)
        except OSError as error:
            failed.append((copy, str(error.strerror)))
        else:
            gone.append(copy)
    if gone:
        facts = {copy.file.name: copy.because for copy in gone}
        with transaction():
            audit.record(DELETED, facts, actor)
    return failed


def _destroy(file: Path, database: Path | None) -> None:
    """Overwrites and deletes a copy with its side files; a name of the database itself only goes.

    A restore that was killed leaves such a second name of the file in use. Any file with several
    names is not overwritten, for the others may be wanted.
    """
    for part in (*(file.with_name(file.name + side) for side in SIDE_FILES), file):
        if not part.exists():
            continue
        is_in_use = database is not None and database.exists() and part.samefile(database)
        if is_in_use or part.stat().st_nlink > 1:
            part.unlink()
        else:
            files.shred(part)
    files.sync(file.parent)


def _stamped_copies(config: Config) -> Iterator[tuple[Path, CopyStamp]]:
    """The set-aside copies and those in the folder of copies, each with when it was made."""
    database = config.database_file
    if database is None:
        return
    for file in set_aside_copies(database):
        moment = set_aside_moment(file.name, database.name)
        if moment:
            yield file, CopyStamp(moment, config.backup_days)
    if config.backup_dir is None or not config.backup_dir.is_dir():
        return
    for file in config.backup_dir.iterdir():
        if file.is_file() and not file.is_symlink() and file != database:
            stamp = _stamp_in(file, config)
            if stamp:
                yield file, stamp


def _stamp_in(file: Path, config: Config) -> CopyStamp | None:
    """The stamp of a file in the folder of copies; None where it is no copy made by us.

    Of one that this process may not read, such as one that another user made, the name counts.
    """
    try:
        with file.open("rb") as start:
            return read_stamp(start.read(HEADER))
    except OSError:
        moment = backup_moment(file.name)
        return CopyStamp(moment, config.backup_days) if moment else None


def _unfinished_copies(config: Config, now: datetime) -> Iterator[Path]:
    """Files that a killed copying left in the database's folder and in the folder of copies."""
    database = config.database_file
    if database is None:
        return
    for folder in {database.parent, config.backup_dir or database.parent}:
        for file in folder.iterdir() if folder.is_dir() else ():
            if is_unfinished_name(file.name) and file.is_file():
                changed_at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
                if now - changed_at >= UNFINISHED_LASTS:
                    yield file


def _running_waves(file: Path) -> list[WaveId] | None:
    """The ids of the waves that are open or closed in a copy; None where it cannot be read."""
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)) as copy:
            rows = copy.execute("SELECT id FROM wave WHERE state IN ('open', 'closed')")
            return [row[0] for row in rows]
    except sqlite3.Error:
        return None


def _has_wave_ended_since(file: Path) -> bool:
    """Whether a wave was counted or made void after this file was set aside."""
    database = _database()
    moment = set_aside_moment(file.name, database.name) if database else None
    entries = [audit.list_entries(what=what, limit=1) for what in _ENDINGS]
    return any(entry.at >= moment for newest in entries for entry in newest if moment)


def _without_side(path: Path) -> Path:
    """The file that a side file belongs to; any other path as it is."""
    for side in SIDE_FILES:
        if path.name.endswith(side):
            return path.with_name(path.name.removesuffix(side))
    return path


def _database() -> Path | None:
    """The file of the database in use; None on PostgreSQL."""
    url = db.engine.url
    return Path(url.database) if db.engine.dialect.name == "sqlite" and url.database else None
