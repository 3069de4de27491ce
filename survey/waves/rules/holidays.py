"""Holidays as somebody hands them in: one date, or a file of them.

A file is a table of lines `date,name`, or a calendar of RFC 5545.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from survey.kernel.errors import Refused
from survey.kernel.plurals import how_many
from survey.kernel.tabular import Table, as_table, comparable_heading, decode_text

EARLIEST, LATEST = date(1990, 1, 1), date(2990, 12, 31)
LONGEST_NAME = 80
MOST = 2000
LARGEST = 10 * 1024 * 1024
MOST_SHOWN = 20
EXAMPLE = "2027-04-26,Spring holiday"
_HEADINGS = ("date", "day")
_DAY = r"\d{4}-\d{2}-\d{2}"


@dataclass(frozen=True, slots=True, order=True)
class Holiday:
    """A day on which nobody works, with its name, which may be empty."""

    day: date
    name: str = ""


@dataclass(frozen=True, slots=True)
class _Event:
    """One event of a calendar file: the number of its first line, and its properties by name."""

    line: int
    properties: dict[str, str]


def read_holiday(day: str, name: str = "") -> Holiday:
    """Makes a holiday of a typed date and name; refuses what is no date, or not printable.

    >>> read_holiday("2027-12-27", " Christmas  Day (substitute) ")
    Holiday(day=datetime.date(2027, 12, 27), name='Christmas Day (substitute)')
    """
    text = day.strip()
    try:
        holiday = date.fromisoformat(text) if re.fullmatch(_DAY, text, re.ASCII) else None
    except ValueError:
        holiday = None
    if holiday is None or not EARLIEST <= holiday <= LATEST:
        raise Refused("day-unreadable", f"{text[:40]!r} is not a date. Write it like 2027-04-26.")
    name = " ".join(name.split())
    if not name.isprintable() or len(name) > LONGEST_NAME:
        raise Refused(
            "holiday-name-unprintable",
            f"The name of {holiday} is too long or holds what cannot be printed. Write at most"
            f" {LONGEST_NAME} characters.",
        )
    return Holiday(holiday, name)


def read_holiday_file(content: bytes) -> tuple[Holiday, ...]:
    """The holidays in a file (table or calendar), by day; refuses a file with any fault.

    It names each faulty line and what is wrong with it. Refuses an empty file and more than 2,000
    days too; a day that is there twice takes its last name.
    """
    text = decode_text(content, largest=LARGEST, advice="Leave out what is long past or far away.")
    if text.content.lstrip().upper().startswith("BEGIN:VCALENDAR"):
        rows = _rows_of_calendar(text.content)
    else:
        rows = _rows_of_table(as_table(text, _is_expected))
    by_day: dict[date, Holiday] = {}
    faults: list[str] = []
    for line, day, name in rows:
        try:
            holiday = read_holiday(day, name)
        except Refused as refused:
            faults.append(f"line {line}: {refused.sentence}")
        else:
            by_day[holiday.day] = holiday
    if faults:
        more = [f"and {len(faults) - MOST_SHOWN} more"] if len(faults) > MOST_SHOWN else []
        raise Refused(
            "holidays-file-faulty",
            "The file was not taken; nothing was changed.",
            details=(*faults[:MOST_SHOWN], *more),
        )
    if not by_day:
        raise Refused(
            "holidays-file-empty",
            f"The file holds no holiday. Write one day a line, for example: {EXAMPLE}",
        )
    if len(by_day) > MOST:
        raise Refused(
            "holidays-file-too-long",
            f"The file holds {how_many(len(by_day), 'day')}; {MOST} are the most. Leave out what is"
            " long past or far away.",
        )
    return tuple(sorted(by_day.values()))


def _is_expected(cell: str) -> bool:
    """Whether a cell of the first line is a date or a heading of a table of holidays."""
    return cell in {*_HEADINGS, "name"} or re.fullmatch(_DAY, cell, re.ASCII) is not None


def _rows_of_table(table: Table) -> Iterator[tuple[int, str, str]]:
    """The number, day and name of each line of a table, as they were written, without its heading.

    Refuses a line that cannot be split into cells.
    """
    is_first = True
    for record in table.records():
        if record.fault:
            raise Refused(
                "holidays-file-unreadable",
                f"Line {record.line} of the file cannot be read: {record.fault}. Write one day a"
                f" line, for example: {EXAMPLE}",
            )
        cells = [cell.strip() for cell in record.cells]
        is_heading = is_first and comparable_heading(cells[0]) in _HEADINGS
        is_first = False
        if any(cells) and not is_heading:
            yield record.line, cells[0], cells[1] if len(cells) > 1 else ""


def _rows_of_calendar(text: str) -> Iterator[tuple[int, str, str]]:
    """The line's number, the day and the name for each whole day of a calendar's events.

    An event of several days is each of them (its end is not part of it). One that recurs, or that
    cannot be read, gives what is wrong with it in the place of the day.
    """
    for event in _events(text):
        begins, ends = event.properties.get("DTSTART", ""), event.properties.get("DTEND", "")
        first, end = _read_day(begins), _read_day(ends)
        if "RRULE" in event.properties or "RDATE" in event.properties:
            yield event.line, "an event that recurs", ""
            continue
        if first is None or (ends and end is None):
            yield event.line, begins or "an event without DTSTART", ""
            continue
        name = re.sub(r"\\([,;\\])", r"\1", event.properties.get("SUMMARY", ""))
        days = max((end - first).days, 1) if end else 1
        for number in range(min(days, MOST)):
            yield event.line, f"{first + timedelta(days=number)}", name


def _unfolded_lines(text: str) -> list[tuple[int, str]]:
    """The lines of a calendar, numbered; one that begins with a blank joins the one before."""
    lines: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line[:1] in {" ", "\t"} and lines:
            first_number, begun = lines[-1]
            lines[-1] = (first_number, begun + line[1:])
        else:
            lines.append((number, line))
    return lines


def _events(text: str) -> Iterator[_Event]:
    """The events (VEVENT) of a calendar's text; everything outside them is left out."""
    event: _Event | None = None
    for number, line in _unfolded_lines(text):
        name, _, value = line.partition(":")
        name, value = name.partition(";")[0].strip().upper(), value.strip()
        if (name, value.upper()) == ("BEGIN", "VEVENT"):
            event = _Event(number, {})
        elif (name, value.upper()) == ("END", "VEVENT") and event:
            yield event
            event = None
        elif event:
            event.properties.setdefault(name, value)


def _read_day(value: str) -> date | None:
    """The day of a date or time as a calendar writes it (20270426); None for anything else."""
    if not re.fullmatch(r"\d{8}(T\d{6}Z?)?", value, re.ASCII):
        return None
    try:
        return date.fromisoformat(value[:8])
    except ValueError:
        return None
