"""Who is signed in."""

from flask_login import current_user


def current_actor() -> str:
    """The address of whoever is signed in, for the audit log."""
    return str(current_user.email) if current_user.is_authenticated else "nobody"


def current_role() -> str | None:
    """The role of whoever is signed in, or None."""
    if not current_user.is_authenticated or not current_user.roles:
        return None
    return str(current_user.roles[0].name)
