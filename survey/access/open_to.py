"""Every view says who may open it."""

from collections.abc import Callable
from typing import TypeVar

AUDIENCES = ("everyone", "provider-link", "viewer", "manager", "admin")
ROLES = ("viewer", "manager", "admin")  # each includes those before it
_MARK = "open_to_audiences"

View = TypeVar("View", bound=Callable[..., object])


def open_to(*audiences: str) -> Callable[[View], View]:
    """Declares the audiences of a view; a view without a declaration is opened to nobody."""
    unknown = set(audiences) - set(AUDIENCES)
    if unknown or not audiences:
        raise ValueError(f"unknown audiences: {sorted(unknown) or 'none given'}; known: {AUDIENCES}")

    def declare(view: View) -> View:
        setattr(view, _MARK, frozenset(audiences))
        return view

    return declare


def audiences_of(view: Callable[..., object]) -> frozenset[str]:
    """The audiences that a view declares; empty when it declares none."""
    found: frozenset[str] = getattr(view, _MARK, frozenset())
    return found


def role_suffices(role: str | None, audiences: frozenset[str]) -> bool:
    """Whether somebody with this role may open a page for these audiences."""
    if role not in ROLES:
        return False
    return any(needed in ROLES and ROLES.index(role) >= ROLES.index(needed) for needed in audiences)
