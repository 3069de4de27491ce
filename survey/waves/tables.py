"""What is stored of surveys and waves."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from survey.database import Base, UtcDateTime
from survey.providers.rules import ProviderId
from survey.questionnaires.rules import QuestionnaireSlug, VersionId
from survey.waves.rules.ids import SurveyId, SurveySlug, WaveId, WaveSlug
from survey.waves.rules.waves import VoidReason

_VOID_REASONS = ", ".join(f"'{reason.value}'" for reason in VoidReason)


class SurveyRow(Base):
    """A survey programme as planned; `targets` are those of waves not yet opened."""

    __tablename__ = "survey"
    __table_args__ = (
        CheckConstraint("days BETWEEN 1 AND 92", name="days"),
        CheckConstraint("state IN ('active', 'paused', 'ended')", name="state"),
        CheckConstraint("baseline_waves BETWEEN 0 AND 2", name="baseline_waves"),
        CheckConstraint("reminders BETWEEN 0 AND 2", name="reminders"),
    )
    id: Mapped[SurveyId] = mapped_column(Text, primary_key=True)
    slug: Mapped[SurveySlug] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    provider_id: Mapped[ProviderId] = mapped_column(Text, index=True)
    questionnaire: Mapped[QuestionnaireSlug] = mapped_column(Text)
    cadence: Mapped[str] = mapped_column(Text)
    opens: Mapped[datetime] = mapped_column(DateTime)  # on the wall clock of `timezone`
    days: Mapped[int] = mapped_column(Integer)
    timezone: Mapped[str] = mapped_column(Text)
    audience: Mapped[str] = mapped_column(Text)
    baseline_waves: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(Text)
    targets: Mapped[dict[str, Any]] = mapped_column(JSON)
    reminders: Mapped[int] = mapped_column(Integer, server_default="1")


class WaveRow(Base):
    """One dated run of a survey, with what its opening fixed: empty while it is planned."""

    __tablename__ = "wave"
    __table_args__ = (
        UniqueConstraint("survey_id", "period"),
        CheckConstraint(
            "state IN ('planned', 'open', 'closed', 'counted', 'shared', 'void')", name="state"
        ),
        CheckConstraint("closes > opens", name="closes_after_opens"),
        CheckConstraint("minimum_group >= 5", name="minimum_group"),
        CheckConstraint("minimum_detail >= minimum_group", name="minimum_detail"),
        CheckConstraint(f"void_reason IN ({_VOID_REASONS})", name="void_reason"),
        CheckConstraint("extended_days BETWEEN 0 AND 7", name="extended_days"),
        CheckConstraint("reminders BETWEEN 0 AND 2", name="reminders"),
        CheckConstraint("third BETWEEN 1 AND 3", name="third"),
    )
    id: Mapped[WaveId] = mapped_column(Text, primary_key=True)
    slug: Mapped[WaveSlug] = mapped_column(Text, unique=True)
    survey_id: Mapped[SurveyId] = mapped_column(ForeignKey("survey.id"), index=True)
    period: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, index=True)
    opens: Mapped[datetime] = mapped_column(DateTime)
    closes: Mapped[datetime] = mapped_column(DateTime)
    timezone: Mapped[str] = mapped_column(Text)
    audience: Mapped[str] = mapped_column(Text)
    questionnaire_version: Mapped[VersionId | None] = mapped_column(Text)
    minimum_group: Mapped[int] = mapped_column(Integer)
    minimum_detail: Mapped[int] = mapped_column(Integer)
    targets: Mapped[dict[str, Any]] = mapped_column(JSON)
    public_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    probe: Mapped[bytes | None] = mapped_column(LargeBinary)
    imported: Mapped[bool]
    baseline: Mapped[bool]
    one_off: Mapped[bool]
    extended_days: Mapped[int] = mapped_column(Integer)
    closed_early: Mapped[str | None] = mapped_column(Text)
    void_reason: Mapped[str | None] = mapped_column(Text)
    void_words: Mapped[str | None] = mapped_column(Text)
    co_keys: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list)
    key_missing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reminders: Mapped[int] = mapped_column(Integer, server_default="1")
    # The quarter of a third, and of the pool that three of them come to.
    quarter: Mapped[str | None] = mapped_column(Text)
    # 1 to 3; empty for a pool and for a wave that asks everybody.
    third: Mapped[int | None] = mapped_column(Integer)
    # What was promised when it opened; empty of waves that older versions opened unconfirmed.
    promise: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    # Who reads the comments instead of those that the promise names, oldest first.
    reader_changes: Mapped[list[dict[str, Any]]] = mapped_column(
        JSON, default=list, server_default="[]"
    )
    # Changes of the staff list before the opening and while open; a `RosterRecord`.
    roster: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    survey: Mapped[SurveyRow] = relationship(lazy="joined", innerjoin=True)
    groups: Mapped[list["WaveGroupRow"]] = relationship(
        order_by="WaveGroupRow.name", lazy="selectin"
    )


class WaveGroupRow(Base):
    """One group of departments of a wave, whose answers are reported together."""

    __tablename__ = "wave_group"
    __table_args__ = (CheckConstraint("invited >= 8", name="invited"),)
    wave_id: Mapped[WaveId] = mapped_column(ForeignKey("wave.id"), primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    invited: Mapped[int] = mapped_column(Integer)
    members: Mapped[list[str]] = mapped_column(JSON)


class HolidayRow(Base):
    """A day on which nobody works: no wave of a cadence opens on it, and it is no working day."""

    __tablename__ = "holiday"
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
