"""The face of this room: everything that other rooms may ask of mail."""

from survey.mail.bounces.service.returned import box_state, read_bounces_if_due
from survey.mail.outbox.service.alarms import alarm_kind
from survey.mail.outbox.service.delivery import DONE, GOING_OUT, Report, deliver
from survey.mail.outbox.service.letter_types import (
    ALARM,
    Draft,
    Item,
    Kind,
    NotNow,
    Reader,
    Writer,
    is_told,
    known_kinds,
    register,
    told_to_staff,
)
from survey.mail.outbox.service.letters import KEPT, Status, blank, blank_old, cancel, forget_quiet, is_queued, lately, status, waits_since
from survey.mail.outbox.service.pausing import OF_ITSELF, channel_pause, pause, pause_wave, paused_waves, resume, resume_wave
from survey.mail.outbox.service.progress import (
    Channel,
    Letters,
    NotArrived,
    channel,
    faults,
    letters,
    level,
    not_arrived,
    pace,
    pause_of,
    reasons,
    retry,
    supersede,
    take_back,
    told_states,
    totals_of_quiet,
)
from survey.mail.outbox.service.queue import queue, queue_another
from survey.mail.outbox.service.watched import Watched
from survey.mail.smtp.service.catcher import Catcher
from survey.mail.smtp.service.checks import look_at_mail, notes_before_launch
from survey.mail.smtp.service.message import Message
from survey.mail.smtp.service.sender import Channel as Transport
from survey.mail.smtp.service.sender import channel_for

__all__ = [
    "ALARM",
    "DONE",
    "GOING_OUT",
    "KEPT",
    "OF_ITSELF",
    "Catcher",
    "Channel",
    "Draft",
    "Item",
    "Kind",
    "Letters",
    "Message",
    "NotArrived",
    "NotNow",
    "Reader",
    "Report",
    "Status",
    "Transport",
    "Watched",
    "Writer",
    "alarm_kind",
    "blank",
    "blank_old",
    "box_state",
    "cancel",
    "channel",
    "channel_for",
    "channel_pause",
    "deliver",
    "faults",
    "forget_quiet",
    "is_queued",
    "is_told",
    "known_kinds",
    "lately",
    "letters",
    "level",
    "look_at_mail",
    "not_arrived",
    "notes_before_launch",
    "pace",
    "pause",
    "pause_of",
    "pause_wave",
    "paused_waves",
    "queue",
    "queue_another",
    "read_bounces_if_due",
    "reasons",
    "register",
    "resume",
    "resume_wave",
    "retry",
    "status",
    "supersede",
    "take_back",
    "told_states",
    "told_to_staff",
    "totals_of_quiet",
    "waits_since",
]
