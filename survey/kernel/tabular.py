"""The one reader of tables that people save as text (CSV, RFC 4180).

Staff lists, answers of other tools and lists of holidays are read by it. It says what is
where; what the columns mean is for its callers.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

from survey.kernel.errors import Refused

SEPARATORS = ",;\t"
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_MARK = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_WORKBOOK = "This is a spreadsheet file, not a CSV. Save it as “CSV UTF-8” and try again."
_NO_TEXT = "The file is not text in UTF-8 or Windows-1252. Save it as “CSV UTF-8” and try again."
IsKnown = Callable[[str], bool]
_BEGINNING = 1000  # characters, by which we see what a file is
_QUOTED = re.compile(r'"[^"]*"')


class TableRow(NamedTuple):
    """One row of a table: where it is in the file, its cells, and why it cannot be read.

    `number` is its row in a spreadsheet, `line` the line of the file on which it begins. Cells are
    exactly those of the file. A record that cannot be read has none, and `fault` says why.
    """

    number: int
    line: int
    cells: tuple[str, ...]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class DecodedText:
    """The text of a file, and the encoding that it was in."""

    content: str = field(repr=False)
    encoding: str


@dataclass(frozen=True, slots=True)
class Table:
    """The text of a table file and the separator of its cells; `records` reads the rows."""

    content: str = field(repr=False)
    encoding: str
    separator: str

    def records(self) -> Iterator[TableRow]:
        """Yields all rows one by one, headings too; a broken one with its `fault`, without cells.

        A broken row hides none of the others. Blank lines are left out, but count, as in a
        spreadsheet.
        """
        source = io.StringIO(self.content, newline="")
        blanks = self.separator != "\t"  # a tab is a blank itself
        reader = csv.reader(source, delimiter=self.separator, skipinitialspace=blanks, strict=True)
        for number in count(1):
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield TableRow(number, line, (), _reason(error))
            else:
                if cells:
                    yield TableRow(number, line, tuple(cells))


def decode_text(content: bytes, *, largest: int, advice: str) -> DecodedText:
    """Decodes a file from UTF-8 or Windows-1252; refuses large files, workbooks and non-text.

    UTF-8 with or without a byte order mark is tried first. Refuses what has more than `largest`
    octets (`advice` says what to do then), workbooks, UTF-16 and anything else that is no text.
    """
    if len(content) > largest:
        raise Refused(
            "file-too-large",
            f"The file is larger than {largest // 1024**2} MiB. {advice}",
        )
    if content.startswith(_WORKBOOKS):
        raise Refused("spreadsheet-file", _WORKBOOK)
    if content.startswith(_UTF_16):
        raise Refused("no-text-file", _NO_TEXT)
    for encoding in ("utf-8-sig",) if content.startswith(_MARK) else ("utf-8", "windows-1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _has_many_nuls(text):
            break
        return DecodedText(text, encoding.removesuffix("-sig"))
    raise Refused("no-text-file", _NO_TEXT)


def read_table(content: bytes, is_known: IsKnown, *, largest: int, advice: str) -> Table:
    """Decodes a file and finds the separator of its cells; refuses as `decode_text` does.

    `is_known` is asked as in `as_table`.
    """
    return as_table(decode_text(content, largest=largest, advice=advice), is_known)


def as_table(text: DecodedText, is_known: IsKnown) -> Table:
    """Finds the separator: the one that makes most cells of the first line known to `is_known`.

    `is_known` is asked about cells in `comparable_heading` form. Where none or several separators
    do, the most frequent one outside quotation marks counts; without any, it is the comma.
    """
    first = _first_line(text.content)

    def rank(separator: str) -> tuple[int, int]:
        cells = first.replace('"', "").split(separator)
        known = sum(is_known(comparable_heading(cell)) for cell in cells)
        return known, _QUOTED.sub("", first).count(separator)

    return Table(text.content, text.encoding, max(SEPARATORS, key=rank))


def comparable_heading(cell: str) -> str:
    """A heading in the form for comparison: single spaces, no capitals.

    >>> comparable_heading("  Reporting   GROUP ")
    'reporting group'
    """
    return " ".join(cell.split()).casefold()


def _first_line(content: str) -> str:
    """The first line that is not blank, at most 1,000 characters; empty if there is none."""
    lines = io.StringIO(content, newline="")
    return next((line for line in lines if line.strip()), "")[:_BEGINNING]


def _has_many_nuls(text: str) -> bool:
    """Whether over a tenth of a text's beginning is NUL, so it was in another encoding.

    A single NUL does not count here; the reader of its cell deals with it.
    """
    beginning = text[:_BEGINNING]
    return beginning.count("\x00") * 10 > len(beginning)


def _reason(error: csv.Error) -> str:
    """Why a record cannot be read, in words: a cell far too long, or a bad quotation mark."""
    is_long = "limit" in str(error)
    return "a cell is far too long" if is_long else "a quotation mark is missing or out of place"
