"""What is stored of the timetable's own passes."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Integer
from sqlalchemy.orm import Mapped, mapped_column

from survey.database import Base, Instant


class PulseRow(Base):
    """The only row: when the last pass was seen, and the latest time that any pass has read from the clock."""

    __tablename__ = "pulse"
    __table_args__ = (CheckConstraint("number = 1", name="only_one"),)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seen_at: Mapped[datetime] = mapped_column(Instant)
    highest_at: Mapped[datetime] = mapped_column(Instant)


class OutageRow(Base):
    """A day and more without a pass: the service was down."""

    __tablename__ = "outage"
    __table_args__ = (CheckConstraint("until > since", name="until_after_since"),)
    since: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    until: Mapped[datetime] = mapped_column(Instant)
