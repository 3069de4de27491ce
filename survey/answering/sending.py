"""The mail of a wave as its manager sees and steers it: how far the invitations are, which did not arrive, retry, cancel, pause.

Names are told of invitations only: a name among the reminders would say who has not answered.
"""

from dataclasses import dataclass
from datetime import datetime

from survey.invitations.rules import reminder_window
from survey.invitations.service import FRESH, INVITATION, REMINDER
from survey.invitations.service import invitation as invitation_by_id
from survey.kernel.errors import Refused
from survey.mail import progress as mail
from survey.mail.progress import Channel, NotArrived
from survey.mail.service import DONE
from survey.mail.wording import Counts, Pace, Pause, headline, rate, unreached_words
from survey.people.rules import Person
from survey.people.service import person as person_by_id
from survey.waves import service as waves
from survey.waves.rules import Wave, WaveState, printed, wall_clock

COUNTED = "wave counted"
REMINDERS = "reminders"
LISTED_AT_ONCE = 200
TO_STAFF = (INVITATION, FRESH, REMINDER)
_OVER = frozenset({WaveState.COUNTED, WaveState.SHARED})


@dataclass(frozen=True, slots=True)
class Sending:
    """How far the mail of a wave is; `reminders` are words while it is open, and numbers once it has been counted."""

    wave: Wave
    counts: Counts
    later: int
    channel: Channel
    pause: Pause | None
    pace: Pace
    reminders: str
    others: dict[str, Counts]

    @property
    def is_held(self) -> bool:
        """Whether nothing of it leaves at present."""
        return bool(self.pause or self.channel.pause or self.channel.away_until)

    @property
    def says(self) -> str:
        """How far the invitations are, in one line."""
        return headline(self.counts, INVITATION, self.pace, is_held=self.is_held)

    @property
    def rate(self) -> str:
        """How fast letters may leave, in words."""
        return rate(self.pace)

    @property
    def unreached(self) -> str:
        """After the close: how many were not reached, in words; nothing for a void wave."""
        return unreached_words(self.counts) if self.wave.state in {*_OVER, WaveState.CLOSED} else ""


@dataclass(frozen=True, slots=True)
class Unreached:
    """Somebody whose invitation did not arrive."""

    person: Person
    letter: NotArrived


@dataclass(frozen=True, slots=True)
class NotReached:
    """Whom no invitation has reached: by name as many as are listed, how many more, and how many who have left the directory."""

    listed: tuple[Unreached, ...]
    more: int
    gone: int


@dataclass(frozen=True, slots=True)
class Notice:
    """What is not as it should be with a wave's mail: paused or failed invitations while it is open, other letters at any time."""

    wave: Wave
    pause: Pause | None
    not_arrived: int
    others: dict[str, int]


def sending(item: Wave, moment: datetime) -> Sending:
    """How far the mail of a wave is."""
    found = mail.letters(item.slug)
    reminders = _reminders(item, moment, found.quiet.get(REMINDER))
    counts = found.of(INVITATION) if item.state is not WaveState.VOID else Counts()  # of a void wave no number is told
    others = {kind: numbers for kind, numbers in found.counts.items() if kind != INVITATION}
    return Sending(item, counts, found.later, mail.channel(), mail.pause_of(item.slug), mail.pace(), reminders, others)


def unreached(item: Wave) -> str:
    """After the close: how many were not reached, in words; nothing before, and nothing for a void wave."""
    return unreached_words(mail.letters(item.slug).of(INVITATION)) if item.state in {*_OVER, WaveState.CLOSED} else ""


def not_reached(item: Wave, most: int = LISTED_AT_ONCE) -> NotReached:
    """Whom the invitations of a wave did not reach, by name; nobody of a void wave."""
    if item.state is WaveState.VOID:
        return NotReached((), 0, 0)
    found = mail.not_arrived(item.slug, INVITATION)
    named = [(_person_behind(letter.recipient), letter) for letter in found[:most]]
    listed = sorted((Unreached(person, letter) for person, letter in named if person), key=lambda one: (one.person.name, one.person.email))
    return NotReached(tuple(listed), max(0, len(found) - most), len(named) - len(listed))


