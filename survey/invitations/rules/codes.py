"""The code that carries the right to answer once, and who is asked under which group."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from survey.kernel.workdays import subtract_working_days
from survey.waves.rules.waves import Wave, to_utc

InvitationId = NewType("InvitationId", str)

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: without I, L, O and U
LENGTH = 24
_SPREAD = ALPHABET.encode() * (256 // len(ALPHABET))
_FORM = re.compile(f"[{ALPHABET}]{{{LENGTH}}}")
_IGNORED = re.compile(
    r"[\s\u00ad\u200b\u2010-\u2015\u2212-]"
)  # word processors have hyphens of their own
_FORGIVEN = str.maketrans("OIL", "011")


@dataclass(frozen=True, slots=True)
class Invitation:
    """A person's right to answer one wave once."""

    id: str
    wave_id: str
    person_id: str | None
    group: str
    answered: bool


def reminder_window(wave: Wave, number: int = 1) -> tuple[datetime, datetime]:
    """From when the first or second reminder may leave, and until when.

    The first from halfway on, the second from two working days before the close, neither within the last working day.
    """
    halfway = wave.opens_at + (wave.closes_at - wave.opens_at) / 2
    first = halfway if number == 1 else max(halfway, _before_close(wave, 2))
    return first, _before_close(wave, 1)


def _before_close(wave: Wave, working_days: int) -> datetime:
    day = subtract_working_days(wave.closes.date(), working_days, wave.holidays)
    return to_utc(datetime.combine(day, wave.closes.time()), wave.timezone)


def draw_code() -> str:
    """A fresh code: 24 characters, 120 bits from the system's random source."""
    return (
        secrets.token_bytes(LENGTH).translate(_SPREAD).decode()
    )  # 256 values of a byte fall evenly on 32 characters


def grouped_code(code: str) -> str:
    """A code as it is printed, in groups of four.

    >>> grouped_code("0123456789ABCDEFGHJKMNPQ")
    '0123-4567-89AB-CDEF-GHJK-MNPQ'
    """
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))


def code_in(text: str) -> str | None:
    """The code in what was linked, pasted or typed: any case, spaces and hyphens ignored, O read as 0, I and L as 1.

    >>> code_in(" o123-4567 89ab-cdef-ghjk-mnpq ")
    '0123456789ABCDEFGHJKMNPQ'
    >>> code_in("not a code") is None
    True
    """
    code = _IGNORED.sub("", text[:200]).upper().translate(_FORGIVEN)
    return code if _FORM.fullmatch(code) else None


def code_hash(code: str) -> bytes:
    """What is stored of a code: its SHA-256. 120 random bits need no slow hash (OWASP ASVS 5.0, 6.5.2)."""
    return hashlib.sha256(code.encode()).digest()
