"""Who is signed in."""

from flask import has_request_context
from flask_login import current_user

from survey.access.rules.accounts import UserId


def current_actor() -> str:
    """Who acts, for the audit log: the mail address of the signed-in user.

    "command line" outside a page, "nobody" on a page without sign-in.
    """
    if not has_request_context():
        return "command line"
    return str(current_user.email) if current_user.is_authenticated else "nobody"


def current_account() -> UserId | None:
    """The id of the account that is signed in; None where nobody is."""
    if not has_request_context() or not current_user.is_authenticated:
        return None
    return UserId(current_user.id)


def current_role() -> str | None:
    """The role of the signed-in user; None where nobody is signed in."""
    if not has_request_context() or not current_user.is_authenticated or not current_user.roles:
        return None
    return str(current_user.roles[0].name)


def manages() -> bool:
    """Whether the signed-in user is a manager or an administrator.

    They may act and read comments; a viewer sees figures only.
    """
    return current_role() in {"manager", "admin"}
