"""The demo's mail catcher: keeps letters as files on this machine instead of sending them.

It is the only place that keeps bodies.
"""

import os
import re
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Protocol

from survey.kernel.ids import random_id
from survey.mail.rules.states import DeliveryAttempt, DeliveryOutcome

_NAME = re.compile(r"[0-9a-f]{32}")


class FinishedLetter(Protocol):
    """A letter that is ready to be handed over."""

    def as_bytes(self) -> bytes:
        """The octets of the letter, headers and parts."""


@dataclass(frozen=True, slots=True)
class CaughtLetter:
    """A letter read back from the catcher."""

    id: str
    at: datetime
    to: str
    sender: str
    subject: str
    text: str
    html: str


class Catcher:
    """A channel that sends nothing: it stores each letter as a file in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    name = "the demo's mail catcher"

    @property
    def is_ready(self) -> bool:
        """Always True."""
        return True

    def connect(self) -> DeliveryAttempt | None:
        """Makes the folder, for its owner alone; always ready, so always None."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return None

    def deliver(self, message: FinishedLetter) -> DeliveryAttempt:
        """Stores one letter as a file that its owner alone can read; always `SENT`."""
        partial = self.folder / f"{random_id()}.part"
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(message.as_bytes())
        partial.rename(partial.with_suffix(".eml"))  # a page never reads half a letter
        return DeliveryAttempt(DeliveryOutcome.SENT, "250")

    def close(self) -> None:
        """Does nothing: there is no connection."""

    def letters(self) -> list[CaughtLetter]:
        """Reads all stored letters, newest first."""
        caught = map(_read_letter, self.folder.glob("*.eml"))
        return sorted(caught, key=lambda letter: (letter.at, letter.to), reverse=True)

    def letter(self, letter_id: str) -> CaughtLetter | None:
        """Reads the stored letter with this id; None when there is none or the id is malformed."""
        path = self.folder / f"{letter_id}.eml"
        is_known = _NAME.fullmatch(letter_id) and path.is_file()
        return _read_letter(path) if is_known else None


def _read_letter(path: Path) -> CaughtLetter:
    """Reads a stored letter from its file."""
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert isinstance(message, EmailMessage)
    contents = {}
    for subtype in ("plain", "html"):
        part = message.get_body((subtype,))
        contents[subtype] = str(part.get_content()) if part else ""
    return CaughtLetter(
        id=path.stem,
        at=parsedate_to_datetime(str(message["Date"])),
        to=str(message["To"]),
        sender=str(message["From"]),
        subject=str(message["Subject"]),
        text=contents["plain"],
        html=contents["html"],
    )