def retry(name: str, moment: datetime, letter: str | None = None, *, actor: str) -> int:
    """Puts what failed or came back in the queue again, one invitation or all letters; says how many that were.

    Refused for the invitations of a wave that takes no answers any more. For somebody who has answered meanwhile it looks
    as if sent.
    """
    item = waves.wave(name)
    faulty = [kind for kind, counts in mail.letters(item.slug).counts.items() if counts.failed + counts.bounced]
    is_over = not item.takes_answers(moment)
    kinds = [kind for kind in faulty if kind != INVITATION] if is_over else faulty
    if is_over and (letter is not None or (INVITATION in faulty and not kinds)):
        raise Refused(
            f"{item.slug} takes no answers any more, so its invitations are not sent again. Correct the addresses for the next wave."
        )
    if letter is not None:
        return mail.retry(item.slug, INVITATION, letter, actor=actor)
    return sum(mail.retry(item.slug, kind, actor=actor) for kind in kinds)


def cancel_waiting(name: str, moment: datetime, *, actor: str) -> int:
    """Takes back whatever waits to be written to staff about an open wave; says how many invitations that were."""
    item = waves.wave(name)
    check_sends(item, moment)
    return mail.take_back(item.slug, TO_STAFF, actor=actor)


def pause(name: str, moment: datetime, *, actor: str) -> None:
    """The mail of an open wave waits until it is resumed; its dates do not move."""
    item = waves.wave(name)
    check_sends(item, moment)
    mail.pause_wave(item.slug, actor=actor)


def resume(name: str, *, actor: str) -> None:
    """The mail of a wave goes on."""
    mail.resume_wave(waves.wave(name).slug, actor=actor)


def check_sends(item: Wave, moment: datetime) -> None:
    """Refuses a wave that has no mail to steer, because it is not open."""
    if not item.takes_answers(moment):
        raise Refused(f"{item.slug} is not open, so none of its mail waits.")


def told_words(quiet: dict[str, str]) -> dict[str, str]:
    """Of kinds whose numbers are not told, those of which it may be told whether they go out.

    Not of an invitation to a corrected address: one that the server puts off shows that its person has not answered.
    """
    return {kind: words for kind, words in quiet.items() if kind == REMINDER}


def notices() -> tuple[Notice, ...]:
    """What the first page says about the mail of waves: paused, or letters that did not arrive."""
    faults, found = mail.faults(), []
    for item in waves.list_waves():
        is_open, theirs = item.state is WaveState.OPEN, faults.get(item.slug, {})
        number = theirs.get(INVITATION, 0) if is_open else 0
        others = {kind: failed for kind, failed in theirs.items() if kind != INVITATION}
        held = mail.pause_of(item.slug) if is_open else None
        found += [Notice(item, held, number, others)] if held or number or others else []
    return tuple(found)


def _reminders(item: Wave, moment: datetime, words: str | None) -> str:
    """By the clock where no reminder is queued: that there is none would say that everybody has answered."""
    if item.state is WaveState.OPEN:
        first = reminder_window(item)[0]
        return words or (DONE if moment >= first else "")
    return _reminded(item) if item.state in _OVER and not item.imported else ""


def _reminded(item: Wave) -> str:
    return ", ".join(f"{number:,} {state}" for state, number in mail.totals_of_quiet(item.slug, REMINDER).items())


def reminds_from(item: Wave) -> str:
    """When the reminder is due, as it is printed."""
    return printed(wall_clock(reminder_window(item)[0], item.timezone), item.timezone)


def _person_behind(invitation_id: str) -> Person | None:
    found = invitation_by_id(invitation_id)
    return person_by_id(found.person_id) if found and found.person_id else None
