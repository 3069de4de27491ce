"""Surveys and waves as values, and what may be decided about them."""

import calendar
import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import count, islice, pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from survey.kernel.errors import Refused
from survey.kernel.plurals import how_many
from survey.kernel.workdays import NONE_LISTED, add_working_days, next_working_day
from survey.waves.recurrence import PREFIX, Rule, read_rule

MINIMUM_INVITED = 8
MINIMUM_GROUP = 5
MINIMUM_DETAIL = 10
CONFIDENCE = 0.95
CLOSING_TIME = time(17, 0)
LONGEST_EXTENSION = 7
BASELINE_WAVES = 2
REMINDERS, MOST_REMINDERS = 1, 2
# Working days: what employees are promised, and what the pages and letters of managers hold to.
DAYS_TO_SHARE, DAYS_TO_SHARE_THIRDS = 3, 5  # from the close; of thirds from the close of the last
DAYS_TO_REPLY = 10  # from the day on which the findings were shared
DAYS_TO_FOLLOW_UP = 5  # from the day by which the reply was due
WAITS = "{wave} is closed and waits for its representative: candour ceremony export {wave} FILE"
FIRST_YEAR, LAST_YEAR = 1990, 2990
NOT_OPENED = "not opened in time"
ENDED = "the survey was ended"
NEAR = timedelta(days=30)
FURTHEST = 10_000  # openings of a survey: more than anybody will hold


class WaveState(StrEnum):
    """The life of a wave, in order; `VOID` is its other end."""

    PLANNED = "planned"
    OPEN = "open"
    CLOSED = "closed"
    COUNTED = "counted"
    SHARED = "shared"
    VOID = "void"


class Cadence(StrEnum):
    """How often a survey asks."""

    QUARTERLY = "quarterly"
    MONTHLY = "monthly"
    MONTHLY_THIRDS = "monthly-thirds"

    @property
    def months(self) -> int:
        """Months from one planned opening to the next."""
        return 3 if self is Cadence.QUARTERLY else 1


@dataclass(frozen=True, slots=True)
class Survey:
    """A standing programme: provider, questionnaire, audience, cadence."""

    id: str
    slug: str
    name: str
    provider_id: str
    questionnaire: str
    cadence: Cadence | Rule
    opens: datetime  # wall clock, no zone: the anchor of all later openings
    days: int
    timezone: str
    audience: str
    baseline_waves: int
    state: str
    reminders: int = REMINDERS


@dataclass(frozen=True, slots=True)
class Opening:
    """One planned opening of a survey: its number, the key of its period, the date that the cadence names, and when it really opens."""

    number: int
    period: str
    nominal: datetime
    opens: datetime


