"""A wave from state to state: open and frozen, extended, closed, marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, text, update

from survey.access.service.audit import record
from survey.database import BUSY_SECONDS, connection, db, transaction
from survey.kernel.errors import Refused
from survey.kernel.plurals import how_many
from survey.questionnaires.rules import VersionId
from survey.waves.rules import checks, waves
from survey.waves.rules.ids import WaveId
from survey.waves.rules.waves import CoKey, ReportingGroup, VoidReason, Wave, WaveState
from survey.waves.service.planning import plan_following
from survey.waves.service.reading import find_wave, number_of_earlier_waves
from survey.waves.service.rows import locked_row, row_held_with_survey, store_groups, wave_of
from survey.waves.tables import WaveRow


@dataclass(frozen=True, slots=True)
class LaunchTerms:
    """What opening a wave freezes."""

    questionnaire_version: VersionId
    groups: tuple[ReportingGroup, ...]
    public_key: bytes
    probe: bytes
    co_keys: tuple[CoKey, ...] = ()


def hold_for_opening(wave: Wave) -> None:
    """Inside the opening transaction: refuses a wave that cannot open now.

    No other wave of its survey opens until the end of the transaction.
    """
    row = row_held_with_survey(wave)
    checks.check_opens(wave_of(row))
    if row.survey.state == "ended":
        raise Refused(
            "survey-ended",
            f"{row.survey.name} was ended, and that is for good; {row.slug} does not open.",
        )
    if row.survey.state == "paused":
        raise Refused(
            "survey-paused",
            f"{row.survey.name} is paused, so {row.slug} does not open.",
            survey=row.survey.slug,
            change="resume",
        )
    query = select(WaveRow.slug).where(
        WaveRow.survey_id == wave.survey_id,
        WaveRow.state == WaveState.OPEN.value,
    )
    other = db.session.scalar(query)
    if other:
        raise Refused(
            "another-wave-open",
            f"{other} of the same survey is open; two are never open together. Wait for it, or"
            " close it first.",
        )


def freeze_wave(wave: Wave, now: datetime, launch: LaunchTerms) -> Wave:
    """Opens a planned wave and freezes its terms; refuses a wave that is not planned any more.

    Opening by hand before the planned time, or a day late and more, moves the opening to now and
    keeps the length.
    """
    with transaction() as session:
        hold_for_opening(wave)
        row = locked_row(wave.id)
        planned_opening = row.opens
        wall = waves.to_wall_clock(now, row.timezone)
        row.opens, row.closes = waves.times_when_opened(row.opens, row.closes, wall)
        earlier_waves = number_of_earlier_waves(wave_of(row))
        row.state = WaveState.OPEN.value
        row.questionnaire_version = launch.questionnaire_version
        # The thirds of a quarter are added up, so they are held to the same targets.
        opened_thirds = _opened_thirds(row)
        row.targets = opened_thirds[0].targets if opened_thirds else row.survey.targets
        row.reminders = row.survey.reminders
        row.public_key, row.probe = launch.public_key, launch.probe
        row.co_keys = [{"name": key.name, "public": key.public.hex()} for key in launch.co_keys]
        row.baseline = not row.one_off and earlier_waves < row.survey.baseline_waves
        store_groups(row.id, launch.groups)
        plan_following(row.survey_id, max(planned_opening, wall))
        session.flush()
        session.refresh(row)
        return wave_of(row)


def freeze_import(
    wave: Wave, questionnaire_version: VersionId, groups: Sequence[ReportingGroup]
) -> Wave:
    """Marks an imported wave as counted, with the partition that its file gave."""
    with transaction() as session:
        row = locked_row(wave.id)
        row.questionnaire_version = questionnaire_version
        row.state = WaveState.COUNTED.value
        row.targets = {}
        store_groups(row.id, groups)
        session.flush()
        session.refresh(row)
        return wave_of(row)


def close_for_answers(wave: Wave, now: datetime, reason: str | None) -> Wave:
    """Closes an open wave: it takes no answers any more. Harmless when repeated.

    Before the closing date only with a reason, which is kept.
    """
    with transaction() as session:
        row = locked_row(wave.id)
        checks.check_closes(wave_of(row), now, reason)
        if row.state == WaveState.OPEN.value:
            if now < wave_of(row).closes_at:
                row.closed_early = " ".join((reason or "").split())[:300]
                row.baseline = False  # a wave cut short sets no targets
                wall = waves.to_wall_clock(now, row.timezone)
                row.closes = max(wall, row.opens + timedelta(minutes=1))
            row.state = WaveState.CLOSED.value
        session.flush()
        return wave_of(row)


def extend_wave(typed: str, days: int, now: datetime) -> Wave:
    """Moves the closing date of an open wave, once, by at most 7 days.

    `typed` is as `find_wave` takes it.
    """
    with transaction():
        row = locked_row(find_wave(typed).id)
        if not wave_of(row).takes_answers(now):
            raise Refused("wave-not-open", f"{row.slug} is not open, so it cannot be extended.")
        if row.extended_days:
            raise Refused(
                "wave-extended-already",
                f"{row.slug} was extended by {how_many(row.extended_days, 'day')} already; a wave"
                " is extended once.",
            )
        if not 1 <= days <= waves.LONGEST_EXTENSION:
            raise Refused(
                "extension-out-of-range",
                f"A wave can be extended by 1 to {waves.LONGEST_EXTENSION} days, not by {days}.",
            )
        row.extended_days = days
        row.closes += timedelta(days=days)
        record("wave extended", {"wave": row.slug, "days": days})
        return wave_of(row)


def make_up_for_outages(
    wave: Wave, outages: Sequence[tuple[datetime, datetime]], now: datetime, *, actor: str
) -> Wave | None:
    """Extends an open wave by the whole days during which the service was down.

    Once, and by at most 7 days; gives None when nothing is due. `outages` are pairs of begin and
    end. That is then its one extension. It may come after the closing time, as long as nobody has
    closed the wave.
    """
    with transaction():
        row = locked_row(wave.id)
        days = waves.days_lost(wave_of(row), outages, now)
        if not days:
            return None
        row.extended_days = days
        row.closes += timedelta(days=days)
        facts = {"wave": row.slug, "days": days, "because": "the service was down"}
        record("wave extended", facts, actor)
        return wave_of(row)


def set_wave_state(wave: Wave, state: WaveState) -> None:
    """Moves a wave on to counted or shared."""
    with transaction() as session:
        session.execute(update(WaveRow).where(WaveRow.id == wave.id).values(state=state.value))


def mark_wave_void(wave: Wave, reason: VoidReason, words: str) -> None:
    """Makes a wave void; `words` say why wherever the wave would be shown."""
    values = {"state": WaveState.VOID.value, "void_reason": reason.value, "void_words": words}
    with transaction() as session:
        session.execute(update(WaveRow).where(WaveRow.id == wave.id).values(values))


def note_missing_key(wave: Wave, missing_since: datetime | None) -> bool:
    """Stores since when a wave's key is missing, or that it is there again (None).

    Gives whether this changed anything: another process may have noticed first.
    """
    if missing_since:
        is_news = WaveRow.key_missing_since.is_(None)
    else:
        is_news = WaveRow.key_missing_since.is_not(None)
    query = update(WaveRow).where(
        WaveRow.id == wave.id,
        WaveRow.state == wave.state.value,
        is_news,
    )
    with transaction():
        return connection().execute(query.values(key_missing_since=missing_since)).rowcount == 1


def hold_for_answer(wave_id: WaveId) -> bool:
    """Inside the answer's transaction: whether the wave is open; then it stays so until the end."""
    return hold_for_letter(wave_id) is not None


