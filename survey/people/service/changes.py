"""What a staff list changes in the directory, and storing it: in one transaction, or in steps that a killed process leaves to the next.

One transaction over half a million people would keep every answer waiting for longer than a person does. So a long list is checked
whole first and kept as it came, in one row; then it is stored some thousand people at a time. What is left to do is never remembered:
it is the difference between that file and the directory, worked out again by whoever goes on. So the end is the same wherever the
work was cut off.
"""

import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Executable,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from survey.access.service.audit import record
from survey.database import connection, db, transaction
from survey.jobs import long_jobs
from survey.jobs.rules import LongJob
from survey.kernel import shutdown
from survey.kernel.addresses import tidy_address
from survey.kernel.errors import Refused
from survey.kernel.ids import random_id
from survey.people.rules.staff_list import (
    Person,
    StaffList,
    StaffRow,
    read_staff_list,
    spelling_key,
)
from survey.people.service.stopping import forget_stops_of_the_gone
from survey.people.tables import PersonRow, StaffFileRow

IMPORT, STAFF_LIST = "import", "staff list"  # kind and subject of the work
AT_ONCE = 5_000
SECONDS_BETWEEN_STEPS = 0.1  # on SQLite whoever waits to write tries again that often: in a shorter gap it could miss its turn
_FIELDS = (
    PersonRow.id,
    PersonRow.email,
    PersonRow.name,
    PersonRow.department,
    PersonRow.site,
    PersonRow.language,
    PersonRow.leader,
)
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did, or would do, in numbers of people, and who is in the directory but not in the file.

    `moved` are those of the changed whose department changes.
    """

    added: int
    changed: int
    unchanged: int
    missing: tuple[Person, ...]
    removed: int
    moved: int = 0

    @property
    def changes(self) -> int:
        """How many people it stores anew, otherwise or not any more."""
        return self.added + self.changed + self.removed


@dataclass(frozen=True, slots=True)
class DirectoryChanges:
    """The difference between a file and the directory; `roster` is the directory afterwards, department by address."""

    added: Sequence[StaffRow]
    changed: Sequence[tuple[Person, StaffRow]]
    missing: tuple[Person, ...]
    roster: Mapping[str, str]


def people(*conditions: ColumnElement[bool]) -> tuple[Person, ...]:
    """Those of the directory for whom all this holds, by department and name."""
    query = (
        select(*_FIELDS)
        .where(*conditions)
        .order_by(PersonRow.department, PersonRow.name, PersonRow.email)
    )
    return tuple(Person(*row) for row in db.session.execute(query))


def changes_of(staff: StaffList, *, remove_missing: bool) -> DirectoryChanges:
    """What this file would change now; refuses one that spells a department otherwise than people who are not in it."""
    known = {person.email: person for person in people()}
    added = [row for row in staff.rows if row.email not in known]
    compared = [column for column in staff.columns if column not in {"", "email"}]
    pairs = [(known[row.email], row) for row in staff.rows if row.email in known]
    changed = [
        (old, row)
        for old, row in pairs
        if any(getattr(old, name) != getattr(row, name) for name in compared)
    ]
    at = staff.columns.index("email")
    named = {row.email for row in staff.rows} | {
        tidy_address(cells[at]) for cells in staff.refused.values() if cells
    }
    missing = tuple(person for person in known.values() if person.email not in named)
    gone = {person.email for person in missing} if remove_missing else set()
    if not staff.faults:
        _refuse_second_spellings(staff, [person for person in missing if person.email not in gone])
    roster = {email: person.department for email, person in known.items() if email not in gone}
    return DirectoryChanges(
        added, changed, missing, roster | {row.email: row.department for row in staff.rows}
    )


def result_of(staff: StaffList, changes: DirectoryChanges, *, remove_missing: bool) -> ImportResult:
    """The changes in numbers."""
    return ImportResult(
        added=len(changes.added),
        changed=len(changes.changed),
        unchanged=len(staff.rows) - len(changes.added) - len(changes.changed),
        missing=changes.missing,
        removed=len(changes.missing) if remove_missing else 0,
        moved=sum(old.department != row.department for old, row in changes.changed),
    )


def is_long(staff: StaffList, *, remove_missing: bool) -> bool:
    """Whether storing this list would keep others waiting."""
    gone = (
        (db.session.scalar(select(func.count()).select_from(PersonRow)) or 0) - len(staff.rows)
        if remove_missing
        else 0
    )
    return max(len(staff.rows), gone) > AT_ONCE


def last_import() -> LongJob | None:
    """The last long import, under way or not, if there ever was one."""
    return long_jobs.find_job(IMPORT, STAFF_LIST)


def check_no_import_under_way() -> datetime | None:
    """Refuses while a long import is under way, for then the directory is neither the old nor the new one.

    Two calls that give the same had a whole directory between them.
    """
    found = last_import()
    if found and found.is_under_way:
        raise Refused(
            "import-under-way",
            f"The import of a staff list is under way ({found.done:,} of {found.total:,}), so "
            "nothing else was changed. Try again when it is done.",
        )
    return found.changed_at if found else None


def store_at_once(
    changes: DirectoryChanges,
    result: ImportResult,
    columns: Sequence[str],
    actor: str,
    progress: Progress | None,
) -> None:
    """Stores all changes inside the caller's transaction."""
    done = 0
    for statement, chunk in _steps(changes, columns, is_removing=bool(result.removed)):
        connection().execute(statement, chunk)
        done += len(chunk)
        if progress:
            progress(done, result.changes)
    if result.removed:
        forget_stops_of_the_gone()
    numbers = {
        "added": result.added,
        "changed": result.changed,
        "removed": result.removed,
        "people": len(changes.roster),
    }
    record("people imported", numbers | {"roster": _roster_hash(changes.roster)}, actor)


