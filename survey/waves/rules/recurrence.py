"""A survey's own rule of recurrence: RFC 5545, section 3.3.10, from daily on, without times of the day.

The hour is that of the first opening, and every occurrence is a date on the wall in the survey's zone, so that a change of
the clocks moves none of them.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from survey.kernel.errors import Refused
from survey.kernel.plurals import how_many

PREFIX = "RRULE:"
LONGEST = 300
LOOKED_AHEAD = timedelta(days=3660)  # a rule that names no day for ten years is a slip of the pen
EXAMPLE = "for example RRULE:FREQ=MONTHLY;INTERVAL=6 for every half year"
REFUSED = "This rule cannot be used. Nothing was changed."
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_FINER = ("HOURLY", "MINUTELY", "SECONDLY")
_COMPARED = 100
_DAYS = "MO|TU|WE|TH|FR|SA|SU"
_NUMBERED_DAY = re.compile(rf"([+-]?\d{{1,2}})?({_DAYS})")
_UNTIL = re.compile(r"\d{8}(T\d{6}Z?)?")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that has been checked, as RFC 5545 writes it: `RRULE:FREQ=YEARLY;BYMONTH=3`."""

    value: str

    def __str__(self) -> str:
        """The rule as it was given."""
        return self.value

    def occurrences(self, anchor: datetime, zone: str) -> Iterator[datetime]:
        """The anchor, which counts as the first, and then every later date that the rule names, on the clock of the wall.

        >>> rule = Rule("RRULE:FREQ=MONTHLY;INTERVAL=6;COUNT=3")
        >>> [str(day.date()) for day in rule.occurrences(datetime(2027, 1, 11, 9), "Europe/London")]
        ['2027-01-11', '2027-07-11', '2028-01-11']
        """
        parts = dict(_parts(self.value))
        until, count = parts.pop("UNTIL", None), parts.pop("COUNT", None)
        later = (day for day in rrulestr(_written(parts), dtstart=anchor) if day > anchor)
        if until:
            last = _last(until, zone)
            later = takewhile(lambda day: day <= last, later)  # type: ignore[assignment]
        yield anchor
        yield from islice(later, int(count) - 1 if count else None)

    def check(self, anchor: datetime, zone: str, days: int) -> None:
        """Refuses a rule that leaves nothing after this first opening, or opens a wave before the one before it has closed."""
        until = dict(_parts(self.value)).get("UNTIL")
        if until and _last(until, zone) < anchor:
            fault = (
                f"UNTIL={until} lies before the first opening ({anchor:%Y-%m-%d}), so nothing is"
                " left. Write a later date, or leave it out."
            )
            raise Refused("rule-unusable", REFUSED, details=(fault,))
        near = takewhile(lambda day: day <= anchor + LOOKED_AHEAD, self.occurrences(anchor, zone))
        named = list(islice(near, _COMPARED))
        if len(named) == 1 and not re.search("COUNT|UNTIL", self.value):
            fault = (
                f"It names no day within ten years of {anchor:%Y-%m-%d}. Write one that comes"
                f" round, {EXAMPLE}."
            )
            raise Refused("rule-unusable", REFUSED, details=(fault,))
        shortest = min(((later - earlier).days for earlier, later in pairwise(named)), default=None)
        if shortest is not None and shortest <= days:
            fault = (
                f"It opens the next wave {how_many(shortest, 'day')} after one that stays open for"
                f" {days}, and two are never open together. Let it ask more"
                f" rarely{f', or give at most {shortest - 1} days' if shortest > 1 else ''}."
            )
            raise Refused("rule-unusable", REFUSED, details=(fault,))


def read_rule(text: str) -> Rule:
    """A rule as somebody typed it, in capitals and without blanks; refuses all its faults at once, each with what to write instead.

    >>> read_rule("rrule: freq=yearly; bymonth=3").value
    'RRULE:FREQ=YEARLY;BYMONTH=3'
    """
    value = "".join(text.split()).upper()
    if len(value) > LONGEST:
        raise Refused(
            "rule-too-long",
            f"The rule has {len(value)} characters; {LONGEST} are enough for any. Write a shorter"
            f" one, {EXAMPLE}.",
        )
    if faults := tuple(_faults(_parts(value))):
        raise Refused("rule-unusable", REFUSED, details=faults)
    return Rule(value)


def _parts(value: str) -> list[tuple[str, str]]:
    written = (
        part.partition("=") for part in value.removeprefix(PREFIX).removesuffix(";").split(";")
    )
    return [(name, given) for name, _, given in written]


def _written(parts: dict[str, str]) -> str:
    return ";".join(f"{name}={given}" for name, given in parts.items())


def _last(until: str, zone: str) -> datetime:
    """The last moment that UNTIL lets through, on the wall: a date means its whole day, a time with Z is one of UTC."""
    day = datetime.strptime(until[:8], "%Y%m%d")  # noqa: DTZ007 - a wall-clock time
    if len(until) == 8:
        return datetime.combine(day, time.max)
    moment = datetime.strptime(until[:15], "%Y%m%dT%H%M%S")  # noqa: DTZ007
    return (
        moment.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        if until.endswith("Z")
        else moment
    )


