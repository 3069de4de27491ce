"""Accounts, entries of the audit log, and which passwords are too easy."""

import re
import unicodedata
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
SHORTEST_PASSWORD, LONGEST_PASSWORD = 15, 256
_FEWEST_UNGUESSED = 6  # so many characters must remain when common words and runs are taken out
_AS_LETTERS = str.maketrans("013457@$!", "oieastasi")
_COMMON = """
administrator admin candour changeme company default feedback football baseball dragon friday
january february march april june july august september october november december iloveyou letmein
login london manager master michael monday monkey mustang office password passwort passwd princess
qazwsx secret shadow spring summer autumn winter sunday sunshine survey superman superuser
temporary test thursday trustno tuesday wednesday saturday welcome whatever ihateyou abc hello
access correct horse battery staple the and for you are this that
""".split()  # noqa: SIM905 - a list of words reads best as text
_RUNS = (
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "yxcvbnm",
    "1234567890",
)


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


def password_fault(password: str, email: str) -> str | None:
    """What is wrong with a new password (length, too easy), as a sentence; None if nothing.

    Only length and easy guesses count (NIST SP 800-63B 3.1.1): the password is refused when nearly
    nothing remains once common words, parts of the own address (`email`), runs of the keyboard and
    repetitions are taken out.
    """
    if len(password) < SHORTEST_PASSWORD:
        return (
            f"Use at least {SHORTEST_PASSWORD} characters. Four or five words that do not belong"
            " together are easy to remember."
        )
    if len(password) > LONGEST_PASSWORD:
        return f"Use at most {LONGEST_PASSWORD} characters."
    if _count_unguessed(password, email) < _FEWEST_UNGUESSED:
        return (
            "This password is among the first that are tried. Use four or five words that do not"
            " belong together."
        )
    return None


def _count_unguessed(password: str, email: str) -> int:
    """How many characters remain of a password without common words, runs and repetitions.

    Parts of the own address are taken out as well. Where many remain, each different character
    counts once.
    """
    small_letters = unicodedata.normalize("NFKC", password).lower()
    text = _without_runs(small_letters).translate(_AS_LETTERS)
    parts_of_address = [part for part in re.split(r"[^a-z0-9]+", email.lower()) if len(part) > 2]
    for word in sorted({*_COMMON, *parts_of_address}, key=len, reverse=True):
        text = text.replace(word.translate(_AS_LETTERS), " ")
    text = re.sub(r"[\W_]+", "", text)
    text = re.sub(r"(.{1,8}?)\1+", r"\1", text)
    return len(set(text)) if len(text) > _FEWEST_UNGUESSED else len(text)


def _without_runs(text: str) -> str:
    """The text with each run along a row of keys or the alphabet replaced by one space.

    A run has four characters or more, in either direction.
    """
    pairs = _neighbouring_keys()
    kept: list[str] = []
    run = ""
    for character in text:
        if run and run[-1] + character in pairs:
            run += character
            continue
        kept.append(_unless_long(run))
        run = character
    kept.append(_unless_long(run))
    return "".join(kept)


def _neighbouring_keys() -> set[str]:
    """All pairs of characters that follow each other in `_RUNS`, in either direction."""
    rows = [row for run in _RUNS for row in (run, run[::-1])]
    return {row[start : start + 2] for row in rows for start in range(len(row) - 1)}


def _unless_long(run: str) -> str:
    """The run where it has fewer than four characters, else one space."""
    return run if len(run) < 4 else " "
