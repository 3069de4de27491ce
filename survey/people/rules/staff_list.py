"""Reads a staff list as people send it: as a whole, every fault with its row and its remedy.

Also the secrets that stop survey mails.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NewType

from survey.kernel.addresses import address_fault, tidy_address, wire_address
from survey.kernel.errors import Refused
from survey.kernel.tabular import TableRow, comparable_heading, read_table

PersonId = NewType("PersonId", str)

REQUIRED = ("email", "name", "department")
COLUMNS = (*REQUIRED, "site", "language", "leader")
ALL = "all"
LARGEST = 256 * 1024 * 1024
LARGEST_UPLOAD = 10 * 1024 * 1024
LONGEST_CELL = 120
MOST_FAULTS = 10_000
LONGEST_SHOWN = 60  # characters of a cell that a message repeats

_TOO_LARGE = "A staff list of 500,000 people needs about 30."
_HEADING = (
    f"The first row must name the columns {', '.join(REQUIRED)} and may name"
    f" {', '.join(COLUMNS[3:])}."
)
# Line breaks and other control characters, what nobody sees (soft hyphen, zero-width space),
# text that runs backwards, lone surrogates.
_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u200b\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_YES, _NO = frozenset({"yes", "y", "true", "1", "x"}), frozenset({"", "no", "n", "false", "0"})
_Checks = tuple[tuple[Callable[[str], object], str], ...]
_CELL_FAULTS: Mapping[str, _Checks] = {
    "name": ((lambda cell: not cell, "Fill in the name."),),
    "department": (
        (lambda cell: not cell, "Fill in a department, or write “none”."),
        (
            lambda cell: cell.casefold() == ALL,
            "“All” means everybody when a survey is planned. Give the department another name.",
        ),
    ),
    "site": (),
    "language": (
        (
            lambda cell: cell and not _LANGUAGE.fullmatch(cell),
            "Write a language code such as en, de or pt-BR.",
        ),
    ),
    "leader": (
        (
            lambda cell: cell.lower() not in _YES | _NO,
            "Write yes or no: does this person lead a team?",
        ),
    ),
    "": ((lambda cell: cell, "This column has no heading. Name it or empty it."),),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the staff directory, who can be invited; the address is in lower case."""

    id: PersonId
    email: str
    name: str
    department: str
    site: str = ""
    language: str = ""
    leader: bool = False


@dataclass(frozen=True, slots=True)
class StaffRow:
    """One faultless row of a staff list: a person without an id."""

    email: str
    name: str
    department: str
    site: str = ""
    language: str = ""
    leader: bool = False


@dataclass(frozen=True, slots=True)
class CellFault:
    """What is wrong in one cell of a staff list: where, the cell itself, and what to do about it.

    `row` is the number that a spreadsheet shows; `cell` is the content of the cell, shortened.
    """

    row: int
    column: str
    cell: str
    remedy: str

    def __str__(self) -> str:
        """The fault as one line for the command line."""
        return f"row {self.row}, {self.column}: {self.cell or 'empty'}. {self.remedy}"


@dataclass(frozen=True, slots=True)
class StaffList:
    """A staff list as read: its columns, its faultless rows, and the faults of all others.

    `refused` holds the cells of each faulty row, by the number of the row.
    """

    columns: tuple[str, ...]
    rows: tuple[StaffRow, ...]
    faults: tuple[CellFault, ...]
    refused: Mapping[int, tuple[str, ...]]

    @property
    def size(self) -> int:
        """How many rows the list has, faultless and faulty, without the heading and empty rows."""
        return len(self.rows) + len(self.refused)


