"""The staff directory: import, look up, correct, remove."""

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, cast

from sqlalchemy import ColumnElement, Executable, Table, bindparam, delete, func, insert, select, update

from survey.access.audit import record
from survey.database import db, transaction
from survey.kernel.errors import Refused
from survey.kernel.ids import random_id
from survey.people.rules import ALL, Person, Row, StaffList, address_fault, read_staff_list, shortened, spelling_key, tidy_address
from survey.people.stopping import forget_stops_of_the_gone
from survey.people.tables import PersonRow

COMMAND_LINE = "command line"
FAULTS_LISTED = 200
_CHUNK = 5_000
_NAME_WORD = re.compile(r"[^\W\d_]+")
_FIELDS = (PersonRow.id, PersonRow.email, PersonRow.name, PersonRow.department, PersonRow.site, PersonRow.language, PersonRow.leader)
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


@dataclass(frozen=True, slots=True)
class _Changes:
    """The difference between a file and the directory; `roster` is the directory afterwards, department by address."""

    added: Sequence[Row]
    changed: Sequence[tuple[Person, Row]]
    missing: tuple[Person, ...]
    roster: Mapping[str, str]


def preview_import(staff: StaffList) -> ImportResult:
    """What the good rows of a staff list would do; stores nothing."""
    return _result(staff, _changes(staff, remove_missing=False), remove_missing=False)


def import_people(
    content: bytes, *, dry_run: bool = False, remove_missing: bool = False, actor: str = COMMAND_LINE, progress: Progress | None = None
) -> ImportResult:
    """Takes a staff list (CSV) whole or not at all, matching people by address; columns that it lacks stay as they are.

    Refused with every faulty row. Nobody leaves by an import unless `remove_missing` says so. The same file a second
    time changes nothing. `progress` hears how many people of how many are stored.
    """
    staff = read_staff_list(content)
    if staff.faults:
        raise Refused(f"{correction_of(staff)} Nothing has been changed.", details=_listed(staff))
    if dry_run:
        return _result(staff, _changes(staff, remove_missing=remove_missing), remove_missing=remove_missing)
    with transaction():
        changes = _changes(staff, remove_missing=remove_missing)
        result = _result(staff, changes, remove_missing=remove_missing)
        if changes.added or changes.changed or result.removed:
            _store(changes, staff.columns, remove_missing=remove_missing, progress=progress)
            numbers = {"added": result.added, "changed": result.changed, "removed": result.removed, "people": len(changes.roster)}
            record("people imported", numbers | {"roster": _roster_hash(changes.roster)}, actor)
    return result


def correction_of(staff: StaffList) -> str:
    """How many rows of a staff list keep it from being taken, in a sentence."""
    bad = len(staff.refused)
    return f"{bad:,} of {staff.size:,} rows need{'s' if bad == 1 else ''} a correction."


def list_people(department: str | None = None) -> tuple[Person, ...]:
    """Everybody, or everybody in one department, by department and name."""
    return _people() if department is None else _people(PersonRow.department == department)


def departments() -> dict[str, int]:
    """Departments by name, with how many people each has."""
    found = db.session.execute(select(PersonRow.department, func.count()).group_by(PersonRow.department))
    return dict(sorted((name, size) for name, size in found))


def people_in(audience: str) -> tuple[Person, ...]:
    """The people that an audience label means now: `all`, or departments separated by commas (quoted where a name holds one).

    Departments are found in any case; one that nobody belongs to is refused by naming those there are.
    """
    label = " ".join(audience.split())
    if label.casefold() == ALL:
        return _people()
    known = departments()
    spelled = {name.casefold(): [other for other in known if other.casefold() == name.casefold()] for name in known}
    wanted = [label] if label.casefold() in spelled else [name for name in next(csv.reader([label], skipinitialspace=True), []) if name]
    unknown = [shortened(name.strip()) for name in wanted if name.strip().casefold() not in spelled]
    if unknown or not wanted:
        listed = ", ".join(known) or "none yet; import people first"
        raise Refused(f"The audience names {', '.join(unknown) or 'nobody'}, which is no department. Departments: {listed}. Or write all.")
    return _people(PersonRow.department.in_({name for one in wanted for name in spelled[one.strip().casefold()]}))


def person(person_id: str) -> Person | None:
    """The person with this id, if still in the directory."""
    return next(iter(_people(PersonRow.id == person_id)), None)


def people_by_id(person_ids: Sequence[str]) -> dict[str, Person]:
    """Those of these people who are still in the directory."""
    return {one.id: one for one in _people(PersonRow.id.in_(person_ids))}


def person_at(email: str) -> Person:
    """The person with this address; refused when nobody has it."""
    found = _people(PersonRow.email == tidy_address(email))
    if not found:
        raise Refused(f"Nobody in the directory has the address {shortened(email)}.")
    return found[0]


def name_words() -> frozenset[str]:
    """The words that everybody's names are made of, in small letters: what no published text may hold."""
    names = db.session.scalars(select(PersonRow.name).distinct().execution_options(yield_per=_CHUNK))
    return frozenset(word for name in names for word in _NAME_WORD.findall(name.casefold()))


def remove_person(email: str, *, actor: str = COMMAND_LINE) -> Person:
    """Takes somebody out of the directory; what they answered stays, for nothing links to it."""
    with transaction() as session:
        gone = person_at(email)
        session.execute(delete(PersonRow).where(PersonRow.id == gone.id))
        forget_stops_of_the_gone()
        record("person removed", {"department": gone.department}, actor)
    return gone


