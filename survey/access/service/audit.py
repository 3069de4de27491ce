"""The audit log: what managers, commands and the timetable did. Never an event of a respondent.

Opening a survey page, answering, stopping mails: none of it may ever be recorded here, for a line
with a time would tell who answered when (documented exception to OWASP ASVS 5.0, 16.2.1).

Each entry holds the SHA-256 of the one before and of itself, so that a change in the middle breaks
the chain. Whoever changes the database can compute every digest anew, or cut off the end: that
shows by the heads (`log_head`) that were published meanwhile, see `audit_checks`.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, TextIO

from sqlalchemy import event, func, select, text

from survey.access.rules.accounts import AuditEntry
from survey.access.rules.audit_log import EMPTY_LOG, START, LogHead, entry_digest
from survey.access.service.current import current_actor
from survey.access.tables import AuditRow
from survey.database import connection, db, transaction
from survey.kernel.clock import now

_LOCK = 0x43414E44  # any number, the same in every process: entries are appended one at a time
_AT_ONCE = 1000
# What an entry's digest is made of, in this order.
_PLAIN = (
    AuditRow.number,
    AuditRow.at,
    AuditRow.who,
    AuditRow.what,
    AuditRow.facts,
    AuditRow.previous,
)


def record(what: str, facts: Mapping[str, Any], who: str | None = None) -> None:
    """Appends an entry to the audit log, inside the caller's transaction.

    So the entry and what it is about are committed or rolled back together. `facts` must be plain
    JSON; `who` is the signed-in user, or "command line" outside a page, when not given. On SQLite
    the transaction itself keeps other writers out, on PostgreSQL an advisory lock that lasts until
    the commit.
    """
    plain = json.loads(json.dumps(dict(facts), allow_nan=False))
    with transaction() as session:
        if connection().dialect.name == "postgresql":
            session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        newest = log_head()
        entry = AuditRow(
            number=newest.length + 1,
            at=now(),
            who=who or current_actor(),
            what=what,
            facts=plain,
            previous=newest.head,
        )
        entry.digest = _digest(entry)
        session.add(entry)
        session.flush()


def verify_chain() -> int | None:
    """The number of the first entry that does not fit the chain, or None when it is unbroken."""
    return walk_chain()[1]


def walk_chain() -> tuple[LogHead, int | None]:
    """Computes every digest anew: the head, and the number of the first entry that does not fit.

    The number is None when the chain is unbroken. Entries are read some at a time.
    """
    previous, expected, head = START, 1, EMPTY_LOG
    broken: int | None = None
    columns = (*_PLAIN, AuditRow.digest)
    query = select(*columns).order_by(AuditRow.number).execution_options(yield_per=_AT_ONCE)
    with closing(db.session.execute(query)) as rows:
        for *plain, digest in rows:
            number, before = plain[0], plain[-1]
            head = LogHead(number, digest)
            if broken is None:
                is_next = number == expected and before == previous
                if not is_next or digest != entry_digest(*plain):
                    broken = expected
                previous, expected = digest, expected + 1
    return head, broken


def head_digest() -> str:
    """The digest of the newest entry; `START` where the log is empty."""
    return log_head().head


def log_head() -> LogHead:
    """The number and the digest of the newest entry; 0 and `START` where the log is empty.

    Inside the transaction of `record` it is that entry, and no other can come before the commit.
    """
    newest = select(AuditRow.number, AuditRow.digest).order_by(AuditRow.number.desc()).limit(1)
    row = db.session.execute(newest).first()
    return LogHead(row.number, row.digest) if row else EMPTY_LOG


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
    """The digest that belongs into an entry's row."""
    return entry_digest(row.number, row.at, row.who, row.what, row.facts, row.previous)


@event.listens_for(AuditRow, "before_update")
@event.listens_for(AuditRow, "before_delete")
def _refuse_change(_mapper: object, _connection: object, row: AuditRow) -> None:
    """Raises an error when an entry of the audit log is about to be changed or deleted."""
    raise RuntimeError(f"entry {row.number} of the audit log may not be changed: record a new one")
