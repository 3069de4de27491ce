"""The use cases of the staff directory: import, look up, correct, remove."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from survey.access.service.audit import record
from survey.database import db, transaction
from survey.jobs import long_jobs
from survey.kernel.addresses import address_fault, tidy_address
from survey.kernel.errors import NotFound, Refused
from survey.kernel.plurals import choose_form
from survey.kernel.staff_changes import StaffChanges
from survey.people.rules.removals import check_removal
from survey.people.rules.staff_list import (
    ALL,
    Person,
    PersonId,
    StaffList,
    read_staff_list,
    shortened,
    trace_of_person,
)
from survey.people.service.changes import (
    AT_ONCE,
    IMPORT,
    STAFF_LIST,
    ImportResult,
    Progress,
    begin_import,
    changes_of,
    check_no_import_under_way,
    is_long,
    last_import,
    people,
    result_of,
    store_at_once,
    store_in_steps,
    take_over_import,
)
from survey.people.service.removals import planned_removal
from survey.people.service.staff_changes import count_staff_changes, hold_staff_list
from survey.people.service.stopping import forget_stops_of_the_gone
from survey.people.service.watching import directory_watch
from survey.people.tables import PersonRow

# What others take from here.
__all__ = ["AT_ONCE", "IMPORT", "ImportResult", "check_no_import_under_way", "last_import"]

COMMAND_LINE = "command line"
FAULTS_LISTED = 200
LEFT = "Stopped. What is stored stays, and the rest goes on with the same file once more."
_IN_A_QUERY = 500
_TAKEN = (
    "{address} is somebody else's address already. Remove that person first, or correct the other"
    " address."
)
_NAME_WORD = re.compile(r"[^\W\d_]+")


def preview_import(staff: StaffList) -> ImportResult:
    """What the faultless rows of a staff list would change, removing nobody; stores nothing.

    Refuses a file that spells a department otherwise than people who are not in it.
    """
    return result_of(staff, changes_of(staff, remove_missing=False), remove_missing=False)


def import_people(
    content: bytes,
    *,
    dry_run: bool = False,
    remove_missing: bool = False,
    repeated: int | None = None,
    actor: str = COMMAND_LINE,
    progress: Progress | None = None,
    wait: bool = True,
) -> ImportResult:
    """Imports a staff list (CSV), matching people by address; refuses it whole if a row is faulty.

    Columns that it lacks stay as they are. The refusal names the faulty rows, and then nothing is
    stored. With `dry_run` nothing is stored either. Nobody leaves by an import unless
    `remove_missing` says so; where they are many, or a wave is open, `repeated` has to be
    their number (see `check_removal`). The same file a second time changes nothing. Refused while a
    long import is under way; audited.

    A short list is stored whole or not at all. A long one is stored in steps, which the same file,
    or the timed work, goes on with wherever they were cut off: with `wait` in this process, without
    it by the timed work. `progress` hears how many of how many people are stored.
    """
    staff = read_staff_list(content)
    if staff.faults:
        raise Refused(
            "rows-faulty",
            f"{correction_of(staff)} Nothing has been changed.",
            details=_fault_lines(staff),
        )
    if dry_run:
        changes = changes_of(staff, remove_missing=remove_missing)
        return result_of(staff, changes, remove_missing=remove_missing)
    if is_long(staff, remove_missing=remove_missing):
        return _import_in_steps(
            content,
            staff,
            actor,
            progress,
            remove_missing=remove_missing,
            repeated=repeated,
            wait=wait,
        )
    with transaction():
        hold_staff_list()
        check_no_import_under_way()
        changes = changes_of(staff, remove_missing=remove_missing)
        if remove_missing:
            check_removal(planned_removal(changes.missing), repeated)
        result = result_of(staff, changes, remove_missing=remove_missing)
        if result.changes:
            store_at_once(changes, result, staff.columns, actor, progress)
    return result


def continue_import(actor: str) -> ImportResult | None:
    """Goes on with a long import that waits or was left behind, to its end; gives its numbers.

    None when there is none, when another process does it, or when this process has to end before.
    """
    lease = long_jobs.lease_job(IMPORT, STAFF_LIST)
    return store_in_steps(lease, actor) if lease else None


def _import_in_steps(
    content: bytes,
    staff: StaffList,
    actor: str,
    progress: Progress | None,
    *,
    remove_missing: bool,
    repeated: int | None,
    wait: bool,
) -> ImportResult:
    """Begins a long import, or takes over that of the same file; with `wait` stores it all.

    Without `wait` the timed work stores it. Refuses while another import is under way, and when
    this process has to end before all is stored: what is stored then stays.
    """
    lease = take_over_import(content, remove_missing=remove_missing, actor=actor) if wait else None
    missing: tuple[Person, ...] = ()
    if lease is None:
        check_no_import_under_way()
        changes = changes_of(staff, remove_missing=remove_missing)
        result = result_of(staff, changes, remove_missing=remove_missing)
        if not result.changes:
            return result
        lease = begin_import(
            content,
            changes,
            result,
            remove_missing=remove_missing,
            repeated=repeated,
            actor=actor,
            wait=wait,
        )
        if lease is None:
            return result
        missing = result.missing
    stored = store_in_steps(lease, actor, progress, staff)
    if stored is None:
        raise Refused("import-stopped", LEFT)
    return replace(stored, missing=missing)


def correction_of(staff: StaffList) -> str:
    """A sentence that says how many rows of a staff list need a correction."""
    bad = len(staff.refused)
    return f"{bad:,} of {staff.size:,} rows {choose_form(bad, 'needs', 'need')} a correction."


def list_people(department: str | None = None) -> tuple[Person, ...]:
    """Everybody in the directory, or only one department's people, by department and name."""
    return people() if department is None else people(PersonRow.department == department)


