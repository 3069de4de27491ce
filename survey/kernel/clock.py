"""The clock. Services take the time as an argument; only the outermost layer asks for it here."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present instant, in UTC."""
    return datetime.now(UTC)