def _faults(parts: list[tuple[str, str]]) -> Iterator[str]:
    given, often = dict(parts), Counter(name for name, _ in parts)
    frequency = given.get("FREQ", "")
    if fault := _frequency_fault(frequency):
        yield fault
    for name, number in often.items():
        if number > 1:
            yield (
                f"{_short(name)} stands there {number} times. Write it once, with its values"
                " separated by commas."
            )
    for name, values in given.items():
        if name != "FREQ" and (fault := _fault(name, values, frequency)):
            yield fault
    if "COUNT" in given and "UNTIL" in given:
        yield "COUNT and UNTIL exclude each other. Keep one of them."
    if "BYSETPOS" in given and not any(
        name.startswith("BY") and name != "BYSETPOS" for name in given
    ):
        yield (
            "BYSETPOS chooses among the days of another part, and there is none. Add BYDAY, for"
            " example BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1."
        )
    if "BYWEEKNO" in given and re.search(r"\d", given.get("BYDAY", "")):
        yield (
            "BYDAY may not have numbers beside BYWEEKNO. Write the day alone, for example BYDAY=MO."
        )


def _frequency_fault(frequency: str) -> str | None:
    instead = f"FREQ={', FREQ='.join(FREQUENCIES)}"
    if not frequency:
        return f"FREQ is missing. Start with it: one of {instead}."
    if frequency in _FINER:
        return f"FREQ={frequency} is finer than daily. Write one of {instead}."
    return (
        None
        if frequency in FREQUENCIES
        else f"FREQ={_short(frequency)} is not known. Write one of {instead}."
    )


def _fault(name: str, values: str, frequency: str) -> str | None:
    """What is wrong with one part and what to write instead, if anything is."""
    if name in {"BYHOUR", "BYMINUTE", "BYSECOND"}:
        return (
            f"{name} is finer than daily. Leave it out: a wave opens at the hour of the first"
            " opening."
        )
    if name not in _PARTS:
        return (
            f"{_short(name) or 'An empty part'} is not a part of a rule. Leave it out; RFC 5545 has"
            f" FREQ, {', '.join(_PARTS)}."
        )
    is_good, instead, only_with = _PARTS[name]
    if only_with and frequency in FREQUENCIES and frequency not in only_with:
        return (
            f"{name} does not go with FREQ={frequency}. Leave it out, or write"
            f" FREQ={' or FREQ='.join(only_with)}."
        )
    if not all(is_good(value, frequency) for value in values.split(",")) or (
        "," in values and not name.startswith("BY")
    ):
        return f"{name}={_short(values)} is not possible. Write {instead}."
    return None


def _short(text: str) -> str:
    return text[:40] if text.isprintable() else "…"


def _between(low: int, high: int, *, signed: bool = False) -> Callable[[str, str], bool]:
    form = re.compile(r"[+-]?\d{1,4}" if signed else r"\d{1,4}", re.ASCII)
    return lambda value, _: bool(form.fullmatch(value)) and low <= abs(int(value)) <= high


def _is_day(value: str, frequency: str) -> bool:
    found = _NUMBERED_DAY.fullmatch(value)
    if not found or found[1] is None:
        return found is not None
    return 1 <= abs(int(found[1])) <= {"MONTHLY": 5, "YEARLY": 53}.get(frequency, 0)


def _is_until(value: str, _frequency: str) -> bool:
    if not _UNTIL.fullmatch(value):
        return False
    try:
        return _last(value, "UTC").year >= 1
    except (ValueError, OverflowError):
        return False


# What each part may hold, what to write when it does not, and the frequencies it goes with (RFC 5545; none named: all).
_PARTS: dict[str, tuple[Callable[[str, str], bool], str, tuple[str, ...]]] = {
    "INTERVAL": (_between(1, 1000), "a whole number from 1 on, for example INTERVAL=6", ()),
    "COUNT": (
        _between(1, 1000),
        "how many waves there shall be in all, from 1 on, for example COUNT=8",
        (),
    ),
    "UNTIL": (_is_until, "a date such as UNTIL=20281231", ()),
    "BYDAY": (
        _is_day,
        "days such as BYDAY=MO, or with FREQ=MONTHLY the second Monday, BYDAY=2MO",
        (),
    ),
    "BYMONTHDAY": (
        _between(1, 31, signed=True),
        "days of the month, 1 to 31, or -1 for the last",
        ("DAILY", "MONTHLY", "YEARLY"),
    ),
    "BYYEARDAY": (
        _between(1, 366, signed=True),
        "days of the year, 1 to 366, or -1 for the last",
        ("YEARLY",),
    ),
    "BYWEEKNO": (_between(1, 53, signed=True), "weeks of the year, 1 to 53", ("YEARLY",)),
    "BYMONTH": (_between(1, 12), "months from 1 to 12, for example BYMONTH=3,9", ()),
    "BYSETPOS": (_between(1, 366, signed=True), "a position from 1 on, or -1 for the last", ()),
    "WKST": (
        lambda value, _: bool(re.fullmatch(_DAYS, value)),
        "the day a week starts on, for example WKST=MO",
        (),
    ),
}
