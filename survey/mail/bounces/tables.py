"""How far the bounce mailbox has been read."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from survey.database import Base, UtcDateTime


class BounceBoxRow(Base):
    """How far the bounce mailbox has been read: one row, number 1. Nothing of what was read."""

    __tablename__ = "bounce_box"
    __table_args__ = (CheckConstraint("number = 1", name="only_one"),)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    mark: Mapped[str] = mapped_column(Text)  # which mailbox, in which numbering of its messages
    next_uid: Mapped[int] = mapped_column(BigInteger)
    looked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    problem: Mapped[str | None] = mapped_column(Text)