def read_staff_list(content: bytes) -> StaffList:
    """Reads a staff list (CSV, RFC 4180), faulty rows too; refuses what is no staff list at all.

    The file is in UTF-8 or Windows-1252, separated by comma, semicolon or tab; its headings may be
    in any case and order. Refuses in one sentence: too large, not text, nobody in it, far too many
    faults, columns missing, unknown or named twice. Faults of single rows come back in the list. A
    cell that begins like a formula is taken as it is, because "-" and "+1 team" are honest entries;
    what writes a spreadsheet later makes it harmless.
    """
    table = read_table(content, COLUMNS.__contains__, largest=LARGEST, advice=_TOO_LARGE)
    records = table.records()
    heading = next(records, TableRow(1, 1, (), "the file is empty"))
    if heading.fault:
        raise Refused(
            "heading-unreadable",
            f"{_HEADING} Row {heading.number} cannot be read: {heading.fault}.",
        )
    reading = _Reading(_columns_of_heading(heading.cells))
    for record in records:
        reading.add_row(record)
        if len(reading.faults) > MOST_FAULTS:
            raise Refused(
                "no-staff-list",
                f"The first {record.number:,} rows hold more than {MOST_FAULTS:,} faults: this does"
                " not look like a staff list.",
            )
    if not reading.rows and not reading.faults:
        raise Refused(
            "no-people-in-file",
            "The file names its columns but has no person in it. Add one row per person.",
        )
    return StaffList(reading.columns, tuple(reading.rows), tuple(reading.faults), reading.refused)


def spelling_key(department: str) -> str:
    """A key that spellings of one department share: capitals and the width of letters do not count.

    >>> spelling_key("SALES") == spelling_key("Sales")
    True
    """
    return unicodedata.normalize("NFKC", department).casefold()


def shortened(text: str) -> str:
    r"""A cell for a message: at most 60 characters, control characters replaced by a visible sign.

    >>> shortened("a\x00b") == "a\ufffdb"
    True
    """
    visible = _CONTROL.sub("\ufffd", text[:LONGEST_SHOWN])
    return visible + "…" if len(text) > LONGEST_SHOWN else visible


@dataclass(slots=True)
class _Reading:
    """Reads rows one after another: the faultless and faulty ones, and what rows must not repeat.

    `first_rows` is the row in which each address came first; `spellings` is, for each department,
    its first spelling and the row of that.
    """

    columns: tuple[str, ...]
    rows: list[StaffRow] = field(default_factory=list)
    faults: list[CellFault] = field(default_factory=list)
    refused: dict[int, tuple[str, ...]] = field(default_factory=dict)
    first_rows: dict[str, int] = field(default_factory=dict)
    spellings: dict[str, tuple[str, int]] = field(default_factory=dict)

    def add_row(self, record: TableRow) -> None:
        """Adds a row to the faultless or to the faulty ones; leaves out rows without any text."""
        number = record.number
        if record.fault:
            remedy = f"{record.fault.capitalize()}. Correct it, here or just above."
            self.faults.append(CellFault(number, "row", "not readable", remedy))
            self.refused[number] = ()
            return
        cells = [unicodedata.normalize("NFC", cell).strip() for cell in record.cells]
        if not any(cells):
            return
        faults = self._faults_of_row(number, cells)
        if faults:
            self.faults += faults
            self.refused[number] = tuple(cells)
            return
        self.rows.append(self._staff_row(cells))

    def _staff_row(self, cells: Sequence[str]) -> StaffRow:
        """The cells of a faultless row as values: spaces tidied, the address in lower case."""
        values = {
            column: " ".join(cell.split())
            for column, cell in zip(self.columns, cells, strict=False)
            if column
        }
        email = tidy_address(values.pop("email"))
        leader = values.pop("leader", "").lower() in _YES
        return StaffRow(email=email, **values, leader=leader)

    def _faults_of_row(self, number: int, cells: list[str]) -> list[CellFault]:
        """All faults of one row, and adds empty cells to `cells` where the row is too short.

        Notes the row's address and department, for comparing with later rows.
        """
        width = len(self.columns)
        if any(cells[width:]):
            advice = (
                f"The heading has {width} columns. Put a text that holds the separator in quotation"
                " marks."
            )
            return [CellFault(number, "row", f"{len(cells)} cells", advice)]
        cells += [""] * (width - len(cells))
        pairs = list(zip(self.columns, cells, strict=False))
        faults = [
            CellFault(number, column, shortened(cell), remedy)
            for column, cell in pairs
            if (remedy := _cell_fault(column, cell))
        ]
        compared = {"email", "department"} - {fault.column for fault in faults}
        for column, cell in pairs:
            if column not in compared:
                continue
            remedy = self._clash_with_earlier_row(number, column, cell)
            if remedy:
                faults.append(CellFault(number, column, shortened(cell), remedy))
        return faults

    def _clash_with_earlier_row(self, number: int, column: str, cell: str) -> str | None:
        """What to do about an earlier row with this address or another spelling; None without one.

        What no earlier row has is noted as this row's.
        """
        if column == "email":
            first = self.first_rows.setdefault(wire_address(tidy_address(cell)), number)
            if first == number:
                return None
            return f"The same address is in row {first}. Keep one of the two."
        name = " ".join(cell.split())
        spelling, row = self.spellings.setdefault(spelling_key(name), (name, number))
        if spelling == name:
            return None
        return (
            f"Row {row} spells it “{spelling}”. Use one spelling, or they would be two departments."
        )


