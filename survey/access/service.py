"""Accounts: add, remove, one-time links."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from survey.access.audit import record
from survey.access.open_to import ROLES
from survey.access.tables import RoleRow, SignInLinkRow, UserRow
from survey.config import Config
from survey.database import db, transaction
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.kernel.ids import random_id

LINK_LASTS = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in."""

    email: str
    role: str
    has_password: bool


def add_user(email: str, role: str, *, actor: str) -> Account:
    """Creates an account, or gives a known one this role."""
    email = email.strip().lower()
    local, at, domain = email.partition("@")
    if not (local and at and "." in domain and email.isprintable() and " " not in email):
        raise Refused(f"{email!r} is not a mail address. Write it like name@company.example.")
    if role not in ROLES:
        raise Refused(f"{role!r} is no role. Use admin, manager or viewer.")
    with transaction() as session:
        user = session.scalar(select(UserRow).where(UserRow.email == email))
        if user is None:
            user = UserRow(email=email, password=None, active=True, fs_uniquifier=random_id())
            session.add(user)
            record("user added", {"user": email, "role": role}, actor)
        elif _role(user) != role:
            _keep_an_admin(user)
            user.fs_uniquifier = random_id()  # a change of role ends the sessions of the old one
            record("role changed", {"user": email, "role": role}, actor)
        user.roles = [_role_row(role)]
        session.flush()
        return _account(user)


def remove_user(email: str, *, actor: str) -> None:
    """Ends an account and its sessions; the last administrator stays."""
    with transaction() as session:
        user = _user(email)
        _keep_an_admin(user)
        session.delete(user)
        record("user removed", {"user": email}, actor)


def list_users() -> tuple[Account, ...]:
    """All accounts by address."""
    return tuple(_account(user) for user in db.session.scalars(select(UserRow).order_by(UserRow.email)).unique())


def sign_in_link(email: str, config: Config) -> str:
    """A fresh link that signs this person in once within a day; earlier ones end. The secret stands behind the #."""
    secret = secrets.token_urlsafe(32)
    with transaction() as session:
        user = _user(email)
        session.execute(delete(SignInLinkRow).where(SignInLinkRow.user_id == user.id))
        session.add(SignInLinkRow(hash=_hash(secret), user_id=user.id, expires=now() + LINK_LASTS))
    return f"{config.base_url}/sign-in/link#{secret}"


def use_link(secret: str, moment: datetime) -> UserRow | None:
    """Uses up a one-time link; None when it is unknown, used or too old."""
    with transaction() as session:
        row = session.get(SignInLinkRow, _hash(secret.strip()))
        if row is None:
            return None
        user = session.get_one(UserRow, row.user_id)
        session.delete(row)
        if row.expires < moment or not user.active:
            return None
        record("signed in by link", {"user": user.email}, user.email)
        return user


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _user(email: str) -> UserRow:
    user = db.session.scalar(select(UserRow).where(UserRow.email == email.strip().lower()))
    if user is None:
        raise Refused(f"Nobody with the address {email} may sign in. Add them: candour users add {email} --role manager")
    return user


def _keep_an_admin(user: UserRow) -> None:
    others = [other for other in list_users() if other.role == "admin" and other.email != user.email]
    if _role(user) == "admin" and not others:
        raise Refused(f"{user.email} is the last administrator. Make somebody else one first.")


def _role_row(name: str) -> RoleRow:
    row = db.session.scalar(select(RoleRow).where(RoleRow.name == name))
    if row is None:
        row = RoleRow(name=name)
        db.session.add(row)
    return row


def _role(user: UserRow) -> str:
    return user.roles[0].name if user.roles else ""


def _account(user: UserRow) -> Account:
    return Account(user.email, _role(user), bool(user.password))
