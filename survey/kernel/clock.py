"""The clock. Services take the time as an argument; only the outermost layer asks for it here."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present instant, in UTC."""
    return machine_time()


def machine_time() -> datetime:
    """The time of this machine's clock, in UTC, also where a pretended time is in use.

    To compare it with another machine's.
    """
    return datetime.now(UTC)
