"""Random identifiers that tell nothing: no time, no order, no host."""

import re
import secrets
import unicodedata


def random_id() -> str:
    """A fresh 128-bit identifier from the system's random source, 32 hexadecimal digits."""
    return secrets.token_hex(16)


def random_bytes() -> bytes:
    """A fresh 128-bit identifier as 16 bytes, for the ballot and answer tables."""
    return secrets.token_bytes(16)


def slug(name: str) -> str:
    """A name as it stands in an address; may come out empty.

    >>> slug("IT support (London)")
    'it-support-london'
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
