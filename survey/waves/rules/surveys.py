"""Survey programmes: cadence, openings and periods."""

import calendar
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import count, islice, pairwise

from survey.kernel.errors import Refused
from survey.kernel.workdays import NONE_LISTED, next_working_day
from survey.providers.rules import ProviderId
from survey.questionnaires.rules import QuestionnaireSlug
from survey.waves.rules.ids import SurveyId, SurveySlug
from survey.waves.rules.recurrence import PREFIX, Rule, read_rule
from survey.waves.rules.waves import REMINDERS, Wave

BASELINE_WAVES = 2
NEAR = timedelta(days=30)
MOST_OPENINGS = 10_000  # of a survey: more than anybody will hold


class Cadence(StrEnum):
    """How often a survey asks, where it has no rule of recurrence."""

    QUARTERLY = "quarterly"
    MONTHLY = "monthly"
    MONTHLY_THIRDS = "monthly-thirds"

    @property
    def months(self) -> int:
        """How many months lie between one planned opening and the next."""
        return 3 if self is Cadence.QUARTERLY else 1


@dataclass(frozen=True, slots=True)
class Survey:
    """A survey programme: whom it asks about which provider, what, and how often, in waves.

    `days` is how long a wave is open; `state` is active, paused or ended.
    """

    id: SurveyId
    slug: SurveySlug
    name: str
    provider_id: ProviderId
    questionnaire: QuestionnaireSlug
    cadence: Cadence | Rule
    opens: datetime  # wall clock, no zone: the anchor of all later openings
    days: int
    timezone: str
    audience: str
    baseline_waves: int
    state: str
    reminders: int = REMINDERS


@dataclass(frozen=True, slots=True)
class PlannedOpening:
    """One opening that a survey's cadence plans, with its period, numbered from 0.

    `nominal` is the date that the cadence names, `opens` is when the wave really opens.
    """

    number: int
    period: str
    nominal: datetime
    opens: datetime


def read_cadence(text: str) -> Cadence | Rule:
    """Makes a cadence or rule of typed text; refuses an unknown one, all faults of a rule at once.

    >>> read_cadence("monthly"), str(read_cadence("RRULE:FREQ=YEARLY"))
    (<Cadence.MONTHLY: 'monthly'>, 'RRULE:FREQ=YEARLY')
    """
    if text.strip().upper().startswith(PREFIX):
        return read_rule(text)
    if text not in {cadence.value for cadence in Cadence}:
        known = f"{', '.join(Cadence)}, or a rule such as {PREFIX}FREQ=MONTHLY;INTERVAL=6"
        raise Refused(
            "cadence-not-offered", f"The cadence {text[:80]!r} is not offered. Use {known}"
        )
    return Cadence(text)


def half_period(survey: Survey, period: str | None) -> timedelta:
    """Half of the time from the opening of this period to the next opening.

    Where a rule ends, it is half of the time from the opening before. A wave outside the cadence
    (`period` is None) takes the survey's first period; a survey of a single wave, half a quarter.

    >>> rule = read_rule("RRULE:FREQ=WEEKLY;INTERVAL=4")
    >>> opens = datetime(2027, 1, 11, 9)
    >>> survey = Survey("", "", "", "", "", rule, opens, 14, "UTC", "all", 2, "active")
    >>> half_period(survey, "2027-02-08").days
    14
    """
    if isinstance(survey.cadence, Cadence):
        return timedelta(days=15 * survey.cadence.months)
    dates: list[datetime] = []
    is_following = False
    for opening in islice(planned_openings(survey), MOST_OPENINGS if period else 2):
        dates.append(opening.nominal)
        if is_following:
            break
        is_following = opening.period == period
    gaps = [later - earlier for earlier, later in pairwise(dates)] or [timedelta(days=90)]
    return gaps[-1] / 2


def is_missed(wave: Wave, survey: Survey, now: datetime) -> bool:
    """Whether a wave's opening is late by more than half its period, so it no longer opens."""
    late = now - wave.opens_at
    if late <= timedelta(0):
        return False
    return late > half_period(survey, None if wave.one_off else wave.period)