def erase_person(gone: Person, *, actor: str = COMMAND_LINE) -> None:
    """Inside the transaction that erases somebody: the directory row and their wish about mails; the log names nobody."""
    with transaction() as session:
        session.execute(delete(PersonRow).where(PersonRow.id == gone.id))
        forget_stops_of_the_gone()
        record("person erased", {}, actor)


def correct_address(old: str, new: str, *, actor: str = COMMAND_LINE) -> Person:
    """Gives somebody another address; refused when it is malformed or somebody else's.

    Ends no code and sends nothing: that is for the correction in `invitations`, which calls this.
    """
    address = tidy_address(new)
    if not address.isprintable() or (remedy := address_fault(address)):
        raise Refused(f"{shortened(new)}: {remedy if address.isprintable() else 'Remove the line break or control character.'}")
    with transaction() as session:
        before = person_at(old)
        if before.email != address and _people(PersonRow.email == address):
            raise Refused(f"{address} is somebody else's address already. Remove that person first, or correct the other address.")
        session.execute(update(PersonRow).where(PersonRow.id == before.id).values(email=address))
        record("address corrected", {"department": before.department}, actor)
        return person_at(address)


def _people(*conditions: ColumnElement[bool]) -> tuple[Person, ...]:
    query = select(*_FIELDS).where(*conditions).order_by(PersonRow.department, PersonRow.name, PersonRow.email)
    return tuple(Person(*row) for row in db.session.execute(query))


def _changes(staff: StaffList, *, remove_missing: bool) -> _Changes:
    known = {person.email: person for person in _people()}
    added = [row for row in staff.rows if row.email not in known]
    compared = [column for column in staff.columns if column not in {"", "email"}]
    pairs = [(known[row.email], row) for row in staff.rows if row.email in known]
    changed = [(old, row) for old, row in pairs if any(getattr(old, name) != getattr(row, name) for name in compared)]
    at = staff.columns.index("email")
    named = {row.email for row in staff.rows} | {tidy_address(cells[at]) for cells in staff.refused.values() if cells}
    missing = tuple(person for person in known.values() if person.email not in named)
    gone = {person.email for person in missing} if remove_missing else set()
    if not staff.faults:
        _refuse_second_spellings(staff, [person for person in missing if person.email not in gone])
    roster = {email: person.department for email, person in known.items() if email not in gone}
    return _Changes(added, changed, missing, roster | {row.email: row.department for row in staff.rows})


def _refuse_second_spellings(staff: StaffList, staying: Sequence[Person]) -> None:
    """People who are not in the file keep their department; a file that spells it otherwise would tear the department in two."""
    given = {spelling_key(row.department): row.department for row in staff.rows}
    others = Counter(person.department for person in staying)
    clashes = [(spelled, kept) for kept in sorted(others) if (spelled := given.get(spelling_key(kept), kept)) != kept]
    if clashes:
        lines = (f"“{spelled}” in the file is “{kept}” for {others[kept]:,} who are not in it." for spelled, kept in clashes)
        message = "Spell departments as Candour has them, or have everybody of the department in the file. Nothing has been changed."
        raise Refused(message, details=tuple(lines))


def _result(staff: StaffList, changes: _Changes, *, remove_missing: bool) -> ImportResult:
    return ImportResult(
        added=len(changes.added),
        changed=len(changes.changed),
        unchanged=len(staff.rows) - len(changes.added) - len(changes.changed),
        missing=changes.missing,
        removed=len(changes.missing) if remove_missing else 0,
        moved=sum(old.department != row.department for old, row in changes.changed),
    )


def _store(changes: _Changes, columns: Sequence[str], *, remove_missing: bool, progress: Progress | None) -> None:
    written = [column for column in columns if column not in {"", "email"}]
    people = cast("Table", PersonRow.__table__)
    change = update(people).where(people.c.id == bindparam("known"))
    steps: list[tuple[Executable, list[dict[str, Any]]]] = [
        (insert(people), [{"id": random_id(), **asdict(row)} for row in changes.added]),
        (
            change.values({name: bindparam(f"new_{name}") for name in written}),
            [{"known": old.id} | {f"new_{name}": getattr(row, name) for name in written} for old, row in changes.changed],
        ),
        (
            delete(people).where(people.c.id == bindparam("known")),
            [{"known": gone.id} for gone in changes.missing] if remove_missing else [],
        ),
    ]
    done, total = 0, sum(len(values) for _, values in steps)
    for statement, values in steps:
        source = iter(values)
        while chunk := list(islice(source, _CHUNK)):
            db.session.connection().execute(statement, chunk)
            done += len(chunk)
            if progress:
                progress(done, total)
    if remove_missing:
        forget_stops_of_the_gone()


def _listed(staff: StaffList) -> tuple[str, ...]:
    more = len(staff.faults) - FAULTS_LISTED
    return (*map(str, staff.faults[:FAULTS_LISTED]), *([f"and {more:,} more"] if more > 0 else []))


def _roster_hash(roster: Mapping[str, str]) -> str:
    lines = "".join(f"{email}\t{department}\n" for email, department in sorted(roster.items()))
    return "sha256:" + hashlib.sha256(lines.encode()).hexdigest()
