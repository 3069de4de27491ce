"""Planning waves: of the cadence, one-off, in the past, moved by holidays, skipped, given up."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import date, datetime

from sqlalchemy import ColumnElement, select

from survey.access.service.audit import record
from survey.database import db, transaction
from survey.kernel.errors import Refused
from survey.kernel.ids import random_id
from survey.waves.rules import checks, surveys, thirds, waves
from survey.waves.rules.ids import SurveyId, WaveId, WaveSlug
from survey.waves.rules.recurrence import Rule
from survey.waves.rules.surveys import Cadence
from survey.waves.rules.waves import VoidReason, Wave, WaveState
from survey.waves.service.reading import find_wave
from survey.waves.service.rows import (
    listed_holidays,
    locked_survey_row,
    row_held_with_survey,
    survey_of,
    survey_row,
    wave_of,
    waves_in_state,
)
from survey.waves.tables import SurveyRow, WaveRow


def plan_wave(survey_name: str, opens: datetime, closes: datetime) -> Wave:
    """Stores and audits a planned one-off wave of a survey, beside those of its cadence.

    The survey is found by name or slug. Refuses dates that cannot be, an ended survey, a day on
    which a rule opens a wave itself, and a day that has a wave.
    """
    checks.check_wave_length(opens, closes)
    with transaction():
        row = locked_survey_row(survey_name)
        survey, period = survey_of(row), f"{opens:%Y-%m-%d}"
        checks.check_not_ended(survey)
        if isinstance(survey.cadence, Rule) and surveys.opening_of_period(survey, period):
            raise Refused(
                "day-of-cadence",
                f"The cadence of {row.name} has a wave of its own on {period}. Choose another day"
                " for this one.",
            )
        planned = plan_row(row, period, opens, closes, one_off=True)
        record("wave planned", {"wave": planned.slug})
        return wave_of(planned)


def warn_of_overlapping_waves(
    wave: Wave, people: Callable[[str], AbstractSet[str]]
) -> tuple[str, ...]:
    """Sentences that warn of waves about other providers that ask the same people within 30 days.

    One for each such wave; empty when none. Some of the same people are enough; planning such a
    wave is not refused. The planned waves of a survey that is paused or ended ask nobody. `people`
    gives whom an audience means; none while that is not known.
    """
    warnings = []
    for other in waves_in_state(WaveState.PLANNED, WaveState.OPEN):
        if other.provider_id == wave.provider_id:
            continue
        is_near = abs(other.opens_at - wave.opens_at) < surveys.NEAR
        if is_near and _may_overlap(people(other.audience), people(wave.audience)):
            warnings.append(
                f"{other.slug}, about another provider, opens on {other.opens:%Y-%m-%d}: staff are"
                " asked twice within 30 days."
            )
    return tuple(warnings)


def _may_overlap(audience: AbstractSet[str], other: AbstractSet[str]) -> bool:
    """Whether somebody may be in both audiences; an empty one, not known yet, may hold anybody."""
    if not audience or not other:
        return True
    return not audience.isdisjoint(other)


def plan_past_wave(survey_name: str, wave_slug: str, opened: date, closed: date) -> Wave:
    """Stores a planned wave, marked as imported, for answers that another tool collected.

    The imported history belongs to it; the tool asked on these days. Refuses dates that cannot be,
    and a slug that is taken.
    """
    opens = datetime.combine(opened, datetime.min.time())
    closes = datetime.combine(closed, waves.CLOSING_TIME)
    checks.check_wave_length(opens, closes)
    with transaction():
        row = survey_row(survey_name)
        slug = WaveSlug(wave_slug)
        return wave_of(plan_row(row, wave_slug, opens, closes, wave_slug=slug, imported=True))


def plan_following(survey_id: SurveyId, after: datetime) -> None:
    """Stores the next wave of a survey's cadence after this wall-clock time, if it is not there.

    Each period has one wave, whether it was void or not. Plans none for an ended survey or rule.
    Not audited.
    """
    with transaction() as session:
        row = session.scalars(select(SurveyRow).where(SurveyRow.id == survey_id)).one()
        if row.state == "ended":
            return
        upcoming = surveys.next_planned_opening(survey_of(row), after, listed_holidays())
        if upcoming is None:
            return
        query = select(WaveRow.id).where(has_period(survey_id, upcoming.period))
        if session.scalar(query) is None:
            closes = waves.closing_time(upcoming.opens, row.days)
            plan_row(row, upcoming.period, upcoming.opens, closes)


def move_planned(now: datetime, *, actor: str | None = None) -> tuple[Wave, ...]:
    """Moves planned waves of each cadence to the dates that listed holidays allow; audits each.

    Gives those that moved. Dates that a person typed stay, and so does a wave whose time has come:
    it opens today or not at all.
    """
    moved: list[Wave] = []
    with transaction() as session:
        holidays = listed_holidays()
        query = select(WaveRow).where(
            WaveRow.state == WaveState.PLANNED.value,
            WaveRow.one_off.is_(False),
            WaveRow.imported.is_(False),
        )
        for row in session.scalars(query.order_by(WaveRow.id).with_for_update(of=WaveRow)).all():
            opening = surveys.opening_of_period(survey_of(row.survey), row.period, holidays)
            if opening is None or opening.number == 0 or opening.opens == row.opens:
                continue
            instants = [waves.to_utc(wall, row.timezone) for wall in (row.opens, opening.opens)]
            if min(instants) <= now:
                continue
            facts = {
                "wave": row.slug,
                "from": row.opens.isoformat(),
                "to": opening.opens.isoformat(),
            }
            record("wave moved", facts, actor)
            row.opens = opening.opens
            row.closes = waves.closing_time(opening.opens, row.survey.days)
            moved.append(wave_of(row))
    return tuple(moved)


def skip_wave(typed: str, reason: str, *, actor: str | None = None) -> Wave:
    """Makes a planned wave void for a typed reason, plans the next of its cadence, and audits.

    Refuses an empty reason and a wave that is not planned. `typed` is as `find_wave` takes it; the
    reason is shown wherever the wave would be.
    """
    reason = " ".join(reason.split())
    if not reason or not reason.isprintable():
        raise Refused(
            "reason-missing",
            "Say why, in a line. It is shown wherever the wave would be.",
        )
    with transaction():
        row = row_held_with_survey(find_wave(typed))
        checks.check_skips(wave_of(row))
        _make_void(row, VoidReason.SKIPPED, f"skipped: {reason}"[:300])
        record("wave skipped", {"wave": row.slug, "reason": reason[:300]}, actor)
        return wave_of(row)


def give_up_wave(wave: Wave, now: datetime, *, actor: str) -> bool:
    """Makes a planned wave void that is more than half its period late; plans the next, and audits.

    False, and nothing is changed, when this does not hold for it any more.
    """
    with transaction():
        row = row_held_with_survey(wave)
        if row.state != WaveState.PLANNED.value:
            return False
        if not surveys.is_missed(wave_of(row), survey_of(row.survey), now):
            return False
        words = waves.NOT_OPENED
        _make_void(row, VoidReason.NOT_OPENED, words)
        record("wave void", {"wave": row.slug, "reason": words}, actor)
        return True


def _make_void(row: WaveRow, reason: VoidReason, words: str) -> None:
    """Makes a wave void and, unless it is one-off, plans its cadence's next; audits nothing."""
    row.state = WaveState.VOID.value
    row.void_reason, row.void_words = reason.value, words
    db.session.flush()
    if not row.one_off:
        plan_following(row.survey_id, row.opens)


