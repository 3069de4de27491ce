"""Accounts: add, change, remove, one-time links, passwords."""

import hashlib
import secrets
from datetime import datetime

from flask_security import hash_password, verify_password
from flask_security.proxies import _security
from sqlalchemy import ColumnElement, Select, delete, func, select, update

from survey.access.rules.accounts import (
    LINK_LASTS,
    Account,
    UserId,
    checked_address,
)
from survey.access.rules.open_to import ROLES
from survey.access.rules.passwords import password_fault
from survey.access.service import sessions
from survey.access.service.audit import record
from survey.access.service.known_browsers import forget_browsers
from survey.access.service.notices import AccountNotice, names_known_to, tell_holder
from survey.access.tables import RoleRow, SignInLinkRow, UserRow
from survey.config import Config
from survey.database import db, transaction
from survey.kernel.addresses import tidy_address
from survey.kernel.clock import now as present
from survey.kernel.errors import NotFound, Refused
from survey.kernel.ids import random_id

_LAST_ADMIN = "{} is the last administrator. Make somebody else one first."


def add_user(email: str, role: str, *, actor: str | None = None) -> Account:
    """Creates an account; refuses an unfit address or role, and a known one of another role.

    It is audited. A known account of this role stays as it is.
    """
    email = checked_address(email)
    _check_role(role)
    with transaction() as session:
        user = session.scalar(select(UserRow).where(UserRow.email == email))
        if user is not None:
            _check_same_role(user, role)
            return _account(user)
        user = UserRow(
            id=UserId(random_id()),
            email=email,
            password=None,
            active=True,
            fs_uniquifier=random_id(),
            roles=[_role_row(role)],
        )
        session.add(user)
        session.flush()
        record("user added", {"user": email, "role": role}, actor)
        return _account(user)


def change_role(user_id: UserId, role: str, *, actor: str | None = None) -> Account:
    """Gives an account another role and ends its sessions; refuses for the last administrator.

    It is audited. The same role again changes nothing.
    """
    _check_role(role)
    with transaction() as session:
        user = _user_by_id(user_id)
        before = _role_of(user)
        if before != role:
            _check_not_last_admin(user)
            user.roles = [_role_row(role)]
            session.flush()
            sessions.end_all_sessions(user.id)
            record("role changed", {"user": user.email, "from": before, "to": role}, actor)
        return _account(user)


def change_role_of(email: str, role: str, *, actor: str | None = None) -> Account:
    """Gives the account with this address another role, as `change_role` does."""
    with transaction():
        return change_role(_user_by_address(email).id, role, actor=actor)


def remove_user(email: str, *, actor: str | None = None) -> None:
    """Deletes an account and its sessions; refuses for the last administrator.

    It is audited.
    """
    with transaction() as session:
        user = _user_by_address(email)
        _check_not_last_admin(user)
        session.delete(user)
        record("user removed", {"user": user.email}, actor)


def end_sessions(user_id: UserId, *, actor: str | None = None) -> None:
    """Signs an account out in every browser, which it does not know any more; audits it."""
    with transaction():
        user = _user_by_id(user_id)
        sessions.end_all_sessions(user.id)
        _delete_links(user.id)
        forget_browsers(user)
        record("sessions ended", {"user": user.email}, actor)


def list_users() -> tuple[Account, ...]:
    """All accounts, sorted by address."""
    return tuple(
        _account(user) for user in db.session.scalars(select(UserRow).order_by(UserRow.email))
    )


def find_user(user_id: UserId) -> Account:
    """The account with this id; refuses one that is gone."""
    return _account(_user_by_id(user_id))


