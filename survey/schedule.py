"""The timetable: which service function runs when. No logic of its own."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from survey.answering.counting import close_wave, finish, unfinished, void_wave
from survey.config import Config
from survey.database import db
from survey.invitations.reminding import due_to_remind, remind
from survey.invitations.service import open_wave
from survey.jobs.pulse import note_pass
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.mail import service as mail
from survey.waves import service as waves
from survey.waves.custody import probe_key
from survey.waves.rules import WAITS, Wave, WaveState

log = logging.getLogger(__name__)
ACTOR = "timetable"
LONGEST_DRAIN = 300
NOT_OPENED = "not opened in time"
BETWEEN_PROBES = timedelta(days=1)
NO_KEYS = "This process has no key folder (CANDOUR_KEY_DIR), so it neither opens, probes nor counts a wave: run one that has it."
_probed: dict[str, datetime] = {}  # per wave; in memory, so that each process probes when it starts and the rhythm is stored nowhere


def tick(config: Config, moment: datetime, seconds: float = LONGEST_DRAIN) -> tuple[str, ...]:
    """One pass of all due work: finish counts, open, remind, close and count, then letters until none is due; says what it did.

    No seconds: no letters, for whoever sends them beside it.
    """
    lines: list[str] = []
    for item in unfinished(config.key_dir):
        _attempt(lines, f"{item.slug} cleaned up", partial(finish, item, config.key_dir))
    _give_up_missed_openings(config, moment, lines)
    for item in waves.due_to_open(moment):
        _attempt(lines, f"{item.slug} opened", partial(open_wave, item.slug, moment, config.key_dir, actor=ACTOR))
    for item in due_to_remind(moment):
        _attempt(lines, "", partial(_remind, item, moment, lines))
    for item in waves.due_to_close(moment):
        _attempt(lines, f"{item.slug} closed and counted", partial(_close, config, moment, item))
    _probe_keys(config, moment, lines)
    _attempt(lines, "", lambda: note_pass(now()))
    if seconds:
        lines += letters(seconds)
    return tuple(line for line in lines if line)


def letters(seconds: float = LONGEST_DRAIN) -> tuple[str, ...]:
    """Hands over letters until none is due, for at most so many seconds; says what it did."""
    lines: list[str] = []
    _attempt(lines, "", lambda: lines.extend(mail.deliver(seconds=seconds).lines()))
    return tuple(line for line in lines if line)


def _probe_keys(config: Config, moment: datetime, lines: list[str]) -> None:
    running = [item for item in waves.list_waves() if item.takes_answers(moment)]
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
    alarm = probe_key(item, config.key_dir, moment, actor=ACTOR)
    if is_due:
        _probed[item.id] = moment
        if alarm:
            log.error(alarm)
    return alarm or ""


def _close(config: Config, moment: datetime, item: Wave) -> str | None:
    ended = close_wave(item.slug, moment, config.key_dir, actor=ACTOR)
    return WAITS.format(wave=ended.slug) if ended.state is WaveState.CLOSED else None


def _remind(item: Wave, moment: datetime, lines: list[str]) -> None:
    """Says that, never to how many."""
    if remind(item, moment):
        lines.append(f"{item.slug}: reminders are queued")


def _give_up_missed_openings(config: Config, moment: datetime, lines: list[str]) -> None:
    """Voiding one plans the next of its cadence, which may have been missed as well."""
    tried: set[str] = set()
    while missed := [item for item in waves.missed_openings(moment) if item.slug not in tried]:
        for item in missed:
            tried.add(item.slug)
            work = partial(void_wave, item.slug, config.key_dir, reason=NOT_OPENED, actor=ACTOR)
            _attempt(lines, f"{item.slug} void: {NOT_OPENED}", work)


def _attempt(lines: list[str], done: str, work: Callable[[], object]) -> None:
    """One wave's refusal or fault keeps no other from its turn; work that ends otherwise than planned says so itself."""
    try:
        said = work()
    except Refused as refused:
        lines.append(refused.message)
    except SQLAlchemyError as error:
        db.session.rollback()
        lines.append(f"the database was busy ({type(error).__name__}); it is tried again with the next pass")
    except Exception as error:  # noqa: BLE001 - a fault in one wave must not stop the letters of another
        db.session.rollback()
        lines.append(f"not done: {done or 'letters'} ({type(error).__name__}); it is tried again with the next pass")
    else:
        lines.append(said if isinstance(said, str) else done)