@dataclass(frozen=True, slots=True)
class Target:
    """What a measure is held to, as shares from 0 to 1: aimed for, inadequate below, excellent above."""

    target: float
    minimum: float | None = None
    stretch: float | None = None

    def __post_init__(self) -> None:
        """Refuses shares outside 0..1 and an order other than minimum < target < stretch."""
        for name in ("target", "minimum", "stretch"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise Refused(f"The {name} is {value:g}; write a share between 0 and 1, for example 0.8 for 80%.")
        if self.minimum is not None and self.minimum >= self.target:
            raise Refused(f"The minimum ({self.minimum:g}) must lie below the target ({self.target:g}).")
        if self.stretch is not None and self.stretch <= self.target:
            raise Refused(f"The stretch ({self.stretch:g}) must lie above the target ({self.target:g}).")


@dataclass(frozen=True, slots=True)
class Group:
    """One reporting group of the frozen partition: the departments it holds and how many people were invited."""

    name: str
    invited: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CoKey:
    """The public half of an employee representative's key, and who holds the other half."""

    name: str
    public: bytes


@dataclass(frozen=True, slots=True)
class Wave:
    """One dated run of a survey; what launching froze is empty while it is planned."""

    id: str
    slug: str
    survey_id: str
    survey: str
    provider_id: str
    period: str
    state: WaveState
    opens: datetime  # wall clock in `timezone`
    closes: datetime
    timezone: str
    audience: str
    invited: int
    questionnaire_version: str | None
    minimum_group: int
    minimum_detail: int
    targets: dict[str, Target]
    groups: tuple[Group, ...]
    public_key: bytes | None
    imported: bool
    baseline: bool
    one_off: bool
    closed_early: str | None
    void_reason: str | None
    extended_days: int
    co_keys: tuple[CoKey, ...] = ()
    key_missing_since: datetime | None = None
    reminders: int = REMINDERS
    quarter: str | None = None  # of monthly thirds: the period that the third belongs to, or that the pool is the result of
    third: int | None = None

    @property
    def is_third(self) -> bool:
        """Whether it asks one third of the staff, so that it carries a score and no verdict."""
        return self.third is not None

    @property
    def is_pool(self) -> bool:
        """Whether nobody was asked by it: it is what the three thirds of a quarter come to."""
        return self.quarter is not None and self.third is None

    @property
    def stands_at(self) -> datetime:
        """Its place among the waves of its survey: the opening, but of a pool the closing, so that it follows its thirds."""
        return self.closes if self.is_pool else self.opens

    holidays: frozenset[date] = NONE_LISTED  # as listed now, near its dates

    @property
    def named(self) -> str:
        """Survey and period as a person names them: `IT support, Q1 2027`."""
        return f"{self.survey}, {named_period(self.period, self.opens.date())}"

    @property
    def opens_at(self) -> datetime:
        """The instant of opening."""
        return instant(self.opens, self.timezone)

    @property
    def closes_at(self) -> datetime:
        """The instant after which no answer is taken."""
        return instant(self.closes, self.timezone)

    def takes_answers(self, now: datetime) -> bool:
        """Whether an answer sent now counts: by the clock, not by the state alone, so that a late tick lengthens nothing."""
        return self.state is WaveState.OPEN and now < self.closes_at

    @property
    def is_strict(self) -> bool:
        """Whether a representative's key is needed beside the wave's own to open its answers."""
        return bool(self.co_keys)

    @property
    def is_published(self) -> bool:
        """Whether its findings may be read."""
        return self.state in {WaveState.COUNTED, WaveState.SHARED}


def instant(wall: datetime, zone: str) -> datetime:
    """A wall-clock time as an instant; one that does not exist takes the offset before the gap, one that comes twice
    means the first (RFC 5545; `zoneinfo` with fold=0).

    >>> instant(datetime(2027, 4, 12, 9, 0), "Europe/London").isoformat()
    '2027-04-12T08:00:00+00:00'
    >>> instant(datetime(2027, 3, 28, 1, 30), "Europe/London").isoformat()
    '2027-03-28T01:30:00+00:00'
    """  # noqa: D205
    return wall.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(ZoneInfo("UTC"))


def wall_clock(moment: datetime, zone: str) -> datetime:
    """An instant as the clock on the wall shows it, to the minute."""
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None, second=0, microsecond=0)


def printed(wall: datetime, zone: str, *, several_zones: bool = False) -> str:
    """A moment as an employee reads it: weekday, date and hour, and the zone where staff sit in several.

    >>> printed(datetime(2027, 1, 25, 17, 0), "Europe/London", several_zones=True)
    'Monday 25 January, 17:00 GMT'
    """
    text = f"{wall:%A} {wall.day} {wall:%B}, {wall:%H:%M}"
    return f"{text} {wall.replace(tzinfo=ZoneInfo(zone)):%Z}" if several_zones else text


def closing_time(opens: datetime, days: int) -> datetime:
    """17:00 on the last day, which is the opening day plus the length; a day later when it opened after 17:00.

    >>> closing_time(datetime(2027, 1, 11, 9, 0), 14)
    datetime.datetime(2027, 1, 25, 17, 0)
    """
    late = opens.time() > CLOSING_TIME
    return datetime.combine(opens.date() + timedelta(days=days + late), CLOSING_TIME)


def times_when_opened(opens: datetime, closes: datetime, wall: datetime) -> tuple[datetime, datetime]:
    """Opening and closing of a wave planned for these times that really opens at `wall`: its length in days is kept.

    Some late hours of the planned day move nothing.

    >>> [str(time) for time in times_when_opened(datetime(2027, 1, 11, 9), datetime(2027, 1, 25, 17), datetime(2027, 1, 14, 8))]
    ['2027-01-14 08:00:00', '2027-01-28 17:00:00']
    """
    days = (closes.date() - opens.date()).days - (opens.time() > CLOSING_TIME)
    usual = closes == closing_time(opens, days)
    moved = closing_time(wall, days) if usual else wall + (closes - opens)
    if opens <= wall < closes and (moved == closes if usual else wall.date() == opens.date()):
        return opens, closes
    return wall, moved if moved > wall else wall + (closes - opens)


