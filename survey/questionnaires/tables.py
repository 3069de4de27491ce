"""Versions of questionnaires, as exact documents."""

from typing import Any

from sqlalchemy import JSON, Integer, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from survey.database import Base
from survey.questionnaires.rules import QuestionnaireSlug, VersionId


class QuestionnaireRow(Base):
    """One version of a questionnaire, `saved` by a manager or else only frozen by a wave.

    Its content never changes. The newest has the highest number.
    """

    __tablename__ = "questionnaire_version"
    __table_args__ = (UniqueConstraint("slug", "digest"),)
    id: Mapped[VersionId] = mapped_column(Text, primary_key=True)
    slug: Mapped[QuestionnaireSlug] = mapped_column(Text, index=True)
    digest: Mapped[str] = mapped_column(Text)
    number: Mapped[int] = mapped_column(Integer)
    saved: Mapped[bool]
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
