"""How every view says who may open it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

ROLES = ("viewer", "manager", "admin")  # each includes those before it
AUDIENCES = ("everyone", "provider-link", *ROLES)
LARGEST_REQUEST = 64 * 1024
_MARK = "open_to"

View = TypeVar("View", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class PageAccess:
    """What a view declares: its audiences, and the largest request it takes in bytes.

    `from_anywhere`: whether it takes forms that another site's page has sent.
    """

    audiences: frozenset[str]
    largest: int = LARGEST_REQUEST
    from_anywhere: bool = False

    @property
    def needs_sign_in(self) -> bool:
        """Whether the visitor must be signed in with a role; False for a page open to everyone.

        It is False for a page of the provider's link, too.
        """
        return not self.audiences & {"everyone", "provider-link"}

    def admits(self, role: str | None) -> bool:
        """Whether somebody with this role (None: not signed in) may open the view."""
        if not self.needs_sign_in:
            return True
        if role not in ROLES:
            return False
        rank = ROLES.index(role)
        return any(ROLES.index(needed) <= rank for needed in self.audiences)


def open_to(
    *audiences: str, largest: int = LARGEST_REQUEST, from_anywhere: bool = False
) -> Callable[[View], View]:
    """Declares, as a decorator, who may open a view; without a declaration nobody may.

    Raises ValueError for an unknown audience, and for none. "viewer" is anybody who is signed in,
    "manager" includes administrators. "provider-link" means that the view itself checks the secret
    of the provider's link. `largest`: the largest request that the view takes, in bytes.
    `from_anywhere`: the view takes forms whichever page has sent them, for a secret in the form is
    the authority, and no cookie counts.
    """
    unknown = set(audiences) - set(AUDIENCES)
    if unknown or not audiences:
        raise ValueError(
            f"unknown audiences: {sorted(unknown) or 'none given'}; known: {AUDIENCES}"
        )

    def declare(view: View) -> View:
        """Marks a view with its audiences and largest request, and gives it back."""
        setattr(view, _MARK, PageAccess(frozenset(audiences), largest, from_anywhere))
        return view

    return declare


def access_of(view: Callable[..., object]) -> PageAccess | None:
    """What a view declares with `open_to`; None where it declares nothing."""
    access = getattr(view, _MARK, None)
    return access if isinstance(access, PageAccess) else None