def begin_import(
    content: bytes,
    changes: DirectoryChanges,
    result: ImportResult,
    *,
    remove_missing: bool,
    actor: str,
    wait: bool,
) -> long_jobs.JobLease | None:
    """Keeps a checked file until it is stored; gives the work to this process, or leaves it to the timed work."""
    facts = {
        "added": result.added,
        "changed": result.changed,
        "unchanged": result.unchanged,
        "removed": result.removed,
    }
    facts |= {"moved": result.moved, "people": len(changes.roster)}
    row = {
        "number": 1,
        "content": zlib.compress(content),
        "hash": _hash(content),
        "roster": _roster_hash(changes.roster),
    }
    row |= {"remove_missing": remove_missing}
    with transaction() as session:
        check_no_import_under_way()
        if not long_jobs.queue_job(IMPORT, STAFF_LIST, result.changes, actor=actor):
            raise Refused(
                "import-just-begun",
                "Another import of a staff list has just begun. Nothing of this one was stored; try"
                " again when it is done.",
            )
        session.execute(delete(StaffFileRow))
        session.execute(insert(StaffFileRow).values(**row, **facts))
        record(
            "people import begun",
            {name: facts[name] for name in ("added", "changed", "removed", "people")},
            actor,
        )
        return long_jobs.lease_job(IMPORT, STAFF_LIST) if wait else None


def take_over_import(
    content: bytes, *, remove_missing: bool, actor: str
) -> long_jobs.JobLease | None:
    """The long import of this very file, if one is under way, for this process, whoever does it now."""
    found, kept = last_import(), db.session.get(StaffFileRow, 1, populate_existing=True)
    if not (
        found
        and found.is_under_way
        and kept
        and kept.hash == _hash(content)
        and kept.remove_missing == remove_missing
    ):
        return None
    return long_jobs.take_over_job(IMPORT, STAFF_LIST, found.total, actor=actor)


