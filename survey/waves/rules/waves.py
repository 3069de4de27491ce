"""Surveys and waves as values, and what may be decided about them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from survey.kernel.errors import Refused
from survey.kernel.workdays import NONE_LISTED
from survey.organisation.rules.frozen_promise import FrozenPromise
from survey.organisation.rules.organisation import CommentReader, named_readers
from survey.providers.rules import ProviderId
from survey.questionnaires.rules import QuestionId, VersionId
from survey.waves.rules.ids import SurveyId, WaveId, WaveSlug
from survey.waves.rules.roster import RosterRecord

MINIMUM_GROUP = 5  # answers for a share
MINIMUM_DETAIL = 10  # answers for a mean, a distribution or comments
CONFIDENCE = 0.95
CLOSING_TIME = time(17, 0)
LONGEST_EXTENSION = 7  # days
REMINDERS, MOST_REMINDERS = 1, 2
WAITS = "{wave} is closed and waits for its representative"
NOT_OPENED = "not opened in time"
SURVEY_WAS_ENDED = "the survey was ended"


class WaveState(StrEnum):
    """The states of a wave, in order; it ends as `SHARED` or else as `VOID`."""

    PLANNED = "planned"
    OPEN = "open"
    CLOSED = "closed"
    COUNTED = "counted"
    SHARED = "shared"
    VOID = "void"


class VoidReason(StrEnum):
    """Why a wave is void, for the program; what people read is in `Wave.void_words`."""

    TOO_FEW_ANSWERS = "too-few-answers"  # fewer than its minimum group, when it was counted
    NOT_OPENED = "not-opened"  # more than half its period had passed when it could have opened
    SKIPPED = "skipped"  # left out while it was planned, for a reason that somebody typed
    SURVEY_ENDED = "survey-ended"
    GIVEN_UP = "given-up"  # by hand, unread, for a reason that somebody typed


@dataclass(frozen=True, slots=True)
class Target:
    """The share of good answers that a measure is to reach, with an optional minimum and stretch.

    `target` is aimed for, below `minimum` is inadequate, from `stretch` on is excellent.
    """

    target: float
    minimum: float | None = None
    stretch: float | None = None

    def __post_init__(self) -> None:
        """Refuses shares outside 0 to 1, and an order other than minimum < target < stretch."""
        for name in ("target", "minimum", "stretch"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise Refused(
                    "target-no-share",
                    f"The {name} is {value:g}; write a share between 0 and 1, for example 0.8 for"
                    " 80%.",
                )
        if self.minimum is not None and self.minimum >= self.target:
            raise Refused(
                "minimum-not-below-target",
                f"The minimum ({self.minimum:g}) must lie below the target ({self.target:g}).",
            )
        if self.stretch is not None and self.stretch <= self.target:
            raise Refused(
                "stretch-not-above-target",
                f"The stretch ({self.stretch:g}) must lie above the target ({self.target:g}).",
            )


@dataclass(frozen=True, slots=True)
class ReportingGroup:
    """A group of departments whose answers are reported together, fixed when a wave opens.

    `members` are the departments it holds, `invited` is how many people were invited.
    """

    name: str
    invited: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CoKey:
    """A representative's public key (`public`), and the name of who holds the private half."""

    name: str
    public: bytes


@dataclass(frozen=True, slots=True)
class ReaderChange:
    """That other people read the comments of a wave than its promise named, from a day on.

    `readers` and their `role` are the new ones, `instead_of` says in words who they were before.
    """

    on: date
    readers: tuple[CommentReader, ...]
    role: str
    instead_of: str

    @property
    def in_words(self) -> str:
        """Who read the comments before, who does now, and since when, as a sentence."""
        who = named_readers(self.readers, self.role)
        return (
            f"Since {self.on.day} {self.on:%B %Y} the comments are read by {who}; before, by"
            f" {self.instead_of}."
        )


