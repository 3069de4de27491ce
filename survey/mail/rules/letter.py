"""A letter as a value: to one person, with a text and an HTML part that say the same."""

import re
from dataclasses import dataclass
from typing import NewType

from survey.kernel.addresses import address_fault, plain_address_fault
from survey.kernel.errors import Refused

LetterId = NewType("LetterId", str)
Recipient = NewType(
    "Recipient", str
)  # a reference; the address is looked up when a letter is written

LONGEST_SUBJECT = 200
LARGEST_HTML = 40_000  # octets; some mail programs cut longer mails off
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
        if fault := address_fault(self.to_address) or (
            plain_address_fault(self.reply_to) if self.reply_to else None
        ):
            raise Refused("letter-address-unfit", f"The letter was not written: {fault}")
        named = {"name": self.to_name, "subject": self.subject}
        named |= {f"header {name!r}": name + value for name, value in self.headers}
        named |= {
            f"attachment {file.name!r}": file.name + file.media_type for file in self.attachments
        }
        for name, value in named.items():
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
    """HTML with its styles written into each element, for mail programs read no style sheets."""
    import css_inline

    return str(css_inline.inline(html))


def length_fault(letter: Letter, remedy: str) -> str | None:
    """What is wrong with a letter that some mail programs would cut off, and the remedy; or None."""
    size = len(letter.html.encode())
    if size <= LARGEST_HTML:
        return None
    most = LARGEST_HTML // 1000
    says = (
        f"The mail would have {-(-size // 1000)} kB; {most} kB are the most that every mail program"
    )
    return f"{says} shows whole. {remedy}"


def check_length(letter: Letter, remedy: str) -> None:
    """Refuses a letter that would be cut off on its way, for nothing of it may be lost silently."""
    if fault := length_fault(letter, remedy):
        raise Refused("mail-too-long", f"{fault} Nothing was sent.")
