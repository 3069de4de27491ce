"""Who may sign in, their one-time links, and the audit log."""

from datetime import datetime
from typing import Any

from flask_security import RoleMixin, UserMixin
from sqlalchemy import JSON, CheckConstraint, Column, ForeignKey, Integer, LargeBinary, Table, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from survey.database import Instant, db

user_role = Table(
    "user_role",
    db.metadata,
    Column("user_id", Integer, ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True),
    Column("role_id", Integer, ForeignKey("role.id", ondelete="CASCADE"), primary_key=True),
)


class RoleRow(db.Model, RoleMixin):
    """viewer, manager or admin."""

    __tablename__ = "role"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)


class UserRow(db.Model, UserMixin):
    """A person of the client who may sign in; no employee needs an account to answer."""

    __tablename__ = "user_account"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(Text, unique=True)
    password: Mapped[str | None] = mapped_column(Text)
    active: Mapped[bool]
    fs_uniquifier: Mapped[str] = mapped_column(Text, unique=True)
    roles: Mapped[list[RoleRow]] = relationship(secondary=user_role, lazy="joined")


class SignInLinkRow(db.Model):
    """The SHA-256 of a one-time sign-in secret."""

    __tablename__ = "sign_in_link"
    hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"))
    expires: Mapped[datetime] = mapped_column(Instant)


class AuditRow(db.Model):
    """One entry of the log, chained to the one before by its digest."""

    __tablename__ = "audit_entry"
    __table_args__ = (CheckConstraint("number >= 1", name="number"),)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Instant)
    who: Mapped[str] = mapped_column(Text)
    what: Mapped[str] = mapped_column(Text)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text, unique=True)
