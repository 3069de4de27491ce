"""What asking for a sign-in token needs, and how it fails."""

from dataclasses import dataclass, field
from pathlib import Path


class NoToken(Exception):
    """Raised when no sign-in token can be got.

    reason: why, in our own words.
    must_look: whether trying again is of no use until somebody has looked.
    """

    def __init__(self, reason: str, *, must_look: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.must_look = must_look


@dataclass(frozen=True, slots=True)
class Grant:
    """What asking for a token needs: the token server, the mailbox, and our secret or key file."""

    token_url: str
    scope: str
    user: str
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    key_file: Path | None = None
    ca_file: Path | None = None
