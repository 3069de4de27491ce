"""Sealed ballots, counted responses, comments.

Nothing here points at a person, an invitation or a time.
"""

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from survey.database import Base
from survey.questionnaires.rules import QuestionId
from survey.vault.rules.sealing import SEALED
from survey.waves.rules.ids import WaveId

_WITHOUT_ROWID = {"sqlite_strict": True, "sqlite_with_rowid": False}


class BallotRow(Base):
    """One sealed ballot, deleted by the count; no person, no time.

    `spare` is the same ballot sealed to the second representative, where the strict tier has two.
    """

    __tablename__ = "ballot"
    __table_args__ = (
        CheckConstraint("length(id) = 16", name="id"),
        CheckConstraint(f"length(sealed) IN ({SEALED}, {SEALED + 48})", name="sealed"),
        _WITHOUT_ROWID,
    )
    id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    wave_id: Mapped[WaveId] = mapped_column(Text, ForeignKey("wave.id"), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    spare: Mapped[bytes | None] = mapped_column(LargeBinary)


class ResponseRow(Base):
    """One counted response: its published group and its scores; no person, no time.

    The scores have one character a question, in the questionnaire's order.
    """

    __tablename__ = "response"
    __table_args__ = (CheckConstraint("length(id) = 16", name="id"), _WITHOUT_ROWID)
    id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    wave_id: Mapped[WaveId] = mapped_column(Text, ForeignKey("wave.id"), index=True)
    group_name: Mapped[str] = mapped_column(Text)
    scores: Mapped[str] = mapped_column(Text)


class CommentRow(Base):
    """One comment with its review; nothing links it to a person or to that person's scores.

    `group_name` is empty where too few of the group answered.
    """

    __tablename__ = "comment"
    __table_args__ = (
        CheckConstraint("length(id) = 16", name="id"),
        CheckConstraint("state IN ('unread', 'released', 'redacted', 'held')", name="state"),
        _WITHOUT_ROWID,
    )
    id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    wave_id: Mapped[WaveId] = mapped_column(Text, ForeignKey("wave.id"), index=True)
    question: Mapped[QuestionId] = mapped_column(Text)
    group_name: Mapped[str | None] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    redacted: Mapped[str | None] = mapped_column(Text)
