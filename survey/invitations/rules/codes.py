"""Codes that give the right to answer once, invitations, and when reminders may leave."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from survey.kernel.workdays import subtract_working_days
from survey.people.rules.staff_list import PersonId
from survey.waves.rules.ids import WaveId
from survey.waves.rules.waves import Wave, to_utc

InvitationId = NewType("InvitationId", str)

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: without I, L, O and U
LENGTH = 24
_SPREAD = ALPHABET.encode() * (256 // len(ALPHABET))
_FORM = re.compile(f"[{ALPHABET}]{{{LENGTH}}}")
# Word processors have hyphens of their own.
_IGNORED = re.compile(r"[\s\u00ad\u200b\u2010-\u2015\u2212-]")
_FORGIVEN = str.maketrans("OIL", "011")


@dataclass(frozen=True, slots=True)
class Invitation:
    """A person's right to answer one wave once, under one reporting group.

    `person_id` is None once the person was erased; `answered` says whether it has been used.
    `sent_to` is the address that letters of the wave go to: that of the launch, or (`readdressed`)
    another one, because nothing arrived there; None after the count, and once the person was
    erased.
    """

    id: InvitationId
    wave_id: WaveId
    person_id: PersonId | None
    group: str
    answered: bool
    sent_to: str | None = None
    readdressed: bool = False

    @property
    def is_reminded(self) -> bool:
        """Whether reminders go out: not to who has answered.

        But at an address that was changed by somebody else, they go out whether or not: there, a
        reminder that does not come would say who has answered.
        """
        return self.readdressed or not self.answered


def reminder_window(wave: Wave, number: int = 1) -> tuple[datetime, datetime]:
    """The time from which, and the time until which (not any more then), a reminder may leave.

    `number` is 1 for the first reminder, 2 for the second. The first from halfway on, the second
    from two working days before the close, neither within the last working day.
    """
    until = _before_close(wave, 1)
    halfway = wave.opens_at + (wave.closes_at - wave.opens_at) / 2
    if number == 1:
        return halfway, until
    return max(halfway, _before_close(wave, 2)), until


def _before_close(wave: Wave, working_days: int) -> datetime:
    """The time in UTC so many working days before a wave's close, at the same wall-clock time."""
    day = subtract_working_days(wave.closes.date(), working_days, wave.holidays)
    return to_utc(datetime.combine(day, wave.closes.time()), wave.timezone)


def draw_code() -> str:
    """Draws a new code: 24 characters, 120 bits from the system's random source. Stores nothing."""
    # The 256 values of a byte fall evenly on 32 characters.
    return secrets.token_bytes(LENGTH).translate(_SPREAD).decode()


def grouped_code(code: str) -> str:
    """A code as it is printed: hyphens after every four characters.

    >>> grouped_code("0123456789ABCDEFGHJKMNPQ")
    '0123-4567-89AB-CDEF-GHJK-MNPQ'
    """
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


def code_in(text: str) -> str | None:
    """The code in a text that came in a link, or was pasted or typed; None where there is none.

    Any case, spaces and hyphens ignored, O read as 0, I and L as 1.

    >>> code_in(" o123-4567 89ab-cdef-ghjk-mnpq ")
    '0123456789ABCDEFGHJKMNPQ'
    >>> code_in("not a code") is None
    True
    """
    code = _IGNORED.sub("", text[:200]).upper().translate(_FORGIVEN)
    return code if _FORM.fullmatch(code) else None


def code_hash(code: str) -> bytes:
    """The SHA-256 of a code, 32 bytes; only this is stored, never the code.

    120 random bits need no slow hash (OWASP ASVS 5.0, 6.5.2).
    """
    return hashlib.sha256(code.encode()).digest()
