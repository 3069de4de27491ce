"""Finding surveys and waves."""

from datetime import datetime

from sqlalchemy import select

from survey.database import db
from survey.kernel.errors import NotFound, Refused
from survey.questionnaires.rules import Questionnaire
from survey.questionnaires.service import frozen_questionnaire
from survey.waves.rules import surveys
from survey.waves.rules.ids import WaveId, WaveSlug
from survey.waves.rules.surveys import Survey
from survey.waves.rules.waves import Wave, WaveState
from survey.waves.service.rows import survey_of, survey_row, wave_of, waves_in_state, waves_of
from survey.waves.tables import SurveyRow, WaveRow


def find_survey(name: str) -> Survey:
    """The survey of this name or slug; refuses an unknown one by naming those there are."""
    return survey_of(survey_row(name))


def list_surveys() -> tuple[Survey, ...]:
    """All surveys, paused and ended ones too, by name."""
    rows = db.session.scalars(select(SurveyRow).order_by(SurveyRow.name))
    return tuple(survey_of(row) for row in rows)


def list_waves(survey_slug: str | None = None) -> tuple[Wave, ...]:
    """All waves in every state, or those of one survey (by slug or name), oldest first."""
    query = select(WaveRow)
    if survey_slug:
        query = query.where(WaveRow.survey_id == survey_row(survey_slug).id)
    waves = waves_of(db.session.scalars(query).all())
    return tuple(sorted(waves, key=lambda wave: (wave.stands_at, wave.slug)))


def open_waves() -> tuple[Wave, ...]:
    """The waves in the state open, oldest first, those past their closing time too.

    They are few, however long the record is.
    """
    return waves_in_state(WaveState.OPEN)


def find_wave(typed: str) -> Wave:
    """The wave with this slug, or for `latest` the newest counted one; refuses what names none.

    `latest` is of the only survey with counted waves; refused where there are several.
    """
    if typed == "latest":
        return _latest_wave()
    row = None
    if typed.isprintable():
        row = db.session.scalar(select(WaveRow).where(WaveRow.slug == typed))
    if row is None:
        raise NotFound("wave", f"There is no wave {typed[:80]!r}.")
    return wave_of(row)


def find_wave_by_id(wave_id: WaveId) -> Wave:
    """The wave with this id, which must exist (else SQLAlchemy raises)."""
    return wave_of(db.session.scalars(select(WaveRow).where(WaveRow.id == wave_id)).one())


def waves_by_co_key() -> dict[bytes, WaveSlug]:
    """The slug of the wave that is sealed to each representative's public key, by that key."""
    slugs: dict[bytes, WaveSlug] = {}
    for slug, keys in db.session.execute(select(WaveRow.slug, WaveRow.co_keys)):
        for key in keys:
            slugs[bytes.fromhex(key["public"])] = slug
    return slugs


def questions_of(wave: Wave) -> Questionnaire:
    """The questionnaire that a wave fixed at its opening; refuses a wave that was not opened."""
    if wave.questionnaire_version is None:
        raise Refused(
            "wave-not-opened", f"{wave.slug} has not been opened, so it has no questionnaire yet."
        )
    return frozen_questionnaire(wave.questionnaire_version)


def probe_of(wave_id: WaveId) -> bytes | None:
    """The sealed probe that shows whether a wave's key is the right one; None before it opened."""
    return db.session.scalar(select(WaveRow.probe).where(WaveRow.id == wave_id))


def number_of_earlier_waves(wave: Wave) -> int:
    """How many waves of the same survey opened before this one, without imported and void ones.

    The three thirds of a quarter are one; those of its own quarter do not count.
    """
    query = select(WaveRow).where(
        WaveRow.survey_id == wave.survey_id,
        WaveRow.opens < wave.opens,
        WaveRow.imported.is_(False),
        WaveRow.state.notin_([WaveState.PLANNED.value, WaveState.VOID.value]),
    )
    earlier = {row.quarter or row.id for row in db.session.scalars(query)}
    return len(earlier - {wave.quarter})


def due_to_open(now: datetime) -> tuple[Wave, ...]:
    """The planned waves of active surveys that should open now: late by half a period at most."""
    surveys_by_id = {survey.id: survey for survey in list_surveys()}
    due = []
    for wave in waves_in_state(WaveState.PLANNED):
        is_missed = surveys.is_missed(wave, surveys_by_id[wave.survey_id], now)
        if wave.opens_at <= now and not is_missed:
            due.append(wave)
    return tuple(due)


def missed_openings(now: datetime) -> tuple[Wave, ...]:
    """The planned waves of active surveys that are late by more than half a period."""
    surveys_by_id = {survey.id: survey for survey in list_surveys()}
    return tuple(
        wave
        for wave in waves_in_state(WaveState.PLANNED)
        if surveys.is_missed(wave, surveys_by_id[wave.survey_id], now)
    )


def due_to_close(now: datetime) -> tuple[Wave, ...]:
    """The open waves past their closing time, and the closed ones that wait to be counted."""
    return tuple(
        wave
        for wave in waves_in_state(WaveState.OPEN, WaveState.CLOSED)
        if wave.closes_at <= now or wave.state is WaveState.CLOSED
    )


def _latest_wave() -> Wave:
    """The newest counted wave; a third only where no quarter is counted.

    Refuses where waves of several surveys are counted, or none is.
    """
    published = [wave for wave in list_waves() if wave.is_published]
    published = [wave for wave in published if not wave.is_third] or published
    if len({wave.survey_id for wave in published}) > 1:
        raise Refused("several-surveys", "There are several surveys; name the wave.")
    if not published:
        raise Refused("no-wave-counted", "No wave has been counted yet.")
    return published[-1]
