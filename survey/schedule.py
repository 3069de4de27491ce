"""The timetable: which service function runs when. No logic of its own."""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

from survey.config import Config
from survey.counting.service import (
    COUNT,
    LEFT,
    close_wave,
    continue_count,
    counting_progress,
    destroy_key_of_ended,
    pool_quarter,
    waves_with_leftover_keys,
)
from survey.database import db
from survey.invitations.service.reminders import queue_reminders, waves_due_to_remind
from survey.jobs import heartbeat, long_jobs
from survey.jobs.rules import LongJob
from survey.kernel.errors import Refused
from survey.kernel.hints import FOLLOW_COUNTING, HAND_OVER, PUT_KEY_BACK, words_for_command
from survey.kernel.plurals import how_many
from survey.launching.service.opening import open_wave
from survey.mail import service as mail
from survey.mail.service import Transport, read_bounces_if_due
from survey.people.service.directory import IMPORT, continue_import
from survey.vault.keys.service.safe_keeping import probe_key
from survey.waves import service as waves
from survey.waves.rules.waves import NOT_OPENED, WAITS, Wave, WaveState

log = logging.getLogger(__name__)
T = TypeVar("T")
ACTOR = "timetable"
LONGEST_DRAIN = 300
BETWEEN_PROBES = timedelta(days=1)
NO_KEYS = (
    "This process has no key folder (CANDOUR_KEY_DIR), so it neither opens, probes nor counts a"
    " wave: run one that has it."
)
_noted: set[str] = set()
_probed: dict[
    str, datetime
] = {}  # per wave; in memory, so that each process probes when it starts and the rhythm is stored nowhere


def tick(
    config: Config,
    moment: datetime,
    seconds: float = LONGEST_DRAIN,
    *,
    real: datetime | None = None,
    channel: Transport | None = None,
) -> tuple[str, ...]:
    """One pass of all due work; says what it did.

    It finishes counts, makes up for days when the service was down, closes and counts, gives up what was missed, opens, reminds, then
    hands over letters until none is due, over the channel that the settings name, unless another one is given. `moment` is the time of
    the timetable. `real` is what the clock says: without it the time is pretended, so the pass neither counts as a sign of life nor
    takes a jump for an outage. No seconds: no letters and no long works, for whoever does them beside it.
    """
    lines: list[str] = []
    for item in _due(lines, lambda: waves_with_leftover_keys(config.key_dir)):
        _attempt(
            lines, f"{item.slug} cleaned up", partial(destroy_key_of_ended, item, config.key_dir)
        )
    made_up = real is None or (
        _attempt(lines, "", partial(heartbeat.record_beat, real))
        and _make_up_for_outages(moment, lines)
    )
    for item in _due(lines, lambda: waves.due_to_close(moment)) if made_up else ():
        _attempt(lines, f"{item.slug} closed and counted", partial(_close, config, moment, item))
    _give_up_missed_openings(moment, lines)
    for item in _due(lines, lambda: waves.due_to_open(moment)):
        _attempt(
            lines,
            f"{item.slug} opened",
            partial(open_wave, item.slug, moment, config.key_dir, actor=ACTOR),
        )
    for item in _due(lines, lambda: waves_due_to_remind(moment)):
        _attempt(lines, "", partial(_remind, item, moment, lines))
    for thirds in _due(lines, waves.due_to_pool):
        _attempt(lines, "", partial(_add_up, thirds))
    for item in _due(lines, waves.list_waves):
        _attempt(lines, "", partial(mail.erase_old_recipients, item.slug, item.closes_at, moment))
    _probe_keys(config, moment, lines)
    _attempt(lines, "", lambda: lines.extend(read_bounces_if_due(config).lines()))
    if seconds:
        lines += do_long_jobs(config)
        lines += deliver_due_letters(seconds, channel)
    return tuple(line for line in lines if line)


def deliver_due_letters(
    seconds: float = LONGEST_DRAIN, channel: Transport | None = None
) -> tuple[str, ...]:
    """Hands over letters until none is due, for at most so many seconds; says what it did."""
    lines: list[str] = []
    _attempt(
        lines,
        "",
        lambda: lines.extend(mail.deliver_letters(seconds=seconds, channel=channel).lines()),
    )
    return tuple(line for line in lines if line)


def is_usual(line: str) -> bool:
    """Whether a line of handing over says no more than that letters left."""
    return line.startswith("letters: ")


def do_long_jobs(config: Config) -> tuple[str, ...]:
    """Goes on with every long work that waits or was left behind by a process that is gone; says what it did."""
    lines: list[str] = []
    for work in _due(lines, long_jobs.waiting_jobs):
        if work.kind == COUNT and config.key_dir is not None:  # else another process has the keys
            _attempt(lines, "", partial(_count_left, work, config))
        if work.kind == IMPORT:
            _attempt(lines, "", partial(_import_left, work))
    return tuple(line for line in lines if line)


def _add_up(thirds: Sequence[Wave]) -> str:
    pool = pool_quarter(thirds, actor=ACTOR)
    return f"{pool.slug} added up from its thirds" if pool else ""


def _count_left(work: LongJob, config: Config) -> str:
    return (
        f"{work.subject} counted"
        if continue_count(work.subject, config.key_dir, actor=work.actor)
        else ""
    )


