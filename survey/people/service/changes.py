"""Works out what a staff list changes in the directory, and stores it: at once, or in steps.

One transaction over half a million people would keep every answer waiting for longer than a person
does. So a long list is checked whole first and kept as it came, in one row; then it is stored some
thousand people at a time. A process that is killed leaves the rest to the next: what is left to do
is never remembered, it is the difference between that file and the directory, worked out again by
the process that goes on. So the end is the same wherever the import was cut off.
"""

import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar, cast

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
from survey.kernel.staff_changes import StaffChanges
from survey.people.rules.removals import check_removal
from survey.people.rules.staff_list import (
    Person,
    PersonId,
    StaffList,
    StaffRow,
    read_staff_list,
    spelling_key,
)
from survey.people.service.removals import planned_removal
from survey.people.service.staff_changes import (
    all_staff_changes,
    count_staff_changes,
    hold_staff_list,
)
from survey.people.service.stopping import forget_stops_of_the_gone
from survey.people.service.watching import directory_watch
from survey.people.tables import PersonRow, StaffFileRow

IMPORT, STAFF_LIST = "import", "staff list"  # kind and subject of the long job
AT_ONCE = 5_000
# On SQLite whoever waits to write tries again that often: in a shorter gap it could miss its turn.
SECONDS_BETWEEN_STEPS = 0.1
_FILE_ROW = 1  # the only row of its table
_T = TypeVar("_T")
_Values = dict[str, Any]  # of one statement, by column or parameter
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
    """What an import did, or would do: people added, changed, unchanged, missing, removed, moved.

    `missing` are those in the directory but not in the file; `moved` are those of the changed whose
    department changes.
    """

    added: int
    changed: int
    unchanged: int
    missing: tuple[Person, ...]
    removed: int
    moved: int = 0

    @property
    def changes(self) -> int:
        """How many people are added, changed or removed in all."""
        return self.added + self.changed + self.removed


@dataclass(frozen=True, slots=True)
class DirectoryChanges:
    """The people that a file adds, changes and lacks, compared with the directory.

    `changed` are people with their new rows; `missing` are in the directory but not in the file.
    `roster` is the directory afterwards: the department by address. `counted_before` are all
    changes of the directory that were counted before it was read.
    """

    added: Sequence[StaffRow]
    changed: Sequence[tuple[Person, StaffRow]]
    missing: tuple[Person, ...]
    roster: Mapping[str, str]
    counted_before: StaffChanges


def people(*conditions: ColumnElement[bool]) -> tuple[Person, ...]:
    """The people for whom all conditions hold, in order of department and name.

    Without a condition everybody in the directory.
    """
    query = (
        select(*_FIELDS)
        .where(*conditions)
        .order_by(PersonRow.department, PersonRow.name, PersonRow.email)
    )
    return tuple(Person(*row) for row in db.session.execute(query))


def changes_of(staff: StaffList, *, remove_missing: bool) -> DirectoryChanges:
    """Compares a staff list with the directory as it is now; stores nothing.

    Refuses a file that spells a department otherwise than people who are not in it; a file with
    faulty rows is not checked for that. Faulty rows change nothing, but their people are not
    missing.
    """
    counted_before = all_staff_changes()
    people_by_email = {person.email: person for person in people()}
    addresses = _addresses_in(staff)
    missing = tuple(person for email, person in people_by_email.items() if email not in addresses)
    removed = {person.email for person in missing} if remove_missing else set()
    if not staff.faults:
        _refuse_second_spellings(staff, () if remove_missing else missing)

    added = [row for row in staff.rows if row.email not in people_by_email]
    columns = _columns_to_store(staff.columns)
    changed = []
    for row in staff.rows:
        person = people_by_email.get(row.email)
        if person and any(getattr(person, name) != getattr(row, name) for name in columns):
            changed.append((person, row))

    staying = {email: p.department for email, p in people_by_email.items() if email not in removed}
    listed = {row.email: row.department for row in staff.rows}
    return DirectoryChanges(added, changed, missing, staying | listed, counted_before)


def _addresses_in(staff: StaffList) -> set[str]:
    """All addresses in a staff list, of faultless and of faulty rows."""
    place = staff.columns.index("email")
    refused = {tidy_address(cells[place]) for cells in staff.refused.values() if cells}
    return refused | {row.email for row in staff.rows}


def _columns_to_store(columns: Sequence[str]) -> list[str]:
    """The columns of a file that are stored for people who are there already: all but the address.

    Without columns that have no heading.
    """
    return [column for column in columns if column not in {"", "email"}]


def result_of(staff: StaffList, changes: DirectoryChanges, *, remove_missing: bool) -> ImportResult:
    """Counts the changes; `removed` is 0 without `remove_missing`, however many are missing."""
    return ImportResult(
        added=len(changes.added),
        changed=len(changes.changed),
        unchanged=len(staff.rows) - len(changes.added) - len(changes.changed),
        missing=changes.missing,
        removed=len(changes.missing) if remove_missing else 0,
        moved=sum(person.department != row.department for person, row in changes.changed),
    )


