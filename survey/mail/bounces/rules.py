"""Returned mail: what a delivery status notification (RFC 3464) says of a letter of ours. Pure: octets in, a value out.

Anybody can write to the bounce address, so nothing here trusts what it reads: at most a mebibyte, only the outermost
parts, every header up to a limit, no recursion, no step that costs more than the octets it walks over. Read are the
addresses it came to, its `message/delivery-status` and the headers it returns; never a text, never a body.
"""

import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parseaddr

from survey.kernel.addresses import wire_domain

LARGEST = 1024 * 1024
_LARGEST_HEAD, _LONGEST_FIELD, _LONGEST_BOUNDARY, _MOST_PARTS, _MOST_RECIPIENTS = (
    256 * 1024,
    2000,
    200,
    20,
    50,
)
_ADDRESSED = (
    "to",
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "x-envelope-to",
    "x-delivered-to",
    "x-rcpt-to",
)
_NAMED = (
    "message-id",
    "original-message-id",
    "x-original-message-id",
    "x-microsoft-original-message-id",
)  # as relays keep it
_STATUS = frozenset(
    {"message/delivery-status", "message/global-delivery-status"}
)  # the latter: RFC 6533
_RETURNED = frozenset(
    {
        "message/rfc822",
        "text/rfc822-headers",
        "message/rfc822-headers",
        "message/global",
        "message/global-headers",
    }
)
_ARRIVED = frozenset({"delivered", "relayed", "expanded"})
_BLANK = re.compile(rb"\r?\n[ \t]*\r?\n|\A\r?\n")
_PARAMETER = re.compile(r';\s*([\w-]+)\s*=\s*(?:"([^"]*)"|([^\s;"]+))', re.ASCII)
_CODE = re.compile(r"\s*([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.])")
_MARK = r"([0-9a-f]{32})"
_MESSAGE_ID = re.compile(rf"<{_MARK}@([^\s<>@]{{1,255}})>", re.IGNORECASE)
_NO_MAILBOX = "this mailbox does not exist"
_REASONS = {
    "5.1.0": _NO_MAILBOX,
    "5.1.1": _NO_MAILBOX,
    "5.1.2": "this domain does not exist",
    "5.1.3": "the mail server cannot handle this address",
    "5.1.6": "this mailbox has moved",
    "5.1.10": _NO_MAILBOX,  # as Exchange says it
    "5.2.1": "this mailbox is switched off",
    "5.2.2": "this mailbox is full",
    "5.2.3": "the letter is too large for this mailbox",
    "5.3.4": "the letter is too large for this mailbox",
    "5.4.4": "this domain does not exist",
}
_GENERAL = {
    "5.4": "the letter found no way to this mailbox",
    "5.7": "the recipient's mail server does not accept our letters",
}


@dataclass(frozen=True, slots=True)
class BounceNotice:
    """What a delivery status notification says.

    `marks` are the random parts of the Message-IDs (or of the address it came to) that it names; `is_ours` says that one of
    them stands beside our own domain or bounce address; `code` is the status of a final failure, empty for anything else.
    """

    marks: frozenset[str]
    is_ours: bool
    code: str

    @property
    def reason(self) -> str:
        """Our own words for the failure."""
        return bounce_reason(self.code)


def bounce_reason(code: str) -> str:
    """Our own words for an enhanced status code (RFC 3463).

    >>> bounce_reason("5.1.1"), bounce_reason("5.7.26"), bounce_reason("4.4.7")
    ('this mailbox does not exist', "the recipient's mail server does not accept our letters", 'the mail servers gave up after days')
    """
    if code.startswith("4."):
        return "the mail servers gave up after days"
    return _REASONS.get(code) or _GENERAL.get(code.rpartition(".")[0], "the letter came back")


def read_bounce_notice(
    raw: bytes, mail_from: str, bounce_address: str | None
) -> BounceNotice | None:
    """What this message says, if it is a delivery status notification; None for anything else, and for what is broken or too large."""
    if len(raw) > LARGEST:
        return None
    head, body = _split(raw)
    fields = _fields(head)
    kind, parameters = _content_type(fields)
    boundary = parameters.get("boundary", "")
    if (
        kind != "multipart/report"
        or parameters.get("report-type", "delivery-status").lower() != "delivery-status"
        or not boundary
    ):
        return None
    code: str | None = None
    domain = wire_domain(parseaddr(mail_from)[1])
    marks = _came_to(fields, bounce_address or "")
    ours = bool(marks)
    for part_kind, content in _parts(body, boundary):
        if part_kind in _STATUS and code is None:
            code = _final_code(content)
        elif part_kind in _RETURNED:
            named = _named(_fields(_split(content)[0]))
            marks |= {mark for mark, _ in named}
            ours = ours or any(there == domain for _, there in named)
    return BounceNotice(frozenset(marks), ours, code) if code is not None else None


