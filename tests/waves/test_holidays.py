"""Holidays in a table or a calendar: taken whole, or refused with every line that is wrong."""

from datetime import date

import pytest

from survey.kernel.errors import Refused
from survey.waves.rules.holidays import MOST, Holiday, read_holiday, read_holiday_file

CALENDAR = b"""BEGIN:VCALENDAR\r
VERSION:2.0\r
BEGIN:VEVENT\r
DTSTART;VALUE=DATE:20270326\r
DTEND;VALUE=DATE:20270327\r
SUMMARY:Good Fri\r
 day\\, Easter\r
UID:x\r
END:VEVENT\r
BEGIN:VEVENT\r
DTSTART;VALUE=DATE:20271227\r
DTEND;VALUE=DATE:20271229\r
SUMMARY:Christmas\r
END:VEVENT\r
BEGIN:VEVENT\r
DTSTART:20270503T000000Z\r
SUMMARY:Early May\r
END:VEVENT\r
END:VCALENDAR\r
"""


@pytest.mark.parametrize(
    "content",
    [
        b"2027-12-27,Christmas\n2027-03-26,Good Friday\n",
        b"date,name\r\n2027-03-26,Good Friday\r\n2027-12-27,Christmas\r\n",
        b"date;name\r\n2027-03-26;Good Friday\r\n2027-12-27;Christmas\r\n",
        b"2027-03-26\tGood Friday\n2027-12-27\tChristmas\n",
        b"DAY, NAME\n2027-03-26, Good Friday\n2027-12-27, Christmas\n",
        (
            b"\xef\xbb\xbfdate,name\n\n2027-03-26,Good Friday\n2027-12-27 , Christmas"
            b" ,more\n2027-12-27,Christmas\n"
        ),
    ],
)
def test_a_table_of_days_is_read(content: bytes) -> None:
    assert read_holiday_file(content) == (
        Holiday(date(2027, 3, 26), "Good Friday"),
        Holiday(date(2027, 12, 27), "Christmas"),
    )


def test_a_name_may_hold_another_separator_and_letters_of_windows() -> None:
    holidays = read_holiday_file("2027-12-27,Noël; à la maison\n".encode("cp1252"))
    assert holidays == (Holiday(date(2027, 12, 27), "Noël; à la maison"),)


def test_a_quotation_mark_that_never_ends_swallows_no_day() -> None:
    with pytest.raises(
        Refused, match="Line 2 of the file cannot be read: a quotation mark is missing"
    ):
        read_holiday_file(b'2027-03-26,Good Friday\n2027-05-03,"Early May\n2027-12-27,Christmas\n')


def test_days_alone_are_enough() -> None:
    assert read_holiday_file(b"2027-03-26\n") == (Holiday(date(2027, 3, 26), ""),)


def test_a_calendar_is_read_with_folded_lines_and_each_of_several_days() -> None:
    assert [(str(one.day), one.name) for one in read_holiday_file(CALENDAR)] == [
        ("2027-03-26", "Good Friday, Easter"),
        ("2027-05-03", "Early May"),
        ("2027-12-27", "Christmas"),
        ("2027-12-28", "Christmas"),
    ]


@pytest.mark.parametrize(
    ("content", "details"),
    [
        (
            b"2027-03-26,Good Friday\n26.12.2027,Boxing Day\n2027-02-30,No day\n",
            ["line 2: '26.12.2027' is not", "line 3: '2027-02-30' is"],
        ),
        (b"1027-03-26\n", ["line 1: '1027-03-26' is not a date"]),
        (b"2027-03-26," + b"x" * 81 + b"\n", ["line 1: The name of 2027-03-26 is too long"]),
        (
            CALENDAR.replace(b"UID:x", b"RRULE:FREQ=YEARLY"),
            ["line 3: 'an event that recurs' is not a date"],
        ),
        (
            CALENDAR.replace(b"DTSTART;VALUE=DATE:20270326", b"DTSTART:soon"),
            ["line 3: 'soon' is not a date"],
        ),
        (
            CALENDAR.replace(b"DTSTART;VALUE=DATE:20270326", b"DTSTAMP:20270326"),
            ["line 3: 'an event without DTSTART'"],
        ),
    ],
)
def test_a_file_with_any_fault_is_refused_line_by_line(content: bytes, details: list[str]) -> None:
    with pytest.raises(Refused, match="nothing was changed") as refused:
        read_holiday_file(content)
    assert len(refused.value.details) == len(details)
    assert all(
        said.startswith(wanted) for said, wanted in zip(refused.value.details, details, strict=True)
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "holds no holiday"),
        (b"BEGIN:VCALENDAR\nEND:VCALENDAR\n", "holds no holiday"),
        (b"\xff\xfe2\x000\x00", "UTF-8"),
        (b'2027-03-26,"a\x00b"\n', "nothing was changed"),
        (b"x" * 200_000 + b",y\n", "cannot be read"),
        (
            b"".join(
                b"%d-01-%02d\n" % (year, day) for year in range(1990, 2090) for day in range(1, 32)
            ),
            f"{MOST} are the most",
        ),
    ],
)
def test_what_is_no_list_of_days_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(Refused, match=says):
        read_holiday_file(content)


def test_only_the_first_faults_are_shown() -> None:
    with pytest.raises(Refused, match="The file was not taken") as refused:
        read_holiday_file(b"never\n" * 500)
    assert len(refused.value.details) == 21
    assert refused.value.details[-1] == "and 480 more"


@pytest.mark.parametrize(
    "text", ["", "27.04.2027", "2027-4-1", "2027-02-29", "9999-01-01", "x" * 500, "२०२७-०१-०१"]
)
def test_what_is_no_date_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Refused, match="Write it like 2027-04-26") as refused:
        read_holiday(text)
    assert len(refused.value.sentence) < 120