def _import_left(work: LongJob) -> str:
    done = continue_import(work.actor)
    return (
        f"{done.added:,} people added, {done.changed:,} changed, {done.removed:,} removed"
        if done
        else ""
    )


def _make_up_for_outages(moment: datetime, lines: list[str]) -> bool:
    """From the record, so that a pass that is killed in between leaves it to the next; unless all went well, nothing may close yet."""
    running: list[Wave] = []
    down: list[heartbeat.Outage] = []

    def look() -> None:
        running.extend(item for item in waves.open_waves() if not item.extended_days)
        down.extend(
            heartbeat.list_outages(min(item.opens_at for item in running)) if running else ()
        )

    if not _attempt(lines, "", look):
        return False
    spans = tuple((one.since, one.until) for one in down)
    done = [
        _attempt(lines, "", partial(_make_up, item, spans, moment)) for item in running if spans
    ]
    return all(done)


def _make_up(item: Wave, down: tuple[tuple[datetime, datetime], ...], moment: datetime) -> str:
    longer = waves.make_up_for_outages(item, down, moment, actor=ACTOR)
    if longer is None:
        return ""
    days = how_many(longer.extended_days, "day")
    return (
        f"{longer.slug} extended by {days}, to {longer.closes:%Y-%m-%d %H:%M}, because the service"
        " was down"
    )


def _probe_keys(config: Config, moment: datetime, lines: list[str]) -> None:
    running = [item for item in _due(lines, waves.open_waves) if item.takes_answers(moment)]
    if running and config.key_dir is None:
        lines.append(NO_KEYS)
        return
    for item in running:
        _attempt(lines, f"key of {item.slug} probed", partial(_probe, item, config, moment))


def _probe(item: Wave, config: Config, moment: datetime) -> str:
    """Once a day for each open wave, and with every pass while its key is missing; the alarm, if any."""
    last = _probed.get(item.id)
    is_due = last is None or not timedelta(0) <= moment - last < BETWEEN_PROBES
    if not is_due and item.key_missing_since is None:
        return ""
    if alarm := probe_key(item, config.key_dir, moment, actor=ACTOR):
        alarm += f" {PUT_KEY_BACK.format(wave=item.slug)}"
    if is_due:
        _probed[item.id] = moment
        if alarm:
            log.error(alarm)
    return alarm or ""


def _close(config: Config, moment: datetime, item: Wave) -> str | None:
    ended = close_wave(item.slug, moment, config.key_dir, actor=ACTOR, leave_large=True)
    if left := counting_progress(ended):
        return f"{LEFT}; how far it is: {FOLLOW_COUNTING}".format(
            wave=ended.slug, ballots=left.total
        )
    waits = f"{WAITS}: {HAND_OVER}".format(wave=ended.slug)
    return waits if ended.state is WaveState.CLOSED else None


def _remind(item: Wave, moment: datetime, lines: list[str]) -> None:
    """Says that, never to how many."""
    if queue_reminders(item, moment):
        lines.append(f"{item.slug}: reminders are queued")


def _give_up_missed_openings(moment: datetime, lines: list[str]) -> None:
    """Giving one up plans the next of its cadence, which may have been missed as well."""
    tried: set[str] = set()
    while missed := [
        item
        for item in _due(lines, lambda: waves.missed_openings(moment))
        if item.slug not in tried
    ]:
        for item in missed:
            tried.add(item.slug)
            _attempt(lines, "", partial(_give_up, item, moment))


def _give_up(item: Wave, moment: datetime) -> str:
    return (
        f"{item.slug} void: {NOT_OPENED}" if waves.give_up_wave(item, moment, actor=ACTOR) else ""
    )


def _due(lines: list[str], look: Callable[[], Iterable[T]]) -> tuple[T, ...]:
    """What a look finds; nothing when the look itself fails, so that the rest of the pass has its turn."""
    found: list[T] = []
    _attempt(lines, "", lambda: found.extend(look()))
    return tuple(found)


def _attempt(lines: list[str], done: str, work: Callable[[], object]) -> bool:
    """One wave's refusal or fault keeps no other from its turn; work that ends otherwise than planned says so itself.

    Gives whether the work was done.
    """
    try:
        said = work()
    except Refused as refused:
        lines.append(words_for_command(refused))
    except (DBAPIError, NoConnection) as error:
        _note(error)
        db.session.rollback()
        lines.append(
            f"the database was busy ({type(error).__name__}); it is tried again with the next pass"
        )
    except Exception as error:  # noqa: BLE001 - a fault in one wave must not stop the letters of another
        _note(error)
        db.session.rollback()
        lines.append(
            f"not done: {done or 'part of the pass'} ({type(error).__name__}); it is tried again"
            " with the next pass"
        )
    else:
        lines.append(said if isinstance(said, str) else done)
        return True
    return False


def _note(error: Exception) -> None:
    """Where something went wrong, once for each place, for whoever looks for the cause; no value, which could be an address."""
    place, below = "", error.__traceback__
    while below:
        if str(below.tb_frame.f_globals.get("__name__", "")).startswith("survey."):
            place = f"{below.tb_frame.f_globals['__name__']}, line {below.tb_lineno}"
        below = below.tb_next
    said = f"{type(error).__name__} in {place}"
    if said not in _noted:
        _noted.add(said)
        log.error(said)
