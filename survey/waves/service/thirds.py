"""Monthly thirds: the thirds of a quarter and the wave that holds their result."""

from collections.abc import Sequence

from sqlalchemy import select

from survey.database import db, transaction
from survey.waves.rules import thirds as rounds
from survey.waves.rules.waves import Wave, WaveState
from survey.waves.service.planning import has_period, plan_row
from survey.waves.service.reading import list_surveys, list_waves
from survey.waves.service.rows import store_groups, wave_of
from survey.waves.tables import SurveyRow, WaveRow


def thirds_of(item: Wave) -> tuple[Wave, ...]:
    """The thirds of the quarter that a third or a pool belongs to, in order; none for a wave that asks everybody."""
    if item.quarter is None:
        return ()
    query = select(WaveRow).where(
        WaveRow.survey_id == item.survey_id,
        WaveRow.quarter == item.quarter,
        WaveRow.third.is_not(None),
    )
    return tuple(wave_of(row) for row in db.session.scalars(query.order_by(WaveRow.third)))


def pool_of(item: Wave) -> Wave | None:
    """The result of the quarter that a third belongs to, once there is one."""
    query = select(WaveRow).where(
        WaveRow.survey_id == item.survey_id,
        WaveRow.quarter == item.quarter,
        WaveRow.third.is_(None),
    )
    row = db.session.scalar(query) if item.quarter else None
    return wave_of(row) if row else None


def due_to_pool() -> tuple[tuple[Wave, ...], ...]:
    """The thirds of each quarter of which no more will come and some were counted, where they have not been added up yet."""
    found = []
    for plan in list_surveys():
        ours = list_waves(plan.slug)
        pooled = {item.quarter for item in ours if item.is_pool}
        due = rounds.completed_quarters(
            [item for item in ours if item.is_third], is_ended=plan.state == "ended"
        )
        found += [thirds for thirds in due if thirds[0].quarter not in pooled]
    return tuple(found)


def add_pool(thirds: Sequence[Wave]) -> Wave | None:
    """Inside the transaction that adds up a quarter: the wave that its result belongs to; None when somebody was faster."""
    first, counted = thirds[0], [item for item in thirds if item.is_published]
    with transaction() as session:
        session.execute(
            select(SurveyRow.id).where(SurveyRow.id == first.survey_id).with_for_update()
        )
        if pool_of(first):
            return None
        row, terms = (
            session.get_one(SurveyRow, first.survey_id),
            session.get_one(WaveRow, counted[0].id),
        )
        period, closes = (
            str(first.quarter),
            max(item.closes for item in thirds if item.questionnaire_version),
        )
        while session.scalar(
            select(WaveRow.id).where(
                (WaveRow.slug == f"{row.slug}-{period}") | has_period(row.id, period)
            )
        ):
            period += "-thirds"  # an imported wave holds the name
        pool = plan_row(
            row,
            period,
            min(item.opens for item in thirds if item.questionnaire_version),
            closes,
            one_off=True,
        )
        pool.one_off, pool.quarter, pool.state = False, first.quarter, WaveState.COUNTED.value
        pool.timezone, pool.audience = terms.timezone, terms.audience
        pool.questionnaire_version, pool.targets = terms.questionnaire_version, terms.targets
        pool.minimum_group, pool.minimum_detail = terms.minimum_group, terms.minimum_detail
        pool.baseline = all(item.baseline for item in counted)
        pool.closed_early = (
            "; ".join(item.closed_early for item in counted if item.closed_early) or None
        )
        store_groups(pool.id, [rounds.group_of_everybody(thirds)])
        session.flush()
        session.refresh(pool)
        return wave_of(pool)
