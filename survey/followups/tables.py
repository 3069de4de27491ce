"""What a manager is writing, and the follow-up mails that went out."""

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from survey.database import Base
from survey.questionnaires.rules import QuestionId
from survey.waves.rules.ids import WaveId


class DraftRow(Base):
    """What a manager has written so far for the follow-up mail of a wave."""

    __tablename__ = "follow_up_draft"
    wave_id: Mapped[WaveId] = mapped_column(ForeignKey("wave.id"), primary_key=True)
    opening: Mapped[str] = mapped_column(Text)
    changes: Mapped[str] = mapped_column(Text)
    strengths: Mapped[list[QuestionId]] = mapped_column(JSON)
    problems: Mapped[list[QuestionId]] = mapped_column(JSON)
    correction: Mapped[str] = mapped_column(Text)


class EditionRow(Base):
    """One version of a wave's follow-up mail as it went out, as canonical JSON; never changed."""

    __tablename__ = "follow_up"
    __table_args__ = (CheckConstraint("version >= 1", name="version"),)
    wave_id: Mapped[WaveId] = mapped_column(ForeignKey("wave.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    digest: Mapped[str] = mapped_column(Text, unique=True)
    document: Mapped[str] = mapped_column(Text)
