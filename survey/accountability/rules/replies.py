"""What the provider replied, and what both sides commit to."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from survey.kernel.errors import Refused

LONGEST_REPLY, LONGEST_OPENING, LONGEST_CHANGES, LONGEST_WHY = 12_000, 300, 2_000, 300
LONGEST_WHAT, LONGEST_OWNER = 300, 120
MOST_COMMITMENTS = 20
LAST_YEAR = 2990
_UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Side(StrEnum):
    """Who owes what was promised."""

    PROVIDER = "provider"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Commitment:
    """A dated promise of one side, with an owner by role or name."""

    side: Side
    what: str
    owner: str
    due: date


@dataclass(frozen=True, slots=True)
class TypedCommitment:
    """A commitment as it was typed."""

    side: str
    what: str
    owner: str
    due: str

    @property
    def is_empty(self) -> bool:
        """Whether nothing but a side was given."""
        return not (self.what.strip() or self.owner.strip() or self.due.strip())


@dataclass(frozen=True, slots=True)
class RecordedReply:
    """What is known of the provider's reply: one version, never changed; without a text where none has arrived."""

    version: int
    text: str | None
    received: date | None
    commitments: tuple[Commitment, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplyStanding:
    """How far the reply to one shared wave has come on a day: when it is due, and what is recorded of it."""

    shared: date
    reply_due: date
    today: date
    record: RecordedReply | None = None

    @property
    def is_replied(self) -> bool:
        """Whether a reply is recorded."""
        return self.record is not None and self.record.text is not None

    @property
    def from_day(self) -> date:
        """The first day on which a follow-up may go without a reply: the day after the reply was due."""
        return self.reply_due + timedelta(days=1)


def read_reply(text: str) -> str:
    r"""A reply word for word, with one kind of line end and no blank lines around it; refuses an empty, overlong or unprintable one.

    >>> read_reply("\r\nWe agree.\r\n\r\nOtto\r\n")
    'We agree.\n\nOtto'
    """
    found = tidy_text(text)
    if not found.strip():
        raise Refused(
            "reply-empty",
            "The reply is empty. Paste it word for word, or say that none has arrived.",
        )
    if _UNFIT.search(found):
        raise Refused(
            "reply-unfit",
            "The reply holds a control character, which no mail can carry. Paste it as plain text.",
        )
    if len(found) > LONGEST_REPLY:
        raise Refused(
            "reply-too-long",
            f"The reply has {len(found):,} characters; a mail to everybody can hold "
            f"{LONGEST_REPLY:,}. It goes out word for word, so ask the provider for a shorter "
            "text, and record that.",
        )
    return found


def check_received(received: date | None, shared: date, today: date) -> date:
    """Refuses a day on which the reply cannot have arrived: none, one to come, or one before the findings were shared."""
    if received is None:
        raise Refused("reply-day-missing", "Say on which day the reply arrived, like 2027-02-09.")
    if received > today:
        raise Refused(
            "reply-day-to-come",
            f"The reply cannot have arrived on {received.isoformat()}: today is"
            f" {today.isoformat()}. Correct the date.",
        )
    if received < shared:
        raise Refused(
            "reply-day-before-sharing",
            f"The reply cannot have arrived on {received.isoformat()}: the findings were shared on"
            f" {shared.isoformat()}. Correct the date.",
        )
    return received


def read_day(text: str) -> date | None:
    """A day as a browser or a person writes it; None where nothing was written; refuses what is no day."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise Refused(
            "day-unreadable",
            f"{_shown(text)} is not a day. Write it like 2027-03-31.",
        ) from error


def read_commitments(lines: Sequence[TypedCommitment]) -> tuple[Commitment, ...]:
    """The commitments in what was typed, empty lines aside; refuses them whole, with every fault by its line."""
    faults: list[str] = []
    found = [
        commitment
        for number, line in enumerate(lines, 1)
        if not line.is_empty and (commitment := _commitment(number, line, faults))
    ]
    if len(found) > MOST_COMMITMENTS:
        faults.append(
            f"{len(found)} commitments; {MOST_COMMITMENTS} are the most. Keep those that staff will"
            " notice."
        )
    if faults:
        raise Refused(
            "commitments-incomplete",
            "The commitments are not complete. Nothing was recorded.",
            details=tuple(faults),
        )
    return tuple(found)


def named_day(day: date, *, with_weekday: bool = False) -> str:
    """A day as a mail names it.

    >>> named_day(date(2027, 2, 11)), named_day(date(2027, 4, 12), with_weekday=True)
    ('11 February 2027', 'Monday 12 April 2027')
    """
    return f"{day:%A} {day.day} {day:%B %Y}" if with_weekday else f"{day.day} {day:%B %Y}"


def no_reply_by(due: date) -> str:
    """What the mail says where no reply came in time.

    >>> no_reply_by(date(2027, 2, 11))
    'No reply had arrived by 11 February.'
    """
    return f"No reply had arrived by {due.day} {due:%B}."


def _commitment(number: int, line: TypedCommitment, faults: list[str]) -> Commitment | None:
    found: list[str] = []
    what, owner = " ".join(line.what.split()), " ".join(line.owner.split())
    if line.side not in set(Side):
        found.append("say whose it is, the provider’s or the client’s")
    for name, given, longest in (("what", what, LONGEST_WHAT), ("owner", owner, LONGEST_OWNER)):
        if not given:
            found.append(
                "say what is promised" if name == "what" else "name an owner, by role or name"
            )
        elif fault := text_fault(name, given, longest):
            found.append(fault[0].lower() + fault[1:].removesuffix("."))
    due = None
    try:
        due = read_day(line.due)
    except Refused as refused:
        found.append(refused.sentence.removesuffix("."))
    else:
        if due is None:
            found.append("give the day it is due; without one it is no commitment")
        elif not 2000 <= due.year <= LAST_YEAR:
            found.append(f"check the year {due.year}")
    faults += [f"Line {number}: {fault}." for fault in found]
    return Commitment(Side(line.side), what, owner, due) if not found and due else None


def text_fault(name: str, text: str, longest: int) -> str | None:
    """What is wrong with a typed text: a control character, or more than `longest` characters; None when nothing is."""
    if _UNFIT.search(text):
        return f"Remove the control character from the {name}."
    return (
        f"The {name} has {len(text):,} characters; {longest:,} are the most."
        if len(text) > longest
        else None
    )


def tidy_text(text: str) -> str:
    """One kind of line end, no blank lines around."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub(r"\A(?:[ \t]*\n)+|\s+\Z", "", plain)


def _shown(text: str) -> str:
    return repr(text[:40])
