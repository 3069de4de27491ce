"""Reading a staff list: whatever comes, either people or words that say what to do."""

import csv
import io
import re
import unicodedata
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.kernel.addresses import address_fault
from survey.kernel.errors import Refused
from survey.people.rules.refused_rows import refused_rows
from survey.people.rules.staff_list import StaffList, StaffRow, read_staff_list

HEADING = "email,name,department\n"
ADA = StaffRow("ada@northwind.example", "Ada Berg", "Sales")


def faults(content: str) -> list[str]:
    return [str(fault) for fault in read_staff_list((HEADING + content).encode()).faults]


def rows(content: bytes) -> list[StaffRow]:
    staff = read_staff_list(content)
    assert staff.faults == ()
    return list(staff.rows)


@pytest.mark.parametrize(
    "content",
    [
        "email,name,department\nada@northwind.example,Ada Berg,Sales\n",
        "\ufeffemail,name,department\r\nada@northwind.example,Ada Berg,Sales\r\n",
        "email,name,department\rada@northwind.example,Ada Berg,Sales\r",
        "\n\nEMAIL;Department; Name \n\nADA@Northwind.example;  Sales ;Ada   Berg\n;;\n",
        "name\tDepartment\temail\nAda Berg\tSales\tada@northwind.example",
        '"email";"name";"department"\n"ada@northwind.example";"Ada Berg";"Sales"\n',
        "email,name,department,\nada@northwind.example,Ada\u00a0Berg,Sales,\n",
    ],
)
def test_a_file_is_read_however_it_was_saved(content: str) -> None:
    assert rows(content.encode()) == [ADA]


def test_windows_1252_is_understood() -> None:
    assert (
        rows((HEADING + "ada@northwind.example,René Œuvray,Büro\n").encode("cp1252"))[0].name
        == "René Œuvray"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADING.encode("utf-16"), "not text in UTF-8"),
        (HEADING.encode("utf-16-le"), "not text in UTF-8"),
        (HEADING.encode("utf-16-be"), "not text in UTF-8"),
        (
            b"\xef\xbb\xbf" + (HEADING + "ada@northwind.example,Ren\xe9,Sales\n").encode("latin-1"),
            "not text in UTF-8",
        ),
        (HEADING.encode() + b"ada@northwind.example,\x81,Sales\n", "not text in UTF-8"),
        (b"PK\x03\x04\x14\x00\x06\x00" + bytes(range(256)), "Save it as “CSV UTF-8”"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "spreadsheet file"),
        (b"", "the file is empty"),
        (b"\n \n", "Missing: email, name, department"),
        (HEADING.encode(), "no person in it"),
        (b"email,department\n", "Missing: name"),
        (b"email,name,department,salary\n", "Unknown: salary"),
        (b"email,name,department,Name\n", "Twice: name"),
        (b"mail,name,name,age\n", "Missing: email, department. Unknown: mail, age.*Twice: name"),
        (b"x" * 2_000_000 + b",name,department\n", "far too long"),
        (b'"email,name\n', "Row 1 cannot be read: a quotation mark"),
        (Random(1).randbytes(10_000_000), "not text in UTF-8"),
        (HEADING.encode() + b"\x01\n" * 5_000_000, "does not look like a staff list"),
    ],
)
def test_what_is_no_staff_list_is_refused_with_all_that_is_wrong_in_one_go(
    content: bytes, message: str
) -> None:
    with pytest.raises(Refused) as refused:
        read_staff_list(content)
    said = " ".join((refused.value.sentence, *refused.value.details))
    assert "\n" not in said
    assert len(said) < 1000
    assert re.search(message, said), said


def test_all_faults_of_all_rows_come_at_once_by_the_spreadsheets_row() -> None:
    lines = faults(
        "ada@northwind.example,Ada,Sales\n"
        "\n"
        ',"",\n'
        "ADA@northwind.example,Ada again,SALES\n"
        '"bo@northwind.example","Bo\nBerg",Sales\n'
        "cy@northwind,Cy,all\n"
        "di@northwind.example,Di,Sales,more\n"
        ",Ed,\n"
        "ed@northwind.example," + "x" * 121 + ",Sales\n"
    )
    assert lines == [
        "row 5, email: ADA@northwind.example. The same address is in row 2. Keep one of the two.",
        (
            "row 5, department: SALES. Row 2 spells it “Sales”. Use one spelling, or they would be"
            " two departments."
        ),
        "row 6, name: Bo\ufffdBerg. Remove the line break or control character.",
        "row 7, email: cy@northwind. Not a complete address. Add the part after “northwind”.",
        (
            "row 7, department: all. “All” means everybody when a survey is planned. Give the"
            " department another name."
        ),
        (
            "row 8, row: 4 cells. The heading has 3 columns. Put a text that holds the separator in"
            " quotation marks."
        ),
        "row 9, email: empty. Fill in the address.",
        "row 9, department: empty. Fill in a department, or write “none”.",
        f"row 10, name: {'x' * 60}…. 121 characters. Shorten to 120.",
    ]