def is_long(staff: StaffList, *, remove_missing: bool) -> bool:
    """Whether storing this list changes, at most, so many people that it has to be done in steps.

    More than AT_ONCE in one transaction would keep others waiting.
    """
    largest_change = len(staff.rows)
    if remove_missing:
        in_directory = db.session.scalar(select(func.count()).select_from(PersonRow)) or 0
        largest_change = max(largest_change, in_directory - len(staff.rows))
    return largest_change > AT_ONCE


def last_import() -> LongJob | None:
    """The last long import, under way or ended; None if there never was one."""
    return long_jobs.find_job(IMPORT, STAFF_LIST)


def check_no_import_under_way() -> datetime | None:
    """Refuses while a long import is under way; gives when the last one changed, None without one.

    For while it is, the directory is half old and half new. Between two calls that give the same
    time, the directory was whole.
    """
    job = last_import()
    if job is None:
        return None
    if job.is_under_way:
        raise Refused(
            "import-under-way",
            f"The import of a staff list is under way ({job.done:,} of {job.total:,}), so "
            "nothing else was changed. Try again when it is done.",
        )
    return job.changed_at


def store_at_once(
    changes: DirectoryChanges,
    result: ImportResult,
    columns: Sequence[str],
    actor: str,
    progress: Progress | None,
) -> None:
    """Stores all changes inside the caller's transaction, and audits the import.

    Forgets the stop secrets and wishes of people who are removed. `progress` is called with how
    many of how many are stored.
    """
    done = 0
    for step in _steps(changes, columns, is_removing=bool(result.removed)):
        _store(step)
        done += len(step.values)
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
    repeated: int | None,
    actor: str,
    wait: bool,
) -> long_jobs.JobLease | None:
    """Stores a checked file and queues the long job that imports it; changes nobody yet. Audited.

    Refuses while another long import is under way, a removal that has to be confirmed and is not
    (`repeated`, see `check_removal`), and when the directory is no longer as `changes` found it.
    With `wait`, this process gets the lease of the job; otherwise None, and the timed work does it.
    """
    numbers = {
        "added": result.added,
        "changed": result.changed,
        "removed": result.removed,
        "people": len(changes.roster),
    }
    file_row = {
        "number": _FILE_ROW,
        "content": zlib.compress(content),
        "hash": _hash(content),
        "roster": _roster_hash(changes.roster),
        "remove_missing": remove_missing,
        "unchanged": result.unchanged,
        "moved": result.moved,
        **numbers,
    }
    with transaction() as session:
        hold_staff_list()
        check_no_import_under_way()
        if all_staff_changes() != changes.counted_before:
            raise Refused(
                "staff-list-changed",
                "The staff list was changed meanwhile. Nothing of this file was stored; try again.",
            )
        if remove_missing:
            check_removal(planned_removal(changes.missing), repeated)
        if not long_jobs.queue_job(IMPORT, STAFF_LIST, result.changes, actor=actor):
            raise Refused(
                "import-just-begun",
                "Another import of a staff list has just begun. Nothing of this one was stored; try"
                " again when it is done.",
            )
        session.execute(delete(StaffFileRow))
        session.execute(insert(StaffFileRow).values(**file_row))
        record("people import begun", numbers, actor)
        return long_jobs.lease_job(IMPORT, STAFF_LIST) if wait else None


def take_over_import(
    content: bytes, *, remove_missing: bool, actor: str
) -> long_jobs.JobLease | None:
    """Takes over the long import of this same file and options, even from another process, or None.

    None if no import is under way, or one of another file or with another `remove_missing`. Gives
    this process's lease of the long job.
    """
    job, kept = last_import(), _kept_file()
    if job is None or not job.is_under_way or kept is None:
        return None
    is_the_same = kept.hash == _hash(content) and kept.remove_missing == remove_missing
    if not is_the_same:
        return None
    return long_jobs.take_over_job(IMPORT, STAFF_LIST, job.total, actor=actor)


def store_in_steps(
    lease: long_jobs.JobLease,
    actor: str,
    progress: Progress | None = None,
    staff: StaffList | None = None,
) -> ImportResult | None:
    """Imports what is left of the kept file, 5,000 people a transaction; then deletes the file.

    Each step is stored only while this process holds the lease; another process that has it makes
    this one refuse. `staff` is the file as read, where that was done already. Gives the numbers of
    the whole import, audited at its end. None when no file is kept, or when this process has to end
    before all is done: then the next process that looks goes on.
    """
    with long_jobs.work_under_lease(lease):
        kept = _kept_file()
        if kept is None:
            lease.end()
            return None
        planned = _planned_result(kept)
        numbers = {
            "added": kept.added,
            "changed": kept.changed,
            "removed": kept.removed,
            "people": kept.people,
            "roster": kept.roster,
        }
        is_removing = kept.remove_missing
        staff = staff or _read_kept(zlib.decompress(kept.content))
        changes = changes_of(staff, remove_missing=is_removing)
        remaining = result_of(staff, changes, remove_missing=is_removing)
        total = planned.changes
        done = max(0, total - remaining.changes)
        for step in _steps(changes, staff.columns, is_removing=is_removing):
            done = min(done + len(step.values), total)
            with transaction():
                lease.step(done)
                _store(step)
            if progress:
                progress(done, total)
            if _let_others_write():
                lease.give_back()
                return None
        with transaction() as session:
            lease.step(total)
            if is_removing:
                forget_stops_of_the_gone()
            session.execute(delete(StaffFileRow))
            record("people imported", numbers, actor)
            lease.end()
    return planned