def _columns_of_heading(heading: Sequence[str]) -> tuple[str, ...]:
    """The columns that a heading names; refuses missing, unknown and repeated ones, all at once.

    A cell without a heading is "".
    """
    names = [comparable_heading(cell) for cell in heading]
    missing = [name for name in REQUIRED if name not in names]
    unknown = [shortened(name) for name in names if name and name not in COLUMNS]
    repeated = sorted(name for name in COLUMNS if names.count(name) > 1)
    faults = []
    if missing:
        faults.append(f"Missing: {', '.join(missing)}.")
    if unknown:
        more = " and more" if len(unknown) > 10 else ""
        faults.append(
            f"Unknown: {', '.join(unknown[:10])}{more}. Remove what Candour does not need; it"
            " stores nothing else about people."
        )
    if repeated:
        faults.append(f"Twice: {', '.join(repeated)}. Keep one.")
    if faults:
        raise Refused("heading-faulty", _HEADING, details=tuple(faults))
    return tuple(names)


def _cell_fault(column: str, cell: str) -> str | None:
    """What to do about a faulty cell, by the rules of its column; None where the cell is good."""
    if _CONTROL.search(cell):
        return "Remove the line break or control character."
    if "\ufffd" in cell:
        return "A letter was lost when the file was saved. Write it again and save as “CSV UTF-8”."
    if column == "email":
        return address_fault(tidy_address(cell))
    if len(cell) > LONGEST_CELL:
        return f"{len(cell):,} characters. Shorten to {LONGEST_CELL}."
    return next((remedy for is_wrong, remedy in _CELL_FAULTS[column] if is_wrong(cell)), None)


def secret_in(pasted: str) -> str | None:
    """The secret that stops mails in a pasted text or link, or None where there is none.

    It may come alone, over several lines, or at the end of a link. Whether anybody has it is not
    looked up.

    >>> secret = "a" * 43
    >>> secret_in(f" https://x.example/stop/q1#{secret} ") == secret_in(secret) == secret
    True
    >>> secret_in("not a secret") is None
    True
    """
    without_space = "".join(pasted[:500].split())
    last_part = re.split("[#/]|%23", without_space)[-1]
    return last_part if _SECRET.fullmatch(last_part) else None


def secret_digest(secret: str) -> bytes:
    """The SHA-256 of a stop secret, 32 bytes; only this is stored, never the secret.

    256 random bits need no slow hash (OWASP ASVS 5.0, 6.5.2).
    """
    return hashlib.sha256(secret.encode()).digest()


def trace_of_person(person_id: PersonId) -> str:
    """The SHA-256 of a person's random id: by it an erased person is known in an old copy again.

    It says nothing to anybody who has no copy that still holds the person.
    """
    return f"sha256:{hashlib.sha256(person_id.encode()).hexdigest()}"