def planned_openings(
    survey: Survey, holidays: AbstractSet[date] = NONE_LISTED
) -> Iterator[PlannedOpening]:
    """All planned openings of a survey in order, on working days but for the first; may not end.

    They are computed from the first one, never from the last wave, so that nothing drifts. A
    missing day means the month's last; a weekend or a listed holiday moves to the next working day.
    The first opening is kept as typed. A rule may end; without one there is always a next opening.
    """
    for number, nominal in enumerate(_nominal_openings(survey)):
        day = nominal.date()
        if number > 0:
            day = next_working_day(day, holidays)
        period = _period_of(survey.cadence, nominal)
        yield PlannedOpening(number, period, nominal, datetime.combine(day, survey.opens.time()))


def _nominal_openings(survey: Survey) -> Iterator[datetime]:
    """The wall-clock times that the cadence names, working days or not, in order; may not end."""
    if isinstance(survey.cadence, Rule):
        yield from survey.cadence.occurrences(survey.opens, survey.timezone)
        return
    for number in count():
        months = survey.opens.month - 1 + number * survey.cadence.months
        year, month = survey.opens.year + months // 12, months % 12 + 1
        _, last_of_month = calendar.monthrange(year, month)
        day = date(year, month, min(survey.opens.day, last_of_month))
        yield datetime.combine(day, survey.opens.time())


def _period_of(cadence: Cadence | Rule, nominal: datetime) -> str:
    """The name of the period of an opening: `2027-q1`, `2027-01`, or of a rule the date."""
    if isinstance(cadence, Rule):
        return f"{nominal:%Y-%m-%d}"
    if cadence is Cadence.QUARTERLY:
        return f"{nominal.year}-q{(nominal.month + 2) // 3}"
    return f"{nominal:%Y-%m}"


def planned_opening(
    survey: Survey, number: int, holidays: AbstractSet[date] = NONE_LISTED
) -> datetime:
    """The wall-clock time of a survey's planned opening number 0, 1, 2 and so on.

    The opening must exist: a rule may end before.

    >>> from survey.waves.rules.surveys import Cadence, Survey
    >>> cadence, opens = Cadence.QUARTERLY, datetime(2026, 1, 31, 9)
    >>> survey = Survey("", "", "", "", "", cadence, opens, 14, "UTC", "all", 2, "active")
    >>> [str(planned_opening(survey, number).date()) for number in range(4)]
    ['2026-01-31', '2026-04-30', '2026-07-31', '2026-11-02']
    >>> str(planned_opening(survey, 1, {date(2026, 4, 30), date(2026, 5, 1)}).date())
    '2026-05-04'
    """
    return next(islice(planned_openings(survey, holidays), number, None)).opens


def period_key(survey: Survey, number: int) -> str:
    """The name of the period that a survey's opening number 0, 1, 2 and so on belongs to.

    It is like `2027-q1`, for a monthly survey `2027-01`, for a rule a date.

    >>> cadence, opens = Cadence.QUARTERLY, datetime(2027, 1, 11, 9)
    >>> survey = Survey("", "", "", "", "", cadence, opens, 14, "UTC", "all", 2, "active")
    >>> period_key(survey, 0), period_key(survey, 5)
    ('2027-q1', '2028-q2')
    """
    return next(islice(planned_openings(survey), number, None)).period


def next_planned_opening(
    survey: Survey, after: datetime, holidays: AbstractSet[date] = NONE_LISTED
) -> PlannedOpening | None:
    """The first planned opening after this wall-clock time; None when the rule has ended."""
    openings = islice(planned_openings(survey, holidays), MOST_OPENINGS)
    return next((opening for opening in openings if opening.opens > after), None)


def opening_of_period(
    survey: Survey, period: str, holidays: AbstractSet[date] = NONE_LISTED
) -> PlannedOpening | None:
    """The planned opening of this period; None where the cadence names no such period."""
    openings = islice(planned_openings(survey, holidays), MOST_OPENINGS)
    return next((opening for opening in openings if opening.period == period), None)