def departments() -> dict[str, int]:
    """The number of people in each department, by its name, in alphabetical order."""
    query = select(PersonRow.department, func.count()).group_by(PersonRow.department)
    rows = db.session.execute(query)
    return dict(sorted((name, size) for name, size in rows))


def people_in(audience: str) -> tuple[Person, ...]:
    """The people that an audience label means now; refuses one that names an unknown department.

    The label is `all`, or departments separated by commas (quoted where a name holds one), in any
    case; a department is unknown when nobody belongs to it.
    """
    label = " ".join(audience.split())
    if label.casefold() == ALL:
        return people()
    sizes = departments()
    spellings: dict[str, set[str]] = {}
    for department in sizes:
        spellings.setdefault(department.casefold(), set()).add(department)
    names = [label] if label.casefold() in spellings else _names_in(label)
    unknown = [shortened(name) for name in names if name.casefold() not in spellings]
    if unknown or not names:
        listed = ", ".join(sizes) or "none yet; import people first"
        raise Refused(
            "audience-unknown",
            f"The audience names {', '.join(unknown) or 'nobody'}, which is no department."
            f" Departments: {listed}. Or write all.",
        )
    meant = set().union(*(spellings[name.casefold()] for name in names))
    return people(PersonRow.department.in_(meant))


def _names_in(label: str) -> list[str]:
    """The names in a label, separated by commas; one in quotation marks may hold a comma."""
    cells = next(csv.reader([label], skipinitialspace=True), [])
    return [cell.strip() for cell in cells if cell]


def find_person(person_id: PersonId) -> Person | None:
    """The person with this id; None once they have left the directory."""
    return next(iter(people(PersonRow.id == person_id)), None)


def people_by_id(person_ids: Sequence[PersonId]) -> dict[PersonId, Person]:
    """The people with these ids, by id; without those who have left the directory."""
    return {person.id: person for person in people(PersonRow.id.in_(person_ids))}


def person_at(email: str) -> Person:
    """The person with this address, in any case; refuses (not found) an address that nobody has."""
    matches = people(PersonRow.email == tidy_address(email))
    if not matches:
        raise NotFound("person", f"Nobody in the directory has the address {shortened(email)}.")
    return matches[0]


