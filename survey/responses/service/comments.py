"""Comments under review: reads what was written, and stores what was decided about it."""

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
    """What a manager has decided about a comment: nothing yet, release, redact, or hold back.

    No comment leaves before it is released or redacted.
    """

    UNREAD = "unread"
    RELEASED = "released"
    REDACTED = "redacted"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment as written, with its group (None where that stays hidden) and its review.

    `redacted` are the words that may leave instead, of a redacted comment.
    """

    id: CommentId
    question: QuestionId
    group: str | None
    text: str
    review: ReviewState
    redacted: str | None

    @property
    def leaves(self) -> str | None:
        """The words that others may read: as written, as redacted, or None (unread, held)."""
        if self.review is ReviewState.RELEASED:
            return self.text
        return self.redacted if self.review is ReviewState.REDACTED else None


def list_comments(wave: Wave) -> tuple[Comment, ...]:
    """All comments of a wave, in random order; empty where too few answered, and for a third.

    Too few are fewer than the wave's minimum for details.
    """
    if not _may_show_comments(wave):
        return ()
    rows = db.session.scalars(select(CommentRow).where(CommentRow.wave_id == wave.id)).all()
    return tuple(_comment(row) for row in _SOURCE.sample(rows, len(rows)))


def find_comment(wave: Wave, comment_id: CommentId) -> Comment | None:
    """The comment of this wave with this id; None if unknown, if too few answered, and for a third.

    Too few are fewer than the wave's minimum for details.
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
    """Whether comments may be read: enough people answered, and the wave is no third."""
    return not wave.is_third and number_of_responses(wave) >= wave.minimum_detail


def mark_comment(comment: Comment, review: ReviewState, redacted: str | None = None) -> None:
    """Stores a review of a comment; keeps the words in `redacted` only for a redacted one.

    The comment as written stays as it is. Not audited here.
    """
    other_words = redacted if review is ReviewState.REDACTED else None
    query = (
        update(CommentRow)
        .where(CommentRow.id == bytes.fromhex(comment.id))
        .values(state=review.value, redacted=other_words)
    )
    with transaction() as session:
        session.execute(query)


def released_comments(wave: Wave) -> tuple[str, ...]:
    """The words of comments that may leave, in random order; empty where too few answered.

    Too few are fewer than the wave's minimum for details; empty for a third, too.
    """
    return tuple(comment.leaves for comment in list_comments(wave) if comment.leaves is not None)


def _comment(row: CommentRow) -> Comment:
    """A comment as a value, made from its row."""
    return Comment(
        id=CommentId(row.id.hex()),
        question=row.question,
        group=row.group_name,
        text=row.text,
        review=ReviewState(row.state),
        redacted=row.redacted,
    )