def plan_row(
    row: SurveyRow,
    period: str,
    opens: datetime,
    closes: datetime,
    *,
    wave_slug: WaveSlug | None = None,
    imported: bool = False,
    one_off: bool = False,
) -> WaveRow:
    """Stores a planned wave of this survey inside the caller's transaction; refuses a taken slug.

    `row` is the survey's. Where no `wave_slug` is given, it follows from the survey and the period.
    Of monthly thirds a wave of the cadence gets its quarter and third.
    """
    wave_slug = wave_slug or WaveSlug(f"{row.slug}-{period}")
    if db.session.scalar(select(WaveRow.id).where(WaveRow.slug == wave_slug)):
        raise Refused("wave-exists", f"There is a wave {wave_slug} already.")
    planned = WaveRow(
        id=WaveId(random_id()),
        slug=wave_slug,
        survey_id=row.id,
        period=period,
        state=WaveState.PLANNED.value,
        opens=opens,
        closes=closes,
        timezone=row.timezone,
        audience=row.audience,
        minimum_group=waves.MINIMUM_GROUP,
        minimum_detail=waves.MINIMUM_DETAIL,
        targets={},
        imported=imported,
        baseline=False,
        one_off=one_off,
        extended_days=0,
        reminders=row.reminders,
        survey=row,
        groups=[],
    )
    is_of_cadence = not one_off and not imported
    if row.cadence == Cadence.MONTHLY_THIRDS.value and is_of_cadence:
        planned.quarter, planned.third = thirds.third_of_quarter(row.opens, period)
    db.session.add(planned)
    db.session.flush()
    return planned


def has_period(survey_id: SurveyId, period: str) -> ColumnElement[bool]:
    """The SQL condition for the wave of this period of this survey."""
    return (WaveRow.survey_id == survey_id) & (WaveRow.period == period)
