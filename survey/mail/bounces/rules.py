"""Returned mail: what a delivery status notification (RFC 3464) says of a letter of ours.

Anybody can write to the bounce address, so nothing here trusts what it reads: at most a mebibyte,
only the outermost parts, every header up to a limit, no recursion, no step that costs more than the
octets it walks over. Read are the addresses a notification came to, its `message/delivery-status`
and the headers it returns; never a text, never a body.
"""

import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parseaddr

from survey.kernel.addresses import wire_domain

LARGEST = 1024 * 1024
_LARGEST_HEAD = 256 * 1024
_LONGEST_FIELD = 2000
_LONGEST_BOUNDARY = 200
_MOST_PARTS = 20
_MOST_RECIPIENTS = 50
_ADDRESS_FIELDS = (
    "to",
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "x-envelope-to",
    "x-delivered-to",
    "x-rcpt-to",
)
# The letter's own Message-ID, and where relays keep it.
_MESSAGE_ID_FIELDS = (
    "message-id",
    "original-message-id",
    "x-original-message-id",
    "x-microsoft-original-message-id",
)
# The latter: RFC 6533.
_STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
_RETURNED_TYPES = frozenset(
    {
        "message/rfc822",
        "text/rfc822-headers",
        "message/rfc822-headers",
        "message/global",
        "message/global-headers",
    }
)
_ARRIVED_ACTIONS = frozenset({"delivered", "relayed", "expanded"})
_BLANK_LINE = re.compile(rb"\r?\n[ \t]*\r?\n|\A\r?\n")
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
_GENERAL_REASONS = {
    "5.4": "the letter found no way to this mailbox",
    "5.7": "the recipient's mail server does not accept our letters",
}


@dataclass(frozen=True, slots=True)
class BounceNotice:
    """What a delivery status notification says: the letters it names, and the failure code.

    marks: the random parts of the Message-IDs that it names, or of the address that it came to.
    is_ours: whether one of them stands beside our own domain or bounce address.
    code: the status of a final failure, empty for anything else.
    """

    marks: frozenset[str]
    is_ours: bool
    code: str

    @property
    def reason(self) -> str:
        """Why the letter came back, in our own words, from the status code."""
        return bounce_reason(self.code)


def bounce_reason(code: str) -> str:
    """Why a letter came back, in our own words, for an enhanced status code (RFC 3463).

    >>> bounce_reason("5.1.1"), bounce_reason("4.4.7")
    ('this mailbox does not exist', 'the mail servers gave up after days')
    >>> bounce_reason("5.7.26")
    "the recipient's mail server does not accept our letters"
    """
    if code.startswith("4."):
        return "the mail servers gave up after days"
    if code in _REASONS:
        return _REASONS[code]
    class_and_subject = code.rpartition(".")[0]
    return _GENERAL_REASONS.get(class_and_subject, "the letter came back")


def read_bounce_notice(
    raw: bytes, mail_from: str, bounce_address: str | None
) -> BounceNotice | None:
    """Reads a message as a delivery status notification (bounce); None when it is not one.

    None also for what is broken or larger than a mebibyte.
    """
    if len(raw) > LARGEST:
        return None
    head, body = _split(raw)
    fields = _fields(head)
    boundary = _report_boundary(fields)
    if not boundary:
        return None
    code: str | None = None
    our_domain = wire_domain(parseaddr(mail_from)[1])
    marks = _marks_in_addresses(fields, bounce_address or "")
    is_ours = bool(marks)
    for content_type, content in _parts(body, boundary):
        if content_type in _STATUS_TYPES and code is None:
            code = _final_code(content)
        elif content_type in _RETURNED_TYPES:
            returned_fields = _fields(_split(content)[0])
            for mark, domain in _marks_and_domains(returned_fields):
                marks.add(mark)
                is_ours = is_ours or domain == our_domain
    return BounceNotice(frozenset(marks), is_ours, code) if code is not None else None


def _report_boundary(fields: dict[str, list[str]]) -> str | None:
    """The boundary between the parts of a status notification; None for other messages."""
    content_type, parameters = _content_type(fields)
    report_type = parameters.get("report-type", "delivery-status").lower()
    if content_type != "multipart/report" or report_type != "delivery-status":
        return None
    return parameters.get("boundary")


def is_report(content_type: str) -> bool:
    """Whether a Content-Type value begins with `multipart/report`, so it may be a bounce.

    Others are not even fetched.
    """
    return content_type.strip().lower().startswith("multipart/report")


