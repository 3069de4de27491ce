"""Reviewing what people wrote: only by those whom the wave's promise names.

Nothing of a comment leaves before one of them has released it, or what is left of it.
"""

from collections import Counter
from dataclasses import dataclass

from survey.access.rules.accounts import UserId
from survey.access.service.audit import record
from survey.database import transaction
from survey.findings.comments.rules import check_redaction, is_unchanged
from survey.findings.rules import Findings
from survey.findings.service.documents import find_findings
from survey.kernel.errors import NotAllowed, NotFound, Refused
from survey.responses.rules import CommentId
from survey.responses.service.comments import (
    Comment,
    ReviewState,
    find_comment,
    list_comments,
    mark_comment,
)
from survey.responses.service.responses import number_of_responses
from survey.statistics.suppression import hidden_cells
from survey.waves import service as waves
from survey.waves.rules.waves import Wave

DECISIONS = {
    "release": ReviewState.RELEASED,
    "redact": ReviewState.REDACTED,
    "hold": ReviewState.HELD,
}


@dataclass(frozen=True, slots=True)
class QuestionComments:
    """The comments on one question, in random order; `question` is the question's text."""

    question: str
    comments: tuple[Comment, ...]


@dataclass(frozen=True, slots=True)
class CommentReview:
    """The comments of one wave for its readers to review, by question."""

    findings: Findings
    questions: tuple[QuestionComments, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many comments are released, redacted, held and unread, by state."""
        number_by_state = Counter(
            comment.review for question in self.questions for comment in question.comments
        )
        states = (
            ReviewState.RELEASED,
            ReviewState.REDACTED,
            ReviewState.HELD,
            ReviewState.UNREAD,
        )
        return {state.value: number_by_state[state] for state in states}

    @property
    def named(self) -> frozenset[str]:
        """The reporting groups whose name may be shown beside a comment.

        None that is small, and none whose naming would point at a small one.
        """
        groups = [
            (group["name"], group["answered"])
            for group in self.findings.document["groups"]
            if group["shown"]
        ]
        names = frozenset(name for name, _ in groups)
        return names - hidden_cells(groups, self.findings.wave.minimum_detail)


def may_read_comments(wave: Wave, account: UserId | None) -> bool:
    """Whether an account is one of those that may read the comments of this wave."""
    return account is not None and account in {reader.account for reader in wave.comment_readers}


def note_comments_opened(wave_slug: str, account: UserId | None, *, actor: str) -> None:
    """Audits that a reader opened the comments of a wave; refuses everybody else.

    Whoever shows them calls this once in each sitting of the reader.
    """
    findings = find_findings(wave_slug)
    _check_reader(findings.wave, account)
    _check_reviewable(findings)
    record("comments opened", {"wave": findings.wave.slug}, actor)


def comments_under_review(wave_slug: str, account: UserId | None) -> CommentReview:
    """The comments of a counted wave to review; refuses whoever is not named as their reader.

    Questions without comments are left out. Refuses a wave with fewer answers than its minimum, and
    the third of a quarter.
    """
    findings = find_findings(wave_slug)
    _check_reader(findings.wave, account)
    _check_reviewable(findings)
    comments = list_comments(findings.wave)
    provider_name = findings.document["provider"]
    questions = [
        QuestionComments(
            question["text"].replace("{provider}", provider_name),
            tuple(comment for comment in comments if comment.question == question["id"]),
        )
        for question in findings.document["questions"]
        if question["kind"] == "text"
    ]
    return CommentReview(findings, tuple(question for question in questions if question.comments))


def decide_on_comment(
    wave_slug: str,
    comment_id: CommentId,
    decision: str,
    *,
    account: UserId | None,
    offered: str | None = None,
    actor: str,
) -> Comment:
    """Stores and audits the decision to release, redact or hold back a comment; returns it.

    `decision` is one of `DECISIONS`; it can be changed at any time. `offered` is the text that came
    with it; a redaction stores it. What was sent before stays as it was sent. Refuses an account
    that is not named as a reader of this wave's comments, an unknown decision, a comment that is
    gone, words that do not fit the decision, a third, and a wave with too few answers.
    """
    findings = find_findings(wave_slug)
    _check_reader(findings.wave, account)
    _check_reviewable(findings)
    if decision not in DECISIONS:
        raise Refused(
            "decision-unknown",
            "Choose what to do with the comment: release, redact or hold back.",
        )
    review = DECISIONS[decision]
    with transaction():
        comment = find_comment(findings.wave, comment_id)
        if comment is None:
            raise NotFound("comment", "This comment is not there any more. Open the review again.")
        mark_comment(comment, review, _redacted_text(comment, decision, offered))
        record(
            "comment reviewed",
            {"wave": findings.wave.slug, "comment": comment.id, "decision": review.value},
            actor,
        )
    return find_comment(findings.wave, comment_id) or comment


def _check_reader(wave: Wave, account: UserId | None) -> None:
    """Refuses an account that is not named as a reader of this wave's comments."""
    if may_read_comments(wave, account):
        return
    if not wave.comment_readers:
        raise NotAllowed(
            "no-reader-named",
            f"Nobody is named who reads the comments of {wave.slug}, so nobody can read them. An"
            " administrator can name one or two people.",
            wave=wave.slug,
        )
    raise NotAllowed(
        "comments-of-others",
        f"The comments of {wave.slug} are read only by {waves.readers_in_words(wave)}, as employees"
        " were told.",
        wave=wave.slug,
    )


def _redacted_text(comment: Comment, decision: str, offered: str | None) -> str | None:
    """The text to store for a redaction, else None; refuses text that does not fit the decision.

    Refuses a redaction that takes out no words or changes others, and to release a changed text.
    """
    if decision == "redact":
        return check_redaction(comment.text, offered or "")
    if decision == "release" and offered is not None and not is_unchanged(comment.text, offered):
        raise Refused(
            "text-changed",
            "You changed the text, and releasing would send it as it was written. Redact it, or"
            " undo your change and release it.",
        )
    return None


def _check_reviewable(findings: Findings) -> None:
    """Refuses the third of a quarter, and a wave with fewer answers than comments need."""
    wave = findings.wave
    if wave.is_third:
        raise Refused(
            "comments-read-with-quarter",
            f"What people wrote in {wave.slug} is read with the quarter, when its three"
            " thirds have been counted.",
        )
    answered = number_of_responses(wave)
    if answered < wave.minimum_detail:
        raise Refused(
            "too-few-for-comments",
            f"Comments are read from {wave.minimum_detail} answers; {wave.slug} has {answered}."
            " Nobody reads them, and none is sent.",
        )
