"""The registered keys of employee representatives."""

from datetime import datetime

from sqlalchemy import CheckConstraint, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from survey.database import Base, UtcDateTime


class CoKeyRow(Base):
    """A representative's public key; while `ended_at` is None, the next wave is sealed to it."""

    __tablename__ = "co_key"
    __table_args__ = (CheckConstraint("length(public_key) = 32", name="public_key"),)
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    public_key: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    registered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