def is_report(content_type: str) -> bool:
    """Whether a message with this header may be a delivery status notification; others are not even fetched."""
    return content_type.strip().lower().startswith("multipart/report")


def _came_to(fields: dict[str, list[str]], address: str) -> set[str]:
    if "*" not in address:
        return set()
    before, _, after = address.partition("*")
    pattern = re.compile(
        rf"(?<![\w.+=-]){re.escape(before)}{_MARK}{re.escape(after)}(?![\w.-])",
        re.IGNORECASE | re.ASCII,
    )
    return {
        found.lower()
        for name in _ADDRESSED
        for value in fields.get(name, [])
        for found in pattern.findall(value)
    }


def _named(fields: dict[str, list[str]]) -> set[tuple[str, str]]:
    found = (_MESSAGE_ID.search(value) for name in _NAMED for value in fields.get(name, []))
    return {(one[1].lower(), one[2].lower()) for one in found if one}


def _final_code(content: bytes) -> str:
    """The status of the recipient that was given up, unless another one got the letter.

    "failed" is final whatever the status' first digit (RFC 3464, 2.3.3): Postfix and Exchange give up after days with 4.4.x.
    """
    groups = list(_groups(content))
    if any(_action(group) in _ARRIVED for group in groups):
        return ""
    failed = (
        _CODE.match(_first(group, "status")) for group in groups if _action(group) == "failed"
    )
    return next((one[1] for one in failed if one and one[1][0] in "45"), "")


def _action(group: dict[str, list[str]]) -> str:
    return (
        _first(group, "action").partition("(")[0].strip().lower()
    )  # behind it there may be a comment


def _groups(content: bytes) -> Iterator[dict[str, list[str]]]:
    """The fields of each recipient; those of the whole message, which come first, have no action and do no harm."""
    start, blanks = 0, 0
    for blank in _BLANK.finditer(content):
        yield _fields(content[start : blank.start()])
        start, blanks = blank.end(), blanks + 1
        if blanks == _MOST_RECIPIENTS:
            return
    yield _fields(content[start:])


def _parts(body: bytes, boundary: str) -> Iterator[tuple[str, bytes]]:
    """Kind and content of each outermost part; one that is cut off ends with the message."""
    if len(boundary) > _LONGEST_BOUNDARY:
        return
    line = re.compile(
        rb"(?:\A|\r?\n)--" + re.escape(boundary.encode("latin-1")) + rb"(--)?[ \t]*(?=\r?\n|\Z)"
    )
    start: int | None = None
    for number, found in enumerate(line.finditer(body)):
        if start is not None:
            yield _part(body[start : found.start()])
        start = found.end()
        if found[1] or number == _MOST_PARTS:
            return
    if start is not None:
        yield _part(body[start:])


def _part(octets: bytes) -> tuple[str, bytes]:
    head, content = _split(octets.removeprefix(b"\r").removeprefix(b"\n"))
    fields = _fields(head)
    encoding = _first(fields, "content-transfer-encoding").strip().lower()
    if encoding == "quoted-printable":
        content = quopri.decodestring(content)
    elif encoding == "base64":
        try:
            content = binascii.a2b_base64(content)
        except binascii.Error:
            content = b""
    return _content_type(fields)[0], content


def _split(octets: bytes) -> tuple[bytes, bytes]:
    """Headers and what follows the first blank line."""
    blank = _BLANK.search(octets)
    return (octets[: blank.start()], octets[blank.end() :]) if blank else (octets, b"")


def _fields(block: bytes) -> dict[str, list[str]]:
    """The header fields by name in small letters, folded lines joined; what is no field is passed over."""
    found: dict[str, list[str]] = {}
    values: list[str] | None = None
    for line in block[:_LARGEST_HEAD].split(b"\n"):
        said = line[:_LONGEST_FIELD].decode("latin-1").rstrip("\r")
        if said[:1] in {" ", "\t"}:
            if values and len(values[-1]) < _LONGEST_FIELD:
                values[-1] += " " + said.strip()
            continue
        name, colon, value = said.partition(":")
        values = found.setdefault(name.strip().lower(), []) if colon else None
        if values is not None:
            values.append(value.strip())
    return found


def _first(fields: dict[str, list[str]], name: str) -> str:
    return fields.get(name, [""])[0]


def _content_type(fields: dict[str, list[str]]) -> tuple[str, dict[str, str]]:
    value = _first(fields, "content-type")[:_LONGEST_FIELD]
    parameters = {
        name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(value)
    }
    return value.partition(";")[0].strip().lower(), parameters
