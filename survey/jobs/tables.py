"""What is stored of the timetable's own passes, and of long jobs."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from survey.database import Base, UtcDateTime
from survey.jobs.rules import LongJobState

_STATES = ", ".join(f"'{state.value}'" for state in LongJobState)


class HeartbeatRow(Base):
    """The table's only row: the time of the timetable's last pass, and the latest ever read."""

    __tablename__ = "heartbeat"
    __table_args__ = (CheckConstraint("number = 1", name="only_one"),)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    highest_at: Mapped[datetime] = mapped_column(UtcDateTime)


class OutageRow(Base):
    """A day or more in which the timetable did not run, because the service was down."""

    __tablename__ = "outage"
    __table_args__ = (CheckConstraint("until > since", name="until_after_since"),)
    since: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    until: Mapped[datetime] = mapped_column(UtcDateTime)


class LongJobRow(Base):
    """The last long job of its kind about its subject: how far it is, and which process does it.

    `lease_until` is until when that process may be silent before another takes the job over. No
    name, no address, no score; numbers of answers only of closed waves so large that they tell of
    nobody.
    """

    __tablename__ = "long_job"
    __table_args__ = (
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        CheckConstraint("done BETWEEN 0 AND total", name="done"),
    )
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    state: Mapped[str] = mapped_column(Text)
    done: Mapped[int] = mapped_column(Integer)
    total: Mapped[int] = mapped_column(Integer)
    says: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)
    lease_token: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
