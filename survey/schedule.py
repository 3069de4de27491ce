"""The timetable: which service function runs when. No logic of its own."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from survey.answering.counting import close_wave, finish, unfinished
from survey.config import Config
from survey.database import db
from survey.invitations.service import open_wave
from survey.kernel.errors import Refused
from survey.mail import service as mail
from survey.waves import service as waves

ACTOR = "timetable"
LONGEST_DRAIN = 300


def tick(config: Config, moment: datetime, seconds: float = LONGEST_DRAIN) -> tuple[str, ...]:
    """One pass of all due work: finish counts, open, close and count, then letters until none is due; says what it did."""
    lines: list[str] = []
    for item in unfinished(config.key_dir):
        _attempt(lines, f"{item.slug} cleaned up", partial(finish, item, config.key_dir))
    for item in waves.due_to_open(moment):
        _attempt(lines, f"{item.slug} opened", partial(open_wave, item.slug, moment, config.key_dir, actor=ACTOR))
    for item in waves.due_to_close(moment):
        _attempt(lines, f"{item.slug} closed and counted", partial(close_wave, item.slug, moment, config.key_dir, actor=ACTOR))
    report = mail.deliver(seconds=seconds)
    return (*lines, *report.lines())


def _attempt(lines: list[str], done: str, work: Callable[[], object]) -> None:
    """One wave's refusal keeps no other from its turn."""
    try:
        work()
    except Refused as refused:
        lines.append(refused.message)
    except SQLAlchemyError as error:
        db.session.rollback()
        lines.append(f"the database was busy ({type(error).__name__}); it is tried again with the next pass")
    else:
        lines.append(done)
