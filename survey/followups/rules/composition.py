"""The document of a follow-up mail: chosen from frozen findings by a rule, put beside reply and commitments; nothing is computed again."""

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
from survey.waves.rules.waves import Wave

OPPOSITE = {
    "strengths": ("misses", "misses its target, so it is no strength"),
    "problems": ("meets", "meets its target, so it is no problem"),
}


@dataclass(frozen=True, slots=True)
class FollowUpOccasion:
    """What a follow-up is written on: the findings, who asks and who answers, how far the loop has come, and the next wave."""

    findings: Findings
    client: str
    contact: str
    provider: str
    standing: FollowUpStanding
    following: Wave | None
    version: int = 1

    @property
    def record(self) -> RecordedReply:
        """The newest record, or an empty one."""
        return self.standing.record or RecordedReply(0, None, None)


def compose_follow_up(occasion: FollowUpOccasion, draft: FollowUpDraft) -> dict[str, Any]:
    """The whole document: company figures as the findings print them, the reply word for word, what both sides commit to.

    Never a group, never a comment. Refuses a chosen measure that the findings do not show, or whose verdict says the opposite.
    """
    found = occasion.findings.document
    shown = present_document(found)
    document = {
        "schema": 1,
        "version": occasion.version,
        "corrects": _corrects(occasion, draft.correction),
        "wave": {
            key: found["wave"][key] for key in ("slug", "survey", "period", "opened", "closed")
        },
        "period": shown.period,
        "month": f"{date.fromisoformat(found['wave']['opened']):%B}",
        "client": occasion.client,
        "contact": occasion.contact,
        "provider": found["provider"],
        "findings": {"version": occasion.findings.version, "digest": occasion.findings.digest},
        "invited": found["invited"],
        "answered": found["answered"],
        "response": wording.response_rate(found),
        "whom": shown.whom,
        "notes": list(shown.notes),
        "range": _range(found),
        **_contrast(shown, draft, occasion.client),
        "opening": draft.opening,
        "reply": _reply(occasion),
        "reply_due": occasion.standing.reply_due.isoformat(),
        "commitments": [
            {
                "side": one.side.value,
                "what": one.what,
                "owner": one.owner,
                "due": one.due.isoformat(),
            }
            for one in sorted(
                occasion.record.commitments,
                key=lambda one: (one.side is not Side.PROVIDER, one.due),
            )
        ],
        "changes": draft.changes,
        "following": _following(occasion),
        "sent": occasion.standing.today.isoformat(),
    }
    return document | {"digest": follow_up_digest(document)}


def follow_up_digest(document: Mapping[str, Any]) -> str:
    """The SHA-256 of a document without its digest, as JSON in UTF-8 with sorted keys and no spaces."""
    plain = {key: value for key, value in document.items() if key != "digest"}
    return "sha256:" + hashlib.sha256(canonical_json(plain).encode()).hexdigest()


def measures_to_choose(findings: Findings) -> tuple[MeasureView, ...]:
    """The measures a manager may choose from: those of the company that have a number."""
    return tuple(measure for measure in present_document(findings.document).measures if measure.chart)


def check_choice(findings: Findings, draft: FollowUpDraft) -> None:
    """Refuses a chosen measure that the findings do not show, or whose verdict says the opposite of where it would stand."""
    presentation = present_document(findings.document)
    for name, chosen in (("strengths", draft.strengths), ("problems", draft.problems)):
        _chosen(presentation, name, chosen)


def _contrast(presentation: Presentation, draft: FollowUpDraft, client: str) -> dict[str, Any]:
    """The rule's two strengths and two problems, or what was chosen in place of either; then the mail says who chose."""
    rule, parts = presentation.contrast, dict[str, Any]()
    for name, by_rule, said in (
        ("strengths", rule.strengths, rule.of_strengths),
        ("problems", rule.problems, rule.of_problems),
    ):
        chosen = _chosen(presentation, name, getattr(draft, name))
        taken = getattr(draft, "problems" if name == "strengths" else "strengths")
        listed = chosen or tuple(measure for measure in by_rule if measure.question not in taken)
        parts[name] = [
            {
                "question": m.question,
                "name": m.name,
                "score": m.score,
                "range": m.range,
                "judged": m.judged,
                "answers": m.answers,
            }
            for m in listed
        ]
        parts[f"of_{name}"] = f"Chosen by {client}." if chosen and listed != by_rule else said
    return parts


def _chosen(presentation: Presentation, name: str, chosen: Sequence[str]) -> tuple[MeasureView, ...]:
    measures = {measure.question: measure for measure in presentation.measures if measure.chart}
    verdict, words = OPPOSITE[name]
    for question in chosen:
        if question not in measures:
            raise NotFound(
                "measure",
                f"{question[:20]!r} is no measure that these findings show for the whole company."
                " Choose another.",
            )
        if measures[question].look == verdict:
            raise Refused("measure-unfit", f"{measures[question].name} {words}. Choose another.")
    return tuple(measures[question] for question in chosen)


def _range(document: Mapping[str, Any]) -> str:
    if document["answered"] == document["invited"]:
        return "Everyone answered, so a score has no range."
    return (
        f"In brackets the range: what all {document['invited']} would very likely have said (95%), if"
        " silence is unrelated to satisfaction."
    )


def _reply(occasion: FollowUpOccasion) -> dict[str, Any] | None:
    record = occasion.record
    if record.text is None or record.received is None:
        return None
    return {"version": record.version, "received": record.received.isoformat(), "text": record.text}


def _following(occasion: FollowUpOccasion) -> dict[str, Any] | None:
    if occasion.following is None:
        return None
    opens = occasion.following.opens.date()
    return {
        "wave": occasion.following.slug,
        "opens": opens.isoformat(),
        "is_open": opens <= occasion.standing.today,
    }


def _corrects(occasion: FollowUpOccasion, why: str) -> dict[str, Any] | None:
    before = occasion.standing.edition
    if before is None:
        return None
    return {
        "version": before.version,
        "sent": before.sent.isoformat(),
        "digest": before.digest,
        "why": why,
    }