def read_cadence(text: str) -> Cadence | Rule:
    """A cadence as somebody typed it; refuses an unknown one, and all faults of a rule at once.

    >>> read_cadence("monthly"), str(read_cadence("RRULE:FREQ=YEARLY"))
    (<Cadence.MONTHLY: 'monthly'>, 'RRULE:FREQ=YEARLY')
    """
    if text.strip().upper().startswith(PREFIX):
        return read_rule(text)
    if text not in {one.value for one in Cadence}:
        known = f"{', '.join(Cadence)}, or a rule such as {PREFIX}FREQ=MONTHLY;INTERVAL=6"
        raise Refused(f"The cadence {text[:80]!r} is not offered. Use {known}")
    return Cadence(text)


def half_period(survey: Survey, period: str | None) -> timedelta:
    """Half of the time from the opening of this period to the next, or, where a rule ends, from the one before to it.

    A wave outside the cadence (no period) takes the survey's first; a survey of a single wave, a quarter.

    >>> rule = read_rule("RRULE:FREQ=WEEKLY;INTERVAL=4")
    >>> half_period(Survey("", "", "", "", "", rule, datetime(2027, 1, 11, 9), 14, "UTC", "all", 2, "active"), "2027-02-08").days
    14
    """
    if isinstance(survey.cadence, Cadence):
        return timedelta(days=15 * survey.cadence.months)
    dates: list[datetime] = []
    found = False
    for one in islice(openings(survey), FURTHEST if period else 2):
        dates.append(one.nominal)
        if found:
            break
        found = one.period == period
    gaps = [later - earlier for earlier, later in pairwise(dates)] or [timedelta(days=90)]
    return gaps[-1] / 2


def is_missed(wave: Wave, survey: Survey, now: datetime) -> bool:
    """Whether an opening is late by more than half its period, so that the wave is not held any more."""
    late = now - wave.opens_at
    return late > timedelta(0) and late > half_period(survey, None if wave.one_off else wave.period)


