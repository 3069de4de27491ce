"""Accounts and entries of the audit log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NewType

from survey.kernel.addresses import address_fault, tidy_address
from survey.kernel.errors import Refused

UserId = NewType("UserId", str)

# An administrator passes a link on by hand, so the minutes of a mailed link are too few.
LINK_LASTS = timedelta(hours=24)
SESSION_LASTS = timedelta(hours=12)
IDLE_LASTS = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in, with their role."""

    id: UserId
    email: str
    role: str
    has_password: bool
    last_signed_in: date | None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit log."""

    number: int
    at: datetime
    who: str
    what: str
    facts: Mapping[str, Any]


def checked_address(text: str) -> str:
    """The address as accounts are found by it, tidied; refuses one that mail cannot reach."""
    email = tidy_address(text)
    if fault := address_fault(email):
        raise Refused("address-unfit", f"{text.strip()[:80]!r}: {fault}")
    return email
