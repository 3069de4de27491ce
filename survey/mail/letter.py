"""A letter as a value: to one person, with a text and an HTML part that say the same."""

import re
from dataclasses import dataclass

from survey.kernel.errors import Refused

LONGEST_SUBJECT = 200
_ADDRESS = re.compile(
    r"[^\s@<>(),;:\"\[\]\\\x00-\x1f\x7f]{1,64}@[^\s@<>(),;:\"\[\]\\\x00-\x1f\x7f.]+(\.[^\s@<>(),;:\"\[\]\\\x00-\x1f\x7f.]+)+"
)
_BREAKS = re.compile(r"[\r\n\x00]")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file beside the letter."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail to one person; refuses line breaks in any header, malformed addresses and subjects over 200 characters."""

    to_name: str
    to_address: str
    subject: str
    text: str
    html: str
    reply_to: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Attachment, ...] = ()

    def __post_init__(self) -> None:
        """Checks everything that becomes a header."""
        fault = address_fault(self.to_address)
        if fault:
            raise Refused(f"The letter was not written: {fault}")
        named = {"name": self.to_name, "subject": self.subject, "reply address": self.reply_to or ""}
        named |= {f"header {name!r}": name + value for name, value in self.headers}
        for name, value in named.items():
            if _BREAKS.search(value):
                raise Refused(f"The letter was not written: its {name} holds a line break. Remove it.")
        if len(self.subject) > LONGEST_SUBJECT:
            raise Refused(f"The letter was not written: its subject has {len(self.subject)} characters, {LONGEST_SUBJECT} are the limit.")


def address_fault(address: str) -> str | None:
    r"""What is wrong with a mail address, or None; international domains are fine.

    >>> address_fault("ada@northwind.example") is None, address_fault("ada@x\nBcc: b@c.d")
    (True, 'a mail address has no line breaks or control characters.')
    """
    if not address.isprintable():
        return "a mail address has no line breaks or control characters."
    if len(address) > 254 or not _ADDRESS.fullmatch(address):
        return "not a complete mail address, like name@company.example."
    try:
        wire_address(address)
    except UnicodeError:
        return "the part after the @ is no domain name."
    return None


def wire_address(address: str) -> str:
    """The address as SMTP takes it: an international domain in its ASCII form (IDNA).

    >>> wire_address("ada@müller.example")
    'ada@xn--mller-kva.example'
    """
    local, _, domain = address.rpartition("@")
    local.encode("ascii")
    return f"{local}@{domain.encode('idna').decode('ascii')}"
