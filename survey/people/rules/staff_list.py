"""A staff list as people send it: read whole, every fault with its row and its remedy."""

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
SHOWN = 60

_TOO_LARGE = "A staff list of 500,000 people needs about 30."
_HEADING = (
    f"The first row must name the columns {', '.join(REQUIRED)} and may name"
    f" {', '.join(COLUMNS[3:])}."
)
# Line breaks and other control characters, what nobody sees (soft hyphen, zero-width space), text that runs backwards, lone surrogates.
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
    """Somebody who can be invited; the address is in lower case."""

    id: str
    email: str
    name: str
    department: str
    site: str = ""
    language: str = ""
    leader: bool = False


@dataclass(frozen=True, slots=True)
class StaffRow:
    """One good row of a staff list."""

    email: str
    name: str
    department: str
    site: str = ""
    language: str = ""
    leader: bool = False


@dataclass(frozen=True, slots=True)
class CellFault:
    """What is wrong in a row: its number as a spreadsheet shows it, the column, what was found (shortened), what to do."""

    row: int
    column: str
    found: str
    remedy: str

    def __str__(self) -> str:
        """One line for the command line."""
        return f"row {self.row}, {self.column}: {self.found or 'empty'}. {self.remedy}"


@dataclass(frozen=True, slots=True)
class StaffList:
    """A file as read: which columns it has, its good rows, its faults, and the cells of each faulty row."""

    columns: tuple[str, ...]
    rows: tuple[StaffRow, ...]
    faults: tuple[CellFault, ...]
    refused: Mapping[int, tuple[str, ...]]

    @property
    def size(self) -> int:
        """How many rows the file has, good and bad."""
        return len(self.rows) + len(self.refused)


def read_staff_list(content: bytes) -> StaffList:
    """Reads a CSV (RFC 4180) in UTF-8 or Windows-1252, separated by comma, semicolon or tab, headings in any case and order.

    Refuses in one sentence what is no staff list at all: too large, not text, columns missing, unknown or named twice.
    Faults of single rows come back in the list. A cell that begins like a formula is
    taken as it is, because "-" and "+1 team" are honest entries; whatever writes a spreadsheet makes it harmless.
    """
    records = read_table(
        content, COLUMNS.__contains__, largest=LARGEST, advice=_TOO_LARGE
    ).records()
    heading = next(records, TableRow(1, 1, (), "the file is empty"))
    if heading.fault:
        raise Refused(
            "heading-unreadable",
            f"{_HEADING} Row {heading.number} cannot be read: {heading.fault}.",
        )
    reading = _Reading(_columns(heading.cells))
    for record in records:
        reading.take(record)
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
    """What two spellings of one department share: capitals and the width of letters make no other department.

    >>> spelling_key("SALES") == spelling_key("Sales")
    True
    """
    return unicodedata.normalize("NFKC", department).casefold()


def shortened(text: str) -> str:
    r"""A cell as a message may repeat it: at most 60 characters, control characters made visible.

    >>> shortened("a\x00b") == "a\ufffdb"
    True
    """
    shown = _CONTROL.sub("\ufffd", text[:SHOWN])
    return shown + "…" if len(text) > SHOWN else shown


@dataclass(slots=True)
class _Reading:
    """What has been read so far, and what later rows must not repeat."""

    columns: tuple[str, ...]
    rows: list[StaffRow] = field(default_factory=list)
    faults: list[CellFault] = field(default_factory=list)
    refused: dict[int, tuple[str, ...]] = field(default_factory=dict)
    rows_of: dict[str, int] = field(default_factory=dict)
    spellings: dict[str, tuple[str, int]] = field(default_factory=dict)

    def take(self, record: TableRow) -> None:
        """Adds a row to the good or to the bad ones; rows without any text are passed over."""
        number = record.number
        if record.fault:
            self.faults.append(
                CellFault(
                    number,
                    "row",
                    "not readable",
                    f"{record.fault.capitalize()}. Correct it, here or just above.",
                )
            )
            self.refused[number] = ()
            return
        raw = [unicodedata.normalize("NFC", cell).strip() for cell in record.cells]
        if not any(raw):
            return
        found = self._faults(number, raw)
        if found:
            self.faults += found
            self.refused[number] = tuple(raw)
            return
        values = {
            column: " ".join(cell.split())
            for column, cell in zip(self.columns, raw, strict=False)
            if column
        }
        leader = values.pop("leader", "").lower() in _YES
        self.rows.append(
            StaffRow(**(values | {"email": tidy_address(values["email"])}), leader=leader)
        )

    def _faults(self, number: int, raw: list[str]) -> list[CellFault]:
        width = len(self.columns)
        if any(raw[width:]):
            advice = (
                f"The heading has {width} columns. Put a text that holds the separator in quotation"
                " marks."
            )
            return [CellFault(number, "row", f"{len(raw)} cells", advice)]
        raw += [""] * (width - len(raw))
        pairs = list(zip(self.columns, raw, strict=False))
        found = [
            CellFault(number, column, shortened(cell), remedy)
            for column, cell in pairs
            if (remedy := _cell_fault(column, cell))
        ]
        bad = {fault.column for fault in found}
        for column, cell in pairs:
            if column in {"email", "department"} - bad and (
                remedy := self._repeats(number, column, cell)
            ):
                found.append(CellFault(number, column, shortened(cell), remedy))
        return found

    def _repeats(self, number: int, column: str, cell: str) -> str | None:
        if column == "email":
            first = self.rows_of.setdefault(wire_address(tidy_address(cell)), number)
            return (
                None
                if first == number
                else f"The same address is in row {first}. Keep one of the two."
            )
        name = " ".join(cell.split())
        spelling, row = self.spellings.setdefault(spelling_key(name), (name, number))
        return (
            None
            if spelling == name
            else (
                f"Row {row} spells it “{spelling}”. Use one spelling, or they would be two"
                " departments."
            )
        )


def _columns(heading: Sequence[str]) -> tuple[str, ...]:
    names = [comparable_heading(cell) for cell in heading]
    given = [name for name in names if name]
    faults = []
    if missing := [name for name in REQUIRED if name not in names]:
        faults.append(f"Missing: {', '.join(missing)}.")
    if unknown := [shortened(name) for name in given if name not in COLUMNS]:
        more = " and more" if len(unknown) > 10 else ""
        faults.append(
            f"Unknown: {', '.join(unknown[:10])}{more}. Remove what Candour does not need; it"
            " stores nothing else about people."
        )
    if twice := sorted(
        {shortened(name) for name in given if name in COLUMNS and names.count(name) > 1}
    ):
        faults.append(f"Twice: {', '.join(twice)}. Keep one.")
    if faults:
        raise Refused("heading-faulty", _HEADING, details=tuple(faults))
    return tuple(names)


def _cell_fault(column: str, cell: str) -> str | None:
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
    """The secret that stops mails, in what was pasted: alone, broken over lines, or as the whole link.

    >>> secret_in(" https://x.example/stop/q1#" + "a" * 43 + " ") == secret_in("a" * 43) == "a" * 43
    True
    >>> secret_in("not a secret") is None
    True
    """
    found = re.split("[#/]|%23", "".join(pasted[:500].split()))[-1]
    return found if _SECRET.fullmatch(found) else None


def secret_digest(secret: str) -> bytes:
    """What is stored of a secret: its SHA-256. 256 random bits need no slow hash (OWASP ASVS 5.0, 6.5.2)."""
    return hashlib.sha256(secret.encode()).digest()