def hold_person_at(email: str) -> Person:
    """As `person_at`, and locks the person's row until the transaction ends."""
    query = select(PersonRow.id).where(PersonRow.email == tidy_address(email)).with_for_update()
    db.session.execute(query)
    return person_at(email)


def people_at(emails: Sequence[str]) -> tuple[Person, ...]:
    """The people with these addresses, which must be tidy; none for an address that nobody has."""
    found: list[Person] = []
    for start in range(0, len(emails), _IN_A_QUERY):
        found += people(PersonRow.email.in_(emails[start : start + _IN_A_QUERY]))
    return tuple(found)


def name_words() -> frozenset[str]:
    """Every word of everybody's names, in small letters: published texts must hold none of them."""
    query = select(PersonRow.name).distinct().execution_options(yield_per=AT_ONCE)
    names = db.session.scalars(query)
    return frozenset(word for name in names for word in _NAME_WORD.findall(name.casefold()))


def remove_person(email: str, *, actor: str = COMMAND_LINE) -> Person:
    """Deletes somebody from the directory with their stop secrets and wish; audited without a name.

    What they answered stays, for nothing links to it. Who was invited to an open wave keeps the
    right to answer, should they come back. Refuses an unknown address, and while a long import is
    under way.
    """
    with transaction():
        check_no_import_under_way()
        person = hold_person_at(email)
        _delete_person(person)
        record("person removed", {"department": person.department}, actor)
    return person


def erase_person(person: Person, *, actor: str = COMMAND_LINE) -> None:
    """Deletes somebody's row in the directory and their wish about mails; audited without a name.

    Inside the transaction that erases all of their data; the audit log names nobody, but has a
    trace by which a restore knows the person in an old copy. Refused while a long import is under
    way.
    """
    with transaction():
        check_no_import_under_way()
        _delete_person(person)
        record("person erased", {"trace": trace_of_person(person.id)}, actor)


def check_new_address(old: str, new: str) -> tuple[Person, str]:
    """The person at the address `old`, locked until the transaction ends, and the tidy new address.

    Refuses a malformed new address, or somebody else's; an unknown old one; and while a long import
    is under way. Changes nothing.
    """
    address = tidy_address(new)
    if remedy := address_fault(address):
        raise Refused("address-unfit", f"{shortened(new)}: {remedy}")
    check_no_import_under_way()
    person = hold_person_at(old)
    if person.email != address and people(PersonRow.email == address):
        raise Refused("address-taken", _TAKEN.format(address=address))
    return person, address


def correct_address(
    old: str, new: str, *, actor: str = COMMAND_LINE, facts: Mapping[str, object] | None = None
) -> Person:
    """Changes somebody's address in the directory; refuses what `check_new_address` refuses.

    The one place where an address changes. Audited with these facts, which hold neither an address
    nor a name. Sends nothing: that is for the correction in `invitations`, which calls this.
    """
    with transaction() as session:
        person, address = check_new_address(old, new)
        try:
            session.execute(
                update(PersonRow).where(PersonRow.id == person.id).values(email=address)
            )
        except IntegrityError as error:  # another process was as fast
            raise Refused("address-taken", _TAKEN.format(address=address)) from error
        count_staff_changes(StaffChanges(corrected=int(person.email != address)))
        record("address corrected", facts or {}, actor)
    return replace(person, email=address)


def _delete_person(person: Person) -> None:
    """Deletes a person's row, and what belongs to people who have left."""
    with transaction() as session:
        session.execute(delete(PersonRow).where(PersonRow.id == person.id))
        count_staff_changes(StaffChanges(removed=1))
        directory_watch().left([person])
        forget_stops_of_the_gone()


def _fault_lines(staff: StaffList) -> tuple[str, ...]:
    """The faults of a staff list as lines: the first 200, then how many more there are."""
    lines = [str(fault) for fault in staff.faults[:FAULTS_LISTED]]
    more = len(staff.faults) - FAULTS_LISTED
    if more > 0:
        lines.append(f"and {more:,} more")
    return tuple(lines)
