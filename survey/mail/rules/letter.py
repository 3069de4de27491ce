"""A letter as a value: to one person, with a text and an HTML part that say the same."""

import re
from dataclasses import dataclass
from typing import NewType

from survey.kernel.addresses import address_fault, plain_address_fault
from survey.kernel.errors import Refused

LetterId = NewType("LetterId", str)
# A reference; the address is looked up when a letter is written.
Recipient = NewType("Recipient", str)

LONGEST_SUBJECT = 200
LARGEST_HTML = 40_000  # octets; some mail programs cut longer mails off
_UNFIT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that is attached to a letter."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail to one person; refuses what is unfit for a header, when it is made.

    Refuses control characters in any header, malformed addresses, and subjects over 200 characters.
    """

    to_name: str
    to_address: str
    subject: str
    text: str
    html: str
    reply_to: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Attachment, ...] = ()

    def __post_init__(self) -> None:
        """Refuses bad addresses, control characters in headers, and a subject that is too long."""
        fault = address_fault(self.to_address)
        if fault is None and self.reply_to:
            fault = plain_address_fault(self.reply_to)
        if fault:
            raise Refused("letter-address-unfit", f"The letter was not written: {fault}")
        values = {"name": self.to_name, "subject": self.subject}
        for header, value in self.headers:
            values[f"header {header!r}"] = header + value
        for file in self.attachments:
            values[f"attachment {file.name!r}"] = file.name + file.media_type
        for name, value in values.items():
            if _UNFIT.search(value):
                raise Refused(
                    "letter-header-unfit",
                    f"The letter was not written: its {name} holds a line break or control"
                    " character. Remove it.",
                )
        if len(self.subject) > LONGEST_SUBJECT:
            raise Refused(
                "subject-too-long",
                f"The letter was not written: its subject has {len(self.subject)} characters,"
                f" {LONGEST_SUBJECT} are the limit.",
            )


def inline_styles(html: str) -> str:
    """HTML with its styles written into each element: mail programs read no style sheets."""
    import css_inline

    return str(css_inline.inline(html))


def length_fault(letter: Letter, remedy: str) -> str | None:
    """A sentence about HTML over 40 kB, which some mail programs cut off; None if it fits.

    `remedy` is a sentence of the caller, put at the end.
    """
    size = len(letter.html.encode())
    if size <= LARGEST_HTML:
        return None
    kilobytes = -(-size // 1000)  # rounded up
    most = LARGEST_HTML // 1000
    return (
        f"The mail would have {kilobytes} kB; {most} kB are the most that every mail program shows"
        f" whole. {remedy}"
    )


def check_length(letter: Letter, remedy: str) -> None:
    """Refuses a letter whose HTML is over 40 kB: some mail programs would cut the rest off.

    Nothing may be lost without notice. `remedy` is a sentence of the caller, put into the refusal.
    """
    if fault := length_fault(letter, remedy):
        raise Refused("mail-too-long", f"{fault} Nothing was sent.")
