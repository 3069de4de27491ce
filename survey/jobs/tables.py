"""The pulse of the timetable."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Integer
from sqlalchemy.orm import Mapped, mapped_column

from survey.database import Base, Instant


class PulseRow(Base):
    """When the timetable was last gone through: one row, number 1."""

    __tablename__ = "pulse"
    __table_args__ = (CheckConstraint("number = 1", name="only_one"),)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    last_pass: Mapped[datetime] = mapped_column(Instant)
