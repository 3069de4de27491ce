"""A letter as a value: to one person, with a text and an HTML part that say the same."""

import re
from dataclasses import dataclass

from survey.kernel.addresses import address_fault, plain_address_fault
from survey.kernel.errors import Refused

LONGEST_SUBJECT = 200
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
            raise Refused("letter-address-unfit", f"The letter was not written: {fault}")
        named = {"name": self.to_name, "subject": self.subject}
        named |= {f"header {name!r}": name + value for name, value in self.headers}
        named |= {f"attachment {file.name!r}": file.name + file.media_type for file in self.attachments}
        for name, value in named.items():
            if _UNFIT.search(value):
                raise Refused(
                    "letter-header-unfit",
                    f"The letter was not written: its {name} holds a line break or control character. Remove it.",
                )
        if len(self.subject) > LONGEST_SUBJECT:
            raise Refused(
                "subject-too-long",
                f"The letter was not written: its subject has {len(self.subject)} characters, {LONGEST_SUBJECT} are the limit.",
            )


def styled(html: str) -> str:
    """HTML with its styles written into each element, for mail programs read no style sheets."""
    import css_inline

    return str(css_inline.inline(html))
