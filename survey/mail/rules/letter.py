"""A letter as a value: to one person, with a text and an HTML part that say the same."""

import re
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import normalize

from survey.kernel.errors import Refused

LONGEST_SUBJECT, LONGEST_ADDRESS, LONGEST_LOCAL_PART = 200, 254, 64
_ADDRESS = re.compile(
    r"[^\s@<>(),;:\"\[\]\\\x00-\x1f\x7f]{1,64}@[^\s@<>(),;:\"\[\]\\\x00-\x1f\x7f.]+(\.[^\s@<>(),;:\"\[\]\\\x00-\x1f\x7f.]+)+"
)
_UNFIT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file beside the letter."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail to one person; refuses control characters in any header, malformed addresses and subjects over 200 characters."""

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
        if fault := address_fault(self.to_address) or (plain_address_fault(self.reply_to) if self.reply_to else None):
            raise Refused(f"The letter was not written: {fault}")
        named = {"name": self.to_name, "subject": self.subject}
        named |= {f"header {name!r}": name + value for name, value in self.headers}
        named |= {f"attachment {file.name!r}": file.name + file.media_type for file in self.attachments}
        for name, value in named.items():
            if _UNFIT.search(value):
                raise Refused(f"The letter was not written: its {name} holds a line break or control character. Remove it.")
        if len(self.subject) > LONGEST_SUBJECT:
            raise Refused(f"The letter was not written: its subject has {len(self.subject)} characters, {LONGEST_SUBJECT} are the limit.")


def styled(html: str) -> str:
    """HTML with its styles written into each element, for mail programs read no style sheets."""
    import css_inline

    return str(css_inline.inline(html))


def address_fault(address: str) -> str | None:
    r"""What is wrong with a mail address, or None; letters of any language are fine on both sides of the @ (RFC 6531).

    >>> address_fault("ada@northwind.example") is None, address_fault("ada@x\nBcc: b@c.d")
    (True, 'a mail address has no line breaks or control characters.')
    """
    if not address.isprintable():
        return "a mail address has no line breaks or control characters."
    local, _, domain = address.rpartition("@")
    if not _ADDRESS.fullmatch(address) or local.startswith(".") or local.endswith(".") or ".." in local:
        return "not a complete mail address, like name@company.example."
    if len(local.encode()) > LONGEST_LOCAL_PART:
        return f"the part before the @ has at most {LONGEST_LOCAL_PART} characters, fewer with accents."
    try:
        octets = wire_address(address).encode()
    except UnicodeError:
        return "the part after the @ is no domain name."
    if not domain.isascii() and octets.partition(b"@")[2].decode("idna").lower() != normalize("NFKC", domain).lower():
        return "write the part after the @ in its ASCII form (xn--...)."  # IDNA 2003 makes another company's name of straße
    return None if len(octets) <= LONGEST_ADDRESS else f"a mail address has at most {LONGEST_ADDRESS} characters."


def plain_address_fault(address: str) -> str | None:
    """What is wrong with an address that must stand in everybody's letter, or None: not every mail server takes accents before the @.

    >>> plain_address_fault("ünal@northwind.example")
    'only plain letters can stand before the @, no accents.'
    """
    fault = address_fault(address)
    return fault or ("only plain letters can stand before the @, no accents." if needs_utf8(address) else None)


def needs_utf8(address: str) -> bool:
    """Whether only a mail server with SMTPUTF8 (RFC 6531) can take this address: it has accents before the @.

    >>> needs_utf8("ünal@northwind.example"), needs_utf8("ada@müller.example")
    (True, False)
    """
    return not address.rpartition("@")[0].isascii()


def wire_address(address: str) -> str:
    """The address as SMTP takes it: an international domain in its ASCII form (IDNA), what stands before the @ as it is.

    >>> wire_address("ada@müller.example")
    'ada@xn--mller-kva.example'
    """
    local, _, domain = address.rpartition("@")
    return f"{local}@{_wire_domain(domain)}"


@lru_cache(maxsize=256)  # the codec takes longer than the rest of an address, and a company has few domains
def _wire_domain(domain: str) -> str:
    return domain.encode("idna").decode("ascii")