def _marks_in_addresses(fields: dict[str, list[str]], bounce_address: str) -> set[str]:
    """The marks (random parts) in the addresses that a message came to, by our bounce address.

    Empty where the bounce address has no `*`, which stands for the mark.
    """
    if "*" not in bounce_address:
        return set()
    before, _, after = bounce_address.partition("*")
    pattern = re.compile(
        rf"(?<![\w.+=-]){re.escape(before)}{_MARK}{re.escape(after)}(?![\w.-])",
        re.IGNORECASE | re.ASCII,
    )
    marks = set()
    for name in _ADDRESS_FIELDS:
        for value in fields.get(name, []):
            marks |= {mark.lower() for mark in pattern.findall(value)}
    return marks


def _marks_and_domains(fields: dict[str, list[str]]) -> set[tuple[str, str]]:
    """The mark (random part) and the domain of each Message-ID that looks like ours."""
    values = [value for name in _MESSAGE_ID_FIELDS for value in fields.get(name, [])]
    matches = filter(None, map(_MESSAGE_ID.search, values))
    return {(match[1].lower(), match[2].lower()) for match in matches}


def _final_code(content: bytes) -> str:
    """The status code of a recipient that was given up; empty if none, or if another got it.

    "failed" is final whatever the status' first digit (RFC 3464, 2.3.3): Postfix and Exchange give
    up after days with 4.4.x.
    """
    recipients = list(_recipients(content))
    if any(_action(recipient) in _ARRIVED_ACTIONS for recipient in recipients):
        return ""
    for recipient in recipients:
        if _action(recipient) == "failed":
            code = _CODE.match(_first(recipient, "status"))
            if code and code[1][0] in "45":
                return code[1]
    return ""


def _action(recipient: dict[str, list[str]]) -> str:
    """What the mail server did about a recipient, such as "failed", without a comment behind."""
    return _first(recipient, "action").partition("(")[0].strip().lower()


def _recipients(content: bytes) -> Iterator[dict[str, list[str]]]:
    """The fields of each recipient block in a status report, at most the first 50 blocks.

    Those of the whole message, which come first, have no action and do no harm.
    """
    start = 0
    for number, blank_line in enumerate(_BLANK_LINE.finditer(content), start=1):
        yield _fields(content[start : blank_line.start()])
        start = blank_line.end()
        if number == _MOST_RECIPIENTS:
            return
    yield _fields(content[start:])


def _parts(body: bytes, boundary: str) -> Iterator[tuple[str, bytes]]:
    """Content type and decoded content of each outermost part, at most the first 20.

    Nothing when the boundary is longer than 200 characters. A part that is cut off ends with the
    message.
    """
    if len(boundary) > _LONGEST_BOUNDARY:
        return
    boundary_line = re.compile(
        rb"(?:\A|\r?\n)--" + re.escape(boundary.encode("latin-1")) + rb"(--)?[ \t]*(?=\r?\n|\Z)"
    )
    start: int | None = None
    for number, line in enumerate(boundary_line.finditer(body)):
        if start is not None:
            yield _part(body[start : line.start()])
        start = line.end()
        is_last = line[1] is not None
        if is_last or number == _MOST_PARTS:
            return
    if start is not None:
        yield _part(body[start:])


def _part(octets: bytes) -> tuple[str, bytes]:
    """Content type and decoded content of one part; content is empty where base64 is broken."""
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
    """The octets before and after the first blank line: headers and content."""
    blank_line = _BLANK_LINE.search(octets)
    if blank_line is None:
        return octets, b""
    return octets[: blank_line.start()], octets[blank_line.end() :]


def _fields(block: bytes) -> dict[str, list[str]]:
    """The header fields by name in small letters, folded lines joined, long ones cut.

    What is no field is passed over.
    """
    fields: dict[str, list[str]] = {}
    values: list[str] | None = None  # of the field under way
    for octets in block[:_LARGEST_HEAD].split(b"\n"):
        line = octets[:_LONGEST_FIELD].decode("latin-1").rstrip("\r")
        is_folded = line[:1] in {" ", "\t"}
        if is_folded:
            if values and len(values[-1]) < _LONGEST_FIELD:
                values[-1] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        values = fields.setdefault(name.strip().lower(), []) if colon else None
        if values is not None:
            values.append(value.strip())
    return fields


def _first(fields: dict[str, list[str]], name: str) -> str:
    """The first value of a header field; empty when there is none."""
    return fields.get(name, [""])[0]


def _content_type(fields: dict[str, list[str]]) -> tuple[str, dict[str, str]]:
    """The content type in small letters, and its parameters."""
    value = _first(fields, "content-type")[:_LONGEST_FIELD]
    parameters = {
        name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(value)
    }
    return value.partition(";")[0].strip().lower(), parameters
