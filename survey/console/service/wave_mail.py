"""The mail of a wave as its manager sees and steers it: how far the invitations are, which did not arrive, retry, cancel, pause.

Names are told of invitations only: a name among the reminders would say who has not answered.
"""

from dataclasses import dataclass
from datetime import datetime

from survey.invitations.rules.codes import reminder_window
from survey.invitations.service.invitations import INVITATION, REMINDER, TO_STAFF, find_invitation
from survey.kernel.errors import Refused
from survey.kernel.plurals import how_many
from survey.mail import service as mail
from survey.mail.rules.wording import (
    MailPause,
    StateCounts,
    StatedPace,
    pace_in_words,
    progress_in_words,
    unreached_words,
)
from survey.mail.service import (
    ALARM,
    DONE,
    GOING_OUT,
    KEPT,
    ChannelState,
    NotArrived,
    has_public_counts,
    pause_wave,
    paused_waves,
    resume_wave,
)
from survey.people.rules.staff_list import Person
from survey.people.service.directory import find_person
from survey.waves import service as waves
from survey.waves.rules.waves import Wave, WaveState, printed_time, to_wall_clock

LISTED_AT_ONCE = 200
_OVER = frozenset({WaveState.COUNTED, WaveState.SHARED})


@dataclass(frozen=True, slots=True)
class WaveMail:
    """How far the mail of a wave is; `reminders` are words while it is open, and numbers once it has been counted."""

    wave: Wave
    counts: StateCounts
    later: int
    channel: ChannelState
    pause: MailPause | None
    pace: StatedPace
    reminders: str
    others: dict[str, StateCounts]

    @property
    def others_wait(self) -> int:
        """Of the other letters that anybody may know of, how many wait to leave."""
        return sum(
            counts.waiting for kind, counts in self.others.items() if kind not in {*TO_STAFF, ALARM}
        )

    @property
    def is_held(self) -> bool:
        """Whether nothing of it leaves at present."""
        return bool(self.pause or self.channel.pause or self.channel.away_until)

    @property
    def says(self) -> str:
        """How far the invitations are, in one line."""
        return progress_in_words(self.counts, INVITATION, self.pace, is_held=self.is_held)

    @property
    def rate(self) -> str:
        """How fast letters may leave, in words."""
        return pace_in_words(self.pace)

    @property
    def unreached(self) -> str:
        """After the close: how many were not reached, in words; nothing for a void wave."""
        return unreached_words(self.counts) if self.wave.state in {*_OVER, WaveState.CLOSED} else ""


@dataclass(frozen=True, slots=True)
class WaitingLetters:
    """Letters of a wave that wait: how many may be told, what they are called, and of which kinds all of them are."""

    number: int
    noun: str
    kinds: tuple[str, ...]

    @property
    def says(self) -> str:
        """How many, in words.

        >>> WaitingLetters(1, "invitation", ()).says, WaitingLetters(1200, "letter", ()).says
        ('1 invitation', '1,200 letters')
        """
        return how_many(self.number, self.noun)


@dataclass(frozen=True, slots=True)
class UnreachedPerson:
    """Somebody whose invitation did not arrive."""

    person: Person
    letter: NotArrived


@dataclass(frozen=True, slots=True)
class UnreachedPeople:
    """Whom no invitation has reached: by name as many as are listed, how many more, and how many who have left the directory."""

    listed: tuple[UnreachedPerson, ...]
    more: int
    gone: int


@dataclass(frozen=True, slots=True)
class MailNotice:
    """What is not as it should be with a wave's mail: paused, invitations that failed while it is open, other letters for a while."""

    wave: Wave
    pause: MailPause | None
    not_arrived: int
    others: dict[str, int]


def mail_of_wave(item: Wave, moment: datetime) -> WaveMail:
    """How far the mail of a wave is."""
    found = mail.letter_counts(item.slug)
    reminders = _reminders(item, moment)
    counts = (
        found.of(INVITATION) if item.state is not WaveState.VOID else StateCounts()
    )  # of a void wave no number is told
    others = {
        kind: numbers
        for kind, numbers in found.counts.items()
        if kind != INVITATION and has_public_counts(kind)
    }
    return WaveMail(
        item,
        counts,
        found.later,
        mail.channel_state(),
        mail.pause_of(item.slug),
        mail.stated_pace(),
        reminders,
        others,
    )


def unreached_in_words(item: Wave) -> str:
    """After the close: how many were not reached, in words; nothing before, and nothing for a void wave."""
    return (
        unreached_words(mail.letter_counts(item.slug).of(INVITATION))
        if item.state in {*_OVER, WaveState.CLOSED}
        else ""
    )


def unreached_people(item: Wave, most: int = LISTED_AT_ONCE) -> UnreachedPeople:
    """Whom the invitations of a wave did not reach, by name; nobody of a void wave."""
    if item.state is WaveState.VOID:
        return UnreachedPeople((), 0, 0)
    found = mail.not_arrived(item.slug, INVITATION)
    named = [(_person_behind(letter.recipient), letter) for letter in found[:most]]
    listed = sorted(
        (UnreachedPerson(person, letter) for person, letter in named if person),
        key=lambda one: (one.person.name, one.person.email),
    )
    return UnreachedPeople(tuple(listed), max(0, len(found) - most), len(named) - len(listed))


