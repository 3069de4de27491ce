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
    """A one-off wave beside the cadence."""
    checks.check_wave_length(opens, closes)
    with transaction():
        row = locked_survey_row(survey_name)
        plan, period = survey_of(row), f"{opens:%Y-%m-%d}"
        checks.check_not_ended(plan)
        if isinstance(plan.cadence, Rule) and surveys.opening_of_period(plan, period):
            raise Refused(
                "day-of-cadence",
                f"The cadence of {row.name} has a wave of its own on {period}. Choose another day"
                " for this one.",
            )
        planned = plan_row(row, period, opens, closes, one_off=True)
        record("wave planned", {"wave": planned.slug})
        return wave_of(planned)


def warn_of_overlapping_waves(
    item: Wave, people: Callable[[str], AbstractSet[str]]
) -> tuple[str, ...]:
    """A warning for each wave about another provider that asks some of the same people within 30 days; planning it is not refused.

    The planned waves of a survey that is paused or ended ask nobody. `people` gives whom an audience means; none while that is not known.
    """
    near = [
        other
        for other in waves_in_state(WaveState.PLANNED, WaveState.OPEN)
        if other.provider_id != item.provider_id
        and abs(other.opens_at - item.opens_at) < surveys.NEAR
        and _may_meet(people(other.audience), people(item.audience))
    ]
    return tuple(
        f"{one.slug}, about another provider, opens on {one.opens:%Y-%m-%d}: staff are asked twice"
        " within 30 days."
        for one in near
    )


def _may_meet(one: AbstractSet[str], other: AbstractSet[str]) -> bool:
    return not (one and other and one.isdisjoint(other))


def plan_past_wave(survey_name: str, wave_slug: str, opened: date, closed: date) -> Wave:
    """The wave that an imported history belongs to: another tool asked, on these days."""
    opens = datetime.combine(opened, datetime.min.time())
    closes = datetime.combine(closed, waves.CLOSING_TIME)
    checks.check_wave_length(opens, closes)
    with transaction():
        return wave_of(
            plan_row(
                survey_row(survey_name),
                wave_slug,
                opens,
                closes,
                wave_slug=wave_slug,
                imported=True,
            )
        )


def plan_following(survey_id: str, after: datetime) -> None:
    """Plans the next wave of the cadence after this wall-clock time, once per period; none for an ended survey or rule."""
    with transaction() as session:
        row = session.scalars(select(SurveyRow).where(SurveyRow.id == survey_id)).one()
        upcoming = (
            surveys.next_planned_opening(survey_of(row), after, listed_holidays())
            if row.state != "ended"
            else None
        )
        if upcoming is None:
            return
        if (
            session.scalar(
                select(WaveRow.id).where(
                    WaveRow.survey_id == survey_id, WaveRow.period == upcoming.period
                )
            )
            is None
        ):
            plan_row(
                row, upcoming.period, upcoming.opens, waves.closing_time(upcoming.opens, row.days)
            )


def move_planned(now: datetime, *, actor: str | None = None) -> tuple[Wave, ...]:
    """Puts the planned waves of each cadence where the holidays listed now let them open; gives those that moved.

    Dates that a person typed stay, and so does a wave whose time has come: it opens today or not at all.
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
            named = surveys.opening_of_period(survey_of(row.survey), row.period, holidays)
            times = (
                [waves.to_utc(wall, row.timezone) for wall in (row.opens, named.opens)]
                if named and named.number
                else [now]
            )
            if named is None or min(times) <= now or named.opens == row.opens:
                continue
            record(
                "wave moved",
                {"wave": row.slug, "from": row.opens.isoformat(), "to": named.opens.isoformat()},
                actor,
            )
            row.opens, row.closes = named.opens, waves.closing_time(named.opens, row.survey.days)
            moved.append(wave_of(row))
    return tuple(moved)


def skip_wave(name: str, reason: str, *, actor: str | None = None) -> Wave:
    """Leaves a planned wave out, for a reason that is shown wherever it would be, and plans the next of its cadence."""
    said = " ".join(reason.split())
    if not said or not said.isprintable():
        raise Refused(
            "reason-missing",
            "Say why, in a line. It is shown wherever the wave would be.",
        )
    with transaction():
        row = row_held_with_survey(find_wave(name))
        checks.check_skips(wave_of(row))
        _drop(row, VoidReason.SKIPPED, f"skipped: {said}"[:300])
        record("wave skipped", {"wave": row.slug, "reason": said[:300]}, actor)
        return wave_of(row)


def give_up_wave(item: Wave, now: datetime, *, actor: str) -> bool:
    """Does not hold a wave whose opening was missed by more than half its period, and plans the next; False when it is not so any more."""
    with transaction():
        row = row_held_with_survey(item)
        if row.state != WaveState.PLANNED.value or not surveys.is_missed(
            wave_of(row), survey_of(row.survey), now
        ):
            return False
        words = waves.NOT_OPENED
        _drop(row, VoidReason.NOT_OPENED, words)
        record("wave void", {"wave": row.slug, "reason": words}, actor)
        return True


def _drop(row: WaveRow, reason: VoidReason, words: str) -> None:
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
    wave_slug: str | None = None,
    imported: bool = False,
    one_off: bool = False,
) -> WaveRow:
    """Adds a planned wave of this survey; refuses a slug that is taken."""
    wave_slug = wave_slug or f"{row.slug}-{period}"
    if db.session.scalar(select(WaveRow.id).where(WaveRow.slug == wave_slug)):
        raise Refused("wave-exists", f"There is a wave {wave_slug} already.")
    planned = WaveRow(
        id=random_id(),
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
    if row.cadence == Cadence.MONTHLY_THIRDS.value and not (one_off or imported):
        planned.quarter, planned.third = thirds.third_of_quarter(row.opens, period)
    db.session.add(planned)
    db.session.flush()
    return planned


def has_period(survey_id: str, period: str) -> ColumnElement[bool]:
    """The condition that a wave is that of one period of one survey."""
    return (WaveRow.survey_id == survey_id) & (WaveRow.period == period)
