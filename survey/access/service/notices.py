"""What this room asks of those above it, which it may not import.

They queue the mails that the holder of an account must get, and know the names of people,
organisations and surveys, which make bad passwords.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum

from flask import Flask, current_app

from survey.access.rules.accounts import UserId
from survey.config import Config

_NOTICES, _NAMES = "candour_account_notices", "candour_known_names"


class AccountNotice(StrEnum):
    """What has happened to an account; also the name of the letter that says so."""

    LINK_MADE = "account-link"
    PASSWORD_SET = "account-password"  # noqa: S105 - no password
    MANY_FAILURES = "account-browser"  # its letter has a link that makes a browser known


Tell = Callable[[AccountNotice, UserId], None]
Names = Callable[[str, Config], Iterable[str]]


def register_notices(app: Flask, tell: Tell) -> None:
    """Says what queues the letters to holders of accounts; called once for an application."""
    app.extensions[_NOTICES] = tell


def tell_holder(notice: AccountNotice, user_id: UserId) -> None:
    """Queues the letter in the caller's transaction."""
    tell: Tell = current_app.extensions[_NOTICES]
    tell(notice, user_id)


def register_names(app: Flask, names: Names) -> None:
    """Says what gives the names that the holder of an account, and others here, know.

    It takes the account's address and the settings.
    """
    app.extensions[_NAMES] = names


def names_known_to(email: str) -> tuple[str, ...]:
    """The names that make bad passwords of the account with this address."""
    names: Names = current_app.extensions[_NAMES]
    return tuple(names(email, current_app.config["CANDOUR"]))
