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
FIRST_YEAR, LAST_YEAR = 2000, 2990
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Side(StrEnum):
    """Who owes a commitment: the provider or the client."""

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
    """A commitment as it was typed, not checked yet."""

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
    """One version of the provider's reply and of both sides' commitments, never changed.

    `text` and `received` are None where no reply has arrived.
    """

    version: int
    text: str | None
    received: date | None
    commitments: tuple[Commitment, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplyStanding:
    """On one day (`today`): when the reply to a shared wave is due, and what is recorded.

    `shared`: when the findings were shared. `reply_due`: the last day for the reply. `record`: the
    newest version of what is recorded of it.
    """

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
        """The first day on which the follow-up mail may go without a reply."""
        return self.reply_due + timedelta(days=1)


def read_reply(text: str) -> str:
    r"""The reply with one kind of line end, trimmed; refuses an empty, overlong or unprintable one.

    Otherwise its words are not changed.

    >>> read_reply("\r\nWe agree.\r\n\r\nOtto\r\n")
    'We agree.\n\nOtto'
    """
    reply = tidy_text(text)
    if not reply.strip():
        raise Refused(
            "reply-empty",
            "The reply is empty. Paste it word for word, or say that none has arrived.",
        )
    if _UNPRINTABLE.search(reply):
        raise Refused(
            "reply-unfit",
            "The reply holds a control character, which no mail can carry. Paste it as plain text.",
        )
    if len(reply) > LONGEST_REPLY:
        raise Refused(
            "reply-too-long",
            f"The reply has {len(reply):,} characters; a mail to everybody can hold "
            f"{LONGEST_REPLY:,}. It goes out word for word, so ask the provider for a shorter "
            "text, and record that.",
        )
    return reply


def check_received(received: date | None, shared: date, today: date) -> date:
    """Gives the day on which the reply arrived; refuses one on which it cannot have.

    That is none, one to come, or one before the findings were shared.
    """
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
    """The day in a text like "2027-03-31"; None for an empty text; refuses any other.

    A browser or a person writes it in ISO 8601.
    """
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise Refused(
            "day-unreadable",
            f"{text[:40]!r} is not a day. Write it like 2027-03-31.",
        ) from error


def read_commitments(lines: Sequence[TypedCommitment]) -> tuple[Commitment, ...]:
    """The typed commitments, empty lines left out; refuses all where any line is wrong.

    The refusal names every fault by the number of its line. Too many commitments are refused as
    well.
    """
    commitments: list[Commitment] = []
    faults: list[str] = []
    for number, line in enumerate(lines, 1):
        if line.is_empty:
            continue
        commitment, faults_of_line = _read_commitment(line)
        faults += [f"Line {number}: {fault}." for fault in faults_of_line]
        if commitment is not None:
            commitments.append(commitment)
    if len(commitments) > MOST_COMMITMENTS:
        faults.append(
            f"{len(commitments)} commitments; {MOST_COMMITMENTS} are the most. Keep those that"
            " staff will notice."
        )
    if faults:
        raise Refused(
            "commitments-incomplete",
            "The commitments are not complete. Nothing was recorded.",
            details=tuple(faults),
        )
    return tuple(commitments)


def named_day(day: date, *, with_weekday: bool = False) -> str:
    """A day in words, as mails and pages print it.

    >>> named_day(date(2027, 2, 11)), named_day(date(2027, 4, 12), with_weekday=True)
    ('11 February 2027', 'Monday 12 April 2027')
    """
    return f"{day:%A} {day.day} {day:%B %Y}" if with_weekday else f"{day.day} {day:%B %Y}"


def no_reply_by(due: date) -> str:
    """The sentence in the mail where no reply came in time.

    >>> no_reply_by(date(2027, 2, 11))
    'No reply had arrived by 11 February.'
    """
    return f"No reply had arrived by {due.day} {due:%B}."


def _read_commitment(line: TypedCommitment) -> tuple[Commitment | None, list[str]]:
    """The typed commitment and no faults, or None and everything that is wrong with it."""
    what = " ".join(line.what.split())
    owner = " ".join(line.owner.split())
    faults: list[str] = []
    if line.side not in set(Side):
        faults.append("say whose it is, the provider’s or the client’s")
    if not what:
        faults.append("say what is promised")
    faults += _in_sentence(text_fault("what", what, LONGEST_WHAT))
    if not owner:
        faults.append("name an owner, by role or name")
    faults += _in_sentence(text_fault("owner", owner, LONGEST_OWNER))
    due, fault_of_day = _read_due_day(line.due)
    if fault_of_day:
        faults.append(fault_of_day)
    if faults or due is None:
        return None, faults
    return Commitment(Side(line.side), what, owner, due), []


def _in_sentence(fault: str | None) -> list[str]:
    """A fault as printed after "Line 3: ", in a list of one; an empty list for None."""
    return [fault[0].lower() + fault[1:].removesuffix(".")] if fault else []


def _read_due_day(text: str) -> tuple[date | None, str | None]:
    """The day on which a commitment is due, or None; and what is wrong with it, or None."""
    try:
        due = read_day(text)
    except Refused as refused:
        return None, refused.sentence.removesuffix(".")
    if due is None:
        return None, "give the day it is due; without one it is no commitment"
    if not FIRST_YEAR <= due.year <= LAST_YEAR:
        return None, f"check the year {due.year}"
    return due, None


def text_fault(name: str, text: str, longest: int) -> str | None:
    """What is wrong with a typed text: a control character, or too many characters; else None.

    `name` is what the sentence calls it, `longest` the most characters it may have.
    """
    if _UNPRINTABLE.search(text):
        return f"Remove the control character from the {name}."
    if len(text) > longest:
        return f"The {name} has {len(text):,} characters; {longest:,} are the most."
    return None


def tidy_text(text: str) -> str:
    """A text with one kind of line end, no blank lines before it, no white space after it."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub(r"\A(?:[ \t]*\n)+|\s+\Z", "", plain)
