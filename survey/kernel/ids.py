"""Random identifiers that say nothing: no time, no order, no host."""

import re
import secrets
import unicodedata


def random_id() -> str:
    """A new random identifier (128 bits, system's source) as 32 hexadecimal digits."""
    return secrets.token_hex(16)


def random_bytes() -> bytes:
    """A new random identifier (128 bits) as 16 bytes, for the ballot and answer tables."""
    return secrets.token_bytes(16)


def slug(name: str) -> str:
    """A name made fit for a web address: small ASCII letters, digits, hyphens; may be empty.

    >>> slug("IT support (London)")
    'it-support-london'
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