@dataclass(frozen=True, slots=True)
class Wave:
    """One dated run of a survey; what is fixed only at its opening is empty while it is planned."""

    id: WaveId
    slug: WaveSlug
    survey_id: SurveyId
    survey: str  # its name
    provider_id: ProviderId
    period: str
    state: WaveState
    opens: datetime  # wall clock in `timezone`
    closes: datetime
    timezone: str
    audience: str
    invited: int
    questionnaire_version: VersionId | None
    minimum_group: int
    minimum_detail: int
    targets: dict[QuestionId, Target]
    groups: tuple[ReportingGroup, ...]
    public_key: bytes | None
    imported: bool
    baseline: bool
    one_off: bool
    closed_early: str | None
    void_reason: VoidReason | None
    void_words: str | None
    extended_days: int
    co_keys: tuple[CoKey, ...] = ()
    key_missing_since: datetime | None = None
    reminders: int = REMINDERS
    # Of monthly thirds: the period that a third belongs to, or whose result a pool is.
    quarter: str | None = None
    third: int | None = None
    holidays: frozenset[date] = NONE_LISTED  # as listed now, near its dates
    roster: RosterRecord | None = None  # of waves that were asked before it was kept: None
    # What was promised at its opening; None of waves that opened with unconfirmed facts, long ago.
    promise: FrozenPromise | None = None
    reader_changes: tuple[ReaderChange, ...] = ()

    @property
    def is_third(self) -> bool:
        """Whether it asks one third of the staff, so that it carries a score and no verdict."""
        return self.third is not None

    @property
    def is_pool(self) -> bool:
        """Whether it asked nobody and holds the added-up result of a quarter's three thirds."""
        return self.quarter is not None and self.third is None

    @property
    def stands_at(self) -> datetime:
        """The wall-clock time by which the waves of a survey are put in order.

        It is the opening, but of a pool the closing, so that it follows its thirds.
        """
        return self.closes if self.is_pool else self.opens

    @property
    def named(self) -> str:
        """Survey and period as a person names them: `IT support, Q1 2027`."""
        return f"{self.survey}, {named_period(self.period, self.opens.date())}"

    @property
    def opens_at(self) -> datetime:
        """The instant of opening, in UTC."""
        return to_utc(self.opens, self.timezone)

    @property
    def closes_at(self) -> datetime:
        """The instant, in UTC, from which on no answer is taken."""
        return to_utc(self.closes, self.timezone)

    def takes_answers(self, now: datetime) -> bool:
        """Whether an answer sent now counts: the wave is open and its closing time not reached.

        The clock says so and not the state alone, so that a late pass of the timetable lengthens
        nothing.
        """
        return self.state is WaveState.OPEN and now < self.closes_at

    @property
    def comment_readers(self) -> tuple[CommentReader, ...]:
        """Who alone may read its comments; empty until somebody is named."""
        if self.reader_changes:
            return self.reader_changes[-1].readers
        return self.promise.organisation.readers if self.promise else ()

    @property
    def is_strict(self) -> bool:
        """Whether a representative's key is needed beside the wave's own to open its answers."""
        return bool(self.co_keys)

    @property
    def is_published(self) -> bool:
        """Whether its findings may be read: it is counted or shared."""
        return self.state in {WaveState.COUNTED, WaveState.SHARED}


def to_utc(wall: datetime, zone: str) -> datetime:
    """The instant, in UTC, of a wall-clock time in this time zone.

    A time that does not exist takes the offset before the gap, one that comes twice means the first
    (RFC 5545; `zoneinfo` with fold=0).

    >>> to_utc(datetime(2027, 4, 12, 9, 0), "Europe/London").isoformat()
    '2027-04-12T08:00:00+00:00'
    >>> to_utc(datetime(2027, 3, 28, 1, 30), "Europe/London").isoformat()
    '2027-03-28T01:30:00+00:00'
    """
    return wall.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(ZoneInfo("UTC"))


def to_wall_clock(instant: datetime, zone: str) -> datetime:
    """The wall-clock time, cut to the minute, of an instant in this time zone."""
    return instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None, second=0, microsecond=0)


