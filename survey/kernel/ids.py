"""Random identifiers that tell nothing: no time, no order, no host."""

import re
import secrets
import unicodedata


def random_id() -> str:
    """A fresh 128-bit identifier from the system's random source, 32 hexadecimal digits."""
    return secrets.token_hex(16)


def random_bytes() -> bytes:
    """The same as 16 bytes, for the ballot and answer tables."""
    return secrets.token_bytes(16)


def slug(name: str) -> str:
    """A name as it stands in an address: `IT support (London)` becomes `it-support-london`; may come out empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
