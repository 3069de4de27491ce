"""What a wave freezes of how its staff list was changed: numbers that name nobody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from survey.kernel.staff_changes import StaffChanges


@dataclass(frozen=True, slots=True)
class RosterRecord:
    """How often the staff list was changed before a wave opened and while it was open.

    `before` are the changes of the 30 days before the opening. `foreign_domains` is how many of the
    people asked have an address outside the organisation's own mail domains, None where these are
    not known. `at_opening` are all changes ever counted when the wave opened; `while_open` those
    from then on, known once the wave is counted.
    """

    before: StaffChanges
    foreign_domains: int | None
    at_opening: StaffChanges
    while_open: StaffChanges | None = None

    def completed(self, counted: StaffChanges) -> "RosterRecord":
        """The record with what happened since the opening; `counted` are all changes ever counted.

        One that is complete stays as it is.
        """
        if self.while_open is not None:
            return self
        return replace(self, while_open=counted - self.at_opening)

    def as_json(self) -> dict[str, Any]:
        """The record in its stored form."""
        return {
            "before": self.before.as_numbers(),
            "foreign_domains": self.foreign_domains,
            "at_opening": self.at_opening.as_numbers(),
            "while_open": None if self.while_open is None else self.while_open.as_numbers(),
        }


def pool_roster_records(records: Sequence[RosterRecord]) -> RosterRecord | None:
    """The record of a quarter, from those of its thirds in the order of their opening.

    It counts from the first opening until the last third was counted. Everybody is in one third, so
    people with foreign addresses are added up; where one third does not know them, nor does the
    quarter. None without a counted third.
    """
    counted = [record for record in records if record.while_open is not None]
    if not counted:
        return None
    first, last = records[0], counted[-1]
    numbers = [record.foreign_domains for record in records]
    known = [number for number in numbers if number is not None]
    return RosterRecord(
        first.before,
        sum(known) if len(known) == len(numbers) else None,
        first.at_opening,
        last.at_opening + (last.while_open or StaffChanges()) - first.at_opening,
    )


def read_roster_record(stored: Mapping[str, Any]) -> RosterRecord:
    """The record from its stored form."""
    while_open = stored["while_open"]
    return RosterRecord(
        StaffChanges.of(stored["before"]),
        stored["foreign_domains"],
        StaffChanges.of(stored["at_opening"]),
        None if while_open is None else StaffChanges.of(while_open),
    )