def test_an_accent_in_two_pieces_makes_no_second_address() -> None:
    (fault,) = faults(
        "ünal@northwind.example,Ünal,Sales\nU\u0308nal@northwind.example,Ünal,Sales\n"
    )
    assert "The same address is in row 2" in fault


@pytest.mark.parametrize("other", ["SALES", "sales", "\uff33ales"])
def test_two_spellings_of_one_department_are_a_fault(other: str) -> None:
    (fault,) = faults(f"ada@northwind.example,Ada,Sales\nbo@northwind.example,Bo,{other}\n")
    assert "Row 2 spells it “Sales”" in fault


def test_an_accent_is_one_letter_however_the_file_composes_it() -> None:
    good_rows = rows(
        f"{HEADING}ada@northwind.example,Ada,B\u00fcro\nbo@northwind.example,Bo,Bu\u0308ro\n".encode()
    )
    assert {row.department for row in good_rows} == {"B\u00fcro"}


@pytest.mark.parametrize("unseen", ["\x07", "\u200b", "\xad", "\u202e", "\x85", "\u2028"])
def test_what_nobody_can_see_is_shown_and_refused(unseen: str) -> None:
    assert faults(f"ada@northwind.example,Ada,Sal{unseen}es\n") == [
        "row 2, department: Sal\ufffdes. Remove the line break or control character."
    ]


@pytest.mark.parametrize("cell", ["x" * 2_000_000, '"' + "x\n" * 60_000 + '"'])
def test_a_huge_cell_costs_its_row_and_hides_no_other(cell: str) -> None:
    staff = read_staff_list(
        f"{HEADING}ada@northwind.example,{cell},Sales\nbo@northwind.example,Bo,Sales\nbad,Cy,Sales\n".encode()
    )
    assert [fault.row for fault in staff.faults] == [2, 4]
    assert max(len(str(fault)) for fault in staff.faults) < 300


def test_a_missing_quotation_mark_names_the_row_where_it_began() -> None:
    assert faults(
        "ada@northwind.example,Ada,Sales\n"
        'bo@northwind.example,"Bo,Sales\n'
        "cy@northwind.example,Cy,Sales\n"
    ) == [
        (
            "row 3, row: not readable. A quotation mark is missing or out of place. Correct it,"
            " here or just above."
        )
    ]


@pytest.mark.parametrize(
    ("cell", "leads"), [("yes", True), ("X", True), ("1", True), ("No", False), ("", False)]
)
def test_a_leader_is_told_in_many_ways(cell: str, *, leads: bool) -> None:
    assert (
        rows(f"leader,email,name,department\n{cell},ada@northwind.example,Ada,Sales\n".encode())[
            0
        ].leader
        is leads
    )


def test_formulas_are_taken_as_they_are() -> None:
    good_rows = rows(f"{HEADING}+1@northwind.example,=HYPERLINK(1),-\n".encode())
    assert good_rows == [StaffRow("+1@northwind.example", "=HYPERLINK(1)", "-")]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@"])
def test_no_cell_of_the_rows_to_correct_can_act_as_a_formula(sign: str) -> None:
    text = refused_rows(
        read_staff_list(f'{HEADING}{sign}cmd|x,"{sign}1+1, ""a""",{sign}2\n'.encode())
    )
    heading, row = csv.reader(io.StringIO(text))
    assert heading == ["row", "what to do", "email", "name", "department"]
    assert row[0] == "2"
    assert row[1].startswith("email: Not a mail address")
    assert row[2:] == [f"'{sign}cmd|x", f'\'{sign}1+1, "a"', f"'{sign}2"]


def is_tame(text: str) -> bool:
    return not {unicodedata.category(character) for character in text} & {"Cc", "Cs", "Zl", "Zp"}


cells = st.text(st.characters(), max_size=20) | st.sampled_from(
    ["ada@northwind.example", "Sales", '"', "\r", "\n", "\x00"]
)
tables = st.lists(st.lists(cells, max_size=5).map(",".join), max_size=8).map(
    lambda lines: "\n".join(lines).encode(errors="surrogatepass")
)


@given(
    st.binary(max_size=400)
    | st.binary(max_size=400).map(HEADING.encode().__add__)
    | tables.map(HEADING.encode().__add__)
)
def test_any_bytes_give_people_or_a_refusal(content: bytes) -> None:
    staff, said = StaffList((), (), (), {}), []
    try:
        staff = read_staff_list(content)
    except Refused as refused:
        said = [refused.sentence, *refused.details]
    assert all(is_tame(line) for line in (*said, *map(str, staff.faults)))
    assert {fault.row for fault in staff.faults} == set(staff.refused)
    assert len({row.email for row in staff.rows}) == len(staff.rows)
    assert all(
        address_fault(row.email) is None and row.name and row.department for row in staff.rows
    )
    written = list(csv.reader(io.StringIO(refused_rows(staff), newline="")))
    assert [row[0] for row in written[1:]] == [str(number) for number in staff.refused]
