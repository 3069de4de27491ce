"""The document of a follow-up mail.

A rule chooses from the frozen findings, and reply and commitments are put beside; nothing is
computed again.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from survey.accountability.rules.replies import RecordedReply, Side
from survey.findings.document.rules.compute import canonical_json
from survey.findings.rules import Findings
from survey.findings.words.rules import wording
from survey.findings.words.rules.presentation import present_document
from survey.findings.words.rules.view_model import MeasureView, Presentation
from survey.followups.rules.follow_up import FollowUpDraft, FollowUpStanding
from survey.kernel.errors import NotFound, Refused
from survey.questionnaires.rules import QuestionId
from survey.waves.rules.waves import Wave

# Of each part: the verdict of a measure that may not stand in it, and why not.
OPPOSITE = {
    "strengths": ("misses", "misses its target, so it is no strength"),
    "problems": ("meets", "meets its target, so it is no problem"),
}


@dataclass(frozen=True, slots=True)
class FollowUpOccasion:
    """All that a follow-up mail is composed from, besides the manager's draft.

    `client`, `contact` and `provider` are names; `following` is the next wave of the survey that
    asks staff, if one is planned; `version` is the number that the mail will have.
    """

    findings: Findings
    client: str
    contact: str
    provider: str
    standing: FollowUpStanding
    following: Wave | None
    version: int = 1

    @property
    def record(self) -> RecordedReply:
        """The newest record of the provider's reply, or an empty one (version 0)."""
        return self.standing.record or RecordedReply(0, None, None)


def compose_follow_up(occasion: FollowUpOccasion, draft: FollowUpDraft) -> dict[str, Any]:
    """The whole document of the mail, with its digest; refuses measures that do not fit.

    It holds company figures as the findings print them, the reply word for word, and what both
    sides commit to; never a group, never a comment. Refuses a chosen measure that the findings do
    not show, or whose verdict says the opposite.
    """
    findings = occasion.findings.document
    presentation = present_document(findings)
    wave = findings["wave"]
    document = {
        "schema": 1,
        "version": occasion.version,
        "corrects": _corrected_mail(occasion, draft.correction),
        "wave": {key: wave[key] for key in ("slug", "survey", "period", "opened", "closed")},
        "period": presentation.period,
        "month": f"{date.fromisoformat(wave['opened']):%B}",
        "client": occasion.client,
        "contact": occasion.contact,
        "provider": findings["provider"],
        "findings": {"version": occasion.findings.version, "digest": occasion.findings.digest},
        "invited": findings["invited"],
        "answered": findings["answered"],
        "response": wording.response_rate(findings),
        "whom": presentation.whom,
        "notes": list(presentation.notes),
        "range": _explain_range(findings),
        **_strengths_and_problems(presentation, draft, occasion.client),
        "opening": draft.opening,
        "reply": _reply(occasion.record),
        "reply_due": occasion.standing.reply_due.isoformat(),
        "commitments": _commitments(occasion.record),
        "changes": draft.changes,
        "following": _following(occasion),
        "sent": occasion.standing.today.isoformat(),
    }
    return document | {"digest": follow_up_digest(document)}


def follow_up_digest(document: Mapping[str, Any]) -> str:
    """The SHA-256 of a document without its `digest`, as "sha256:" and hexadecimal digits.

    It is taken of the document as JSON in UTF-8, with sorted keys and no spaces.
    """
    plain = {key: value for key, value in document.items() if key != "digest"}
    return "sha256:" + hashlib.sha256(canonical_json(plain).encode()).hexdigest()


def measures_to_choose(findings: Findings) -> tuple[MeasureView, ...]:
    """The measures of the whole company that have a number; a manager chooses from them."""
    return tuple(
        measure for measure in present_document(findings.document).measures if measure.chart
    )


def check_choice(findings: Findings, draft: FollowUpDraft) -> None:
    """Refuses chosen measures that the findings do not show, or whose verdict says otherwise.

    They must be shown for the whole company; no strength may miss its target, no problem may meet
    it.
    """
    presentation = present_document(findings.document)
    _chosen_measures(presentation, "strengths", draft.strengths)
    _chosen_measures(presentation, "problems", draft.problems)


