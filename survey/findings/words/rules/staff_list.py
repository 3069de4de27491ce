"""How the staff list was changed, in one line that every page, mail and file prints."""

from collections.abc import Mapping
from typing import Any

from survey.kernel.staff_changes import RECENT_DAYS, StaffChanges


def staff_list_in_words(document: Mapping[str, Any]) -> str:
    r"""The changes of the staff list before and during the wave; empty where none were recorded.

    >>> numbers = {"corrected": 0, "added": 2, "removed": 1}
    >>> roster = numbers | {"foreign_domains": None, "while_open": numbers | {"added": 0}}
    >>> print(staff_list_in_words({"roster": roster, "invited": 58}).replace(". ", ".\n"))
    Staff list in the 30 days before opening: 2 people added, 1 removed, 0 addresses corrected.
    While open: 0 people added, 1 removed, 0 addresses corrected.
    Addresses outside the organisation’s own mail domains: not known.
    """
    roster = document.get("roster")
    if not roster:
        return ""
    before, while_open = StaffChanges.of(roster), StaffChanges.of(roster["while_open"])
    outside = roster["foreign_domains"]
    of_invited = "not known" if outside is None else f"{outside:,} of {document['invited']:,}"
    return (
        f"Staff list in the {RECENT_DAYS} days before opening: {before.in_words}. While open:"
        f" {while_open.in_words}. Addresses outside the organisation’s own mail domains:"
        f" {of_invited}."
    )
