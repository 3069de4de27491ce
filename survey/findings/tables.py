"""The frozen findings, and who was sent which version."""

from datetime import date

from sqlalchemy import JSON, CheckConstraint, Date, ForeignKey, ForeignKeyConstraint, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from survey.database import Base
from survey.findings.rules import SharingId
from survey.providers.rules import ContactId
from survey.waves.rules.ids import WaveId


class FindingsRow(Base):
    """One version of a wave's findings document, as canonical JSON; never changed."""

    __tablename__ = "findings"
    __table_args__ = (CheckConstraint("version >= 1", name="version"),)
    wave_id: Mapped[WaveId] = mapped_column(ForeignKey("wave.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    digest: Mapped[str] = mapped_column(Text, unique=True)
    document: Mapped[str] = mapped_column(Text)


class SharingRow(Base):
    """A version queued for one contact of the provider, on a day, with the day a reply is due."""

    __tablename__ = "sharing"
    __table_args__ = (
        ForeignKeyConstraint(["wave_id", "version"], ["findings.wave_id", "findings.version"]),
        CheckConstraint("(log_length IS NULL) = (log_head IS NULL)", name="log_whole"),
    )
    id: Mapped[SharingId] = mapped_column(Text, primary_key=True)
    wave_id: Mapped[WaveId] = mapped_column(Text, index=True)
    version: Mapped[int] = mapped_column(Integer)
    contact_id: Mapped[ContactId] = mapped_column(Text)
    shared_on: Mapped[date] = mapped_column(Date)
    reply_by: Mapped[date] = mapped_column(Date)
    groups: Mapped[bool] = mapped_column(default=False)
    comments: Mapped[list[str]] = mapped_column(JSON, default=list)
    # The audit log as the mail tells it; None where it was queued by a version that told nothing.
    log_length: Mapped[int | None] = mapped_column(Integer)
    log_head: Mapped[str | None] = mapped_column(Text)


class ImportRow(Base):
    """The digest of an imported file, so that the same history is not imported twice."""

    __tablename__ = "history_import"
    wave_id: Mapped[WaveId] = mapped_column(ForeignKey("wave.id"), primary_key=True)
    digest: Mapped[str] = mapped_column(Text, unique=True)