def retry_wave_letters(
    name: str, moment: datetime, letter: str | None = None, *, actor: str
) -> int:
    """Puts what failed or came back in the queue again, one invitation or all letters; says how many that were.

    Refused for the invitations of a wave that takes no answers any more. For somebody who has answered meanwhile it looks
    as if sent.
    """
    item = waves.find_wave(name)
    faulty = [
        kind
        for kind, counts in mail.letter_counts(item.slug).counts.items()
        if has_public_counts(kind) and counts.failed + counts.bounced
    ]
    is_over = not item.takes_answers(moment)
    kinds = [kind for kind in faulty if kind != INVITATION] if is_over else faulty
    if is_over and (letter is not None or (INVITATION in faulty and not kinds)):
        raise Refused(
            "invitations-over",
            f"{item.slug} takes no answers any more, so its invitations are not sent again. Correct"
            " the addresses for the next wave.",
        )
    if letter is not None:
        return mail.retry_letters(item.slug, INVITATION, letter, actor=actor)
    return sum(mail.retry_letters(item.slug, kind, actor=actor) for kind in kinds)


def waiting_letters(item: Wave, moment: datetime) -> WaitingLetters:
    """What can be paused or taken back; refuses a wave that has no mail to steer."""
    counts = mail.letter_counts(item.slug).counts
    if item.takes_answers(moment):  # reminders too, whose number is told nowhere
        return WaitingLetters(counts.get(INVITATION, StateCounts()).waiting, "invitation", TO_STAFF)
    kinds = tuple(
        kind for kind, found in counts.items() if found.waiting and kind not in {*TO_STAFF, ALARM}
    )
    if not kinds:
        raise Refused(
            "nothing-waits",
            f"{item.slug} is not open, and nothing about it waits to leave.",
        )
    return WaitingLetters(sum(counts[kind].waiting for kind in kinds), "letter", kinds)


def cancel_waiting_letters(name: str, moment: datetime, *, actor: str) -> int:
    """Takes back whatever waits to be written about a wave; says how many letters of told kinds that were."""
    item = waves.find_wave(name)
    return mail.withdraw_letters(item.slug, waiting_letters(item, moment).kinds, actor=actor)


def pause_mail_of_wave(name: str, moment: datetime, *, actor: str) -> None:
    """The mail of a wave waits until it is resumed; its dates do not move."""
    item = waves.find_wave(name)
    waiting_letters(item, moment)
    pause_wave(item.slug, actor=actor)


def resume_mail_of_wave(name: str, *, actor: str) -> None:
    """The mail of a wave goes on."""
    resume_wave(waves.find_wave(name).slug, actor=actor)


def confidential_progress(item: Wave | None, moment: datetime) -> dict[str, str]:
    """Of kinds whose numbers are not told, those of which it may be told whether they go out, of one wave or of all.

    Not of an invitation to a corrected address: one that the server puts off shows that its person has not answered.
    """
    found = {_by_clock(one, moment) for one in ([item] if item else waves.open_waves())}
    words = next((words for words in (GOING_OUT, DONE) if words in found), "")
    return {REMINDER: words} if words else {}


def mail_notices(moment: datetime) -> tuple[MailNotice, ...]:
    """What the first page says about the mail of waves: paused, or letters that did not arrive; of ended waves for 30 days."""
    faults, paused, found = mail.failed_counts(), paused_waves(), []
    for item in waves.list_waves():
        is_open, theirs = item.state is WaveState.OPEN, faults.get(item.slug, {})
        number = theirs.get(INVITATION, 0) if is_open else 0
        others = {
            kind: failed
            for kind, failed in theirs.items()
            if kind != INVITATION and moment < item.closes_at + KEPT
        }
        held = MailPause(*paused[item.slug]) if item.slug in paused else None
        found += [MailNotice(item, held, number, others)] if held or number or others else []
    return tuple(found)


def _reminders(item: Wave, moment: datetime) -> str:
    if item.state is WaveState.OPEN:
        return _by_clock(item, moment)
    return _reminded(item) if item.state in _OVER and not item.imported else ""


def _reminded(item: Wave) -> str:
    return ", ".join(
        f"{number:,} {state}"
        for state, number in mail.confidential_totals(item.slug, REMINDER).items()
    )


def _by_clock(item: Wave, moment: datetime) -> str:
    """Whether reminders go out, by the clock alone: that none waits, or how long they take, would say how many have not answered."""
    windows = _windows(item) if item.state is WaveState.OPEN else ()
    if not windows or moment < windows[0][0]:
        return ""
    return GOING_OUT if moment < windows[-1][1] else DONE


def _windows(item: Wave) -> tuple[tuple[datetime, datetime], ...]:
    """When its reminders may leave; none where it is too short for one, and one where both would leave at once."""
    found = dict.fromkeys(reminder_window(item, number) for number in range(1, item.reminders + 1))
    return tuple((first, last) for first, last in found if first < last)


def coming_reminders(item: Wave, moment: datetime) -> tuple[tuple[str, str], ...]:
    """The reminders that are still to come: which one, and when it is due as it is printed."""
    windows = _windows(item)
    names = ("the first reminder", "the second reminder") if len(windows) > 1 else ("one reminder",)
    due = [
        (name, first) for name, (first, _) in zip(names, windows, strict=False) if moment < first
    ]
    return tuple(
        (name, printed_time(to_wall_clock(first, item.timezone), item.timezone))
        for name, first in due
    )


def why_no_reminder(item: Wave) -> str:
    """That nobody is reminded, and why; nothing where somebody may be."""
    if not item.reminders:
        return "Nobody is reminded; the survey was planned so."
    return "" if _windows(item) else "Nobody is reminded: this wave is too short for it."


def _person_behind(invitation_id: str) -> Person | None:
    found = find_invitation(invitation_id)
    return find_person(found.person_id) if found and found.person_id else None
