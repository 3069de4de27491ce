"""Replies as recorded, what a manager is writing, and the mails that went out."""

from datetime import date

from sqlalchemy import JSON, CheckConstraint, Date, ForeignKey, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from survey.database import Base


class ReplyRow(Base):
    """One version of what is known of the provider's reply, with the commitments of both sides; never changed."""

    __tablename__ = "reply"
    __table_args__ = (
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("(text IS NULL) = (received_on IS NULL)", name="received"),
    )
    wave_id: Mapped[str] = mapped_column(ForeignKey("wave.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    text: Mapped[str | None] = mapped_column(Text)
    received_on: Mapped[date | None] = mapped_column(Date)
    commitments: Mapped[list[dict[str, str]]] = mapped_column(JSON)


class DraftRow(Base):
    """What a manager has written so far for the follow-up of a wave."""

    __tablename__ = "follow_up_draft"
    wave_id: Mapped[str] = mapped_column(ForeignKey("wave.id"), primary_key=True)
    opening: Mapped[str] = mapped_column(Text)
    changes: Mapped[str] = mapped_column(Text)
    strengths: Mapped[list[str]] = mapped_column(JSON)
    problems: Mapped[list[str]] = mapped_column(JSON)
    correction: Mapped[str] = mapped_column(Text)


class EditionRow(Base):
    """One version of a wave's follow-up mail as it went out, as canonical JSON; never changed."""

    __tablename__ = "follow_up"
    __table_args__ = (CheckConstraint("version >= 1", name="version"),)
    wave_id: Mapped[str] = mapped_column(ForeignKey("wave.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    digest: Mapped[str] = mapped_column(Text, unique=True)
    document: Mapped[str] = mapped_column(Text)
