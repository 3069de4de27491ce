"""Who may sign in, their sessions and one-time links, and the audit log."""

from datetime import date, datetime
from typing import Any

from flask_security import RoleMixin, UserMixin
from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Integer,
    LargeBinary,
    Table,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from survey.access.rules.accounts import UserId
from survey.access.rules.open_to import ROLES
from survey.database import Base, UtcDateTime

user_role = Table(
    "user_role",
    Base.metadata,
    Column("user_id", Text, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True),
    Column("role_id", Text, ForeignKey("role.id", ondelete="CASCADE"), primary_key=True),
)


class RoleRow(Base, RoleMixin):
    """One role that an account can have: viewer, manager or admin."""

    __tablename__ = "role"
    __table_args__ = (CheckConstraint(f"name IN {ROLES}", name="name"),)
    id: Mapped[str] = mapped_column(Text, primary_key=True)  # type: ignore[assignment]  # the library expects any id
    name: Mapped[str] = mapped_column(Text, unique=True)


class UserRow(Base, UserMixin):
    """A person of the client who may sign in; no employee needs an account to answer."""

    __tablename__ = "user"
    id: Mapped[UserId] = mapped_column(Text, primary_key=True)  # type: ignore[assignment]
    email: Mapped[str] = mapped_column(Text, unique=True)
    password: Mapped[str | None] = mapped_column(Text)
    # Flask-Security asks for it; who may not sign in any more is removed instead.
    active: Mapped[bool]
    fs_uniquifier: Mapped[str] = mapped_column(Text, unique=True)
    last_signed_in: Mapped[date | None] = mapped_column(Date)
    # A random text; when it changes, no browser is known to the account any more.
    browser_generation: Mapped[str | None] = mapped_column(Text)
    roles: Mapped[list[RoleRow]] = relationship(secondary=user_role, lazy="selectin")  # type: ignore[assignment]


class SessionRow(Base):
    """One browser in which somebody is signed in.

    The cookie holds the secret, the row its SHA-256.
    """

    __tablename__ = "session"
    hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UserId] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    by_link: Mapped[bool]


class SignInLinkRow(Base):
    """A one-time sign-in link: the SHA-256 of its secret."""

    __tablename__ = "sign_in_link"
    hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UserId] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AuditRow(Base):
    """One entry of the log, chained to the one before by its digest."""

    __tablename__ = "audit_entry"
    __table_args__ = (CheckConstraint("number >= 1", name="number"),)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    who: Mapped[str] = mapped_column(Text)
    what: Mapped[str] = mapped_column(Text)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous: Mapped[str] = mapped_column(Text, unique=True)
    digest: Mapped[str] = mapped_column(Text, unique=True)