def _strengths_and_problems(
    presentation: Presentation, draft: FollowUpDraft, client: str
) -> dict[str, Any]:
    """The strengths and problems to print: those chosen, else the rule's two, and who chose.

    What was chosen for one part is left out of what the rule says for the other. Where measures
    were chosen that the rule would not, the mail says who chose.
    """
    rule = presentation.contrast
    strengths = _chosen_measures(presentation, "strengths", draft.strengths)
    problems = _chosen_measures(presentation, "problems", draft.problems)
    if not strengths:
        strengths = _without(rule.strengths, draft.problems)
    if not problems:
        problems = _without(rule.problems, draft.strengths)
    chosen_by = f"Chosen by {client}."
    has_own_strengths = bool(draft.strengths) and strengths != rule.strengths
    has_own_problems = bool(draft.problems) and problems != rule.problems
    return {
        "strengths": [_printed_measure(measure) for measure in strengths],
        "of_strengths": chosen_by if has_own_strengths else rule.of_strengths,
        "problems": [_printed_measure(measure) for measure in problems],
        "of_problems": chosen_by if has_own_problems else rule.of_problems,
    }


def _without(
    measures: tuple[MeasureView, ...], questions: Sequence[QuestionId]
) -> tuple[MeasureView, ...]:
    """The measures that are not about these questions."""
    return tuple(measure for measure in measures if measure.question not in questions)


def _printed_measure(measure: MeasureView) -> dict[str, Any]:
    """A measure as the mail's document holds it: name, score, range, verdict, answers."""
    return {
        "question": measure.question,
        "name": measure.name,
        "score": measure.score,
        "range": measure.range,
        "judged": measure.judged,
        "answers": measure.answers,
    }


def _chosen_measures(
    presentation: Presentation, part: str, chosen: Sequence[QuestionId]
) -> tuple[MeasureView, ...]:
    """The measures chosen as "strengths" or "problems"; refuses those that do not fit.

    Refused are measures that are not shown for the whole company or whose verdict says the
    opposite.
    """
    measures = {measure.question: measure for measure in presentation.measures if measure.chart}
    opposite, why_unfit = OPPOSITE[part]
    for question in chosen:
        if question not in measures:
            raise NotFound(
                "measure",
                f"{question[:20]!r} is no measure that these findings show for the whole company."
                " Choose another.",
            )
        measure = measures[question]
        if measure.look == opposite:
            raise Refused("measure-unfit", f"{measure.name} {why_unfit}. Choose another.")
    return tuple(measures[question] for question in chosen)


def _explain_range(document: Mapping[str, Any]) -> str:
    """A sentence that says what the range in brackets means, or why there is none."""
    if document["answered"] == document["invited"]:
        return "Everyone answered, so a score has no range."
    return (
        f"In brackets the range: what all {document['invited']} would very likely have said (95%),"
        " if silence is unrelated to satisfaction."
    )


def _reply(record: RecordedReply) -> dict[str, Any] | None:
    """The reply as the mail's document holds it; None where none is recorded."""
    if record.text is None or record.received is None:
        return None
    return {"version": record.version, "received": record.received.isoformat(), "text": record.text}


def _commitments(record: RecordedReply) -> list[dict[str, str]]:
    """What both sides commit to: the provider's first, each side's by the day it is due."""
    in_order = sorted(
        record.commitments,
        key=lambda commitment: (commitment.side is not Side.PROVIDER, commitment.due),
    )
    return [
        {
            "side": commitment.side.value,
            "what": commitment.what,
            "owner": commitment.owner,
            "due": commitment.due.isoformat(),
        }
        for commitment in in_order
    ]


def _following(occasion: FollowUpOccasion) -> dict[str, Any] | None:
    """The next wave as the mail's document holds it; None where none is planned."""
    if occasion.following is None:
        return None
    opens = occasion.following.opens.date()
    return {
        "wave": occasion.following.slug,
        "opens": opens.isoformat(),
        "is_open": opens <= occasion.standing.today,
    }


def _corrected_mail(occasion: FollowUpOccasion, why: str) -> dict[str, Any] | None:
    """The sent mail that this one corrects, and why; None for the first."""
    previous = occasion.standing.edition
    if previous is None:
        return None
    return {
        "version": previous.version,
        "sent": previous.sent.isoformat(),
        "digest": previous.digest,
        "why": why,
    }