def make_sign_in_link(
    email: str, config: Config, now: datetime | None = None, *, actor: str | None = None
) -> str:
    """Makes a link that lets this person in once within 24 hours; deletes earlier ones.

    With it a new password is set; in a demo it signs in without one. The secret comes after the #.
    It is audited. Refuses an address without an account. Nobody is told: see `hand_out_link`.
    """
    secret = secrets.token_urlsafe(32)
    now = now or present()
    with transaction() as session:
        user = _user_by_address(email)
        is_superseded = (SignInLinkRow.user_id == user.id) | (SignInLinkRow.expires_at < now)
        session.execute(delete(SignInLinkRow).where(is_superseded))
        session.add(
            SignInLinkRow(
                hash=_hash(secret),
                user_id=user.id,
                expires_at=now + LINK_LASTS,
                used_at=None,
            )
        )
        record("sign-in link made", {"user": user.email}, actor)
    return f"{config.base_url}/sign-in/link#{secret}"


def hand_out_link(email: str, config: Config, *, actor: str | None = None) -> str:
    """Makes a one-time link for somebody to hand over, and tells its person by mail."""
    with transaction():
        link = make_sign_in_link(email, config, actor=actor)
        tell_holder(AccountNotice.LINK_MADE, _user_by_address(email).id)
    return link


def offer_link(email: str) -> None:
    """Tells an account of many failed tries, with a link past them; nothing for an unknown one."""
    user = db.session.scalar(select(UserRow).where(UserRow.email == tidy_address(email)))
    if user is not None:
        tell_holder(AccountNotice.MANY_FAILURES, user.id)


def is_link_good(secret: str, now: datetime) -> bool:
    """Whether a one-time link may be used; changes nothing."""
    return db.session.scalar(_good_links(secret, now)) is not None


def use_link(secret: str, now: datetime) -> UserRow | None:
    """Marks a one-time link as used; gives its user, or None if unknown, used or too old.

    For the sign-in page alone.
    """
    if not is_link_good(secret, now):
        return None  # without the lock that writing takes
    with transaction() as session:
        user_id = _use_up(secret, now)
        return session.get(UserRow, user_id) if user_id else None


def set_password_by_link(secret: str, new: str, now: datetime) -> UserRow | None:
    """Sets a new password with a one-time link; gives its user, or None if the link has ended.

    Ends the account's sessions in all browsers, makes them unknown, audits it and tells the person
    by mail. Refuses a password that is too short or too easy; the link is good for another then.
    """
    user_id = db.session.scalar(_good_links(secret, now))
    if user_id is None:
        return None
    hashed = _hash_fit_password(new, _user_by_id(user_id).email)
    with transaction():
        if _use_up(secret, now) is None:
            return None
        user = _user_by_id(user_id)
        _replace_password(user, hashed, "password set by link")
        return user


def _good_links(secret: str, now: datetime) -> Select[UserId]:
    """Selects the user of this one-time link, where it can be used."""
    return select(SignInLinkRow.user_id).where(*_is_good(secret, now))


