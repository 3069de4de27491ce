"""The staff directory."""

from datetime import date

from sqlalchemy import CheckConstraint, Date, Integer, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from survey.database import Base
from survey.people.rules.staff_list import PersonId


class PersonRow(Base):
    """Somebody in the directory; the address in lower case, so that one mailbox is one person."""

    __tablename__ = "person"
    __table_args__ = (
        UniqueConstraint("email"),
        CheckConstraint("email = lower(email)", name="email_lower"),
    )
    id: Mapped[PersonId] = mapped_column(Text, primary_key=True)
    email: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    department: Mapped[str] = mapped_column(Text, index=True)
    site: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    leader: Mapped[bool]


class StopRow(Base):
    """Somebody who wants no survey mails; without a date, for nobody asks when."""

    __tablename__ = "stop"
    person_id: Mapped[PersonId] = mapped_column(Text, primary_key=True)


class StopCodeRow(Base):
    """The SHA-256 of a secret that can only stop a person's mails or let them go again.

    Some are random filling that no secret leads to.
    """

    __tablename__ = "stop_code"
    __table_args__ = (CheckConstraint("length(hash) = 32", name="hash"),)
    hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    person_id: Mapped[PersonId] = mapped_column(Text, index=True)


class StaffFileRow(Base):
    """The file of the long import under way, compressed, with the numbers of all that it changes.

    The table has at most this one row. Deleted when all of it is stored.
    """

    __tablename__ = "staff_file"
    __table_args__ = (CheckConstraint("number = 1", name="only_one"),)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[str] = mapped_column(Text)
    roster: Mapped[str] = mapped_column(Text)
    remove_missing: Mapped[bool]
    added: Mapped[int] = mapped_column(Integer)
    changed: Mapped[int] = mapped_column(Integer)
    unchanged: Mapped[int] = mapped_column(Integer)
    removed: Mapped[int] = mapped_column(Integer)
    moved: Mapped[int] = mapped_column(Integer)
    people: Mapped[int] = mapped_column(Integer)


class StaffChangeRow(Base):
    """How many people were added, removed or had their address corrected on a day; never who."""

    __tablename__ = "staff_change"
    __table_args__ = (
        CheckConstraint("kind IN ('corrected', 'added', 'removed')", name="kind"),
        CheckConstraint("number > 0", name="number"),
    )
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    number: Mapped[int] = mapped_column(Integer)
