"""The timetable: which service function runs when; it decides nothing itself."""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

from survey.config import Config
from survey.copies.service import delete_due_copies
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
from survey.invitations.service.notices import forget_sent_notices
from survey.invitations.service.reminders import queue_reminders, waves_due_to_remind
from survey.jobs import heartbeat, long_jobs
from survey.jobs.rules import LongJob
from survey.kernel.clock import now as present
from survey.kernel.errors import Refused
from survey.kernel.hints import FOLLOW_COUNTING, HAND_OVER, PUT_KEY_BACK, words_for_command
from survey.kernel.plurals import how_many
from survey.launching.service.opening import open_wave
from survey.mail import service as mail
from survey.mail.service import Transport, read_bounces_if_due
from survey.people.service.directory import IMPORT, continue_import
from survey.vault.keys.service.safe_keeping import probe_key
from survey.waves import service as waves
from survey.waves.rules.ids import WaveId, WaveSlug
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
# Per wave; in memory, so that each process probes when it starts and the rhythm is stored nowhere.
_last_probes: dict[WaveId, datetime] = {}
_logged_errors: set[str] = set()


def tick(
    config: Config,
    now: datetime,
    seconds: float = LONGEST_DRAIN,
    *,
    real: datetime | None = None,
    channel: Transport | None = None,
) -> tuple[str, ...]:
    """Does one pass of all due work: closes, counts, opens, reminds, sends; gives lines on it.

    It finishes counts, makes up for days when the service was down, closes and counts, gives up
    what was missed, opens, reminds, then hands over letters until none is due, for at most so many
    `seconds`, over the channel that the settings name, unless another one is given. With 0 seconds
    it does no letters and no long jobs, because another thread does them.

    `now` is the time of the timetable. `real` is what the clock says: without it the time is
    pretended, so the pass neither counts as a heartbeat nor takes a jump for an outage.
    """
    lines: list[str] = []
    for wave in _list_due(lines, lambda: waves_with_leftover_keys(config.key_dir)):
        clean_up = partial(destroy_key_of_ended, wave, config.key_dir, actor=ACTOR)
        _attempt(lines, f"{wave.slug} cleaned up", clean_up)
    may_close = real is None or _record_heartbeat(real, now, lines)
    if may_close:
        _close_due_waves(config, now, lines)
    _give_up_missed_openings(now, lines)
    for wave in _list_due(lines, lambda: waves.due_to_open(now)):
        open_it = partial(open_wave, wave.slug, now, config.key_dir, actor=ACTOR)
        _attempt(lines, f"{wave.slug} opened", open_it)
    for wave in _list_due(lines, lambda: waves_due_to_remind(now)):
        _attempt(lines, "", partial(_remind, wave, now, lines))
    for thirds in _list_due(lines, waves.due_to_pool):
        _attempt(lines, "", partial(_pool_thirds, thirds))
    for wave in _list_due(lines, waves.list_waves):
        erase = partial(mail.erase_old_recipients, wave.slug, wave.closes_at, now)
        _attempt(lines, "", erase)
    _attempt(lines, "", forget_sent_notices)
    # By the real clock: a pretended time must not make copies old.
    delete = partial(delete_due_copies, config, real or present(), actor=ACTOR)
    _attempt(lines, "", lambda: lines.extend(delete()))
    _probe_keys(config, now, lines)
    _attempt(lines, "", lambda: lines.extend(read_bounces_if_due(config).lines()))
    if seconds:
        lines += do_long_jobs(config)
        lines += deliver_due_letters(seconds, channel)
    return _without_empty(lines)


def deliver_due_letters(
    seconds: float = LONGEST_DRAIN, channel: Transport | None = None
) -> tuple[str, ...]:
    """Sends letters until none is due, for at most so many seconds; gives lines on what it did."""
    lines: list[str] = []

    def deliver() -> None:
        lines.extend(mail.deliver_letters(seconds=seconds, channel=channel).lines())

    _attempt(lines, "", deliver)
    return _without_empty(lines)


def is_usual(line: str) -> bool:
    """Whether a line of `deliver_due_letters` only says that letters left."""
    return line.startswith("letters: ")


