"""Holidays as somebody hands them in: one date, or a file of them (a table `date,name`, or a calendar of RFC 5545)."""

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
    """A day on which nobody works, and what it is called; the name may be empty."""

    day: date
    name: str = ""


@dataclass(frozen=True, slots=True)
class _Event:
    line: int
    properties: dict[str, str]


def read_holiday(day: str, name: str = "") -> Holiday:
    """A holiday as typed; refuses what is no date and a name that could not be printed.

    >>> read_holiday("2027-12-27", " Christmas  Day (substitute) ")
    Holiday(day=datetime.date(2027, 12, 27), name='Christmas Day (substitute)')
    """
    text = day.strip()
    try:
        found = date.fromisoformat(text) if re.fullmatch(_DAY, text, re.ASCII) else None
    except ValueError:
        found = None
    if found is None or not EARLIEST <= found <= LATEST:
        raise Refused("day-unreadable", f"{text[:40]!r} is not a date. Write it like 2027-04-26.")
    called = " ".join(name.split())
    if not called.isprintable() or len(called) > LONGEST_NAME:
        raise Refused(
            "holiday-name-unprintable",
            f"The name of {found} is too long or holds what cannot be printed. Write at most"
            f" {LONGEST_NAME} characters.",
        )
    return Holiday(found, called)


def read_holiday_file(content: bytes) -> tuple[Holiday, ...]:
    """The holidays in a file, by day; refuses a file with any fault, naming each line and what is wrong with it."""
    text = decode_text(content, largest=LARGEST, advice="Leave out what is long past or far away.")
    is_calendar = text.content.lstrip().upper().startswith("BEGIN:VCALENDAR")
    rows = _of_calendar(text.content) if is_calendar else _of_table(as_table(text, _is_expected))
    found: dict[date, Holiday] = {}
    faults: list[str] = []
    for line, day, name in rows:
        try:
            holiday = read_holiday(day, name)
        except Refused as refused:
            faults.append(f"line {line}: {refused.sentence}")
        else:
            found[holiday.day] = holiday
    if faults:
        more = [f"and {len(faults) - MOST_SHOWN} more"] if len(faults) > MOST_SHOWN else []
        raise Refused(
            "holidays-file-faulty",
            "The file was not taken; nothing was changed.",
            details=(*faults[:MOST_SHOWN], *more),
        )
    if not found:
        raise Refused(
            "holidays-file-empty",
            f"The file holds no holiday. Write one day a line, for example: {EXAMPLE}",
        )
    if len(found) > MOST:
        raise Refused(
            "holidays-file-too-long",
            f"The file holds {how_many(len(found), 'day')}; {MOST} are the most. Leave out what is"
            " long past or far away.",
        )
    return tuple(sorted(found.values()))


def _is_expected(cell: str) -> bool:
    return cell in {*_HEADINGS, "name"} or re.fullmatch(_DAY, cell, re.ASCII) is not None


def _of_table(table: Table) -> Iterator[tuple[int, str, str]]:
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


def _of_calendar(text: str) -> Iterator[tuple[int, str, str]]:
    """Whole days only; an event of several days is each of them (its end is not part of it), one that recurs is a fault to be named."""
    for event in _events(text):
        begins, ends = event.properties.get("DTSTART", ""), event.properties.get("DTEND", "")
        first, last = _day(begins), _day(ends)
        if "RRULE" in event.properties or "RDATE" in event.properties:
            yield event.line, "an event that recurs", ""
            continue
        if first is None or (ends and last is None):
            yield event.line, begins or "an event without DTSTART", ""
            continue
        name = re.sub(r"\\([,;\\])", r"\1", event.properties.get("SUMMARY", ""))
        for number in range(min(max((last - first).days, 1) if last else 1, MOST)):
            yield event.line, f"{first + timedelta(days=number)}", name


def _events(text: str) -> Iterator[_Event]:
    event: _Event | None = None
    unfolded: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line[:1] in {" ", "\t"} and unfolded:
            unfolded[-1] = (unfolded[-1][0], unfolded[-1][1] + line[1:])
        else:
            unfolded.append((number, line))
    for number, line in unfolded:
        name, _, value = line.partition(":")
        name, value = name.partition(";")[0].strip().upper(), value.strip()
        if (name, value.upper()) == ("BEGIN", "VEVENT"):
            event = _Event(number, {})
        elif (name, value.upper()) == ("END", "VEVENT") and event:
            yield event
            event = None
        elif event:
            event.properties.setdefault(name, value)


def _day(value: str) -> date | None:
    if not re.fullmatch(r"\d{8}(T\d{6}Z?)?", value, re.ASCII):
        return None
    try:
        return date.fromisoformat(value[:8])
    except ValueError:
        return None
