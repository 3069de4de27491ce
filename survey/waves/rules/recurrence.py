"""A survey's own rule of recurrence: RFC 5545, section 3.3.10, without times of the day.

A rule is daily or rarer. The hour is that of the first opening, and every occurrence is a date on
the wall in the survey's zone, so that a change of the clocks moves none of them.
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
_NUMBERED_DAY = re.compile(rf"([+-]?\d{{1,2}})?({_DAYS})", re.ASCII)
_UNTIL = re.compile(r"\d{8}(T\d{6}Z?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rule:
    """A checked rule of recurrence, as RFC 5545 writes it: `RRULE:FREQ=YEARLY;BYMONTH=3`."""

    value: str

    def __str__(self) -> str:
        """The rule as it is written, with RRULE: in front."""
        return self.value

    def occurrences(self, anchor: datetime, zone: str) -> Iterator[datetime]:
        """The openings in order: the anchor as the first, then each later date of the rule.

        All are wall-clock times in this time zone. Without COUNT or UNTIL they do not end.

        >>> rule = Rule("RRULE:FREQ=MONTHLY;INTERVAL=6;COUNT=3")
        >>> [str(day.date()) for day in rule.occurrences(datetime(2027, 1, 11, 9), "Europe/London")]
        ['2027-01-11', '2027-07-11', '2028-01-11']
        """
        parts = dict(_parts(self.value))
        until, count = parts.pop("UNTIL", None), parts.pop("COUNT", None)
        endless = rrulestr(_join_parts(parts), dtstart=anchor)
        later = (day for day in endless if day > anchor)
        if until:
            last = _last_time(until, zone)
            later = takewhile(lambda day: day <= last, later)  # type: ignore[assignment]
        yield anchor
        yield from islice(later, int(count) - 1 if count else None)

    def check(self, anchor: datetime, zone: str, days: int) -> None:
        """Refuses a rule that leads to no later opening, or opens one before the last has closed.

        `anchor` is its first opening, `days` is how long a wave is open. It leads to none where it
        names no day within ten years, or its UNTIL lies before the anchor; a rule whose COUNT or
        UNTIL leaves the first opening alone is not refused.
        """
        until = dict(_parts(self.value)).get("UNTIL")
        if until and _last_time(until, zone) < anchor:
            fault = (
                f"UNTIL={until} lies before the first opening ({anchor:%Y-%m-%d}), so nothing is"
                " left. Write a later date, or leave it out."
            )
            raise Refused("rule-unusable", REFUSED, details=(fault,))
        horizon = anchor + LOOKED_AHEAD
        near = takewhile(lambda day: day <= horizon, self.occurrences(anchor, zone))
        openings = list(islice(near, _COMPARED))
        has_an_end = re.search("COUNT|UNTIL", self.value)
        if len(openings) == 1 and not has_an_end:
            fault = (
                f"It names no day within ten years of {anchor:%Y-%m-%d}. Write one that comes"
                f" round, {EXAMPLE}."
            )
            raise Refused("rule-unusable", REFUSED, details=(fault,))
        gaps = [(later - earlier).days for earlier, later in pairwise(openings)]
        shortest = min(gaps, default=None)
        if shortest is not None and shortest <= days:
            or_shorter = f", or give at most {shortest - 1} days" if shortest > 1 else ""
            fault = (
                f"It opens the next wave {how_many(shortest, 'day')} after one that stays open for"
                f" {days}, and two are never open together. Let it ask more rarely{or_shorter}."
            )
            raise Refused("rule-unusable", REFUSED, details=(fault,))


def read_rule(text: str) -> Rule:
    """Makes a rule of typed text, in capitals and without blanks; refuses all faults at once.

    Each comes with what to write instead.

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
    """A rule's parts in order, each its name and what is written behind the equals sign."""
    parts = value.removeprefix(PREFIX).removesuffix(";").split(";")
    split = (part.partition("=") for part in parts)
    return [(name, values) for name, _, values in split]


def _join_parts(parts: dict[str, str]) -> str:
    """These parts as one text, as RFC 5545 writes them; `_parts` splits it again."""
    return ";".join(f"{name}={values}" for name, values in parts.items())


def _last_time(until: str, zone: str) -> datetime:
    """The last wall-clock time that UNTIL lets through, in this time zone.

    A date means its whole day; a time with Z is one of UTC.
    """
    day = datetime.strptime(until[:8], "%Y%m%d")  # noqa: DTZ007 - a wall-clock time
    if len(until) == 8:
        return datetime.combine(day, time.max)
    last = datetime.strptime(until[:15], "%Y%m%dT%H%M%S")  # noqa: DTZ007
    if until.endswith("Z"):
        local = last.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone))
        return local.replace(tzinfo=None)
    return last


