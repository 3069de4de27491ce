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
    """What a manager adds to the follow-up mail: texts, and measures in place of the rule's.

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
    """On one day: when reply and follow-up of a shared wave are due, and what is there of both.

    `edition`: the newest follow-up mail that went out, if one did. `holidays`: days that do not
    count as working days.
    """

    edition: FollowUpEdition | None = None
    holidays: frozenset[date] = NONE_LISTED

    @property
    def may_send(self) -> bool:
        """Whether the mail may go: a reply is recorded, or the last day for one is over."""
        return self.is_replied or self.today >= self.from_day

    @property
    def due(self) -> date:
        """The last day on which the follow-up mail is in time."""
        return follow_up_by(self.reply_due, self.holidays)

    @property
    def is_overdue(self) -> bool:
        """Whether no follow-up mail has gone out and `due` is past."""
        return self.edition is None and self.today > self.due


def read_draft(
    opening: str,
    changes: str,
    strengths: Sequence[str],
    problems: Sequence[str],
    correction: str = "",
) -> FollowUpDraft:
    """A draft from what was typed, tidied; refuses unfit texts and a measure chosen twice.

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
    """The chosen questions, without the fields that were left empty."""
    return tuple(QuestionId(question) for question in questions if question)


def _faults_of(draft: FollowUpDraft) -> list[str]:
    """What is wrong with a draft's texts and choices, a sentence each; empty if nothing."""
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
