"""Versions of questionnaires, as exact documents."""

from typing import Any

from sqlalchemy import JSON, Integer, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from survey.database import Base


class QuestionnaireRow(Base):
    """One version of a questionnaire, never changed; `draft` versions are those a manager saved, others a wave froze."""

    __tablename__ = "questionnaire_version"
    __table_args__ = (UniqueConstraint("slug", "digest"),)
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    slug: Mapped[str] = mapped_column(Text, index=True)
    digest: Mapped[str] = mapped_column(Text)
    number: Mapped[int] = mapped_column(Integer)
    saved: Mapped[bool]
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
