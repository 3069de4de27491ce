"""Reviewing what people wrote: nothing of it leaves before a manager has released it, or what is left of it."""

from collections import Counter
from dataclasses import dataclass

from survey.access.service.audit import record
from survey.database import transaction
from survey.findings.comments.rules import check_redaction, is_unchanged
from survey.findings.rules import Findings
from survey.findings.service.documents import find_findings
from survey.kernel.errors import NotFound, Refused
from survey.responses.service.comments import (
    Comment,
    ReviewState,
    find_comment,
    list_comments,
    mark_comment,
)
from survey.responses.service.responses import number_of_responses
from survey.statistics.suppression import hidden_cells

DECISIONS = {
    "release": ReviewState.RELEASED,
    "redact": ReviewState.REDACTED,
    "hold": ReviewState.HELD,
}


@dataclass(frozen=True, slots=True)
class QuestionComments:
    """What people wrote to one question, in random order."""

    question: str
    comments: tuple[Comment, ...]


@dataclass(frozen=True, slots=True)
class CommentReview:
    """The comments of a wave under review: by question, and how many stand where."""

    found: Findings
    questions: tuple[QuestionComments, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many are released, redacted, held and unread."""
        found = Counter(
            comment.review for written in self.questions for comment in written.comments
        )
        return {
            review.value: found[review]
            for review in (
                ReviewState.RELEASED,
                ReviewState.REDACTED,
                ReviewState.HELD,
                ReviewState.UNREAD,
            )
        }

    @property
    def named(self) -> frozenset[str]:
        """The groups that may stand beside a comment: none that is small, and none whose naming would point at a small one."""
        groups = [
            (group["name"], group["answered"])
            for group in self.found.document["groups"]
            if group["shown"]
        ]
        return frozenset(name for name, _ in groups) - hidden_cells(
            groups, self.found.wave.minimum_detail
        )


def comments_under_review(name: str) -> CommentReview:
    """The comments of a counted wave for whoever reviews them; refuses a wave with too few answers."""
    found = find_findings(name)
    _check_answers(found)
    comments = list_comments(found.wave)
    texts = [question for question in found.document["questions"] if question["kind"] == "text"]
    written = [
        QuestionComments(
            question["text"].replace("{provider}", found.document["provider"]),
            tuple(comment for comment in comments if comment.question == question["id"]),
        )
        for question in texts
    ]
    return CommentReview(found, tuple(one for one in written if one.comments))


def decide_on_comment(
    name: str, comment_id: str, decision: str, *, offered: str | None = None, actor: str
) -> Comment:
    """Releases a comment, redacts it to the words offered, or holds it back; a decision can be changed at any time.

    What was sent before stays as it was sent. Refused where the words offered do not fit the decision.
    """
    found = find_findings(name)
    _check_answers(found)
    if decision not in DECISIONS:
        raise Refused(
            "decision-unknown",
            "Choose what to do with the comment: release, redact or hold back.",
        )
    with transaction():
        comment = find_comment(found.wave, comment_id)
        if comment is None:
            raise NotFound("comment", "This comment is not there any more. Open the review again.")
        mark_comment(comment, DECISIONS[decision], _kept(comment, decision, offered))
        facts = {
            "wave": found.wave.slug,
            "comment": comment.id,
            "decision": DECISIONS[decision].value,
        }
        record("comment reviewed", facts, actor)
    return find_comment(found.wave, comment_id) or comment


def _kept(comment: Comment, decision: str, offered: str | None) -> str | None:
    if decision == "redact":
        return check_redaction(comment.text, offered or "")
    if decision == "release" and offered is not None and not is_unchanged(comment.text, offered):
        raise Refused(
            "text-changed",
            "You changed the text, and releasing would send it as it was written. Redact it, or"
            " undo your change and release it.",
        )
    return None


def _check_answers(found: Findings) -> None:
    if found.wave.is_third:
        raise Refused(
            "comments-read-with-quarter",
            f"What people wrote in {found.wave.slug} is read with the quarter, when its three"
            " thirds have been counted.",
        )
    least, answered = found.wave.minimum_detail, number_of_responses(found.wave)
    if answered < least:
        raise Refused(
            "too-few-for-comments",
            f"Comments are read from {least} answers; {found.wave.slug} has {answered}. Nobody"
            " reads them, and none is sent.",
        )
