"""Sealed ballots, counted responses, comments. Nothing here points at a person, an invitation or a time."""

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from survey.database import Base
from survey.vault.rules.sealing import SEALED

_KIND = {"sqlite_strict": True, "sqlite_with_rowid": False}


class BallotRow(Base):
    """One sealed ballot, until the count."""

    __tablename__ = "ballot"
    __table_args__ = (
        CheckConstraint("length(id) = 16", name="id"),
        CheckConstraint(f"length(sealed) IN ({SEALED}, {SEALED + 48})", name="sealed"),
        _KIND,
    )
    id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    wave_id: Mapped[str] = mapped_column(Text, ForeignKey("wave.id"), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    spare: Mapped[bytes | None] = mapped_column(
        LargeBinary
    )  # strict tier with two representatives: sealed to the second


class ResponseRow(Base):
    """One counted response: its group and its scores, one character a question in the questionnaire's order."""

    __tablename__ = "response"
    __table_args__ = (CheckConstraint("length(id) = 16", name="id"), _KIND)
    id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    wave_id: Mapped[str] = mapped_column(Text, ForeignKey("wave.id"), index=True)
    group_name: Mapped[str] = mapped_column(Text)
    scores: Mapped[str] = mapped_column(Text)


class CommentRow(Base):
    """One comment, apart from the scores of whoever wrote it."""

    __tablename__ = "comment"
    __table_args__ = (
        CheckConstraint("length(id) = 16", name="id"),
        CheckConstraint("state IN ('unread', 'released', 'redacted', 'held')", name="state"),
        _KIND,
    )
    id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    wave_id: Mapped[str] = mapped_column(Text, ForeignKey("wave.id"), index=True)
    question: Mapped[str] = mapped_column(Text)
    group_name: Mapped[str | None] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    redacted: Mapped[str | None] = mapped_column(Text)
