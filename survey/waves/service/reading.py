"""Finding surveys and waves."""

from datetime import datetime

from sqlalchemy import select

from survey.database import db
from survey.kernel.errors import NotFound, Refused
from survey.questionnaires.rules import Questionnaire
from survey.questionnaires.service import frozen_questionnaire
from survey.waves.rules import surveys
from survey.waves.rules.surveys import Survey
from survey.waves.rules.waves import Wave, WaveState
from survey.waves.service.rows import survey_of, survey_row, wave_of, waves_in_state, waves_of
from survey.waves.tables import SurveyRow, WaveRow


def find_survey(name: str) -> Survey:
    """The survey of this name or slug; refuses an unknown one by naming those there are."""
    return survey_of(survey_row(name))


def list_surveys() -> tuple[Survey, ...]:
    """All surveys by name."""
    return tuple(
        survey_of(row) for row in db.session.scalars(select(SurveyRow).order_by(SurveyRow.name))
    )


def list_waves(survey_slug: str | None = None) -> tuple[Wave, ...]:
    """All waves, or those of one survey, oldest first."""
    query = select(WaveRow)
    if survey_slug:
        query = query.where(WaveRow.survey_id == survey_row(survey_slug).id)
    return tuple(
        sorted(
            waves_of(db.session.scalars(query).all()), key=lambda item: (item.stands_at, item.slug)
        )
    )


def open_waves() -> tuple[Wave, ...]:
    """The waves that are open, oldest first: few, however long the record is."""
    return waves_in_state(WaveState.OPEN)


def find_wave(name: str) -> Wave:
    """The wave of this slug; `latest` is the newest counted wave of the only survey."""
    if name == "latest":
        return _latest()
    row = (
        db.session.scalar(select(WaveRow).where(WaveRow.slug == name))
        if name.isprintable()
        else None
    )
    if row is None:
        raise NotFound("wave", f"There is no wave {name[:80]!r}.")
    return wave_of(row)


def find_wave_by_id(wave_id: str) -> Wave:
    """The wave with this id, which must exist."""
    return wave_of(db.session.scalars(select(WaveRow).where(WaveRow.id == wave_id)).one())


def waves_by_co_key() -> dict[bytes, str]:
    """The slug of the wave that each representative's public key seals."""
    pairs = db.session.execute(select(WaveRow.slug, WaveRow.co_keys))
    return {bytes.fromhex(key["public"]): slug for slug, keys in pairs for key in keys}


def questions_of(item: Wave) -> Questionnaire:
    """The questionnaire that the wave froze."""
    if item.questionnaire_version is None:
        raise Refused(
            "wave-not-opened", f"{item.slug} has not been opened, so it has no questionnaire yet."
        )
    return frozen_questionnaire(item.questionnaire_version)


def probe_of(wave_id: str) -> bytes | None:
    """The sealed probe that shows whether the wave's key is still there."""
    return db.session.scalar(select(WaveRow.probe).where(WaveRow.id == wave_id))


def number_of_earlier_waves(item: Wave) -> int:
    """How many waves of the same survey came before and were really opened; imported ones do not count, three thirds are one."""
    query = select(WaveRow).where(
        WaveRow.survey_id == item.survey_id,
        WaveRow.opens < item.opens,
        WaveRow.imported.is_(False),
        WaveRow.state.notin_([WaveState.PLANNED.value, WaveState.VOID.value]),
    )
    earlier = {row.quarter or row.id for row in db.session.scalars(query)}
    return len(earlier - {item.quarter})


def due_to_open(now: datetime) -> tuple[Wave, ...]:
    """Planned waves of active surveys whose time has come and is not long past."""
    plans = {plan.id: plan for plan in list_surveys()}
    return tuple(
        w
        for w in waves_in_state(WaveState.PLANNED)
        if w.opens_at <= now and not surveys.is_missed(w, plans[w.survey_id], now)
    )


def missed_openings(now: datetime) -> tuple[Wave, ...]:
    """Planned waves of active surveys whose opening was missed by more than half a period."""
    plans = {plan.id: plan for plan in list_surveys()}
    return tuple(
        w
        for w in waves_in_state(WaveState.PLANNED)
        if surveys.is_missed(w, plans[w.survey_id], now)
    )


def due_to_close(now: datetime) -> tuple[Wave, ...]:
    """Open waves past their closing time, and closed ones that wait to be counted."""
    return tuple(
        w
        for w in waves_in_state(WaveState.OPEN, WaveState.CLOSED)
        if w.closes_at <= now or w.state is WaveState.CLOSED
    )


def _latest() -> Wave:
    published = [w for w in list_waves() if w.is_published]
    published = [w for w in published if not w.is_third] or published
    if len({w.survey_id for w in published}) > 1:
        raise Refused("several-surveys", "There are several surveys; name the wave.")
    if not published:
        raise Refused("no-wave-counted", "No wave has been counted yet.")
    return published[-1]
