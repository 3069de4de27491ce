"""A finished letter: the octets that go over the wire, built by `email` (ASCII, lines of at most 76), with one Message-ID and one Date."""

from datetime import datetime
from email import policy
from email.header import Header
from email.headerregistry import Address, AddressHeader
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

import flask_mail

from survey.mail.letter import Letter, wire_address

LONGEST_LINE = 76


class _Wire(policy.EmailPolicy):
    """Writes what `email` folds wrongly: a long name loses its quotes, so that its commas part addresses; a long link is torn."""

    def fold_binary(self, name: str, value: str) -> bytes:
        """One header, ready for the wire."""
        if isinstance(value, AddressHeader):
            return self._folded_address(name, value.addresses[0])
        if type(value) is str:  # as the letter has it: the subject, and headers of its own
            return f"{name}: {_encoded(name, value)}\r\n".encode("ascii")
        return bytes(super().fold_binary(name, value))

    def _folded_address(self, name: str, address: Address) -> bytes:
        whole = f"{name}: {address}"
        if not whole.isascii() or "=?" in whole or (len(whole) > LONGEST_LINE and address.display_name):
            whole = f"{name}: {_encoded(name, address.display_name, always=True)}\r\n <{address.addr_spec}>"
        return f"{whole}\r\n".encode("ascii")


_POLICY = _Wire(linesep="\r\n", max_line_length=LONGEST_LINE, cte_type="7bit")


def _encoded(name: str, text: str, *, always: bool = False) -> str:
    """A header's text in encoded words (RFC 2047) where it needs them; a link stays in one piece."""
    fits = len(name) + 2 + len(text) <= LONGEST_LINE or name != "Subject"
    if text.isascii() and "=?" not in text and fits and not always:
        return text
    return Header(text, "utf-8", maxlinelen=LONGEST_LINE, header_name=name).encode(linesep="\r\n")


class Message(flask_mail.Message):
    """A finished letter: Flask-Mail's message, built by `email` with one Message-ID and one Date that never change."""

    def __init__(self, letter: Letter, sender: str, message_id: str, date: datetime, envelope_from: str = "") -> None:
        # not super().__init__(): it draws a Message-ID from this machine's host name, which asks the DNS
        name, address = parseaddr(sender)
        self.letter, self.sender, self.envelope_from = letter, sender, wire_address(envelope_from or address)
        self.recipients = [letter.to_address]
        self.cc, self.bcc = [], []
        self.subject, self.msgId, self.date = letter.subject, message_id, date.timestamp()
        found = EmailMessage(policy=_POLICY)
        found["From"] = Address(name, addr_spec=wire_address(address))
        found["To"] = Address(letter.to_name, addr_spec=wire_address(letter.to_address))
        found.set_raw("Subject", letter.subject)  # as it is: text like =?utf-8?q?a=0Ab?= is not decoded
        found["Date"] = format_datetime(date)
        found["Message-ID"] = message_id
        if letter.reply_to:
            found["Reply-To"] = Address(addr_spec=wire_address(letter.reply_to))
        found["Auto-Submitted"] = "auto-generated"  # RFC 3834
        found["X-Auto-Response-Suppress"] = "OOF, AutoReply"  # not All: it suppresses the bounces we want
        for header, value in letter.headers:
            if header in found:
                raise ValueError(f"{header} is set once")
            found.set_raw(header, value)
        found.set_content(letter.text, cte="quoted-printable")
        found.add_alternative(letter.html, subtype="html", cte="quoted-printable")
        for file in letter.attachments:
            main, _, sub = file.media_type.partition("/")
            found.add_attachment(file.content, maintype=main, subtype=sub, filename=file.name)
        self._octets = bytes(found)

    def as_bytes(self) -> bytes:
        """The letter as it goes over the wire."""
        return self._octets
