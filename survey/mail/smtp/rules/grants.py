"""What asking for a sign-in token needs, and how it fails."""

from dataclasses import dataclass, field
from pathlib import Path


class NoToken(Exception):
    """There is no token.

    reason: why, in our own words.
    must_look: whether trying again is of no use until somebody has looked.
    """

    def __init__(self, reason: str, *, must_look: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.must_look = must_look


@dataclass(frozen=True, slots=True)
class Grant:
    """Whom we ask for tokens, for which mailbox, and how we prove who we are."""

    token_url: str
    scope: str
    user: str
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    key_file: Path | None = None
    ca_file: Path | None = None