def _is_good(secret: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """What holds for the row of this link while it can be used."""
    return (
        SignInLinkRow.hash == _hash(secret.strip()),
        SignInLinkRow.used_at.is_(None),
        SignInLinkRow.expires_at > now,
    )


def _delete_links(user_id: UserId) -> None:
    """Makes all one-time links of an account useless, in the caller's transaction."""
    db.session.execute(delete(SignInLinkRow).where(SignInLinkRow.user_id == user_id))


def _use_up(secret: str, now: datetime) -> UserId | None:
    """Marks a one-time link as used and gives its user, in the caller's transaction."""
    use_up = update(SignInLinkRow).where(*_is_good(secret, now)).values(used_at=now)
    user_id: UserId | None = db.session.scalar(use_up.returning(SignInLinkRow.user_id))
    return user_id


def check_same(new: str, again: str) -> None:
    """Refuses two new passwords that differ."""
    if new != again:
        raise Refused("passwords-differ", "The two new passwords differ. Type the same one twice.")


def choose_password(user_id: UserId, new: str, *, current: str | None, now_known: bool) -> None:
    """Sets an account's password, ends its sessions in other browsers, and audits it.

    Makes all browsers unknown, and tells the person by mail. Refused when the current one is wrong,
    or the new one is too short or too easy. `now_known`: the current one need not be given, as
    after a sign-in by link.
    """
    user = _user_by_id(user_id)
    if user.password and not now_known:
        _check_current_password(user.password, current or "")
    hashed = _hash_fit_password(new, user.email)
    with transaction():
        _replace_password(_user_by_id(user_id), hashed, "password changed")


def _hash_fit_password(new: str, email: str) -> str:
    """The hash of a new password; refuses one that is unfit. Slow: not to be done under a lock."""
    fault = password_fault(new, email, names_known_to(email))
    if fault:
        raise Refused("password-unfit", fault)
    return str(hash_password(_normalized(new)))


def _replace_password(user: UserRow, hashed: str, action: str) -> None:
    """Stores a password's hash, ends what the one before had opened, audits it, tells the person.

    A session of this account in this browser goes on.
    """
    user.password = hashed
    sessions.end_all_sessions(user.id, but_this=True)
    _delete_links(user.id)
    forget_browsers(user)
    record(action, {"user": user.email}, None if action == "password changed" else user.email)
    tell_holder(AccountNotice.PASSWORD_SET, user.id)


def _hash(secret: str) -> bytes:
    """The SHA-256 of a link's secret, as it is stored."""
    return hashlib.sha256(secret.encode(errors="replace")).digest()


def _normalized(password: str) -> str:
    """The password in the one spelling (Unicode) in which the library hashes and checks it."""
    return str(_security.password_util.normalize(password))


def _check_current_password(hashed: str, given: str) -> None:
    """Refuses a current password that does not fit its stored hash."""
    if not verify_password(_normalized(given), hashed):
        raise Refused(
            "password-wrong",
            "The present password is not right. If you have forgotten it, ask an administrator for"
            " a sign-in link.",
        )


def _check_role(role: str) -> None:
    """Refuses a role that is not one of `ROLES`."""
    if role not in ROLES:
        raise Refused("role-unknown", f"{role!r} is no role. Use admin, manager or viewer.")


def _check_same_role(user: UserRow, role: str) -> None:
    """Refuses when a known user has another role."""
    if _role_of(user) != role:
        raise Refused(
            "user-known",
            f"{user.email} may sign in already, as {_role_of(user) or 'nothing'}. Nothing was"
            f" changed. Say that the role is to become {role}, if that is meant.",
            email=user.email,
            role=role,
        )


def _user_by_address(email: str) -> UserRow:
    """The user with this address, tidied; refuses an unknown one."""
    user: UserRow | None = db.session.scalar(
        select(UserRow).where(UserRow.email == tidy_address(email))
    )
    if user is None:
        raise NotFound("user", f"Nobody with the address {email} may sign in.")
    return user


def _user_by_id(user_id: UserId) -> UserRow:
    """The user with this id; refuses one that has been removed."""
    user = db.session.get(UserRow, user_id)
    if user is None:
        raise NotFound("user", "This account has been removed meanwhile.")
    return user


def _check_not_last_admin(user: UserRow) -> None:
    """Refuses when this user is the only administrator left.

    Locks the administrators, so that two who remove each other at once do not both succeed.
    """
    if _role_of(user) != "admin":
        return
    admins = select(UserRow.id).where(UserRow.roles.any(RoleRow.name == "admin"))
    db.session.execute(select(RoleRow.id).where(RoleRow.name == "admin").with_for_update())
    if db.session.scalar(select(func.count()).select_from(admins.subquery())) == 1:
        raise Refused("last-administrator", _LAST_ADMIN.format(user.email))


def _role_row(name: str) -> RoleRow:
    """The row of this role, which is created when it is first needed."""
    row = db.session.scalar(select(RoleRow).where(RoleRow.name == name))
    if row is None:
        row = RoleRow(id=random_id(), name=name)
        db.session.add(row)
    return row


def _role_of(user: UserRow) -> str:
    """The name of a user's role; "" where there is none."""
    return user.roles[0].name if user.roles else ""


def _account(user: UserRow) -> Account:
    """The account in a user's row, without its password."""
    return Account(user.id, user.email, _role_of(user), bool(user.password), user.last_signed_in)
