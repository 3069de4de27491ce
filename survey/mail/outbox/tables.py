"""The outbox, the only truth about mail.

No code, no link, no body and no address is ever stored here.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, Float, Index, Integer, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from survey.database import Base, UtcDateTime
from survey.mail.rules.letter import LetterId, Recipient
from survey.mail.rules.states import LetterState

_HAS_A_LAST_DAY = text("give_up_at IS NOT NULL")
_STATES = ", ".join(f"'{state.value}'" for state in LetterState)


class OutboxRow(Base):
    """One letter to one recipient (a reference; the address is looked up when it is written)."""

    __tablename__ = "outbox"
    __table_args__ = (
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        CheckConstraint("attempts >= 0", name="attempts"),
        # The order in which letters leave.
        Index("ix_outbox_state_priority_next_at_id", "state", "priority", "next_at", "id"),
        Index("ix_outbox_state_lease_until", "state", "lease_until"),
        Index(
            "ix_outbox_give_up_at",
            "give_up_at",
            sqlite_where=_HAS_A_LAST_DAY,
            postgresql_where=_HAS_A_LAST_DAY,
        ),
    )
    id: Mapped[LetterId] = mapped_column(Text, primary_key=True)
    dedupe_key: Mapped[str] = mapped_column(Text, unique=True)
    kind: Mapped[str] = mapped_column(Text)
    wave: Mapped[str] = mapped_column(Text, index=True)
    recipient: Mapped[Recipient] = mapped_column(Text)
    letter_version: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(Text)
    priority: Mapped[int] = mapped_column(Integer)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(Integer)
    lease_token: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    message_id: Mapped[str] = mapped_column(Text, unique=True)
    date_header: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_code: Mapped[str | None] = mapped_column(Text)
    last_reason: Mapped[str | None] = mapped_column(Text)
    give_up_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    bounced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class LetterTotalRow(Base):
    """The number of a counted wave's confidential letters of one type that ended in one state.

    Kept when the rows of these letters are deleted.
    """

    __tablename__ = "letter_total"
    __table_args__ = (
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        CheckConstraint("number > 0", name="number"),
    )
    wave: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    state: Mapped[str] = mapped_column(Text, primary_key=True)
    number: Mapped[int] = mapped_column(Integer)


class MailChannelRow(Base):
    """The state that all senders share: pause, absence of the server, pace. One row, number 1.

    Written when the channel is first locked.
    """

    __tablename__ = "mail_channel"
    __table_args__ = (CheckConstraint("number = 1", name="only_one"),)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    paused_because: Mapped[str | None] = mapped_column(Text)
    paused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    away_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    away_times: Mapped[int] = mapped_column(Integer)
    # Pace: when the next letter may leave, on whichever machine.
    next_turn: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # The share of the full pace: less than 1 after the server asked to slow down.
    share: Mapped[float] = mapped_column(Float)
    slowed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class MailBudgetRow(Base):
    """How many letters were claimed for sending in one hour since the epoch: for limits a day."""

    __tablename__ = "mail_budget"
    hour: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    used: Mapped[int] = mapped_column(Integer)


class MailPauseRow(Base):
    """A wave whose letters wait until somebody resumes its mail."""

    __tablename__ = "mail_pause"
    wave: Mapped[str] = mapped_column(Text, primary_key=True)
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
