"""The clock. Services take the time as an argument; only the outermost layer asks for it here."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present instant, in UTC."""
    return machine_time()


def machine_time() -> datetime:
    """What this machine's clock shows, in UTC, whatever time somebody pretends.

    To compare it with another machine's.
    """
    return datetime.now(UTC)
