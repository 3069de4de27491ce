"""A wave from state to state: open and frozen, extended, closed, marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, text, update

from survey.access.service.audit import record
from survey.database import BUSY_SECONDS, connection, db, transaction
from survey.kernel.errors import Refused
from survey.kernel.plurals import how_many
from survey.waves.rules import checks, waves
from survey.waves.rules.waves import CoKey, ReportingGroup, VoidReason, Wave, WaveState
from survey.waves.service.planning import plan_following
from survey.waves.service.reading import find_wave, number_of_earlier_waves
from survey.waves.service.rows import locked_row, row_held_with_survey, store_groups, wave_of
from survey.waves.tables import WaveRow


@dataclass(frozen=True, slots=True)
class LaunchTerms:
    """What opening a wave freezes."""

    questionnaire_version: str
    groups: tuple[ReportingGroup, ...]
    public_key: bytes
    probe: bytes
    co_keys: tuple[CoKey, ...] = ()


def hold_for_opening(item: Wave) -> None:
    """Inside the opening transaction: refuses a wave that cannot open now; no wave of its survey opens meanwhile."""
    row = row_held_with_survey(item)
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
    other = db.session.scalar(
        select(WaveRow.slug).where(
            WaveRow.survey_id == item.survey_id, WaveRow.state == WaveState.OPEN.value
        )
    )
    if other:
        raise Refused(
            "another-wave-open",
            f"{other} of the same survey is open; two are never open together. Wait for it, or"
            " close it first.",
        )


def freeze_wave(item: Wave, now: datetime, launch: LaunchTerms) -> Wave:
    """Opens a planned wave and freezes its terms; a wave that is not planned any more is refused.

    Opening by hand before the planned time, or a day late and more, moves the opening to now and keeps the length.
    """
    with transaction() as session:
        hold_for_opening(item)
        row = locked_row(item.id)
        planned = row.opens
        wall = waves.to_wall_clock(now, row.timezone)
        row.opens, row.closes = waves.times_when_opened(row.opens, row.closes, wall)
        early = number_of_earlier_waves(wave_of(row))
        row.state = WaveState.OPEN.value
        row.questionnaire_version = launch.questionnaire_version
        row.targets = next(
            (w.targets for w in _opened_thirds(row)), row.survey.targets
        )  # one quarter, one goal
        row.reminders = row.survey.reminders
        row.public_key, row.probe = launch.public_key, launch.probe
        row.co_keys = [{"name": key.name, "public": key.public.hex()} for key in launch.co_keys]
        row.baseline = not row.one_off and early < row.survey.baseline_waves
        store_groups(row.id, launch.groups)
        plan_following(row.survey_id, max(planned, wall))
        session.flush()
        session.refresh(row)
        return wave_of(row)


def freeze_import(item: Wave, questionnaire_version: str, groups: Sequence[ReportingGroup]) -> Wave:
    """Marks an imported wave as counted, with the partition that its file gave."""
    with transaction() as session:
        row = locked_row(item.id)
        row.questionnaire_version = questionnaire_version
        row.state = WaveState.COUNTED.value
        row.targets = {}
        store_groups(row.id, groups)
        session.flush()
        session.refresh(row)
        return wave_of(row)


def close_for_answers(item: Wave, now: datetime, reason: str | None) -> Wave:
    """Ends the taking of answers; before the closing date only with a reason, which is kept. Harmless when repeated."""
    with transaction() as session:
        row = locked_row(item.id)
        checks.check_closes(wave_of(row), now, reason)
        if row.state == WaveState.OPEN.value:
            if now < wave_of(row).closes_at:
                row.closed_early = " ".join((reason or "").split())[:300]
                row.baseline = False  # a wave cut short sets no targets
                row.closes = max(
                    waves.to_wall_clock(now, row.timezone), row.opens + timedelta(minutes=1)
                )
            row.state = WaveState.CLOSED.value
        session.flush()
        return wave_of(row)


def extend_wave(name: str, days: int, now: datetime) -> Wave:
    """Moves the closing date of an open wave, once, by at most 7 days."""
    with transaction():
        row = locked_row(find_wave(name).id)
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
    item: Wave, outages: Sequence[tuple[datetime, datetime]], now: datetime, *, actor: str
) -> Wave | None:
    """Extends an open wave by the whole days during which the service was down, once and by at most 7; None when nothing is due.

    That is then its one extension. It may come after the closing time, as long as nobody has closed the wave.
    """
    with transaction():
        row = locked_row(item.id)
        days = waves.days_lost(wave_of(row), outages, now)
        if not days:
            return None
        row.extended_days = days
        row.closes += timedelta(days=days)
        record(
            "wave extended",
            {"wave": row.slug, "days": days, "because": "the service was down"},
            actor,
        )
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
    """Keeps since when a wave's key is missing, or that it is there again (None).

    Says whether this changed anything: another process may have noticed first.
    """
    otherwise = (
        WaveRow.key_missing_since.is_(None)
        if missing_since
        else WaveRow.key_missing_since.is_not(None)
    )
    query = update(WaveRow).where(
        WaveRow.id == wave.id, WaveRow.state == wave.state.value, otherwise
    )
    with transaction():
        return connection().execute(query.values(key_missing_since=missing_since)).rowcount == 1


def hold_for_answer(wave_id: str) -> bool:
    """Inside the answer's transaction: whether the wave is still open, and that it stays so until the commit."""
    return hold_for_letter(wave_id) is not None


def hold_for_letter(wave_id: str) -> datetime | None:
    """The same for a letter: the closing time of a wave that is open, on its wall clock; None when it is not."""
    server = connection()
    if server.dialect.name == "postgresql":  # as long as SQLite waits, then the page says so
        server.execute(_WAIT)
    held = server.execute(_HOLD, {"wave": wave_id}).first()
    return held.closes if held is not None and held.state == WaveState.OPEN.value else None


def hold_for_counting(item: Wave) -> bool:
    """Inside the counting transaction: whether the wave still waits to be counted; nobody else counts it meanwhile."""
    return locked_row(item.id).state == WaveState.CLOSED.value


_WAIT = text(f"SET LOCAL lock_timeout = {int(BUSY_SECONDS * 1000)}")
_HOLD = (
    select(WaveRow.state, WaveRow.closes)
    .where(WaveRow.id == bindparam("wave"))
    .with_for_update(read=True)
)


def _opened_thirds(row: WaveRow) -> Sequence[WaveRow]:
    """The other thirds of the quarter that were opened, in order."""
    same = (
        WaveRow.survey_id == row.survey_id,
        WaveRow.quarter == row.quarter,
        WaveRow.third.is_not(None),
        WaveRow.id != row.id,
    )
    query = (
        select(WaveRow)
        .where(*same, WaveRow.questionnaire_version.is_not(None))
        .order_by(WaveRow.third)
    )
    return db.session.scalars(query).all() if row.third else ()
