"""The days by which each side has to act after a wave has closed.

They are what employees are promised and what the provider is held to.
"""

from collections.abc import Set as AbstractSet
from datetime import date

from survey.kernel.workdays import add_working_days

# Working days.
DAYS_TO_SHARE, DAYS_TO_SHARE_THIRDS = 3, 5  # from the close; of thirds from the close of the last
DAYS_TO_REPLY = 10  # from the day on which the findings were shared
DAYS_TO_FOLLOW_UP = 5  # from the day by which the reply was due


def share_by(closed: date, holidays: AbstractSet[date], *, in_thirds: bool = False) -> date:
    """The day by which the provider should have the findings: 3 working days after the close.

    Of thirds it is 5, and `closed` is the day on which the last one closed.

    >>> str(share_by(date(2027, 1, 25), frozenset()))
    '2027-01-28'
    """
    days = DAYS_TO_SHARE_THIRDS if in_thirds else DAYS_TO_SHARE
    return add_working_days(closed, days, holidays)


def reply_by(shared: date, holidays: AbstractSet[date]) -> date:
    """The day by which the provider has to reply: 10 working days after the findings were shared.

    >>> str(reply_by(date(2027, 1, 28), frozenset()))
    '2027-02-11'
    """
    return add_working_days(shared, DAYS_TO_REPLY, holidays)


def follow_up_by(reply_due: date, holidays: AbstractSet[date]) -> date:
    """The day by which staff should hear what changes: 5 working days after the reply was due.

    >>> str(follow_up_by(date(2027, 2, 11), frozenset()))
    '2027-02-18'
    """
    return add_working_days(reply_due, DAYS_TO_FOLLOW_UP, holidays)
