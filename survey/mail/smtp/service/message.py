"""A finished letter as octets on the wire, with one Message-ID and one Date.

Its lines have at most 76 characters and are ASCII, but for some addresses. It is put together by
hand, because building it with `email` costs more than everything else that a letter takes. The
codings are the standard library's: `email.header` for headers (RFC 2047), `binascii` for the parts
(quoted-printable, RFC 2045).
"""

import binascii
import hashlib
import re
from datetime import datetime
from email import policy
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from functools import lru_cache

import flask_mail

from survey.kernel.addresses import wire_address
from survey.mail.rules.letter import Attachment, Letter

LONGEST_LINE = 76
# RFC 5322, 3.2.3, without = and ?, which may stand for encoded words.
_ATOM = "[A-Za-z0-9!#$%&'*+/^_`{|}~-]+"
_PLAIN_NAME = re.compile(rf"{_ATOM}(?: {_ATOM})*")
_PLAIN_LOCAL_PART = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_FILE_POLICY = policy.EmailPolicy(linesep="\r\n", max_line_length=LONGEST_LINE, cte_type="7bit")
_SET_HERE = frozenset(
    {
        "from",
        "to",
        "subject",
        "date",
        "message-id",
        "reply-to",
        "auto-submitted",
        "x-auto-response-suppress",
    }
)
_AUTOMATIC = (
    "Auto-Submitted: auto-generated",  # RFC 3834
    "X-Auto-Response-Suppress: OOF, AutoReply",  # not All: it suppresses the bounces we want
)


class Message(flask_mail.Message):
    """A finished letter as octets, built once; refuses headers that are set here anyway.

    Its Message-ID and its Date never change.
    """

    def __init__(
        self, letter: Letter, sender: str, message_id: str, date: datetime, envelope_from: str = ""
    ) -> None:
        # Not super().__init__(): it draws a Message-ID from this machine's host name, which asks
        # the DNS.
        name, address = _parsed(sender)
        self.letter = letter
        self.sender = sender
        self.envelope_from = wire_address(envelope_from or address)
        self.recipients = [letter.to_address]
        self.cc, self.bcc = [], []
        self.subject = letter.subject
        self.msgId = message_id
        self.date = date.timestamp()
        lines = [
            _known_address_line("From", name, address),
            _address_line("To", letter.to_name, letter.to_address),
            _subject_line(letter.subject),
            _date_line(date),
            f"Message-ID: {message_id}",
        ]
        if letter.reply_to:
            lines.append(_known_address_line("Reply-To", "", letter.reply_to))
        lines += _AUTOMATIC
        for header, value in letter.headers:
            if header.lower() in _SET_HERE:
                raise ValueError(f"{header} is set once")
            lines.append(f"{header}: {_encoded(header, value)}")
        lines.append("MIME-Version: 1.0\r\n")
        head = "\r\n".join(lines).encode()  # ASCII, unless an address is not (RFC 6532)
        seed = hashlib.sha256(message_id.encode()).hexdigest()[:32]
        self._octets = head + _body(letter, seed)

    def as_bytes(self) -> bytes:
        """The octets of the letter as they go over the wire."""
        return self._octets


def _body(letter: Letter, seed: str) -> bytes:
    """The text and HTML parts and attachments as octets, with boundaries made from `seed`.

    Copies of a letter share their boundaries. No part can hold a boundary: `=_` is
    not quoted-printable.
    """
    alternatives = [_text_part("plain", letter.text), _text_part("html", letter.html)]
    texts = _multipart("alternative", f"=_a{seed}", alternatives)
    if not letter.attachments:
        return texts
    return _multipart("mixed", f"=_m{seed}", [texts, *map(_file_part, letter.attachments)])


def _multipart(subtype: str, boundary: str, parts: list[bytes]) -> bytes:
    """These parts with the boundary between them, and the header that names it."""
    pieces = [f'Content-Type: multipart/{subtype};\r\n boundary="{boundary}"\r\n'.encode()]
    for part in parts:
        pieces += (f"\r\n--{boundary}\r\n".encode(), part)
    pieces.append(f"\r\n--{boundary}--\r\n".encode())
    return b"".join(pieces)


def _text_part(subtype: str, content: str) -> bytes:
    """One text part, UTF-8 in quoted-printable, with its headers."""
    lines = content.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    head = (
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    return head.encode() + binascii.b2a_qp(lines.encode(), istext=True)


def _file_part(file: Attachment) -> bytes:
    """One attachment with its headers."""
    part = EmailMessage(policy=_FILE_POLICY)
    main, _, sub = file.media_type.partition("/")
    part.set_content(
        file.content, maintype=main, subtype=sub, filename=file.name, disposition="attachment"
    )
    del part["MIME-Version"]
    return bytes(part)


@lru_cache(maxsize=64)
def _parsed(sender: str) -> tuple[str, str]:
    """The name and the address in a sender such as "Candour <a@b.example>"; cached."""
    return parseaddr(sender)


@lru_cache(maxsize=64)
def _date_line(date: datetime) -> str:
    """The Date header; cached."""
    return f"Date: {format_datetime(date)}"


@lru_cache(maxsize=64)
def _known_address_line(header: str, name: str, address: str) -> str:
    """The same as `_address_line`, cached for addresses that come again and again."""
    return _address_line(header, name, address)


@lru_cache(maxsize=256)
def _subject_line(subject: str) -> str:
    """The Subject header, encoded where needed; cached."""
    return f"Subject: {_encoded('Subject', subject)}"


def _address_line(header: str, name: str, address: str) -> str:
    """A header with one address; the name in encoded words or quotes where needed."""
    on_the_wire = wire_address(address)
    local, _, domain = on_the_wire.rpartition("@")
    is_short = len(header) + len(name) + len(on_the_wire) + len(":  <>") <= LONGEST_LINE
    if is_short and _PLAIN_NAME.fullmatch(name) and _PLAIN_LOCAL_PART.fullmatch(local):
        # Nothing to quote; the library takes its time to find that out.
        return f"{header}: {name} <{on_the_wire}>"
    mailbox = Address(name, local, domain)
    line = f"{header}: {mailbox}"
    is_too_long = len(line) > LONGEST_LINE and name
    if not name.isascii() or "=?" in line or is_too_long:
        return f"{header}: {_encoded(header, name, always=True)}\r\n <{mailbox.addr_spec}>"
    return line


def _encoded(name: str, text: str, *, always: bool = False) -> str:
    """A header's text in ASCII: unchanged if plain and short, else encoded words (RFC 2047).

    `always`: in encoded words even if plain. Only a subject can be too long. A link stays in one
    piece.
    """
    is_plain = text.isascii() and "=?" not in text
    fits = len(name) + 2 + len(text) <= LONGEST_LINE or name != "Subject"
    if is_plain and fits and not always:
        return text
    header = Header(text, "utf-8", maxlinelen=LONGEST_LINE, header_name=name)
    return header.encode(linesep="\r\n")