def _faults(parts: list[tuple[str, str]]) -> Iterator[str]:
    """One sentence for each fault of a rule's parts, with what to write instead; none when good."""
    values_by_name = dict(parts)
    frequency = values_by_name.get("FREQ", "")
    if fault := _frequency_fault(frequency):
        yield fault
    times_by_name = Counter(name for name, _ in parts)
    for name, number in times_by_name.items():
        if number > 1:
            yield (
                f"{_repeatable(name)} stands there {number} times. Write it once, with its values"
                " separated by commas."
            )
    for name, values in values_by_name.items():
        if name != "FREQ" and (fault := _part_fault(name, values, frequency)):
            yield fault
    if "COUNT" in values_by_name and "UNTIL" in values_by_name:
        yield "COUNT and UNTIL exclude each other. Keep one of them."
    chooses_days = [name for name in values_by_name if name.startswith("BY")]
    if chooses_days == ["BYSETPOS"]:
        yield (
            "BYSETPOS chooses among the days of another part, and there is none. Add BYDAY, for"
            " example BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1."
        )
    if "BYWEEKNO" in values_by_name and re.search(r"\d", values_by_name.get("BYDAY", "")):
        yield (
            "BYDAY may not have numbers beside BYWEEKNO. Write the day alone, for example BYDAY=MO."
        )


def _frequency_fault(frequency: str) -> str | None:
    """A sentence on a missing, too fine or unknown FREQ and what to write; None when it is good."""
    instead = f"FREQ={', FREQ='.join(FREQUENCIES)}"
    if not frequency:
        return f"FREQ is missing. Start with it: one of {instead}."
    if frequency in _FINER:
        return f"FREQ={frequency} is finer than daily. Write one of {instead}."
    if frequency not in FREQUENCIES:
        return f"FREQ={_repeatable(frequency)} is not known. Write one of {instead}."
    return None


def _part_fault(name: str, values: str, frequency: str) -> str | None:
    """A sentence on what is wrong with one part other than FREQ; None when it is good."""
    if name in {"BYHOUR", "BYMINUTE", "BYSECOND"}:
        return (
            f"{name} is finer than daily. Leave it out: a wave opens at the hour of the first"
            " opening."
        )
    if name not in _PARTS:
        return (
            f"{_repeatable(name) or 'An empty part'} is not a part of a rule. Leave it out;"
            f" RFC 5545 has FREQ, {', '.join(_PARTS)}."
        )
    is_good, instead, only_with = _PARTS[name]
    if only_with and frequency in FREQUENCIES and frequency not in only_with:
        return (
            f"{name} does not go with FREQ={frequency}. Leave it out, or write"
            f" FREQ={' or FREQ='.join(only_with)}."
        )
    all_good = all(is_good(value, frequency) for value in values.split(","))
    takes_several = name.startswith("BY")
    if not all_good or ("," in values and not takes_several):
        return f"{name}={_repeatable(values)} is not possible. Write {instead}."
    return None


def _repeatable(text: str) -> str:
    """Typed text as a message may repeat it: 40 characters, or … where it is not printable."""
    return text[:40] if text.isprintable() else "…"


def _between(low: int, high: int, *, signed: bool = False) -> Callable[[str, str], bool]:
    """Makes a check for whole numbers from `low` to `high`; with `signed`, + or - may lead."""
    form = re.compile(r"[+-]?\d{1,4}" if signed else r"\d{1,4}", re.ASCII)
    return lambda value, _: bool(form.fullmatch(value)) and low <= abs(int(value)) <= high


def _is_day(value: str, frequency: str) -> bool:
    """Whether BYDAY may hold this value: a day, with a number where the frequency allows one."""
    day = _NUMBERED_DAY.fullmatch(value)
    if not day:
        return False
    if day[1] is None:
        return True
    highest = {"MONTHLY": 5, "YEARLY": 53}.get(frequency, 0)
    return 1 <= abs(int(day[1])) <= highest


def _is_until(value: str, _frequency: str) -> bool:
    """Whether UNTIL may hold this value: a date, or a date and time, that exists."""
    if not _UNTIL.fullmatch(value):
        return False
    try:
        return _last_time(value, "UTC").year >= 1
    except (ValueError, OverflowError):
        return False


# Of each part: what it may hold, what to write when it does not, and the frequencies it goes with
# (RFC 5545; none named: all).
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
