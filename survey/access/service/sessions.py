"""Who is signed in, in which browser: kept on the server, so that it can be ended from there.

The signed cookie holds a 256-bit secret and the time of the last page; the table holds the secret's
SHA-256 and the end. A session lasts 12 hours at most and 30 minutes without a page (OWASP ASVS 5.0,
7.3.1, 7.3.2).
"""

import hashlib
import secrets
from datetime import datetime

from flask import session
from sqlalchemy import delete, func, select

from survey.access.rules.accounts import IDLE_LASTS, SESSION_LASTS, UserId
from survey.access.tables import SessionRow, UserRow
from survey.database import db, transaction

_SECRET, _SEEN, _NOTED = "secret", "seen", "noted"
_MOST_NOTED = 20
_SEEN_EVERY = 60  # seconds: the cookie is not written anew with every page


def begin_session(user_id: UserId, now: datetime, *, by_link: bool) -> None:
    """Starts a session in this browser under a fresh secret, in place of the one before.

    Deletes all sessions that have ended, and stores the day of the user's last sign-in.
    """
    end_this_session()
    secret = secrets.token_urlsafe(32)
    with transaction() as store:
        store.execute(delete(SessionRow).where(SessionRow.ends_at < now))
        store.add(
            SessionRow(
                hash=_hash(secret), user_id=user_id, ends_at=now + SESSION_LASTS, by_link=by_link
            )
        )
        user = store.get_one(UserRow, user_id)
        user.last_signed_in = now.date()
    session[_SECRET], session[_SEEN] = secret, int(now.timestamp())


def is_valid(user_id: UserId, now: datetime) -> bool:
    """Whether this browser's session is this user's, has not ended and was not left idle.

    Notes the time of the visit in the cookie, at most once a minute.
    """
    row = _session_row()
    idle_seconds = now.timestamp() - session.get(_SEEN, 0)
    if row is None or row.user_id != user_id:
        return False
    if row.ends_at <= now or idle_seconds > IDLE_LASTS.total_seconds():
        return False
    if idle_seconds > _SEEN_EVERY:
        session[_SEEN] = int(now.timestamp())
    return True


def is_first_in_session(subject: str) -> bool:
    """Whether this browser's session does something for the first time; notes it in the cookie.

    For what the audit log keeps once in a sitting. Another sign-in starts anew. Of many subjects
    the last ones are remembered; the others count as new again.
    """
    mark = _hash(session.get(_SECRET, "")).hex()[:16]
    noted = session.get(_NOTED) or [mark]
    if noted[0] != mark:
        noted = [mark]
    if subject in noted[1:]:
        return False
    session[_NOTED] = [mark, *[*noted[1:], subject][-_MOST_NOTED:]]
    return True


def is_by_link() -> bool:
    """Whether this browser's session was begun with a one-time link.

    Then a forgotten password may be replaced without knowing it.
    """
    row = _session_row()
    return row is not None and row.by_link


def end_this_session() -> None:
    """Deletes this browser's session from cookie and table; harmless if there is none."""
    secret = session.pop(_SECRET, None)
    if secret:
        with transaction() as store:
            store.execute(delete(SessionRow).where(SessionRow.hash == _hash(secret)))


def end_all_sessions(user_id: UserId, *, but_this: bool = False) -> None:
    """Deletes a user's sessions in all browsers, or in all but this one."""
    query = delete(SessionRow).where(SessionRow.user_id == user_id)
    if but_this:
        query = query.where(SessionRow.hash != _hash(session.get(_SECRET, "")))
    with transaction() as store:
        store.execute(query)


def number_of_sessions(user_id: UserId, now: datetime) -> int:
    """In how many browsers a user is signed in."""
    query = (
        select(func.count())
        .select_from(SessionRow)
        .where(SessionRow.user_id == user_id, SessionRow.ends_at > now)
    )
    return db.session.scalar(query) or 0


def _session_row() -> SessionRow | None:
    """The stored session of this browser; None where there is none."""
    return db.session.get(SessionRow, _hash(session.get(_SECRET, "")))


def _hash(secret: str) -> bytes:
    """The SHA-256 of a session's secret, as it is stored."""
    return hashlib.sha256(secret.encode()).digest()
