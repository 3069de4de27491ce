"""The audit log: what managers, commands and the timetable did. Never an event of a respondent.

Opening a survey page, answering, stopping mails: none of it may ever be recorded here, for a line
with a time would tell who answered when (documented exception to OWASP ASVS 5.0, 16.2.1).

Each entry holds the SHA-256 of the one before and of itself, so that a change in the middle breaks
the chain; the newest digest, kept elsewhere, shows a cut-off end.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, TextIO

from sqlalchemy import event, func, select, text

from survey.access.rules.accounts import AuditEntry
from survey.access.service.current import current_actor
from survey.access.tables import AuditRow
from survey.database import connection, db, transaction
from survey.kernel.clock import now

START = "sha256:" + "0" * 64
_LOCK = 0x43414E44  # any number, the same in every process: entries are appended one at a time
_AT_ONCE = 1000


def record(what: str, facts: Mapping[str, Any], who: str | None = None) -> None:
    """Appends an entry to the audit log, inside the caller's transaction.

    So the entry and what it is about are committed or rolled back together. `facts` must be plain
    JSON; `who` is the signed-in user, or "command line" outside a page, when not given. On SQLite
    the transaction itself keeps other writers out, on PostgreSQL an advisory lock that lasts until
    the commit.
    """
    plain = json.loads(json.dumps(dict(facts), allow_nan=False))
    newest = select(AuditRow.number, AuditRow.digest).order_by(AuditRow.number.desc()).limit(1)
    with transaction() as session:
        if connection().dialect.name == "postgresql":
            session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        previous = session.execute(newest).first()
        entry = AuditRow(
            number=previous.number + 1 if previous else 1,
            at=now(),
            who=who or current_actor(),
            what=what,
            facts=plain,
            previous=previous.digest if previous else START,
        )
        entry.digest = _digest(entry)
        session.add(entry)
        session.flush()


def verify_chain() -> int | None:
    """The number of the first entry that does not fit the chain, or None when it is unbroken."""
    previous, expected = START, 1
    query = select(AuditRow).order_by(AuditRow.number).execution_options(yield_per=_AT_ONCE)
    with closing(db.session.scalars(query)) as rows:
        for row in rows:
            is_next = row.number == expected and row.previous == previous
            if not is_next or row.digest != _digest(row):
                return expected
            previous, expected = row.digest, expected + 1
    return None


def head_digest() -> str:
    """The digest of the newest entry; `START` where the log is empty.

    Kept elsewhere, it proves that nothing before it was taken away.
    """
    newest = select(AuditRow.digest).order_by(AuditRow.number.desc()).limit(1)
    return db.session.scalar(newest) or START


def number_of_entries() -> int:
    """How many entries the audit log has."""
    return db.session.scalar(select(func.count()).select_from(AuditRow)) or 0


def list_entries(
    *, what: str = "", who: str = "", before: int | None = None, limit: int | None = 100
) -> tuple[AuditEntry, ...]:
    """Up to `limit` entries, newest first; all, or by kind, person, and below a number."""
    query = select(AuditRow).order_by(AuditRow.number.desc()).limit(limit)
    if what:
        query = query.where(AuditRow.what == what)
    if who:
        query = query.where(AuditRow.who == who)
    if before is not None:
        query = query.where(AuditRow.number < before)
    return tuple(
        AuditEntry(row.number, row.at, row.who, row.what, row.facts)
        for row in db.session.scalars(query)
    )


def export_log(file: TextIO, progress: Callable[[int, int], None] | None = None) -> str:
    """Writes the whole log, oldest first, one JSON document a line; gives the newest digest.

    A document holds all that its digest is made of. Entries are written as they are read, so that
    the memory it needs does not grow with the log. `progress` is called with the number of written
    entries and of all.
    """
    total, number, newest = number_of_entries(), 0, START
    query = select(AuditRow).order_by(AuditRow.number).execution_options(yield_per=_AT_ONCE)
    with closing(db.session.scalars(query)) as rows:
        for number, row in enumerate(rows, start=1):
            entry = {
                "number": row.number,
                "at": row.at.isoformat(),
                "who": row.who,
                "what": row.what,
                "facts": row.facts,
                "previous": row.previous,
                "digest": row.digest,
            }
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
            newest = row.digest
            if progress and number % _AT_ONCE == 0:
                progress(number, max(number, total))
    if progress:
        progress(number, number)
    return newest


def recorded_actions() -> tuple[str, ...]:
    """The kinds of entries recorded so far, sorted, for the filter of the page."""
    return tuple(db.session.scalars(select(AuditRow.what).distinct().order_by(AuditRow.what)))


def recorded_actors() -> tuple[str, ...]:
    """The names of those who have acted so far, sorted, for the filter."""
    return tuple(db.session.scalars(select(AuditRow.who).distinct().order_by(AuditRow.who)))


def _digest(row: AuditRow) -> str:
    """The SHA-256 of an entry's fields and of the digest of the entry before."""
    plain = [row.number, row.at.isoformat(), row.who, row.what, row.facts, row.previous]
    canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


@event.listens_for(AuditRow, "before_update")
@event.listens_for(AuditRow, "before_delete")
def _refuse_change(_mapper: object, _connection: object, row: AuditRow) -> None:
    """Raises an error when an entry of the audit log is about to be changed or deleted."""
    raise RuntimeError(f"entry {row.number} of the audit log may not be changed: record a new one")
