"""Who is signed in."""

from flask import has_request_context
from flask_login import current_user


def current_actor() -> str:
    """The mail address of whoever is signed in.

    "command line" outside a page, "nobody" on a page without sign-in.
    """
    if not has_request_context():
        return "command line"
    return str(current_user.email) if current_user.is_authenticated else "nobody"


def current_role() -> str | None:
    """The role of whoever is signed in, or None."""
    if not has_request_context() or not current_user.is_authenticated or not current_user.roles:
        return None
    return str(current_user.roles[0].name)


def manages() -> bool:
    """Whether whoever is signed in may act and read comments; a viewer sees figures only."""
    return current_role() in {"manager", "admin"}