def do_long_jobs(config: Config) -> tuple[str, ...]:
    """Continues waiting counts and staff imports, also of dead processes; gives lines on them.

    Counts only where this process has the key folder.
    """
    lines: list[str] = []
    for job in _list_due(lines, long_jobs.waiting_jobs):
        if job.kind == COUNT and config.key_dir is not None:  # else another process has the keys
            _attempt(lines, "", partial(_continue_count, job, config))
        if job.kind == IMPORT:
            _attempt(lines, "", partial(_continue_import, job))
    return _without_empty(lines)


def _pool_thirds(thirds: Sequence[Wave]) -> str:
    """Adds up the thirds of a quarter; the line on it, empty if another process was first."""
    pool = pool_quarter(thirds, actor=ACTOR)
    return f"{pool.slug} added up from its thirds" if pool else ""


def _continue_count(job: LongJob, config: Config) -> str:
    """Continues the count of a wave; the line on it, empty if another process does it."""
    is_counted = continue_count(job.subject, config.key_dir, actor=job.actor)
    return f"{job.subject} counted" if is_counted else ""


def _continue_import(job: LongJob) -> str:
    """Continues the staff import; the line on it, empty if there is none or it is another's."""
    changes = continue_import(job.actor)
    if not changes:
        return ""
    return (
        f"{changes.added:,} people added, {changes.changed:,} changed, {changes.removed:,} removed"
    )


def _record_heartbeat(real: datetime, now: datetime, lines: list[str]) -> bool:
    """Stores the heartbeat and extends waves for outages; False if it failed: none may close."""
    is_recorded = _attempt(lines, "", partial(heartbeat.record_beat, real))
    return is_recorded and _make_up_for_outages(now, lines)


def _make_up_for_outages(now: datetime, lines: list[str]) -> bool:
    """Extends the open waves by the days that outages cost; False if any part failed.

    Outages are read from their record, so that a pass that is killed in between leaves it to the
    next. Unless all went well, nothing may close yet.
    """
    running: list[Wave] = []
    outages: list[heartbeat.Outage] = []

    def look() -> None:
        running.extend(wave for wave in waves.open_waves() if not wave.extended_days)
        if running:
            first_opening = min(wave.opens_at for wave in running)
            outages.extend(heartbeat.list_outages(first_opening))

    if not _attempt(lines, "", look):
        return False
    if not outages:
        return True
    spans = tuple((outage.since, outage.until) for outage in outages)
    done = [_attempt(lines, "", partial(_make_up, wave, spans, now)) for wave in running]
    return all(done)


def _make_up(wave: Wave, outages: tuple[tuple[datetime, datetime], ...], now: datetime) -> str:
    """Extends a wave for these outages (since, until); the line on it, empty if unchanged."""
    longer = waves.make_up_for_outages(wave, outages, now, actor=ACTOR)
    if longer is None:
        return ""
    days = how_many(longer.extended_days, "day")
    return (
        f"{longer.slug} extended by {days}, to {longer.closes:%Y-%m-%d %H:%M}, because the service"
        " was down"
    )


def _probe_keys(config: Config, now: datetime, lines: list[str]) -> None:
    """Tests the keys of waves that take answers; without a key folder only adds a line."""
    running = [wave for wave in _list_due(lines, waves.open_waves) if wave.takes_answers(now)]
    if running and config.key_dir is None:
        lines.append(NO_KEYS)
        return
    for wave in running:
        _attempt(lines, f"key of {wave.slug} probed", partial(_probe_key, wave, config, now))


def _probe_key(wave: Wave, config: Config, now: datetime) -> str:
    """Tests an open wave's key if that is due; logs and gives the alarm, empty if all is well.

    Once a day, and with every pass while the key is missing.
    """
    last = _last_probes.get(wave.id)
    is_due = last is None or not timedelta(0) <= now - last < BETWEEN_PROBES
    if not is_due and wave.key_missing_since is None:
        return ""
    alarm = probe_key(wave, config.key_dir, now, actor=ACTOR)
    if alarm:
        alarm += f" {PUT_KEY_BACK.format(wave=wave.slug)}"
    if is_due:
        _last_probes[wave.id] = now
        if alarm:
            log.error(alarm)
    return alarm or ""


