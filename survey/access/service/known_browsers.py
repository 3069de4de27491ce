"""Browsers in which an account was signed in to before.

Nothing is stored but the account's own `browser_generation`: all of them end when it changes.
"""

from datetime import date

from flask import current_app
from sqlalchemy import select

from survey.access.rules.accounts import UserId
from survey.access.rules.known_browsers import (
    BrowserName,
    account_of,
    make_proof,
    read_cookie,
    read_proof,
    signing_key,
    write_cookie,
)
from survey.access.tables import UserRow
from survey.database import db
from survey.kernel.addresses import tidy_address
from survey.kernel.ids import random_id

COOKIE, MAIL = "cookie", "mail"


def known_browser(email: str, cookie: str, today: date) -> BrowserName | None:
    """What the account with this address calls the browser with this cookie; None if unknown."""
    user = db.session.scalar(select(UserRow).where(UserRow.email == tidy_address(email)))
    if user is None:
        return None
    mine = [proof for proof in read_cookie(cookie) if account_of(proof) == user.id]
    names = (
        read_proof(_key(), COOKIE, user.browser_generation or "", proof, today) for proof in mine
    )
    return next((name for name in names if name), None)


def cookie_with(user_id: UserId, cookie: str, today: date) -> str:
    """A browser's cookie, made anew, by which it is known to this account as well."""
    user = db.session.get_one(UserRow, user_id)
    proof = make_proof(
        _key(), COOKIE, user.id, user.browser_generation or "", BrowserName(random_id()), today
    )
    return write_cookie(proof, read_cookie(cookie))


def secret_to_mail(user_id: UserId, today: date) -> str | None:
    """What a mailed link holds that makes a browser known; None for an account that is gone."""
    user = db.session.get(UserRow, user_id)
    if user is None:
        return None
    return make_proof(
        _key(), MAIL, user.id, user.browser_generation or "", BrowserName(random_id()), today
    )


def account_of_mailed(secret: str, today: date) -> UserId | None:
    """The account that a mailed secret makes a browser known to; None for one that has ended."""
    user = db.session.get(UserRow, account_of(secret.strip()))
    if user is None:
        return None
    name = read_proof(_key(), MAIL, user.browser_generation or "", secret.strip(), today)
    return user.id if name else None


def forget_browsers(user: UserRow) -> None:
    """Makes all browsers unknown to this account, in the caller's transaction."""
    user.browser_generation = random_id()


def _key() -> bytes:
    """The key that the proofs of this installation are signed with."""
    return signing_key(current_app.config["CANDOUR"].secret_key)
