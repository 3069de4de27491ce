"""Rows of surveys and waves: found, locked, and turned into values."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Date, null, select, type_coerce

from survey.database import db
from survey.kernel.errors import NotFound
from survey.kernel.workdays import DaysOff
from survey.organisation.rules.frozen_promise import read_promise
from survey.organisation.rules.organisation import CommentReader
from survey.organisation.service import read_stored_weekend, stored_weekend
from survey.questionnaires.rules import QuestionId
from survey.waves.rules import surveys
from survey.waves.rules.ids import SurveyId, WaveId
from survey.waves.rules.roster import read_roster_record
from survey.waves.rules.surveys import Survey
from survey.waves.rules.waves import (
    CoKey,
    ReaderChange,
    ReportingGroup,
    Target,
    VoidReason,
    Wave,
    WaveState,
)
from survey.waves.tables import HolidayRow, SurveyRow, WaveGroupRow, WaveRow


def listed_holidays() -> DaysOff:
    """The days on which nobody works: listed holidays without their names, and the weekend."""
    listed = select(HolidayRow.day, null())
    no_day = type_coerce(null(), Date)
    rows = db.session.execute(stored_weekend(no_day).union_all(listed)).all()
    weekend = next((days for _, days in rows if days is not None), None)
    days = (day for day, _ in rows if day is not None)
    return DaysOff(days) if weekend is None else DaysOff(days, read_stored_weekend(weekend))


def waves_in_state(*states: WaveState) -> tuple[Wave, ...]:
    """The waves in one of these states, by opening; planned ones of active surveys only."""
    values = [state.value for state in states]
    query = select(WaveRow).where(WaveRow.state.in_(values)).order_by(WaveRow.opens)
    rows = db.session.scalars(query).all()
    planned = WaveState.PLANNED.value
    return waves_of(row for row in rows if row.state != planned or row.survey.state == "active")


def locked_survey_row(name: str) -> SurveyRow:
    """The row of the survey of this name or slug, locked until the end of the transaction.

    Refuses an unknown one.
    """
    return _locked_survey(survey_row(name).id)


def _locked_survey(survey_id: SurveyId) -> SurveyRow:
    """The row of the survey with this id, read anew and locked until the transaction's end."""
    query = select(SurveyRow).where(SurveyRow.id == survey_id).with_for_update(of=SurveyRow)
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def row_held_with_survey(wave: Wave) -> WaveRow:
    """The wave's row; locks its survey's row first, then the wave's, until the transaction's end.

    So everything that plans, opens or drops waves of one survey does so one at a time.
    """
    _locked_survey(wave.survey_id)
    return locked_row(wave.id)


def locked_row(wave_id: WaveId) -> WaveRow:
    """The wave's row, read anew and locked until the end of the transaction."""
    query = (
        select(WaveRow)
        .where(WaveRow.id == wave_id)
        .with_for_update(of=WaveRow)
        .execution_options(populate_existing=True)
    )
    return db.session.scalars(query).one()


def survey_row(name: str) -> SurveyRow:
    """The row, not locked, of a survey by name or slug; refuses an unknown one, naming all."""
    query = select(SurveyRow).where((SurveyRow.name == name) | (SurveyRow.slug == name))
    row: SurveyRow | None = db.session.scalar(query)
    if row is None:
        names = db.session.scalars(select(SurveyRow.name).order_by(SurveyRow.name))
        known = ", ".join(names) or "none yet"
        raise NotFound("survey", f"There is no survey {name[:80]!r}. Known: {known}")
    return row


def targets_of(stored: Mapping[str, Mapping[str, float]]) -> dict[QuestionId, Target]:
    """Targets by question id, made from their stored form."""
    return {QuestionId(question): Target(**values) for question, values in stored.items()}


def survey_of(row: SurveyRow) -> Survey:
    """A survey's row as a value, detached from the database."""
    return Survey(
        id=row.id,
        slug=row.slug,
        name=row.name,
        provider_id=row.provider_id,
        questionnaire=row.questionnaire,
        cadence=surveys.read_cadence(row.cadence),
        opens=row.opens,
        days=row.days,
        timezone=row.timezone,
        audience=row.audience,
        baseline_waves=row.baseline_waves,
        state=row.state,
        reminders=row.reminders,
    )


def waves_of(rows: Iterable[WaveRow]) -> tuple[Wave, ...]:
    """Rows of waves as values, in the same order, all with the holidays listed now."""
    holidays = listed_holidays()
    return tuple(wave_of(row, holidays) for row in rows)


def wave_of(row: WaveRow, holidays: frozenset[date] | None = None) -> Wave:
    """A wave's row as a value; reads the holidays listed now unless they are given."""
    groups = tuple(
        ReportingGroup(group.name, group.invited, tuple(group.members)) for group in row.groups
    )
    promise = read_promise(row.promise) if row.promise else None
    days_off = listed_holidays() if holidays is None else holidays
    if promise:  # the days that it printed stay where they are
        days_off = DaysOff(days_off, promise.organisation.weekend)
    return Wave(
        id=row.id,
        slug=row.slug,
        survey_id=row.survey_id,
        survey=row.survey.name,
        provider_id=row.survey.provider_id,
        period=row.period,
        state=WaveState(row.state),
        opens=row.opens,
        closes=row.closes,
        timezone=row.timezone,
        audience=row.audience,
        invited=sum(group.invited for group in groups),
        questionnaire_version=row.questionnaire_version,
        minimum_group=row.minimum_group,
        minimum_detail=row.minimum_detail,
        targets=targets_of(row.targets),
        groups=groups,
        public_key=row.public_key,
        imported=row.imported,
        baseline=row.baseline,
        one_off=row.one_off,
        closed_early=row.closed_early,
        void_reason=VoidReason(row.void_reason) if row.void_reason else None,
        void_words=row.void_words,
        extended_days=row.extended_days,
        co_keys=tuple(CoKey(key["name"], bytes.fromhex(key["public"])) for key in row.co_keys),
        key_missing_since=row.key_missing_since,
        reminders=row.reminders,
        quarter=row.quarter,
        third=row.third,
        holidays=days_off,
        promise=promise,
        roster=read_roster_record(row.roster) if row.roster else None,
        reader_changes=tuple(_reader_change(change) for change in row.reader_changes),
    )


def _reader_change(stored: Mapping[str, Any]) -> ReaderChange:
    """A change of readers from its stored form."""
    return ReaderChange(
        on=date.fromisoformat(stored["on"]),
        readers=tuple(CommentReader(**reader) for reader in stored["readers"]),
        role=stored["role"],
        instead_of=stored["instead_of"],
    )


def store_groups(wave_id: WaveId, groups: Sequence[ReportingGroup]) -> None:
    """Stores a wave's reporting groups inside the caller's transaction; deletes none."""
    for group in groups:
        row = WaveGroupRow(
            wave_id=wave_id,
            name=group.name,
            invited=group.invited,
            members=list(group.members),
        )
        db.session.add(row)
