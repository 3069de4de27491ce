"""The provider's replies as recorded, with the commitments of both sides."""

from datetime import date

from sqlalchemy import JSON, CheckConstraint, Date, ForeignKey, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from survey.database import Base
from survey.waves.rules.ids import WaveId


class ReplyRow(Base):
    """One version of the provider's reply, with the commitments of both sides; never changed.

    Without text and day where no reply has arrived.
    """

    __tablename__ = "reply"
    __table_args__ = (
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("(text IS NULL) = (received_on IS NULL)", name="received"),
    )
    wave_id: Mapped[WaveId] = mapped_column(ForeignKey("wave.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    text: Mapped[str | None] = mapped_column(Text)
    received_on: Mapped[date | None] = mapped_column(Date)
    commitments: Mapped[list[dict[str, str]]] = mapped_column(JSON)