def _close_due_waves(config: Config, now: datetime, lines: list[str]) -> None:
    """Closes and counts every wave that is due, and adds a line for each."""
    for wave in _list_due(lines, lambda: waves.due_to_close(now)):
        _attempt(lines, f"{wave.slug} closed and counted", partial(_close, config, now, wave))


def _close(config: Config, now: datetime, wave: Wave) -> str | None:
    """Closes a wave and counts it; the line to print if it is not counted yet, else None.

    A large one is left to the long jobs; in the strict tier the count waits for the second key.
    """
    ended = close_wave(wave.slug, now, config.key_dir, actor=ACTOR, leave_large=True)
    if job := counting_progress(ended):
        line = f"{LEFT}; how far it is: {FOLLOW_COUNTING}"
        return line.format(wave=ended.slug, ballots=job.total)
    if ended.state is WaveState.CLOSED:
        return f"{WAITS}: {HAND_OVER}".format(wave=ended.slug)
    return None


def _remind(wave: Wave, now: datetime, lines: list[str]) -> None:
    """Queues a wave's due reminders, and adds a line that never says how many."""
    if queue_reminders(wave, now):
        lines.append(f"{wave.slug}: reminders are queued")


def _give_up_missed_openings(now: datetime, lines: list[str]) -> None:
    """Voids every wave whose opening was missed, until there are no more; adds a line for each.

    Voiding one plans the next of its cadence, which may have been missed as well.
    """
    tried: set[WaveSlug] = set()
    while True:
        missed = _list_due(lines, lambda: waves.missed_openings(now))
        untried = [wave for wave in missed if wave.slug not in tried]
        if not untried:
            return
        for wave in untried:
            tried.add(wave.slug)
            _attempt(lines, "", partial(_give_up, wave, now))


def _give_up(wave: Wave, now: datetime) -> str:
    """Voids a wave that was not opened in time; the line on it, empty if it was not voided."""
    is_given_up = waves.give_up_wave(wave, now, actor=ACTOR)
    return f"{wave.slug} void: {NOT_OPENED}" if is_given_up else ""


def _list_due(lines: list[str], look: Callable[[], Iterable[T]]) -> tuple[T, ...]:
    """What `look` gives; empty when it fails, and a line is added, so that the pass goes on."""
    due: list[T] = []
    _attempt(lines, "", lambda: due.extend(look()))
    return tuple(due)


def _attempt(lines: list[str], done: str, work: Callable[[], object]) -> bool:
    """Does a piece of work and adds a line on how it ended; False on a refusal or any error.

    One wave's refusal or fault keeps no other from its turn. The line is `done`, or what the work
    gives where that is a text: work that ends otherwise than planned says so itself.
    """
    try:
        result = work()
    except Refused as refused:
        lines.append(words_for_command(refused))
    except (DBAPIError, NoConnection) as error:
        _log_once(error)
        db.session.rollback()
        lines.append(
            f"the database was busy ({type(error).__name__}); it is tried again with the next pass"
        )
    except Exception as error:  # noqa: BLE001 - a fault in one wave must not stop the letters of another
        _log_once(error)
        db.session.rollback()
        lines.append(
            f"not done: {done or 'part of the pass'} ({type(error).__name__}); it is tried again"
            " with the next pass"
        )
    else:
        lines.append(result if isinstance(result, str) else done)
        return True
    return False


def _log_once(error: Exception) -> None:
    """Logs an error's type and place in our code, once for each place in this process.

    No value is logged, for it could be an address.
    """
    place, frame = "", error.__traceback__
    while frame:
        module = str(frame.tb_frame.f_globals.get("__name__", ""))
        if module.startswith("survey."):
            place = f"{module}, line {frame.tb_lineno}"
        frame = frame.tb_next
    line = f"{type(error).__name__} in {place}"
    if line not in _logged_errors:
        _logged_errors.add(line)
        log.error(line)


def _without_empty(lines: list[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if line)
