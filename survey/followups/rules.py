"""What the provider replied, what both sides commit to, what a manager adds, and when the follow-up mail may go."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from survey.kernel.errors import Refused
from survey.kernel.workdays import NONE_LISTED
from survey.waves.rules import follow_up_by

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
class Line:
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
class Record:
    """What is known of the provider's reply: one version, never changed; without a text where none has arrived."""

    version: int
    text: str | None
    received: date | None
    commitments: tuple[Commitment, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """What a manager adds: a line to begin with, what the client changes, and measures chosen in place of the rule's (by question id).

    `correction` says what another version of a mail that went out corrects.
    """

    opening: str = ""
    changes: str = ""
    strengths: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    correction: str = ""


@dataclass(frozen=True, slots=True)
class Edition:
    """One follow-up mail as it went out: frozen whole, with the SHA-256 of its document."""

    wave_id: str
    version: int
    digest: str
    document: Mapping[str, Any] = field(compare=False)

    @property
    def sent(self) -> date:
        """The day on which it was sent."""
        return date.fromisoformat(self.document["sent"])


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the loop of one shared wave has come on a day: when the reply and the follow-up are due, what is there of both."""

    shared: date
    reply_due: date
    today: date
    record: Record | None = None
    edition: Edition | None = None
    holidays: frozenset[date] = NONE_LISTED

    @property
    def is_replied(self) -> bool:
        """Whether a reply is recorded."""
        return self.record is not None and self.record.text is not None

    @property
    def from_day(self) -> date:
        """The first day on which a follow-up may go without a reply: the day after the reply was due."""
        return self.reply_due + timedelta(days=1)

    @property
    def may_send(self) -> bool:
        """Whether there is something to say: a reply, or that none came in time."""
        return self.is_replied or self.today >= self.from_day

    @property
    def due(self) -> date:
        """The day by which staff should hear."""
        return follow_up_by(self.reply_due, self.holidays)

    @property
    def is_overdue(self) -> bool:
        """Whether staff should have heard by now."""
        return self.edition is None and self.today > self.due


def read_reply(text: str) -> str:
    r"""A reply word for word, with one kind of line end and no blank lines around it; refuses an empty, overlong or unprintable one.

    >>> read_reply("\r\nWe agree.\r\n\r\nOtto\r\n")
    'We agree.\n\nOtto'
    """
    found = _lines_of(text)
    if not found.strip():
        raise Refused("The reply is empty. Paste it word for word, or say that none has arrived.")
    if _UNFIT.search(found):
        raise Refused("The reply holds a control character, which no mail can carry. Paste it as plain text.")
    if len(found) > LONGEST_REPLY:
        raise Refused(
            f"The reply has {len(found):,} characters; a mail to everybody can hold {LONGEST_REPLY:,}. It goes out word for word, so "
            "ask the provider for a shorter text, and record that."
        )
    return found


def check_received(received: date | None, shared: date, today: date) -> date:
    """Refuses a day on which the reply cannot have arrived: none, one to come, or one before the findings were shared."""
    if received is None:
        raise Refused("Say on which day the reply arrived, like 2027-02-09.")
    if received > today:
        raise Refused(f"The reply cannot have arrived on {received.isoformat()}: today is {today.isoformat()}. Correct the date.")
    if received < shared:
        raise Refused(
            f"The reply cannot have arrived on {received.isoformat()}: the findings were shared on {shared.isoformat()}. Correct the date."
        )
    return received


def read_day(text: str) -> date | None:
    """A day as a browser or a person writes it; None where nothing was written; refuses what is no day."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise Refused(f"{_shown(text)} is not a day. Write it like 2027-03-31.") from error


def read_commitments(lines: Sequence[Line]) -> tuple[Commitment, ...]:
    """The commitments in what was typed, empty lines aside; refuses them whole, with every fault by its line."""
    faults: list[str] = []
    found = [commitment for number, line in enumerate(lines, 1) if not line.is_empty and (commitment := _commitment(number, line, faults))]
    if len(found) > MOST_COMMITMENTS:
        faults.append(f"{len(found)} commitments; {MOST_COMMITMENTS} are the most. Keep those that staff will notice.")
    if faults:
        raise Refused("The commitments are not complete. Nothing was recorded.", details=tuple(faults))
    return tuple(found)


def read_draft(opening: str, changes: str, strengths: Sequence[str], problems: Sequence[str], correction: str = "") -> Draft:
    """What a manager typed and chose; refuses texts too long or unprintable, and a measure chosen twice."""
    line, text, reason = " ".join(opening.split()), _lines_of(changes).strip(), " ".join(correction.split())
    limits = (("opening line", line, LONGEST_OPENING), ("text on what you change", text, LONGEST_CHANGES), ("reason", reason, LONGEST_WHY))
    faults = [fault for name, given, longest in limits if (fault := _text_fault(name, given, longest))]
    chosen = [one for one in (*strengths, *problems) if one]
    if len(set(chosen)) < len(chosen):
        faults.append("A measure is chosen twice. Choose each once.")
    if faults:
        raise Refused("The mail was not saved.", details=tuple(faults))
    return Draft(line, text, tuple(one for one in strengths if one), tuple(one for one in problems if one), reason)


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


def _commitment(number: int, line: Line, faults: list[str]) -> Commitment | None:
    found: list[str] = []
    what, owner = " ".join(line.what.split()), " ".join(line.owner.split())
    if line.side not in set(Side):
        found.append("say whose it is, the provider’s or the client’s")
    for name, given, longest in (("what", what, LONGEST_WHAT), ("owner", owner, LONGEST_OWNER)):
        if not given:
            found.append("say what is promised" if name == "what" else "name an owner, by role or name")
        elif fault := _text_fault(name, given, longest):
            found.append(fault[0].lower() + fault[1:].removesuffix("."))
    due = None
    try:
        due = read_day(line.due)
    except Refused as refused:
        found.append(refused.message.removesuffix("."))
    else:
        if due is None:
            found.append("give the day it is due; without one it is no commitment")
        elif not 2000 <= due.year <= LAST_YEAR:
            found.append(f"check the year {due.year}")
    faults += [f"Line {number}: {fault}." for fault in found]
    return Commitment(Side(line.side), what, owner, due) if not found and due else None


def _text_fault(name: str, text: str, longest: int) -> str | None:
    if _UNFIT.search(text):
        return f"Remove the control character from the {name}."
    return f"The {name} has {len(text):,} characters; {longest:,} are the most." if len(text) > longest else None


def _lines_of(text: str) -> str:
    """One kind of line end, no blank lines around."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub(r"\A(?:[ \t]*\n)+|\s+\Z", "", plain)


def _shown(text: str) -> str:
    return repr(text[:40])