def days_lost(wave: Wave, outages: Sequence[tuple[datetime, datetime]], now: datetime) -> int:
    """By how many days an open wave is to be extended because the service was down: the whole days of outages that began while it
    was open, or were under way when it opened; at most 7, and none when that would be too late or it was extended before.

    What lies behind the closing time counts as well, else whoever meant to answer on the last day could not.
    """  # noqa: D205
    if wave.state is not WaveState.OPEN or wave.extended_days:
        return 0
    during = [(begun, ended) for begun, ended in outages if begun < wave.closes_at and ended > wave.opens_at]
    lost = sum((ended - max(begun, wave.opens_at)) // timedelta(days=1) for begun, ended in during)
    days = min(lost, LONGEST_EXTENSION)
    return days if instant(wave.closes + timedelta(days=days), wave.timezone) > now else 0


def openings(survey: Survey, holidays: AbstractSet[date] = NONE_LISTED) -> Iterator[Opening]:
    """All planned openings in order, computed from the anchor, never from the last wave, so nothing drifts.

    A missing day means the month's last; a weekend or a listed holiday moves to the next working day. The anchor itself is kept as
    typed. A rule may end; without one there is always a next opening.
    """
    for number, nominal in enumerate(_nominal(survey)):
        day = next_working_day(nominal.date(), holidays) if number else nominal.date()
        yield Opening(number, _period(survey.cadence, nominal), nominal, datetime.combine(day, survey.opens.time()))


def _nominal(survey: Survey) -> Iterator[datetime]:
    if isinstance(survey.cadence, Rule):
        yield from survey.cadence.occurrences(survey.opens, survey.timezone)
        return
    for number in count():
        months = survey.opens.month - 1 + number * survey.cadence.months
        year, month = survey.opens.year + months // 12, months % 12 + 1
        day = date(year, month, min(survey.opens.day, calendar.monthrange(year, month)[1]))
        yield datetime.combine(day, survey.opens.time())


def _period(cadence: Cadence | Rule, nominal: datetime) -> str:
    if isinstance(cadence, Rule):
        return f"{nominal:%Y-%m-%d}"
    return f"{nominal.year}-q{(nominal.month + 2) // 3}" if cadence is Cadence.QUARTERLY else f"{nominal:%Y-%m}"


def opening(survey: Survey, number: int, holidays: AbstractSet[date] = NONE_LISTED) -> datetime:
    """The planned opening number 0, 1, 2 ... of a survey.

    >>> from survey.waves.rules import Survey, Cadence
    >>> plan = Survey("", "", "", "", "", Cadence.QUARTERLY, datetime(2026, 1, 31, 9), 14, "UTC", "all", 2, "active")
    >>> [str(opening(plan, n).date()) for n in range(4)]
    ['2026-01-31', '2026-04-30', '2026-07-31', '2026-11-02']
    >>> str(opening(plan, 1, {date(2026, 4, 30), date(2026, 5, 1)}).date())
    '2026-05-04'
    """
    return next(islice(openings(survey, holidays), number, None)).opens


def period_key(survey: Survey, number: int) -> str:
    """The name of the period that opening number `number` belongs to: `2027-q1`, `2027-01` for a monthly survey, a date for a rule.

    >>> plan = Survey("", "", "", "", "", Cadence.QUARTERLY, datetime(2027, 1, 11, 9), 14, "UTC", "all", 2, "active")
    >>> period_key(plan, 0), period_key(plan, 5)
    ('2027-q1', '2028-q2')
    """
    return next(islice(openings(survey), number, None)).period


def following(survey: Survey, after: datetime, holidays: AbstractSet[date] = NONE_LISTED) -> Opening | None:
    """The first planned opening later than this wall-clock time; None when the survey's rule has ended."""
    return next((one for one in islice(openings(survey, holidays), FURTHEST) if one.opens > after), None)


def opening_of(survey: Survey, period: str, holidays: AbstractSet[date] = NONE_LISTED) -> Opening | None:
    """The planned opening of this period; None for a wave outside the cadence."""
    return next((one for one in islice(openings(survey, holidays), FURTHEST) if one.period == period), None)


def named_period(key: str, opened: date) -> str:
    """A wave's period as a person names it; one of a rule, or planned beside the cadence, by its day; any other by its month.

    >>> named_period("2027-q1", date(2027, 1, 11)), named_period("2027-02", date(2027, 2, 1)), named_period("x", date(2026, 11, 30))
    ('Q1 2027', 'February 2027', 'November 2026')
    >>> named_period("2027-03-01", date(2027, 3, 2))
    '1 March 2027'
    """
    quarter = re.fullmatch(r"(\d{4})-q([1-4])", key)
    if quarter:
        return f"Q{quarter[2]} {quarter[1]}"
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", key):
        day = date.fromisoformat(key)
        return f"{day.day} {day:%B %Y}"
    month = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", key)
    return f"{date(int(month[1]), int(month[2]), 1) if month else opened:%B %Y}"


def is_zone(name: str) -> bool:
    """Whether somebody knows this time zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def check_zone(name: str) -> None:
    """Refuses a time zone that nobody knows."""
    if not is_zone(name):
        raise Refused(f"{name[:64]!r} is not a time zone. Write one like Europe/London or UTC.")


def check_year(opens: datetime) -> None:
    """Refuses an opening date that can only be a slip of the pen."""
    if not FIRST_YEAR <= opens.year <= LAST_YEAR:
        raise Refused(f"The wave would open in the year {opens.year}. Check the opening date.")


def check_length(opens: datetime, closes: datetime) -> None:
    """Refuses a wave that would close before it opens, or stay open for longer than a quarter."""
    check_year(opens)
    if closes <= opens:
        raise Refused(
            f"The wave would close ({closes:%Y-%m-%d %H:%M}) before it opens ({opens:%Y-%m-%d %H:%M}). Give a later closing date."
        )
    if closes - opens > timedelta(days=92):
        raise Refused("A wave may be open for 92 days at most. Give an earlier closing date.")


def check_state_change(survey: Survey, to: str) -> None:
    """Refuses to pause, resume or end a survey that is there already, or that was ended for good."""
    if survey.state == "ended":
        raise Refused(f"{survey.name} was ended, and that is for good; its record stays. Plan a new survey: candour surveys add")
    if survey.state == to:
        undo = {"paused": f"To take it up again: candour surveys resume {survey.slug}", "active": "There is nothing to resume."}
        raise Refused(f"{survey.name} is {to} already. {undo[to]}")


def check_not_ended(survey: Survey) -> None:
    """Refuses to plan anything more for a survey that was ended."""
    if survey.state == "ended":
        raise Refused(f"{survey.name} was ended, and that is for good; no wave can be planned. Plan a new survey: candour surveys add")


def check_skips(wave: Wave) -> None:
    """Refuses to skip a wave that has opened: only what is planned can be left out."""
    if wave.state is WaveState.OPEN:
        raise Refused(
            f'{wave.slug} is open already, so it cannot be skipped. Close it early (candour waves close {wave.slug} --early "REASON") or '
            f'give it up unread (candour waves void {wave.slug} --reason "REASON").'
        )
    if wave.state is not WaveState.PLANNED:
        raise Refused(f"{wave.slug} is {wave.state} already; only a planned wave can be skipped. See: candour waves list")


def check_opens(wave: Wave) -> None:
    """Refuses to open a wave that is not planned any more."""
    if wave.state is not WaveState.PLANNED:
        raise Refused(f"{wave.slug} is {wave.state} already; a wave opens once. See: candour waves list")


def check_closes(wave: Wave, now: datetime, reason: str | None) -> None:
    """Refuses to close a wave that is not open, or before its date without a reason."""
    if wave.state is WaveState.PLANNED:
        raise Refused(f"{wave.slug} is not open yet, so it cannot be closed. Open it first: candour waves open {wave.slug}")
    if wave.state is WaveState.VOID:
        raise Refused(f"{wave.slug} is void; there is nothing to count.")
    if now < wave.closes_at and wave.state is WaveState.OPEN and not (reason or "").strip():
        raise Refused(
            f'{wave.slug} is open until {wave.closes:%Y-%m-%d %H:%M} ({wave.timezone}). To close it now, say why: --early "REASON". '
            "The reason is printed in the findings, and the wave will not count for the ladder."
        )


def check_ceremony(wave: Wave) -> None:
    """Refuses a ceremony for a wave that needs none, or not now."""
    if wave.state in {WaveState.COUNTED, WaveState.SHARED}:
        raise Refused(f"{wave.slug} is counted; there is nothing left to open.")
    if wave.state is WaveState.VOID:
        raise Refused(f"{wave.slug} is void; there is nothing to open.")
    if wave.state is WaveState.OPEN and wave.is_strict:
        raise Refused(f"{wave.slug} still takes answers. Its ballots are handed over when it has closed: candour waves close {wave.slug}")
    if not wave.is_strict:
        raise Refused(f"{wave.slug} is not sealed to a representative’s key, so there is no ceremony: it is counted when it closes.")


def check_audience(invited: int) -> None:
    """Refuses a wave so small that nobody could hide in it."""
    if invited < MINIMUM_INVITED:
        raise Refused(
            f"Only {how_many(invited, 'person')} would be invited; a wave needs at least {MINIMUM_INVITED}, or answers could be traced."
        )


def share_by(closed: date, holidays: AbstractSet[date], *, in_thirds: bool = False) -> date:
    """The day by which the provider should have the findings; of thirds `closed` is the last one's.

    >>> str(share_by(date(2027, 1, 25), frozenset()))
    '2027-01-28'
    """
    days = DAYS_TO_SHARE_THIRDS if in_thirds else DAYS_TO_SHARE
    return add_working_days(closed, days, holidays)


def reply_by(shared: date, holidays: AbstractSet[date]) -> date:
    """The day by which the provider has to reply to findings that were shared on a day.

    >>> str(reply_by(date(2027, 1, 28), frozenset()))
    '2027-02-11'
    """
    return add_working_days(shared, DAYS_TO_REPLY, holidays)


def follow_up_by(reply_due: date, holidays: AbstractSet[date]) -> date:
    """The day by which staff should hear what changes.

    >>> str(follow_up_by(date(2027, 2, 11), frozenset()))
    '2027-02-18'
    """
    return add_working_days(reply_due, DAYS_TO_FOLLOW_UP, holidays)