def printed_time(wall: datetime, zone: str, *, several_zones: bool = False) -> str:
    """A wall-clock time as an employee reads it: weekday, day, month and time, without the year.

    With the zone where staff sit in several.

    >>> printed_time(datetime(2027, 1, 25, 17, 0), "Europe/London", several_zones=True)
    'Monday 25 January, 17:00 GMT'
    """
    text = f"{wall:%A} {wall.day} {wall:%B}, {wall:%H:%M}"
    return f"{text} {wall.replace(tzinfo=ZoneInfo(zone)):%Z}" if several_zones else text


def closing_time(opens: datetime, days: int) -> datetime:
    """The wall-clock time at which a wave of this many days closes: 17:00 on its last day.

    The last day is the opening day plus the length, and a day later when the wave opened after
    17:00.

    >>> closing_time(datetime(2027, 1, 11, 9, 0), 14)
    datetime.datetime(2027, 1, 25, 17, 0)
    """
    if opens.time() > CLOSING_TIME:
        days += 1
    return datetime.combine(opens.date() + timedelta(days=days), CLOSING_TIME)


def times_when_opened(
    opens: datetime, closes: datetime, wall: datetime
) -> tuple[datetime, datetime]:
    """The opening and closing of a wave that was planned for these times and opens at `wall`.

    All are wall-clock times. The length in days is kept. Some late hours of the planned day move
    nothing.

    >>> opens, closes = datetime(2027, 1, 11, 9), datetime(2027, 1, 25, 17)
    >>> [str(time) for time in times_when_opened(opens, closes, datetime(2027, 1, 14, 8))]
    ['2027-01-14 08:00:00', '2027-01-28 17:00:00']
    """
    length = closes - opens
    days = (closes.date() - opens.date()).days - (opens.time() > CLOSING_TIME)
    closes_as_usual = closes == closing_time(opens, days)
    if closes_as_usual:
        moved = closing_time(wall, days)
        moves_nothing = moved == closes
    else:
        moved = wall + length
        moves_nothing = wall.date() == opens.date()
    if opens <= wall < closes and moves_nothing:
        return opens, closes
    return wall, moved if moved > wall else wall + length


def days_lost(wave: Wave, outages: Sequence[tuple[datetime, datetime]], now: datetime) -> int:
    """How many days (0 to 7) an open wave is to be extended for, because the service was down.

    These are the whole days of each of the `outages`, pairs of begin and end, that began while it
    was open, or were under way when it opened; none when that would be too late or it was extended
    before. What lies behind the closing time counts as well, else somebody who meant to answer on
    the last day could not.
    """
    if wave.state is not WaveState.OPEN or wave.extended_days:
        return 0
    lost = 0
    for begun, ended in outages:
        if begun < wave.closes_at and ended > wave.opens_at:
            lost += (ended - max(begun, wave.opens_at)) // timedelta(days=1)
    days = min(lost, LONGEST_EXTENSION)
    new_closing = to_utc(wave.closes + timedelta(days=days), wave.timezone)
    return days if new_closing > now else 0


def named_period(key: str, opened: date) -> str:
    """A wave's period for people: Q1 2027, February 2027 or 1 March 2027; `key` is as stored.

    One of a rule, or planned beside the cadence, is named by its day; any other by its month.

    >>> named_period("2027-q1", date(2027, 1, 11)), named_period("2027-02", date(2027, 2, 1))
    ('Q1 2027', 'February 2027')
    >>> named_period("2027-03-01", date(2027, 3, 2)), named_period("x", date(2026, 11, 30))
    ('1 March 2027', 'November 2026')
    """
    quarter = re.fullmatch(r"(\d{4})-q([1-4])", key)
    if quarter:
        return f"Q{quarter[2]} {quarter[1]}"
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", key):
        day = date.fromisoformat(key)
        return f"{day.day} {day:%B %Y}"
    month = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", key)
    first_day = date(int(month[1]), int(month[2]), 1) if month else opened
    return f"{first_day:%B %Y}"
