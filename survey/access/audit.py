"""The audit log: what managers and the timetable did. Never an event of a respondent.

Each entry holds the SHA-256 of the one before and of itself, so that a change in the middle breaks the chain.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, text

from survey.access.tables import AuditRow
from survey.database import db, transaction
from survey.kernel.clock import now

START = "sha256:" + "0" * 64
_LOCK = 0x43414E44  # any number, the same in every process: entries are appended one at a time


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log."""

    number: int
    at: datetime
    who: str
    what: str
    facts: Mapping[str, Any]


def record(what: str, facts: Mapping[str, Any], who: str) -> None:
    """Appends an entry inside the caller's transaction, so that the log and the deed stand or fall together."""
    with transaction() as session:
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        last = session.scalar(select(AuditRow).order_by(AuditRow.number.desc()).limit(1))
        entry = AuditRow(
            number=last.number + 1 if last else 1,
            at=now(),
            who=who,
            what=what,
            facts=dict(facts),
            previous=last.digest if last else START,
        )
        entry.digest = _digest(entry)
        session.add(entry)
        session.flush()


def first_broken() -> int | None:
    """The number of the first entry that does not fit the chain, or None."""
    previous, expected = START, 1
    for row in db.session.scalars(select(AuditRow).order_by(AuditRow.number).execution_options(yield_per=1000)):
        if row.number != expected or row.previous != previous or row.digest != _digest(row):
            return expected
        previous, expected = row.digest, expected + 1
    return None


def head() -> str:
    """The digest of the newest entry."""
    return db.session.scalar(select(AuditRow.digest).order_by(AuditRow.number.desc()).limit(1)) or START


def entries(limit: int = 200, what: str = "") -> tuple[Entry, ...]:
    """The newest entries, all or of one kind."""
    query = select(AuditRow).order_by(AuditRow.number.desc()).limit(limit)
    if what:
        query = query.where(AuditRow.what == what)
    return tuple(Entry(row.number, row.at, row.who, row.what, row.facts) for row in db.session.scalars(query))


def _digest(row: AuditRow) -> str:
    plain = [row.number, row.at.isoformat(), row.who, row.what, row.facts, row.previous]
    return "sha256:" + hashlib.sha256(json.dumps(plain, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
