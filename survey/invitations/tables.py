"""Who was invited, and the hashes of their codes. No time, no order, no count of answering."""

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from survey.database import Base, UtcDateTime
from survey.invitations.rules.codes import InvitationId
from survey.people.rules.staff_list import PersonId
from survey.waves.rules.ids import WaveId


class InvitationRow(Base):
    """One person invited to one wave; the count sets `answered` (0 or 1) back to 0 for everybody.

    `person_id` is empty once the person was erased. `sent_to` is the address that the letters of
    this wave go to; `readdressed` says that it is another one than at the launch; `corrected`, that
    the person's address was corrected while the wave was open. The two keyed hashes are there only
    while the person has left: of `sent_to`, and of their address in the directory when they left.
    The count empties all of these.
    """

    __tablename__ = "invitation"
    __table_args__ = (
        UniqueConstraint("wave_id", "person_id"),
        CheckConstraint("answered IN (0, 1)", name="answered"),
        CheckConstraint("readdressed IN (0, 1)", name="readdressed"),
        CheckConstraint("corrected IN (0, 1)", name="corrected"),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )
    id: Mapped[InvitationId] = mapped_column(Text, primary_key=True)
    wave_id: Mapped[WaveId] = mapped_column(Text, ForeignKey("wave.id"), index=True)
    person_id: Mapped[PersonId | None] = mapped_column(Text)
    group_name: Mapped[str] = mapped_column(Text)
    answered: Mapped[int] = mapped_column(Integer)
    sent_to: Mapped[str | None] = mapped_column(Text)
    readdressed: Mapped[int] = mapped_column(Integer, server_default="0")
    corrected: Mapped[int] = mapped_column(Integer, server_default="0")
    sent_to_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    left_as_hash: Mapped[bytes | None] = mapped_column(LargeBinary)


class AssignedThirdRow(Base):
    """A person's third (1 to 3) of a survey's people; stored without a date, printed on no page."""

    __tablename__ = "assigned_third"
    __table_args__ = (
        CheckConstraint("third BETWEEN 1 AND 3", name="third"),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )
    survey_id: Mapped[str] = mapped_column(Text, ForeignKey("survey.id"), primary_key=True)
    person_id: Mapped[str] = mapped_column(Text, primary_key=True)
    third: Mapped[int] = mapped_column(Integer)


class TokenRow(Base):
    """The SHA-256 of one code, and the invitation that the code can use up.

    A person may hold several codes, and any of them uses up the one invitation.
    """

    __tablename__ = "token"
    __table_args__ = (
        CheckConstraint("length(hash) = 32", name="hash"),
        Index("ix_token_invitation_id", "invitation_id"),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )
    hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    invitation_id: Mapped[InvitationId] = mapped_column(
        Text, ForeignKey("invitation.id", ondelete="CASCADE")
    )


class AddressNoticeRow(Base):
    """A notice to an address that was replaced; deleted once its letter has left."""

    __tablename__ = "address_notice"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    person_id: Mapped[PersonId] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    queued_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AddressProposalRow(Base):
    """A new address for somebody, which waits for a second manager."""

    __tablename__ = "address_proposal"
    __table_args__ = (UniqueConstraint("person_id"),)
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    person_id: Mapped[PersonId] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    proposed_by: Mapped[str] = mapped_column(Text)
    proposed_at: Mapped[datetime] = mapped_column(UtcDateTime)
