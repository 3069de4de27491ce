"""What a manager adds to the follow-up mail, and when it may go."""

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
from survey.questionnaires.rules import QuestionId
from survey.waves.rules.deadlines import follow_up_by
from survey.waves.rules.ids import WaveId


@dataclass(frozen=True, slots=True)
class FollowUpDraft:
    """What a manager adds to the follow-up mail.

    `opening`: a line to begin with. `changes`: what the client changes. `strengths`, `problems`:
    measures chosen in place of the rule's. `correction`: what another version of a mail that went
    out corrects.
    """

    opening: str = ""
    changes: str = ""
    strengths: tuple[QuestionId, ...] = ()
    problems: tuple[QuestionId, ...] = ()
    correction: str = ""


@dataclass(frozen=True, slots=True)
class FollowUpEdition:
    """One follow-up mail as it went out: frozen whole, with the SHA-256 of its document."""

    wave_id: WaveId
    version: int
    digest: str
    document: Mapping[str, Any] = field(compare=False)

    @property
    def sent(self) -> date:
        """The day on which it was sent."""
        return date.fromisoformat(self.document["sent"])


@dataclass(frozen=True, slots=True)
class FollowUpStanding(ReplyStanding):
    """How far one shared wave is on a day: when reply and follow-up are due, what is there of both.

    `edition`: the newest follow-up mail that went out, if one did. `holidays`: days that do not
    count as working days.
    """

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
    """What a manager typed and chose, tidied.

    Refuses texts too long or unprintable, and a measure chosen twice. A measure left open is "".
    """
    draft = FollowUpDraft(
        opening=" ".join(opening.split()),
        changes=tidy_text(changes).strip(),
        strengths=_without_blanks(strengths),
        problems=_without_blanks(problems),
        correction=" ".join(correction.split()),
    )
    faults = _faults_of(draft)
    if faults:
        raise Refused("mail-not-saved", "The mail was not saved.", details=tuple(faults))
    return draft


def _without_blanks(questions: Sequence[str]) -> tuple[QuestionId, ...]:
    return tuple(QuestionId(question) for question in questions if question)


def _faults_of(draft: FollowUpDraft) -> list[str]:
    """What is wrong with a draft, a sentence each."""
    limits = (
        ("opening line", draft.opening, LONGEST_OPENING),
        ("text on what you change", draft.changes, LONGEST_CHANGES),
        ("reason", draft.correction, LONGEST_WHY),
    )
    faults = [
        fault for name, given, longest in limits if (fault := text_fault(name, given, longest))
    ]
    chosen = (*draft.strengths, *draft.problems)
    if len(set(chosen)) < len(chosen):
        faults.append("A measure is chosen twice. Choose each once.")
    return faults
