"""Monthly thirds: the thirds of a quarter and the wave that holds their result."""

from collections.abc import Sequence

from sqlalchemy import select

from survey.database import db, transaction
from survey.waves.rules import thirds as rules
from survey.waves.rules.ids import SurveyId, SurveySlug
from survey.waves.rules.roster import pool_roster_records
from survey.waves.rules.waves import Wave, WaveState
from survey.waves.service.planning import has_period, plan_row
from survey.waves.service.reading import list_surveys, list_waves
from survey.waves.service.rows import store_groups, wave_of
from survey.waves.tables import SurveyRow, WaveRow


def thirds_of(wave: Wave) -> tuple[Wave, ...]:
    """The thirds planned so far of the quarter of this third or pool, in order, itself too.

    Empty for a wave that asks everybody.
    """
    if wave.quarter is None:
        return ()
    query = select(WaveRow).where(
        WaveRow.survey_id == wave.survey_id,
        WaveRow.quarter == wave.quarter,
        WaveRow.third.is_not(None),
    )
    return tuple(wave_of(row) for row in db.session.scalars(query.order_by(WaveRow.third)))


def pool_of(wave: Wave) -> Wave | None:
    """The wave with the added-up result of this third's quarter; None while there is none."""
    if wave.quarter is None:
        return None
    query = select(WaveRow).where(
        WaveRow.survey_id == wave.survey_id,
        WaveRow.quarter == wave.quarter,
        WaveRow.third.is_(None),
    )
    row = db.session.scalar(query)
    return wave_of(row) if row else None


def due_to_pool() -> tuple[tuple[Wave, ...], ...]:
    """The complete quarters that have no added-up result yet, each as its thirds; changes nothing.

    No third of them is still to come, and some were counted.
    """
    due: list[tuple[Wave, ...]] = []
    for survey in list_surveys():
        waves = list_waves(survey.slug)
        pooled_quarters = {wave.quarter for wave in waves if wave.is_pool}
        thirds = [wave for wave in waves if wave.is_third]
        completed = rules.completed_quarters(thirds, is_ended=survey.state == "ended")
        due += [quarter for quarter in completed if quarter[0].quarter not in pooled_quarters]
    return tuple(due)


def add_pool(thirds: Sequence[Wave]) -> Wave | None:
    """Stores the wave, counted already, for the result of a quarter's thirds; None if there is one.

    Its dates and terms come from the thirds. Inside the transaction that adds up the quarter; None
    means that another process was faster.
    """
    first = thirds[0]
    opened = [third for third in thirds if third.questionnaire_version]
    counted = [third for third in thirds if third.is_published]
    with transaction() as session:
        session.execute(
            select(SurveyRow.id).where(SurveyRow.id == first.survey_id).with_for_update()
        )
        if pool_of(first):
            return None
        survey = session.get_one(SurveyRow, first.survey_id)
        period = _free_period(survey.id, survey.slug, str(first.quarter))
        opens = min(third.opens for third in opened)
        closes = max(third.closes for third in opened)
        pool = plan_row(survey, period, opens, closes, one_off=True)
        pool.one_off, pool.quarter = False, first.quarter
        pool.state = WaveState.COUNTED.value
        terms = session.get_one(WaveRow, counted[0].id)
        pool.timezone, pool.audience = terms.timezone, terms.audience
        pool.questionnaire_version, pool.targets = terms.questionnaire_version, terms.targets
        pool.minimum_group, pool.minimum_detail = terms.minimum_group, terms.minimum_detail
        pool.promise = terms.promise
        pool.baseline = all(third.baseline for third in counted)
        reasons = [third.closed_early for third in counted if third.closed_early]
        pool.closed_early = "; ".join(reasons) or None
        records = [
            third.roster for third in sorted(opened, key=lambda third: third.opens) if third.roster
        ]
        roster = pool_roster_records(records)
        pool.roster = roster.as_json() if roster else None
        store_groups(pool.id, [rules.group_of_everybody(thirds)])
        session.flush()
        session.refresh(pool)
        return wave_of(pool)


def _free_period(survey_id: SurveyId, survey_slug: SurveySlug, quarter: str) -> str:
    """The period for a quarter's result: the quarter, with `-thirds` added while that is taken.

    An imported wave may hold it.
    """
    period = quarter
    while True:
        is_taken = (WaveRow.slug == f"{survey_slug}-{period}") | has_period(survey_id, period)
        if db.session.scalar(select(WaveRow.id).where(is_taken)) is None:
            return period
        period += "-thirds"
