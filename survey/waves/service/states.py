"""A wave from state to state: open and frozen, extended, closed, marked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, text, update

from survey.access.service.audit import record
from survey.database import BUSY_SECONDS, connection, db, transaction
from survey.kernel.errors import Refused
from survey.kernel.plurals import how_many
from survey.kernel.staff_changes import StaffChanges
from survey.organisation.rules.frozen_promise import FrozenPromise, read_promise, stored_promise
from survey.questionnaires.rules import VersionId
from survey.waves.rules import checks, waves
from survey.waves.rules.ids import WaveId
from survey.waves.rules.roster import RosterRecord
from survey.waves.rules.waves import CoKey, ReportingGroup, VoidReason, Wave, WaveState
from survey.waves.service.planning import plan_following
from survey.waves.service.reading import find_wave, number_of_earlier_waves
from survey.waves.service.rows import locked_row, row_held_with_survey, store_groups, wave_of
from survey.waves.tables import WaveRow


@dataclass(frozen=True, slots=True)
class LaunchTerms:
    """What opening a wave fixes: its questionnaire, reporting groups, keys and probe.

    `probe` is sealed to `public_key`; `co_keys` are those of representatives, if any. `promise` is
    what employees are promised. `roster` says how the staff list was changed before.
    """

    questionnaire_version: VersionId
    groups: tuple[ReportingGroup, ...]
    public_key: bytes
    probe: bytes
    promise: FrozenPromise
    co_keys: tuple[CoKey, ...] = ()
    roster: RosterRecord | None = None


def hold_for_opening(wave: Wave) -> None:
    """Refuses a wave that cannot open now; else locks it and its survey until the transaction ends.

    It cannot where it is not planned any more, its survey is paused or ended, or another wave of
    the survey is open. No other wave of its survey opens until the end of the opening transaction.
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
    """Opens a planned wave: stores its terms, moves its dates if need be, and plans the next.

    Refuses what `hold_for_opening` refuses, such as a wave that is not planned any more. Opening by
    hand before the planned time, or a day late and more, moves the opening to now and keeps the
    length. The next wave is that of the cadence. Audits nothing.
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
        row.promise = stored_promise(_promise_of_third(launch.promise, opened_thirds))
        row.reminders = row.survey.reminders
        row.public_key, row.probe = launch.public_key, launch.probe
        row.co_keys = [{"name": key.name, "public": key.public.hex()} for key in launch.co_keys]
        row.roster = launch.roster.as_json() if launch.roster else None
        row.baseline = not row.one_off and earlier_waves < row.survey.baseline_waves
        store_groups(row.id, launch.groups)
        plan_following(row.survey_id, max(planned_opening, wall))
        session.flush()
        session.refresh(row)
        return wave_of(row)


def freeze_import(
    wave: Wave, questionnaire_version: VersionId, groups: Sequence[ReportingGroup]
) -> Wave:
    """Marks an imported wave as counted; stores its questionnaire version and its groups.

    The groups are the partition that its file gave.
    """
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
    """Closes an open wave, so that it takes no more answers; harmless when repeated.

    Before the closing date only with a reason, which is stored; the closing date becomes now, and
    the wave is no baseline any more. Refuses a planned or void wave. Counts nothing, audits
    nothing.
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
    """Moves an open wave's closing date by 1 to 7 days, once, and audits that.

    Refuses other numbers, a second time, and a wave that takes no answers. `typed` is as
    `find_wave` takes it.
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
    """Extends an open wave by the whole days of `outages`, and audits; None when nothing is due.

    Once, and by at most 7 days. `outages` are pairs of begin and end of times during which the
    service was down. That is then its one extension. It may come after the closing time, as long as
    nobody has closed the wave.
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
    """Stores a wave's new state, counted or shared, without any check."""
    with transaction() as session:
        session.execute(update(WaveRow).where(WaveRow.id == wave.id).values(state=state.value))


def complete_roster_record(wave: Wave, counted: StaffChanges) -> Wave:
    """Stores how the staff list was changed while the wave was open; gives the wave with it.

    `counted` are all changes of the list ever counted. Nothing for a wave without a record. Inside
    the counting transaction.
    """
    if wave.roster is None:
        return wave
    roster = wave.roster.completed(counted)
    with transaction() as session:
        query = update(WaveRow).where(WaveRow.id == wave.id)
        session.execute(query.values(roster=roster.as_json()))
    return replace(wave, roster=roster)


def mark_wave_void(wave: Wave, reason: VoidReason, words: str) -> None:
    """Stores that a wave is void, without any check; `words` say why, for people.

    They are shown wherever the wave would be.
    """
    values = {"state": WaveState.VOID.value, "void_reason": reason.value, "void_words": words}
    with transaction() as session:
        session.execute(update(WaveRow).where(WaveRow.id == wave.id).values(values))


def note_missing_key(wave: Wave, missing_since: datetime | None) -> bool:
    """Stores since when a wave's key is missing (None: it is back); gives whether that was news.

    It is none where another process noticed first, or the wave's state has changed.
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
    """Whether the wave is open; if so, it stays open until the end of the answer's transaction."""
    return hold_for_letter(wave_id) is not None


def hold_for_letter(wave_id: WaveId) -> datetime | None:
    """The closing time of an open wave, which stays open until the transaction ends; else None.

    Used inside a letter's or an answer's transaction. The time is on the wave's wall clock.
    """
    server = connection()
    if server.dialect.name == "postgresql":  # as long as SQLite waits, then the page says so
        server.execute(_LIMIT_WAITING)
    row = server.execute(_LOCK_WAVE, {"wave": wave_id}).first()
    if row is None or row.state != WaveState.OPEN.value:
        return None
    closes: datetime = row.closes
    return closes


def hold_for_correction(wave_id: WaveId) -> bool:
    """Whether the wave is open; locks it until the transaction ends.

    So corrections of addresses in it are decided one after another, and none while it is closed.
    """
    return locked_row(wave_id).state == WaveState.OPEN.value


def hold_for_counting(wave: Wave) -> bool:
    """Whether the wave is closed and not counted; locks it until the transaction ends.

    Used inside the counting transaction: nobody else counts the wave until its end.
    """
    return locked_row(wave.id).state == WaveState.CLOSED.value


_LIMIT_WAITING = text(f"SET LOCAL lock_timeout = {int(BUSY_SECONDS * 1000)}")
_LOCK_WAVE = (
    select(WaveRow.state, WaveRow.closes)
    .where(WaveRow.id == bindparam("wave"))
    .with_for_update(read=True)
)


def _promise_of_third(promise: FrozenPromise, opened_thirds: Sequence[WaveRow]) -> FrozenPromise:
    """The promise, with the readers of comments that the first third of the quarter promised.

    What the thirds of a quarter wrote is read together, so the same people read it.
    """
    if not opened_thirds or not opened_thirds[0].promise:
        return promise
    first = read_promise(opened_thirds[0].promise).organisation
    organisation = replace(
        promise.organisation, readers=first.readers, comments_read_by=first.comments_read_by
    )
    return replace(promise, organisation=organisation)


def _opened_thirds(row: WaveRow) -> Sequence[WaveRow]:
    """The other opened thirds of a third's quarter, in order; empty for a wave that is no third."""
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
