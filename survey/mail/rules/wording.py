"""What people read about letters: how many are where, how long it takes, why one failed.

A letter that was not due any more when its turn came (answered, stopped, moved, gone) counts as
sent wherever counts are shown: a count of its own, or a letter that fails to turn up, would say who
has answered or stopped these mails.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from survey.kernel.hints import TRY_MAIL
from survey.kernel.plurals import how_many
from survey.mail.rules.reasons import (
    Cause,
    cause_of,
    remedy_at_a_shell,
    remedy_for_managers,
    without_settings,
)
from survey.mail.rules.states import LetterState

BY_HAND = "paused by hand"
TAKEN_BACK = "taken back before it was sent"
SENT_MEANS = (
    "“Sent” also counts letters that were not needed any more when their turn came; which those are"
    " is shown nowhere and forgotten at the count, so that nobody can tell who answered or stopped"
    " these mails."
)
NOTHING_IS_LOST = "Nothing is lost."
_WAITING = frozenset({LetterState.READY, LetterState.LEASED, LetterState.SENDING})
_ADVICE = {
    "5.1.1": "Ask how the address is spelled, then correct it.",
    "5.1.2": "The part after the @ is wrong: correct the address.",
    "5.1.6": "The mailbox has moved: correct the address.",
    "5.2.1": "The mailbox is switched off: ask whether the person has another one, or has left.",
    "5.2.2": "Ask the person to make room, then retry.",
    "5.7.1": (
        "The mail server does not let our letters through to this mailbox: ask whoever runs it,"
        " then retry."
    ),
}
_TRY = f"Try: {TRY_MAIL}."


@dataclass(frozen=True, slots=True)
class StateCounts:
    """How many letters of one type are in which public state."""

    waiting: int = 0
    sent: int = 0
    failed: int = 0
    bounced: int = 0
    unknown: int = 0
    cancelled: int = 0

    @property
    def total(self) -> int:
        """The number of letters in all states together."""
        return self.waiting + self.sent + self.failed + self.bounced + self.unknown + self.cancelled

    @property
    def handed_over(self) -> int:
        """Letters that the mail server took: sent, bounced or of unknown outcome."""
        return self.sent + self.bounced + self.unknown

    @property
    def unreached(self) -> int:
        """Letters that reached nobody as far as is known, including those that still wait."""
        return self.total - self.sent - self.unknown

    def named(self) -> dict[str, int]:
        """The numbers by name of state; unknown and cancelled only where there are any."""
        numbers = {
            "waiting": self.waiting,
            "sent": self.sent,
            "failed": self.failed,
            "bounced": self.bounced,
        }
        if self.unknown:
            numbers["unknown"] = self.unknown
        if self.cancelled:
            numbers["cancelled"] = self.cancelled
        return numbers

    def words(self) -> str:
        """The numbers in one line; unknown and cancelled only where there are any.

        >>> StateCounts(waiting=581, sent=405, failed=5, bounced=7, cancelled=2).words()
        'waiting 581, sent 405, failed 5, bounced 7, cancelled 2'
        """
        return ", ".join(f"{name} {number:,}" for name, number in self.named().items())


@dataclass(frozen=True, slots=True)
class StatedPace:
    """How many letters may leave a minute and a day, and why not more; None: no limit.

    None means: as many as the server takes.
    """

    per_minute: int | None = None
    per_day: int | None = None
    because: str = ""


@dataclass(frozen=True, slots=True)
class MailPause:
    """A pause of sending: why nothing leaves, since when, and what ends it."""

    because: str
    since: datetime | None

    def __post_init__(self) -> None:
        """Takes names of settings out of the reason; an older version wrote them in."""
        object.__setattr__(self, "because", without_settings(self.because))

    @property
    def says(self) -> str:
        """The sentence about the pause for pages and commands."""
        return f"Sending is paused: {self.because}. {NOTHING_IS_LOST}"

    @property
    def remedy(self) -> str:
        """What a manager can do to end the pause, without names of settings."""
        if cause_of(self.because) is Cause.BY_HAND:
            return "Resume when it may go on."
        return f"{remedy_for_managers(self.because)} Then resume."

    @property
    def remedy_at_a_shell(self) -> str:
        """What the person who runs the server can do: settings and commands by name."""
        cause = cause_of(self.because)
        todo = remedy_at_a_shell(self.because)
        if cause is Cause.BY_HAND:
            return "Resume when it may go on."
        if cause is Cause.PUT_BACK:
            return f"{todo} Then resume."
        if cause is Cause.REFUSED_IN_A_ROW:
            return f"{todo} Mend that, then resume and retry."
        return f"{todo} {_TRY} Then resume.".strip()


def public_state(state: str, reason: str | None) -> str:
    """The state of a letter as people may read it; one cancelled as not due counts as sent.

    One that somebody took back counts as cancelled; what is not yet handed over counts as waiting.

    >>> public_state("cancelled", None), public_state("cancelled", TAKEN_BACK)
    ('sent', 'cancelled')
    >>> public_state("ready", None), public_state("bounced", "full")
    ('waiting', 'bounced')
    """
    if state in _WAITING:
        return "waiting"
    was_not_due = state == LetterState.CANCELLED and reason != TAKEN_BACK
    return "sent" if was_not_due else state


def counts_by_state(states: Mapping[str, int]) -> StateCounts:
    """Turns numbers by name of public state into `StateCounts`."""
    return StateCounts(**dict(states))


def reason_in_words(reason: str | None, code: str | None) -> str:
    """The stored reason as a sentence without settings, with the server's code in brackets.

    >>> reason_in_words("this mailbox does not exist", "550 5.1.1"), reason_in_words(None, None)
    ('This mailbox does not exist (550 5.1.1)', 'The reason is not known')
    """
    words = without_settings(reason or "the reason is not known")
    sentence = words[0].upper() + words[1:].removesuffix(".")
    return f"{sentence} ({code})" if code else sentence


def advice(state: str, code: str | None) -> str:
    """What staff can do about one letter that failed or came back, by its code."""
    enhanced = (code or "").rpartition(" ")[2]
    if enhanced in _ADVICE:
        return _ADVICE[enhanced]
    if not code and state == LetterState.FAILED:
        return "Correct what the reason names, then retry."
    return (
        "Check the address. If it is right, retry; if it fails again, ask whoever runs the mail"
        " server."
    )


def time_left(waiting: int, pace: StatedPace) -> str:
    """About how long it takes until no letter waits, in words; empty without waiting or limit.

    >>> [time_left(waiting, StatedPace(25, 9_500)) for waiting in (10, 581, 9_000, 12_000)]
    ['less than a minute', 'about 23 minutes', 'about 6 hours', 'about 2 days']
    >>> time_left(9, StatedPace())
    ''
    """
    if not waiting:
        return ""
    if pace.per_day and waiting > pace.per_day:
        return f"about {-(-waiting // pace.per_day)} days"
    if not pace.per_minute:
        return ""
    minutes = waiting / pace.per_minute
    if minutes < 1:
        return "less than a minute"
    if minutes < 90:
        return f"about {how_many(round(minutes), 'minute')}"
    return f"about {round(minutes / 60)} hours"


def pace_in_words(pace: StatedPace) -> str:
    """The limits a minute and a day in words; empty where there is no limit.

    >>> pace_in_words(StatedPace(25, None, "as your settings say")), pace_in_words(StatedPace())
    ('25 a minute', '')
    >>> pace_in_words(StatedPace(25, 8_000))
    '25 a minute and 8,000 a day'
    """
    limits = []
    if pace.per_minute:
        limits.append(f"{pace.per_minute:,} a minute")
    if pace.per_day:
        limits.append(f"{pace.per_day:,} a day")
    return " and ".join(limits)


def progress_in_words(counts: StateCounts, noun: str, pace: StatedPace, *, is_held: bool) -> str:
    """One line: how many letters of one type are handed over, the pace, the time left.

    Without pace and time left while they are held, and when nothing waits.

    >>> counts = StateCounts(waiting=588, sent=405, bounced=7)
    >>> progress_in_words(counts, "invitation", StatedPace(25), is_held=False)
    '412 of 1,000 invitations handed over, 25 a minute, about 24 minutes left'
    >>> progress_in_words(StateCounts(sent=8), "invitation", StatedPace(25), is_held=False)
    '8 of 8 invitations handed over'
    """
    handed_over = f"{counts.handed_over:,} of {how_many(counts.total, noun)} handed over"
    if is_held or not counts.waiting:
        return handed_over
    left = time_left(counts.waiting, pace)
    forecast = f"{left} left" if left else ""
    return ", ".join(filter(None, (handed_over, pace_in_words(pace), forecast)))


def unreached_words(counts: StateCounts) -> str:
    """How many letters reached nobody as far as is known, in words; empty if none.

    For after the close.

    >>> unreached_words(StateCounts(sent=80, failed=5, bounced=7, cancelled=28))
    '40 of 120 were not reached'
    >>> unreached_words(StateCounts(sent=3))
    ''
    """
    if not counts.unreached:
        return ""
    return f"{counts.unreached:,} of {counts.total:,} were not reached"