def _kept_file() -> StaffFileRow | None:
    """The row with the file of the long import under way, read anew; None where none is kept."""
    return db.session.get(StaffFileRow, _FILE_ROW, populate_existing=True)


def _planned_result(kept: StaffFileRow) -> ImportResult:
    """The numbers of the whole import, as worked out when it began; `missing` is empty."""
    return ImportResult(
        added=kept.added,
        changed=kept.changed,
        unchanged=kept.unchanged,
        missing=(),
        removed=kept.removed,
        moved=kept.moved,
    )


def _read_kept(content: bytes) -> StaffList:
    """Reads the kept file; deletes and refuses one that a newer program does not take any more."""
    try:
        return read_staff_list(content)
    except Refused:
        with transaction() as session:
            session.execute(delete(StaffFileRow))
        raise


def _let_others_write() -> bool:
    """Waits briefly, on SQLite, so that others can write; gives whether this process has to end."""
    if db.session.get_bind().dialect.name == "sqlite":
        return shutdown.wait_for_shutdown(SECONDS_BETWEEN_STEPS)
    return shutdown.is_shutting_down()


@dataclass(frozen=True, slots=True)
class _Step:
    """One statement with its values, of up to 5,000 people, and who joins or leaves by it."""

    statement: Executable
    values: Sequence[_Values]
    joined: Sequence[Person] = ()
    left: Sequence[Person] = ()


def _store(step: _Step) -> None:
    """Executes and counts one step inside the caller's transaction; tells who joined and left."""
    connection().execute(step.statement, list(step.values))
    count_staff_changes(StaffChanges(added=len(step.joined), removed=len(step.left)))
    if step.joined:
        directory_watch().joined(step.joined)
    if step.left:
        directory_watch().left(step.left)


def _steps(
    changes: DirectoryChanges, columns: Sequence[str], *, is_removing: bool
) -> Iterator[_Step]:
    """Gives the statements that insert, update and delete, each with values of up to 5,000 people.

    Nobody is deleted unless `is_removing`. Executes nothing.
    """
    stored = _columns_to_store(columns)
    table = cast("Table", PersonRow.__table__)
    is_this_person = table.c.id == bindparam("its_id")
    new_values: _Values = {name: bindparam(f"new_{name}") for name in stored}
    for rows in _in_chunks(changes.added):
        added = [Person(PersonId(random_id()), **asdict(row)) for row in rows]
        yield _Step(insert(table), [asdict(person) for person in added], joined=added)
    for pairs in _in_chunks(changes.changed):
        values: list[_Values] = [
            {"its_id": person.id} | {f"new_{name}": getattr(row, name) for name in stored}
            for person, row in pairs
        ]
        yield _Step(update(table).where(is_this_person).values(new_values), values)
    for people_gone in _in_chunks(changes.missing if is_removing else ()):
        ids: list[_Values] = [{"its_id": person.id} for person in people_gone]
        yield _Step(delete(table).where(is_this_person), ids, left=people_gone)


def _in_chunks(items: Iterable[_T]) -> Iterator[list[_T]]:
    """The items in lists of up to 5,000."""
    rest = iter(items)
    while chunk := list(islice(rest, AT_ONCE)):
        yield chunk


def _refuse_second_spellings(staff: StaffList, staying: Sequence[Person]) -> None:
    """Refuses a file that spells a department otherwise than people who are not in the file.

    `staying` are those people. They keep their department, so the file would tear it in two.
    """
    spelled_in_file = {spelling_key(row.department): row.department for row in staff.rows}
    sizes = Counter(person.department for person in staying)
    lines = []
    for kept in sorted(sizes):
        spelled = spelled_in_file.get(spelling_key(kept), kept)
        if spelled != kept:
            lines.append(
                f"“{spelled}” in the file is “{kept}” for {sizes[kept]:,} who are not in it."
            )
    if lines:
        message = (
            "Spell departments as Candour has them, or have everybody of the department in the"
            " file. Nothing has been changed."
        )
        raise Refused("departments-spelled-otherwise", message, details=tuple(lines))


def _roster_hash(roster: Mapping[str, str]) -> str:
    """A hash of who is in which department, for the audit log; the order does not matter."""
    lines = [f"{email}\t{department}\n" for email, department in sorted(roster.items())]
    return _hash("".join(lines).encode())


def _hash(content: bytes) -> str:
    """The SHA-256 of a content as text, with "sha256:" before it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
