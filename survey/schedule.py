"""The timetable: which service function runs when. No logic of its own."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from survey.answering.counting import close_wave, finish, unfinished, void_wave
from survey.config import Config
from survey.database import db
from survey.invitations.service import open_wave
from survey.kernel.errors import Refused
from survey.mail import service as mail
from survey.waves import service as waves

ACTOR = "timetable"
LONGEST_DRAIN = 300
NOT_OPENED = "not opened in time"


def tick(config: Config, moment: datetime, seconds: float = LONGEST_DRAIN) -> tuple[str, ...]:
    """One pass of all due work: finish counts, open, close and count, then letters until none is due; says what it did."""
    lines: list[str] = []
    for item in unfinished(config.key_dir):
        _attempt(lines, f"{item.slug} cleaned up", partial(finish, item, config.key_dir))
    _give_up_missed_openings(config, moment, lines)
    for item in waves.due_to_open(moment):
        _attempt(lines, f"{item.slug} opened", partial(open_wave, item.slug, moment, config.key_dir, actor=ACTOR))
    for item in waves.due_to_close(moment):
        _attempt(lines, f"{item.slug} closed and counted", partial(close_wave, item.slug, moment, config.key_dir, actor=ACTOR))
    _attempt(lines, "", lambda: lines.extend(mail.deliver(seconds=seconds).lines()))
    return tuple(line for line in lines if line)


def _give_up_missed_openings(config: Config, moment: datetime, lines: list[str]) -> None:
    """Voiding one plans the next of its cadence, which may have been missed as well."""
    tried: set[str] = set()
    while missed := [item for item in waves.missed_openings(moment) if item.slug not in tried]:
        for item in missed:
            tried.add(item.slug)
            work = partial(void_wave, item.slug, config.key_dir, reason=NOT_OPENED, actor=ACTOR)
            _attempt(lines, f"{item.slug} void: {NOT_OPENED}", work)


def _attempt(lines: list[str], done: str, work: Callable[[], object]) -> None:
    """One wave's refusal or fault keeps no other from its turn."""
    try:
        work()
    except Refused as refused:
        lines.append(refused.message)
    except SQLAlchemyError as error:
        db.session.rollback()
        lines.append(f"the database was busy ({type(error).__name__}); it is tried again with the next pass")
    except Exception as error:  # noqa: BLE001 - a fault in one wave must not stop the letters of another
        db.session.rollback()
        lines.append(f"not done: {done or 'letters'} ({type(error).__name__}); it is tried again with the next pass")
    else:
        lines.append(done)
