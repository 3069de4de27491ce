"""One reader of tables saved as text.

Encodings, separators, numbers of rows and lines, and what is no table at all.
"""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.kernel.errors import Refused
from survey.kernel.tabular import SEPARATORS, Table, TableRow, as_table, decode_text, read_table

LARGEST = 1024 * 1024
KNOWN = frozenset({"date", "name", "günther"})


def table(content: bytes) -> Table:
    return read_table(content, KNOWN.__contains__, largest=LARGEST, advice="Split it.")


def records(content: bytes) -> list[TableRow]:
    return list(table(content).records())


def cells(content: bytes) -> list[tuple[str, ...]]:
    return [record.cells for record in records(content)]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("date,name\n1,Gü\n".encode(), "utf-8"),
        ("date,name\n1,Gü\n".encode("utf-8-sig"), "utf-8"),
        ("date,name\n1,Gü\n".encode("cp1252"), "windows-1252"),
        ("date,name\r\n1,Gü\r\n".encode(), "utf-8"),
        ("date,name\r1,Gü\r".encode("cp1252"), "windows-1252"),
        ("date;name\n1;Gü".encode(), "utf-8"),
        ("date\tname\n1\tGü".encode(), "utf-8"),
        ('"date", "name"\n1, "Gü"\n'.encode(), "utf-8"),
    ],
)
def test_a_table_is_read_however_it_was_saved(content: bytes, encoding: str) -> None:
    assert table(content).encoding == encoding
    assert cells(content) == [("date", "name"), ("1", "Gü")]


@pytest.mark.parametrize(
    ("first", "separator"),
    [
        ("date,name", ","),
        ("DATE ; Name", ";"),
        ("date;first,second,third,fourth", ";"),  # one known column says more than three commas
        ('"date";"a, b, c, d"', ";"),
        (
            '"a, b, c";"d, e, f"',
            ";",
        ),  # nothing is known, and what stands in quotation marks separates nothing
        ("a\tb, c\td", "\t"),
        ("Günther;x", ";"),
        ("date", ","),
        ("", ","),
        ("\n\n  \ndate;name", ";"),
    ],
)
def test_the_separator_is_the_one_that_makes_sense_of_the_first_line(
    first: str, separator: str
) -> None:
    assert table(first.encode()).separator == separator


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            "date,name\n".encode("utf-16"),
            "not text in UTF-8 or Windows-1252. Save it as “CSV UTF-8”",
        ),
        ("date,name\n".encode("utf-16-le"), "not text"),
        ("date,name\n".encode("utf-16-be"), "not text"),
        ("date,name\n".encode("utf-32"), "not text"),
        (b"\xef\xbb\xbfdate,Ren\xe9\n", "not text"),  # its mark says UTF-8, and it is not
        (b"date,\x81\n", "not text"),  # no letter of Windows-1252
        (b"PK\x03\x04date,name\n", "spreadsheet file, not a CSV"),
        (b"\xd0\xcf\x11\xe0date,name\n", "spreadsheet file, not a CSV"),
        (b"x" * (LARGEST + 1), "larger than 1 MiB. Split it."),
    ],
)
def test_what_is_no_text_is_refused_with_a_remedy(content: bytes, says: str) -> None:
    with pytest.raises(Refused, match=says):
        table(content)


def test_a_single_nul_is_left_for_the_reader_of_its_cell() -> None:
    assert cells(b"date,name\n1,a\x00b\n") == [("date", "name"), ("1", "a\x00b")]


def test_blank_lines_count_and_lines_are_those_of_the_file() -> None:
    assert records(b'\ndate,name\n\n"1","a\nb"\n , \n2,c\n') == [
        TableRow(2, 2, ("date", "name")),
        TableRow(4, 4, ("1", "a\nb")),
        TableRow(5, 6, ("", "")),
        TableRow(6, 7, ("2", "c")),
    ]


@pytest.mark.parametrize(
    ("content", "broken"),
    [
        (
            b'date,name\n1,"a" b\n2,c\n',
            TableRow(2, 2, (), "a quotation mark is missing or out of place"),
        ),
        (
            b"date,name\n1," + b"x" * 200_000 + b"\n2,c\n",
            TableRow(2, 2, (), "a cell is far too long"),
        ),
    ],
)
def test_a_broken_record_hides_no_other(content: bytes, broken: TableRow) -> None:
    assert records(content) == [
        TableRow(1, 1, ("date", "name")),
        broken,
        TableRow(3, 3, ("2", "c")),
    ]


def test_a_quotation_mark_that_never_ends_is_named_where_it_begins() -> None:
    assert records(b'date,name\n1,a\n2,"b\n3,c\n')[2:] == [
        TableRow(3, 3, (), "a quotation mark is missing or out of place")
    ]


def test_a_text_can_be_looked_at_before_it_is_taken_for_a_table() -> None:
    text = decode_text("date;name\n".encode("utf-8-sig"), largest=LARGEST, advice="")
    assert (text.content, text.encoding) == ("date;name\n", "utf-8")
    assert as_table(text, KNOWN.__contains__) == Table("date;name\n", "utf-8", ";")


def test_a_table_is_read_again_from_its_beginning() -> None:
    read = table(b"date,name\n1,a\n")
    assert list(read.records()) == list(read.records())


written = st.lists(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=9),
        min_size=2,
        max_size=4,
    ),
    min_size=1,
    max_size=6,
)


@given(written, st.sampled_from(SEPARATORS), st.sampled_from(["\n", "\r\n", "\r"]))
def test_what_was_written_is_read_cell_by_cell(
    rows: list[list[str]], separator: str, end: str
) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(
        [["date", "name"], *rows]
    )
    assert cells(file.getvalue().encode()) == [("date", "name"), *map(tuple, rows)]


@given(st.binary(max_size=300))
def test_any_octets_give_records_or_a_refusal(content: bytes) -> None:
    try:
        rows = records(content)
    except Refused:
        return
    assert all(bool(record.cells) is not bool(record.fault) for record in rows)
    assert [record.number for record in rows] == sorted({record.number for record in rows})
