"""What a manager adds to the closing mail, and when it may go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from survey.accountability.rules.replies import (
    LONGEST_CHANGES,
    LONGEST_OPENING,
    LONGEST_WHY,
    ReplyStanding,
    text_fault,
    tidy_text,
)
from survey.kernel.errors import Refused
from survey.kernel.workdays import NONE_LISTED
from survey.waves.rules.deadlines import follow_up_by


@dataclass(frozen=True, slots=True)
class FollowUpDraft:
    """What a manager adds: a line to begin with, what the client changes, and measures chosen in place of the rule's (by question id).

    `correction` says what another version of a mail that went out corrects.
    """

    opening: str = ""
    changes: str = ""
    strengths: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    correction: str = ""


@dataclass(frozen=True, slots=True)
class FollowUpEdition:
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
class FollowUpStanding(ReplyStanding):
    """How far the loop of one shared wave has come on a day: when the reply and the follow-up are due, what is there of both."""

    edition: FollowUpEdition | None = None
    holidays: frozenset[date] = NONE_LISTED

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


def read_draft(
    opening: str,
    changes: str,
    strengths: Sequence[str],
    problems: Sequence[str],
    correction: str = "",
) -> FollowUpDraft:
    """What a manager typed and chose; refuses texts too long or unprintable, and a measure chosen twice."""
    line, text, reason = (
        " ".join(opening.split()),
        tidy_text(changes).strip(),
        " ".join(correction.split()),
    )
    limits = (
        ("opening line", line, LONGEST_OPENING),
        ("text on what you change", text, LONGEST_CHANGES),
        ("reason", reason, LONGEST_WHY),
    )
    faults = [
        fault for name, given, longest in limits if (fault := text_fault(name, given, longest))
    ]
    chosen = [one for one in (*strengths, *problems) if one]
    if len(set(chosen)) < len(chosen):
        faults.append("A measure is chosen twice. Choose each once.")
    if faults:
        raise Refused("mail-not-saved", "The mail was not saved.", details=tuple(faults))
    return FollowUpDraft(
        line,
        text,
        tuple(one for one in strengths if one),
        tuple(one for one in problems if one),
        reason,
    )
