"""Comments under review: what was written, and what was decided about it."""

import secrets
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select, update

from survey.database import db, transaction
from survey.questionnaires.rules import QuestionId
from survey.responses.rules import CommentId
from survey.responses.service.responses import number_of_responses
from survey.responses.tables import CommentRow
from survey.waves.rules.waves import Wave

_SOURCE = secrets.SystemRandom()
_ID_OCTETS = 16


class ReviewState(StrEnum):
    """What a manager has decided about a comment.

    Nothing leaves before it is released or redacted.
    """

    UNREAD = "unread"
    RELEASED = "released"
    REDACTED = "redacted"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment as written, its group where that may be told, and what may leave of it."""

    id: CommentId
    question: QuestionId
    group: str | None
    text: str
    review: ReviewState
    redacted: str | None

    @property
    def leaves(self) -> str | None:
        """The words that others may read: as written, as redacted, or none."""
        if self.review is ReviewState.RELEASED:
            return self.text
        return self.redacted if self.review is ReviewState.REDACTED else None


def list_comments(wave: Wave) -> tuple[Comment, ...]:
    """All comments of a wave in random order.

    None where fewer than the minimum answered, and none of a third.
    """
    if not _may_show_comments(wave):
        return ()
    rows = db.session.scalars(select(CommentRow).where(CommentRow.wave_id == wave.id)).all()
    return tuple(_comment(row) for row in _SOURCE.sample(rows, len(rows)))


def find_comment(wave: Wave, comment_id: CommentId) -> Comment | None:
    """One comment of this wave by its id, or None.

    None where fewer than the minimum answered, and none of a third.
    """
    try:
        row_id = bytes.fromhex(comment_id)
    except ValueError:
        return None
    if len(row_id) != _ID_OCTETS or not _may_show_comments(wave):
        return None
    query = select(CommentRow).where(CommentRow.id == row_id, CommentRow.wave_id == wave.id)
    row = db.session.scalar(query)
    return _comment(row) if row else None


def _may_show_comments(wave: Wave) -> bool:
    return not wave.is_third and number_of_responses(wave) >= wave.minimum_detail


def mark_comment(comment: Comment, review: ReviewState, redacted: str | None = None) -> None:
    """Keeps a decision about a comment; only a redacted one has other words than its own."""
    other_words = redacted if review is ReviewState.REDACTED else None
    query = (
        update(CommentRow)
        .where(CommentRow.id == bytes.fromhex(comment.id))
        .values(state=review.value, redacted=other_words)
    )
    with transaction() as session:
        session.execute(query)


def released_comments(wave: Wave) -> tuple[str, ...]:
    """The words that may leave, in random order; none where fewer than the minimum answered."""
    return tuple(comment.leaves for comment in list_comments(wave) if comment.leaves is not None)


def _comment(row: CommentRow) -> Comment:
    return Comment(
        id=CommentId(row.id.hex()),
        question=row.question,
        group=row.group_name,
        text=row.text,
        review=ReviewState(row.state),
        redacted=row.redacted,
    )
