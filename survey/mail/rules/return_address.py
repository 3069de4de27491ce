"""The address to which a letter that cannot be delivered comes back."""

from email.utils import parseaddr
from functools import lru_cache

from survey.kernel.addresses import wire_address


def envelope_sender(mail_from: str, bounce_address: str | None, message_id: str) -> str:
    """The address a letter comes back to: the bounce address, else the sender's address.

    A `*` in the bounce address stands for the random part of the letter's Message-ID (VERP).
    """
    pattern = _pattern(bounce_address or "", mail_from)
    random_part = message_id.strip("<>").partition("@")[0]
    return pattern.replace("*", random_part)


@lru_cache(maxsize=8)
def _pattern(bounce_address: str, mail_from: str) -> str:
    """The bounce address, else the sender's, in its form for SMTP; a `*` is kept."""
    return wire_address(bounce_address or parseaddr(mail_from)[1])
