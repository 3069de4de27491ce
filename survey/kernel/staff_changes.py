"""How often a staff list was changed: numbers that name nobody.

Both sides of the wall use them: whoever counts the changes, and whoever publishes the counts.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

from survey.kernel.plurals import choose_form, how_many

RECENT_DAYS = 30  # before a wave opens, whose changes are published with it


@dataclass(frozen=True, slots=True)
class StaffChanges:
    """Numbers of addresses corrected, of people added and of people removed.

    >>> StaffChanges(corrected=2, added=5) - StaffChanges(added=4)
    StaffChanges(corrected=2, added=1, removed=0)
    """

    corrected: int = 0
    added: int = 0
    removed: int = 0

    def __sub__(self, earlier: Self) -> "StaffChanges":
        """What came after `earlier`, where both count from the same beginning."""
        return StaffChanges(
            self.corrected - earlier.corrected,
            self.added - earlier.added,
            self.removed - earlier.removed,
        )

    def __add__(self, other: Self) -> "StaffChanges":
        """Both together."""
        return StaffChanges(
            self.corrected + other.corrected,
            self.added + other.added,
            self.removed + other.removed,
        )

    @classmethod
    def of(cls, numbers: Mapping[str, int]) -> Self:
        """The changes from numbers by kind, as `as_numbers` gives them; those missing are 0."""
        return cls(**{kind: numbers.get(kind, 0) for kind in KINDS})

    @property
    def in_words(self) -> str:
        """The numbers as a list in a sentence.

        >>> StaffChanges(corrected=1, added=2).in_words
        '2 people added, 0 removed, 1 address corrected'
        """
        addresses = f"{self.corrected:,} {choose_form(self.corrected, 'address', 'addresses')}"
        return (
            f"{how_many(self.added, 'person')} added, {self.removed:,} removed, {addresses}"
            " corrected"
        )

    def as_numbers(self) -> dict[str, int]:
        """The numbers by kind, ready for JSON."""
        return asdict(self)


KINDS = ("corrected", "added", "removed")
