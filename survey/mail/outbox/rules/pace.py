"""How fast letters leave: evenly, slower after the server asked for it, then faster step by step.

A share is the part of the full pace that is used: from `SLOWEST` to 1.
"""

from datetime import datetime, timedelta

ASSUMED = 300  # letters a minute, where a server without a limit of its own asks to slow down
SLOWEST = 1 / 64
PER_STEP = 0.1  # of the full pace, given back after each `STEP` without a complaint
STEP = timedelta(minutes=5)
WINDOW = 62.0  # seconds
PUNCTUAL = timedelta(seconds=1)


def spacing(per_minute: int | None, share: float) -> timedelta | None:
    """The time from one letter to the next at this share of the pace; None without a limit.

    A letter leaves within a second of its turn, or its turn is drawn anew. So no 60 seconds see
    more than `per_minute` letters: a minute reaches over at most 61 seconds of turns, and turns
    are 62 / `per_minute` seconds apart.

    >>> spacing(25, 1.0)
    datetime.timedelta(seconds=2, microseconds=480000)
    >>> spacing(None, 1.0), spacing(None, 0.5)
    (None, datetime.timedelta(microseconds=413333))
    """
    if share >= 1 and per_minute is None:
        return None
    letters_a_minute = (per_minute or ASSUMED) * min(share, 1.0)
    return timedelta(seconds=WINDOW / letters_a_minute)


def slowed_share(share: float) -> float:
    """Half the share of the pace, at least `SLOWEST`: after the server asked to slow down.

    >>> slowed_share(1.0), slowed_share(0.5), slowed_share(SLOWEST) == SLOWEST
    (0.5, 0.25, True)
    """
    return max(share / 2, SLOWEST)


def recovered_share(share: float, since: datetime | None, now: datetime) -> float:
    """The share of the pace at `now`, after it was slowed to `share` at `since`.

    A tenth of the full pace is given back each five minutes.

    >>> from datetime import UTC
    >>> at = datetime(2027, 1, 11, 9, tzinfo=UTC)
    >>> [recovered_share(0.5, at, at + timedelta(minutes=minutes)) for minutes in (4, 10, 60)]
    [0.5, 0.7, 1.0]
    """
    if since is None or now <= since:
        return share
    steps = (now - since) // STEP
    return min(1.0, share + PER_STEP * steps)


def is_punctual(turn: datetime | None, now: datetime) -> bool:
    """Whether at most a second has passed since the turn; always when there is no turn."""
    return turn is None or now - turn <= PUNCTUAL
