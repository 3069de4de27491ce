"""Comments under review: what was written, and what was decided about it."""

import secrets
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select, update

from survey.database import db, transaction
from survey.responses.service.responses import number_of_responses
from survey.responses.tables import CommentRow
from survey.waves.rules.waves import Wave

_SOURCE = secrets.SystemRandom()
_ID = 16


class ReviewState(StrEnum):
    """What a manager has decided about a comment; nothing leaves before it is released or redacted."""

    UNREAD = "unread"
    RELEASED = "released"
    REDACTED = "redacted"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment as written, its group where that may be told, and what may leave of it."""

    id: str
    question: str
    group: str | None
    text: str
    review: ReviewState
    redacted: str | None

    @property
    def leaves(self) -> str | None:
        """The words that others may read: as written, as redacted, or none."""
        return {ReviewState.RELEASED: self.text, ReviewState.REDACTED: self.redacted}.get(
            self.review
        )


def list_comments(item: Wave) -> tuple[Comment, ...]:
    """All comments of a wave in random order; none where fewer than the minimum answered, and none of a third."""
    if item.is_third or number_of_responses(item) < item.minimum_detail:
        return ()
    rows = db.session.scalars(select(CommentRow).where(CommentRow.wave_id == item.id)).all()
    return tuple(_comment(row) for row in _SOURCE.sample(rows, len(rows)))


def find_comment(item: Wave, comment_id: str) -> Comment | None:
    """One comment of this wave by its id, or None; none where fewer than the minimum answered, and none of a third."""
    try:
        known = bytes.fromhex(comment_id)
    except ValueError:
        return None
    if len(known) != _ID or item.is_third or number_of_responses(item) < item.minimum_detail:
        return None
    row = db.session.scalar(
        select(CommentRow).where(CommentRow.id == known, CommentRow.wave_id == item.id)
    )
    return _comment(row) if row else None


def mark_comment(comment: Comment, review: ReviewState, redacted: str | None = None) -> None:
    """Keeps a decision about a comment; only a redacted one has other words than its own."""
    with transaction() as session:
        change = update(CommentRow).where(CommentRow.id == bytes.fromhex(comment.id))
        session.execute(
            change.values(
                state=review.value, redacted=redacted if review is ReviewState.REDACTED else None
            )
        )


def released_comments(item: Wave) -> tuple[str, ...]:
    """The words that may leave, in random order; none where fewer than the minimum answered."""
    return tuple(comment.leaves for comment in list_comments(item) if comment.leaves is not None)


def _comment(row: CommentRow) -> Comment:
    return Comment(
        row.id.hex(), row.question, row.group_name, row.text, ReviewState(row.state), row.redacted
    )
