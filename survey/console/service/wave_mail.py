"""The mail of a wave as its manager sees and steers it: progress, failures, retry, cancel, pause.

Names appear among invitations only: a name among the reminders would say who has not answered.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from survey.invitations.rules.codes import InvitationId, reminder_window
from survey.invitations.service.invitations import INVITATION, REMINDER, TO_STAFF, find_invitation
from survey.kernel.errors import Refused
from survey.kernel.plurals import how_many
from survey.mail import service as mail
from survey.mail.rules.letter import LetterId
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
_COUNTED_STATES = frozenset({WaveState.COUNTED, WaveState.SHARED})
_STATES_AFTER_CLOSE = _COUNTED_STATES | {WaveState.CLOSED}  # but not void


@dataclass(frozen=True, slots=True)
class WaveMail:
    """How far the mail of a wave is: invitations, reminders, other letters, pauses and pace.

    `later`: how many invitations the mail server has put off. `reminders`: words while the wave is
    open, numbers once it has been counted. `others`: counts of the other letter types, by name.
    """

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
        """How many letters about results (none to invitees, no alarms) wait to leave.

        Only types with public counts are counted.
        """
        return sum(
            counts.waiting for kind, counts in self.others.items() if _is_about_results(kind)
        )

    @property
    def is_held(self) -> bool:
        """Whether nothing leaves now: this wave or all mail is paused, or the server is away."""
        return bool(self.pause or self.channel.pause or self.channel.away_until)

    @property
    def says(self) -> str:
        """How far the invitations are, in one line of words."""
        return progress_in_words(self.counts, INVITATION, self.pace, is_held=self.is_held)

    @property
    def rate(self) -> str:
        """How fast letters may leave, in words."""
        return pace_in_words(self.pace)

    @property
    def unreached(self) -> str:
        """How many were not reached, in words; "" before the close, if void, and for none."""
        return unreached_words(self.counts) if self.wave.state in _STATES_AFTER_CLOSE else ""


@dataclass(frozen=True, slots=True)
class WaitingLetters:
    """Letters of a wave that wait to leave: how many, what they are called, their types.

    `number` counts only letters whose counts are public; `noun` is what they are called; `kinds`
    are the types of all that wait, public or confidential.
    """

    number: int
    noun: str
    kinds: tuple[str, ...]

    @property
    def says(self) -> str:
        """How many wait, in words.

        >>> WaitingLetters(1, "invitation", ()).says, WaitingLetters(1200, "letter", ()).says
        ('1 invitation', '1,200 letters')
        """
        return how_many(self.number, self.noun)


@dataclass(frozen=True, slots=True)
class UnreachedPerson:
    """Somebody in the directory whose invitation failed or came back, and that letter."""

    person: Person
    letter: NotArrived


@dataclass(frozen=True, slots=True)
class UnreachedPeople:
    """The people whose invitation did not arrive: some by name, the others in numbers.

    `listed`: by name, as many as are listed at once; `more`: how many others; `gone`: how many of
    those looked at have left the directory.
    """

    listed: tuple[UnreachedPerson, ...]
    more: int
    gone: int


@dataclass(frozen=True, slots=True)
class MailNotice:
    """What is wrong with the mail of one wave.

    It is paused, invitations failed while the wave is open, or other letters failed a while ago
    (`others`: how many of each letter type).
    """

    wave: Wave
    pause: MailPause | None
    not_arrived: int
    others: dict[str, int]


def mail_of_wave(wave: Wave, now: datetime) -> WaveMail:
    """How far the mail of a wave is; of a void wave no number of invitations is shown."""
    letters = mail.letter_counts(wave.slug)
    is_void = wave.state is WaveState.VOID
    others = {
        kind: counts
        for kind, counts in letters.counts.items()
        if kind != INVITATION and has_public_counts(kind)
    }
    return WaveMail(
        wave=wave,
        counts=StateCounts() if is_void else letters.of(INVITATION),
        later=letters.later,
        channel=mail.channel_state(),
        pause=mail.pause_of(wave.slug),
        pace=mail.stated_pace(),
        reminders=_reminders_in_words(wave, now),
        others=others,
    )


def unreached_in_words(wave: Wave) -> str:
    """How many were not reached, in words; "" before the close and for a void wave.

    Also "" where all were reached.
    """
    if wave.state not in _STATES_AFTER_CLOSE:
        return ""
    return unreached_words(mail.letter_counts(wave.slug).of(INVITATION))


def unreached_people(wave: Wave, most: int = LISTED_AT_ONCE) -> UnreachedPeople:
    """The people whom a wave's invitations did not reach, by name; nobody of a void wave.

    Looks at `most` letters; the others are only counted.
    """
    if wave.state is WaveState.VOID:
        return UnreachedPeople((), 0, 0)
    letters = mail.not_arrived(wave.slug, INVITATION)
    looked_at = letters[:most]
    people = [
        UnreachedPerson(person, letter)
        for letter in looked_at
        if (person := _invited_person(InvitationId(letter.recipient)))
    ]
    people.sort(key=lambda unreached: (unreached.person.name, unreached.person.email))
    return UnreachedPeople(
        listed=tuple(people),
        more=len(letters) - len(looked_at),
        gone=len(looked_at) - len(people),
    )


def retry_wave_letters(
    wave_slug: str, now: datetime, letter_id: LetterId | None = None, *, actor: str
) -> int:
    """Queues failed or returned letters again, one invitation or all; gives their number.

    Only letters of types with public counts. Refused for the invitations of a wave that takes no
    answers any more. For somebody who has answered meanwhile it looks as if sent.
    """
    wave = waves.find_wave(wave_slug)
    kinds = _kinds_with_failures(wave)
    if not wave.takes_answers(now):
        others = [kind for kind in kinds if kind != INVITATION]
        has_only_invitations = bool(kinds) and not others
        if letter_id is not None or has_only_invitations:
            raise Refused(
                "invitations-over",
                f"{wave.slug} takes no answers any more, so its invitations are not sent again."
                " Correct the addresses for the next wave.",
            )
        kinds = others
    if letter_id is not None:
        return mail.retry_letters(wave.slug, INVITATION, letter_id, actor=actor)
    return sum(mail.retry_letters(wave.slug, kind, actor=actor) for kind in kinds)


def waiting_letters(wave: Wave, now: datetime) -> WaitingLetters:
    """The waiting letters to pause or cancel; refuses a wave that is not open and has none.

    While a wave takes answers these are its invitations and reminders; the reminders are not
    counted, for their number is confidential.
    """
    counts = mail.letter_counts(wave.slug).counts
    if wave.takes_answers(now):
        invitations = counts.get(INVITATION, StateCounts())
        return WaitingLetters(invitations.waiting, "invitation", TO_STAFF)
    waiting = {
        kind: of_kind.waiting
        for kind, of_kind in counts.items()
        if of_kind.waiting and _is_about_results(kind)
    }
    if not waiting:
        raise Refused(
            "nothing-waits",
            f"{wave.slug} is not open, and nothing about it waits to leave.",
        )
    return WaitingLetters(sum(waiting.values()), "letter", tuple(waiting))


def cancel_waiting_letters(wave_slug: str, now: datetime, *, actor: str) -> int:
    """Cancels what waits of a wave's mail; gives the number of letters with public counts.

    Refuses a wave that has no mail to steer.
    """
    wave = waves.find_wave(wave_slug)
    waiting = waiting_letters(wave, now)
    return mail.withdraw_letters(wave.slug, waiting.kinds, actor=actor)


def pause_mail_of_wave(wave_slug: str, now: datetime, *, actor: str) -> None:
    """Pauses the mail of a wave until resumed; refuses a wave that has no mail to steer.

    The dates of the wave do not move.
    """
    wave = waves.find_wave(wave_slug)
    waiting_letters(wave, now)
    pause_wave(wave.slug, actor=actor)


def resume_mail_of_wave(wave_slug: str, *, actor: str) -> None:
    """Lets the paused mail of a wave leave again; harmless when it was not paused."""
    wave = waves.find_wave(wave_slug)
    resume_wave(wave.slug, actor=actor)


def confidential_progress(wave: Wave | None, now: datetime) -> dict[str, str]:
    """Whether reminders are going out or done, by letter type: of one wave, or of all open.

    Empty where none was due yet. Other letters with confidential counts are left out. Only
    reminders are named.
    """
    chosen = [wave] if wave else waves.open_waves()
    progress = {_reminder_progress(each, now) for each in chosen}
    for words in (GOING_OUT, DONE):
        if words in progress:
            return {REMINDER: words}
    return {}


def mail_notices(now: datetime) -> tuple[MailNotice, ...]:
    """A notice for each wave whose mail is paused or did not arrive, for the first page.

    Invitations count while their wave is open, other letters for 30 days after its close.
    """
    failures = mail.failed_counts()
    paused = paused_waves()
    notices = []
    for wave in waves.list_waves():
        failed = failures.get(wave.slug, {})
        invitations = failed.get(INVITATION, 0) if wave.state is WaveState.OPEN else 0
        others = {
            kind: number
            for kind, number in failed.items()
            if kind != INVITATION and now < wave.closes_at + KEPT
        }
        pause = MailPause(*paused[wave.slug]) if wave.slug in paused else None
        if pause or invitations or others:
            notices.append(MailNotice(wave, pause, invitations, others))
    return tuple(notices)


def coming_reminders(wave: Wave, now: datetime) -> tuple[tuple[str, str], ...]:
    """The reminders still to come, each as (which one, when it is due in words)."""
    windows = _reminder_windows(wave)
    names = ("the first reminder", "the second reminder") if len(windows) > 1 else ("one reminder",)
    coming = []
    for name, (begins, _) in zip(names, windows, strict=False):
        if now < begins:
            due = printed_time(to_wall_clock(begins, wave.timezone), wave.timezone)
            coming.append((name, due))
    return tuple(coming)


def why_no_reminder(wave: Wave) -> str:
    """A sentence that nobody is reminded, and why; "" where somebody may be."""
    if not wave.reminders:
        return "Nobody is reminded; the survey was planned so."
    if not _reminder_windows(wave):
        return "Nobody is reminded: this wave is too short for it."
    return ""


def _is_about_results(kind: str) -> bool:
    """Whether letters of this type are neither to invitees nor alarms to administrators."""
    return kind not in {*TO_STAFF, ALARM}


def _kinds_with_failures(wave: Wave) -> list[str]:
    """The letter types with public counts of which a letter failed or came back."""
    return [
        kind
        for kind, counts in mail.letter_counts(wave.slug).counts.items()
        if has_public_counts(kind) and counts.failed + counts.bounced
    ]


def _reminders_in_words(wave: Wave, now: datetime) -> str:
    """Reminders: going out or done while open, numbers once counted, else ""."""
    if wave.state is WaveState.OPEN:
        return _reminder_progress(wave, now)
    if wave.state not in _COUNTED_STATES or wave.imported:
        return ""
    totals = mail.confidential_totals(wave.slug, REMINDER)
    return ", ".join(f"{number:,} {state}" for state, number in totals.items())


def _reminder_progress(wave: Wave, now: datetime) -> str:
    """Whether reminders of an open wave go out or are done, by the clock alone; else "".

    That none waits, or how long they take, would say how many have not answered.
    """
    windows = _reminder_windows(wave) if wave.state is WaveState.OPEN else ()
    if not windows:
        return ""
    (first_begins, _), (_, last_ends) = windows[0], windows[-1]
    if now < first_begins:
        return ""
    return GOING_OUT if now < last_ends else DONE


def _reminder_windows(wave: Wave) -> tuple[tuple[datetime, datetime], ...]:
    """When each reminder of a wave may leave, as (from, until).

    None where the wave is too short for one, and one where both would leave at once.
    """
    windows = [reminder_window(wave, number) for number in range(1, wave.reminders + 1)]
    distinct = dict.fromkeys(windows)
    return tuple((begins, ends) for begins, ends in distinct if begins < ends)


def _invited_person(invitation_id: InvitationId) -> Person | None:
    """The person whom an invitation was for, at the address that it went to.

    None once they have left the directory. Where that address is not kept any more, the present
    one.
    """
    invitation = find_invitation(invitation_id)
    if invitation is None or invitation.person_id is None:
        return None
    person = find_person(invitation.person_id)
    return replace(person, email=invitation.sent_to or person.email) if person else None
