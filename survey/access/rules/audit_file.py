"""Finds heads of the audit log in what was kept of them: documents, mails, texts, exports.

A mail says "Audit log: 1,234 entries, sha256:...". On its way that line may be folded, quoted with
">", encoded, or pasted from a mail program: all of these are read.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Self

from survey.access.rules.audit_log import LogHead, entry_digest

LONGEST = 2**31 - 1  # a longer log does not fit its table
_DEEPEST = 4  # of documents within documents, and of mails attached to mails
_QUOTE = re.compile(r"^[ \t]*[>|][>| \t]*", re.MULTILINE)
_SOFT_BREAK = re.compile(r"=[ \t]*\r?\n")
_TAG = re.compile(r"<[^<>]{0,2000}>")
_HEAD = re.compile(
    r"Audit\s+log:\s*(?P<length>\d[\d.,'\u2019\u00a0\u202f ]{0,20}?)\s+entr(?:y|ies),"
    r"\s*(?:newest:?\s*)?sha256:\s*(?P<head>(?:[0-9a-f]\s*){63}[0-9a-f])(?![0-9a-f])",
    re.IGNORECASE,
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MAILBOX = re.compile(rb"^From .*\r?\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ExportedEntry:
    """One line of an exported log."""

    number: int
    at: str
    who: str
    what: str
    facts: Any
    previous: str
    digest: str

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Self | None:
        """The entry in a document with these fields and no others; None for any other."""
        return cls(**document) if document.keys() == set(cls.__slots__) else None

    def follows(self, previous: str) -> bool:
        """Whether this is the entry after that of the digest `previous`, and itself unchanged."""
        try:
            at = datetime.fromisoformat(self.at)
        except (TypeError, ValueError):
            return False
        plain = (self.number, at, self.who, self.what, self.facts, self.previous)
        return self.previous == previous and self.digest == entry_digest(*plain)


def read_export_line(line: bytes) -> ExportedEntry | None:
    """The entry in one line of an exported log; None where the line is none."""
    document = _as_json(line)
    return ExportedEntry.of_document(document) if isinstance(document, dict) else None


def heads_in_file(content: bytes) -> tuple[LogHead, ...]:
    """The heads in a JSON document, in a mail with its attachments, or in a text; each once.

    Lowest first; empty where there is none.
    """
    heads = dict.fromkeys(_heads_in(content, _DEEPEST))
    return tuple(sorted(heads, key=lambda head: (head.length, head.head)))


def heads_in_text(text: str) -> Iterator[LogHead]:
    """The heads in a text as it may come out of a mail program: quoted, folded, or as HTML."""
    as_typed = _SOFT_BREAK.sub("", text)
    as_shown = html.unescape(_TAG.sub(" ", as_typed))
    for readable in (as_typed, as_shown):
        for found in _HEAD.finditer(_QUOTE.sub("", readable)):
            length = int(re.sub(r"\D", "", found["length"]))
            head = "sha256:" + re.sub(r"\s", "", found["head"]).lower()
            if length <= LONGEST:
                yield LogHead(length, head)


def _heads_in(content: bytes, depth: int) -> Iterator[LogHead]:
    """The heads in a file, and at most `depth` levels deep in what is attached to it."""
    document = _as_json(content)
    if isinstance(document, dict | list):
        yield from _heads_in_document(document, depth)
        return
    yield from heads_in_text(_as_text(content))
    for mail in _mails_in(content):
        yield from _heads_in_mail(mail, depth)


def _heads_in_document(document: object, depth: int) -> Iterator[LogHead]:
    """The heads in a JSON document: each object with a `head` and a `length`."""
    if isinstance(document, dict):
        match document.get("length"), document.get("head"):
            case bool(), _:
                pass
            case int(length), str(head) if 0 <= length <= LONGEST and _DIGEST.fullmatch(head):
                yield LogHead(length, head)
    if isinstance(document, dict | list) and depth:
        parts = document.values() if isinstance(document, dict) else document
        for part in parts:
            yield from _heads_in_document(part, depth - 1)


def _mails_in(content: bytes) -> Iterator[EmailMessage]:
    """The mails in a file that begins like one, or like a mailbox of several; else none."""
    pieces = _MAILBOX.split(content) if content.startswith(b"From ") else [content]
    for piece in pieces:
        mail = message_from_bytes(piece, policy=policy.default)
        if mail.keys():
            yield mail


def _heads_in_mail(mail: EmailMessage, depth: int) -> Iterator[LogHead]:
    """The heads in the texts of a mail, and in what is attached to it."""
    for part in mail.walk():
        if part.is_multipart():
            continue
        content = part.get_payload(decode=True)
        if not isinstance(content, bytes):
            continue
        if part.get_content_maintype() == "text":
            yield from heads_in_text(_as_text(content, part.get_content_charset()))
        elif depth:
            yield from _heads_in(content, depth - 1)


def _as_json(content: bytes) -> object:
    """The JSON document in a file; None where it is none."""
    if not content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        return None
    try:
        return json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None


def _as_text(content: bytes, charset: str | None = None) -> str:
    """The text in a file; characters that cannot be read are replaced."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        charset = "utf-16"
    try:
        return content.decode(charset or "utf-8", errors="replace")
    except LookupError:  # a charset that nobody knows
        return content.decode("utf-8", errors="replace")
