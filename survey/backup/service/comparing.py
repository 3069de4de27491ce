"""Compares a copy with the present database: what each holds, and what the other lacks.

Both are SQLite files with the tables of this version; nothing is changed in either.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from survey.access.rules.audit_log import START
from survey.backup.rules import Ancestry, Comparison, Contents
from survey.people.rules.staff_list import trace_of_person

ERASED = "person erased"
_PROGRESS = {"planned": 0, "open": 1, "closed": 2, "counted": 3, "void": 3, "shared": 4}
_RUNNING, _ENDED = {"open", "closed"}, {"counted", "shared", "void"}
# What counted waves gather afterwards: its words, and what tells one row from another.
_LATER_ROWS = {
    "findings": ("version of the findings", "version, digest"),
    "sharing": ("sharing with the provider", "id"),
    "reply": ("reply of the provider", "version, text, received_on"),
    "follow_up": ("mail to staff", "version, digest"),
}
_Rows = Counter[tuple[object, ...]]


def compare_databases(copy: Path, present: Path | None, fault: str = "") -> Comparison:
    """Compares a copy with the present database; `present` is None where there is none to read.

    `fault` says why it cannot be read, where a file is there.
    """
    with closing(_read_only(copy)) as ours:
        if present is None:
            history = Ancestry.UNREADABLE if fault else Ancestry.NONE
            return Comparison(history, _contents(ours), fault=fault)
        with closing(_read_only(present)) as theirs:
            copy_waves, present_waves = _waves(ours), _waves(theirs)
            copy_holds, present_holds = _contents(ours), _contents(theirs)
            common = _last_common_entry(ours, theirs)
            lost = _ballots_and_answers(theirs) - _ballots_and_answers(ours)
            return Comparison(
                _history(copy_holds, present_holds, common[0]),
                copy_holds,
                present_holds,
                only_present=tuple(_only_in_first(theirs, ours)),
                only_copy=tuple(_only_in_first(ours, theirs)),
                lost_answers=lost.total(),
                ended_waves=tuple(
                    slug
                    for wave_id, (slug, state) in sorted(copy_waves.items())
                    if state in _RUNNING and present_waves.get(wave_id, ("", ""))[1] in _ENDED
                ),
                common=common,
                untraced=_has_untraced_erasures(theirs, after=common[0]),
            )


def erased_people(copy: Path, present: Path) -> tuple[str, ...]:
    """The ids of people in the copy who were erased in the present database, sorted.

    Of those in its directory, and of those who had left it and whose invitations wait for them.
    """
    with closing(_read_only(copy)) as ours, closing(_read_only(present)) as theirs:
        traces = {facts.get("trace") for _, facts in _erasures(theirs)}
        known = "SELECT id FROM person UNION SELECT person_id FROM invitation ORDER BY 1"
        people = [row[0] for row in ours.execute(known) if row[0] is not None]
    return tuple(person for person in people if trace_of_person(person) in traces)


def _read_only(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)


def _contents(database: sqlite3.Connection) -> Contents:
    """What a database holds, in numbers."""
    numbers = {
        table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - names of ours
        for table in ("ballot", "stop", "person", '"user"', "audit_entry")
    }
    newest = database.execute(
        "SELECT at, digest FROM audit_entry ORDER BY number DESC LIMIT 1"
    ).fetchone()
    return Contents(
        waves=tuple(_lines_on_waves(database)),
        ballots=numbers["ballot"],
        stops=numbers["stop"],
        erasures=len(list(_erasures(database))),
        people=numbers["person"],
        users=numbers['"user"'],
        newest_at=datetime.fromisoformat(newest[0]).replace(tzinfo=UTC) if newest else None,
        length=numbers["audit_entry"],
        head=newest[1] if newest else START,
    )


def _lines_on_waves(database: sqlite3.Connection) -> Iterator[str]:
    """A line on each wave that is not planned: its state, and how many ballots or answers."""
    held = _per_wave(_ballots_and_answers(database))
    for wave_id, (slug, state) in sorted(_waves(database).items(), key=lambda item: item[1]):
        if state in _RUNNING:
            yield f"{slug}: {state}, {held[wave_id]:,} ballots"
        elif state != "planned":
            yield f"{slug}: {state}, {held[wave_id]:,} counted answers"


def _waves(database: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    """The slug and the state of each wave, by its id."""
    rows = database.execute("SELECT id, slug, state FROM wave")
    return {wave_id: (slug, state) for wave_id, slug, state in rows}


def _ballots_and_answers(database: sqlite3.Connection) -> _Rows:
    """The wave and the id of every ballot and of every counted answer."""
    query = "SELECT wave_id, id FROM ballot UNION ALL SELECT wave_id, id FROM response"
    return Counter(database.execute(query))


def _per_wave(rows: _Rows) -> Counter[object]:
    """How many rows each wave has, where the first column is its id."""
    numbers: Counter[object] = Counter()
    for row, number in rows.items():
        numbers[row[0]] += number
    return numbers


def _only_in_first(first: sqlite3.Connection, other: sqlite3.Connection) -> Iterator[str]:
    """Lines on what waves have in the first database that they lack in the other."""
    waves, others = _waves(first), _waves(other)
    held = _per_wave(_ballots_and_answers(first))
    more = _per_wave(_ballots_and_answers(first) - _ballots_and_answers(other))
    for wave_id, (slug, state) in sorted(waves.items(), key=lambda item: item[1]):
        _, other_state = others.get(wave_id, (slug, "planned"))
        is_other_outcome = state != other_state and _PROGRESS[state] == _PROGRESS[other_state]
        if _PROGRESS[state] > _PROGRESS[other_state] or is_other_outcome:
            yield f"{slug} is {state}, with {held[wave_id]:,} answers (there {other_state})"
        elif state == other_state and more[wave_id]:
            yield f"{more[wave_id]:,} answers to {slug}"
    for table, (words, columns) in _LATER_ROWS.items():
        query = f"SELECT wave_id, {columns} FROM {table}"  # noqa: S608 - names of ours
        rows = Counter(first.execute(query)) - Counter(other.execute(query))
        for wave, number in sorted(_per_wave(rows).items(), key=str):
            slug, state = waves[str(wave)]
            if state == others.get(str(wave), ("", ""))[1]:
                yield f"{number:,} x {words}, of {slug}"


def _history(copy: Contents, present: Contents, common: int) -> Ancestry:
    """How the present database stands to the copy; `common` is the last entry that both have."""
    if common == copy.length and (common or not present.length):
        return Ancestry.LATER
    if not common:
        return Ancestry.FOREIGN
    return Ancestry.EARLIER if common == present.length else Ancestry.PARTED


def _last_common_entry(ours: sqlite3.Connection, theirs: sqlite3.Connection) -> tuple[int, str]:
    """Number and digest of the last entry up to which both audit logs are the same; 0 for none.

    Each digest stands for all entries before it, so halving finds it.
    """
    low, high = 0, min(_contents(ours).length, _contents(theirs).length)
    while low < high:
        middle = (low + high + 1) // 2
        if _digest_at(ours, middle) == _digest_at(theirs, middle):
            low = middle
        else:
            high = middle - 1
    return low, _digest_at(ours, low)


def _digest_at(database: sqlite3.Connection, number: int) -> str:
    """The digest of an entry of the audit log; that of an empty log where there is none."""
    query = "SELECT digest FROM audit_entry WHERE number = ?"
    row = database.execute(query, (number,)).fetchone()
    return str(row[0]) if row else START


def _erasures(database: sqlite3.Connection) -> Iterator[tuple[int, dict[str, str]]]:
    """Number and facts of each entry on the erasure of a person."""
    query = "SELECT number, facts FROM audit_entry WHERE what = ? ORDER BY number"
    for number, facts in database.execute(query, (ERASED,)):
        yield number, json.loads(facts)


def _has_untraced_erasures(database: sqlite3.Connection, *, after: int) -> bool:
    """Whether somebody was erased after this entry by a version that kept no trace of whom."""
    return any(number > after and "trace" not in facts for number, facts in _erasures(database))