def hold_for_letter(wave_id: WaveId) -> datetime | None:
    """Inside a letter's transaction: the closing time of a wave that is open; else None.

    The time is on the wave's wall clock. An open wave stays open until the end of the transaction.
    """
    server = connection()
    if server.dialect.name == "postgresql":  # as long as SQLite waits, then the page says so
        server.execute(_LIMIT_WAITING)
    row = server.execute(_LOCK_WAVE, {"wave": wave_id}).first()
    if row is None or row.state != WaveState.OPEN.value:
        return None
    closes: datetime = row.closes
    return closes


def hold_for_counting(wave: Wave) -> bool:
    """Inside the counting transaction: whether the wave still waits to be counted.

    Nobody else counts it until the end of the transaction.
    """
    return locked_row(wave.id).state == WaveState.CLOSED.value


_LIMIT_WAITING = text(f"SET LOCAL lock_timeout = {int(BUSY_SECONDS * 1000)}")
_LOCK_WAVE = (
    select(WaveRow.state, WaveRow.closes)
    .where(WaveRow.id == bindparam("wave"))
    .with_for_update(read=True)
)


def _opened_thirds(row: WaveRow) -> Sequence[WaveRow]:
    """The other thirds of a third's quarter that were opened, in order; none for any other wave."""
    if row.third is None:
        return ()
    query = select(WaveRow).where(
        WaveRow.survey_id == row.survey_id,
        WaveRow.quarter == row.quarter,
        WaveRow.third.is_not(None),
        WaveRow.id != row.id,
        WaveRow.questionnaire_version.is_not(None),
    )
    return db.session.scalars(query.order_by(WaveRow.third)).all()