def store_in_steps(
    hold: long_jobs.JobLease,
    actor: str,
    progress: Progress | None = None,
    staff: StaffList | None = None,
) -> ImportResult | None:
    """Stores what is left of the kept file, some thousand people in a transaction; None when this process is told to end before.

    Each step is stored only while the work is this process's own. `staff` is the file as read, where it has been.
    """
    with long_jobs.work_under_lease(hold):
        kept = db.session.get(StaffFileRow, 1, populate_existing=True)
        if kept is None:
            hold.end()
            return None
        planned = ImportResult(
            kept.added, kept.changed, kept.unchanged, (), kept.removed, kept.moved
        )
        numbers = {
            "added": kept.added,
            "changed": kept.changed,
            "removed": kept.removed,
            "people": kept.people,
            "roster": kept.roster,
        }
        removing = kept.remove_missing
        staff = staff or _read(zlib.decompress(kept.content))
        changes = changes_of(staff, remove_missing=removing)
        left = result_of(staff, changes, remove_missing=removing)
        done, total = max(0, planned.changes - left.changes), planned.changes
        for statement, chunk in _steps(changes, staff.columns, is_removing=removing):
            done = min(done + len(chunk), total)
            with transaction() as session:
                hold.step(done)
                connection().execute(statement, chunk)
            if progress:
                progress(done, total)
            if _rest():
                hold.give_back()
                return None
        with transaction() as session:
            hold.step(total)
            if removing:
                forget_stops_of_the_gone()
            session.execute(delete(StaffFileRow))
            record("people imported", numbers, actor)
            hold.end()
    return planned


def _read(content: bytes) -> StaffList:
    """The kept file; one that a newer program would not take any more is not kept any longer."""
    try:
        return read_staff_list(content)
    except Refused:
        with transaction() as session:
            session.execute(delete(StaffFileRow))
        raise


def _rest() -> bool:
    """Lets others write; whether this process is told to end."""
    if db.session.get_bind().dialect.name == "sqlite":
        return shutdown.wait_for_shutdown(SECONDS_BETWEEN_STEPS)
    return shutdown.is_shutting_down()


def _steps(
    changes: DirectoryChanges, columns: Sequence[str], *, is_removing: bool
) -> Iterator[tuple[Executable, list[dict[str, Any]]]]:
    """Every statement with the people it is for, some thousand at a time."""
    written = [column for column in columns if column not in {"", "email"}]
    table = cast("Table", PersonRow.__table__)
    ours = table.c.id == bindparam("known")
    values: tuple[tuple[Executable, Iterator[dict[str, Any]]], ...] = (
        (insert(table), ({"id": random_id(), **asdict(row)} for row in changes.added)),
        (
            update(table).where(ours).values({name: bindparam(f"new_{name}") for name in written}),
            (
                {"known": old.id} | {f"new_{name}": getattr(row, name) for name in written}
                for old, row in changes.changed
            ),
        ),
        (
            delete(table).where(ours),
            ({"known": gone.id} for gone in changes.missing if is_removing),
        ),
    )
    for statement, source in values:
        while chunk := list(islice(source, AT_ONCE)):
            yield statement, chunk


def _refuse_second_spellings(staff: StaffList, staying: Sequence[Person]) -> None:
    """People who are not in the file keep their department; a file that spells it otherwise would tear the department in two."""
    given = {spelling_key(row.department): row.department for row in staff.rows}
    others = Counter(person.department for person in staying)
    clashes = [
        (spelled, kept)
        for kept in sorted(others)
        if (spelled := given.get(spelling_key(kept), kept)) != kept
    ]
    if clashes:
        lines = (
            f"“{spelled}” in the file is “{kept}” for {others[kept]:,} who are not in it."
            for spelled, kept in clashes
        )
        message = (
            "Spell departments as Candour has them, or have everybody of the department in the"
            " file. Nothing has been changed."
        )
        raise Refused("departments-spelled-otherwise", message, details=tuple(lines))


def _roster_hash(roster: Mapping[str, str]) -> str:
    return _hash(
        "".join(f"{email}\t{department}\n" for email, department in sorted(roster.items())).encode()
    )


def _hash(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
