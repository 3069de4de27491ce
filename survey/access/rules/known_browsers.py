"""What shows that a browser is known to an account: a text signed with the installation's secret.

It signs nobody in. It says that whoever uses this browser once knew the account's password, or
opened a link that was mailed to the account's address, so that the failures of others do not slow
them down. It is worth nothing once the account's `generation` has changed.
"""

import base64
import hashlib
import hmac
import re
from datetime import date, timedelta
from typing import NewType

from survey.access.rules.accounts import UserId

BrowserName = NewType("BrowserName", str)

KNOWN_FOR = timedelta(days=180)  # without a sign-in
MAILED_LASTS = timedelta(days=2)  # a link is mailed once a day
MOST_ACCOUNTS = 5  # that one browser is known to
_PROOF = re.compile(r"[\w.-]{1,300}", re.ASCII)
_BETWEEN_PARTS, _BETWEEN_PROOFS = ".", "~"


def signing_key(installation_secret: str) -> bytes:
    """The key of these texts alone, made from the installation's secret."""
    return hashlib.sha256(b"known browsers of accounts\0" + installation_secret.encode()).digest()


def make_proof(
    key: bytes, purpose: str, user_id: UserId, generation: str, browser: BrowserName, today: date
) -> str:
    """A text that shows that this browser is known to this account from today on.

    `purpose` tells the texts in a cookie from those in a mail. `browser` is a random name.
    """
    parts = (user_id, browser, str(today.toordinal()))
    return _BETWEEN_PARTS.join((*parts, _signature(key, (purpose, generation, *parts))))


def account_of(proof: str) -> UserId:
    """The account that a text names, which is to be checked by `read_proof`; "" for rubbish."""
    return UserId(proof.partition(_BETWEEN_PARTS)[0] if _PROOF.fullmatch(proof) else "")


def read_proof(
    key: bytes, purpose: str, generation: str, proof: str, today: date
) -> BrowserName | None:
    """The name of the browser that a text was made for; None if it is not ours or has ended."""
    *parts, signature = proof.split(_BETWEEN_PARTS)
    if len(parts) != 3 or not _PROOF.fullmatch(proof):
        return None
    if not hmac.compare_digest(_signature(key, (purpose, generation, *parts)), signature):
        return None
    age = today - date.fromordinal(int(parts[2]))
    lasts = MAILED_LASTS if purpose == "mail" else KNOWN_FOR
    return BrowserName(parts[1]) if age <= lasts else None


def read_cookie(cookie: str) -> tuple[str, ...]:
    """The texts in a browser's cookie, the newest first; not checked yet."""
    return tuple(proof for proof in cookie.split(_BETWEEN_PROOFS) if proof)[:MOST_ACCOUNTS]


def write_cookie(proof: str, others: tuple[str, ...]) -> str:
    """The cookie of a browser with one more text, which takes the place of its account's own."""
    kept = [other for other in others if account_of(other) != account_of(proof)]
    return _BETWEEN_PROOFS.join([proof, *kept][:MOST_ACCOUNTS])


def _signature(key: bytes, parts: tuple[str, ...]) -> str:
    """The HMAC-SHA256 of these parts, as text."""
    digest = hmac.new(key, "\0".join(parts).encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
