"""What `/promise` says of changes to the staff list, wave by wave: numbers, and nobody's name."""

from dataclasses import dataclass

from survey.kernel.plurals import choose_form
from survey.kernel.staff_changes import RECENT_DAYS, StaffChanges
from survey.waves.rules.waves import Wave, WaveState


@dataclass(frozen=True, slots=True)
class WaveStaffList:
    """A wave's name as people know it, and sentences about changes of the list of whom it asks."""

    wave: str
    sentences: tuple[str, ...]


def describe_staff_list(
    wave: Wave, counted: StaffChanges, organisation: str
) -> WaveStaffList | None:
    """How the staff list was changed before this wave and since; None without a record.

    `counted` are all changes ever counted; they matter while the wave has not been counted.
    """
    if wave.roster is None:
        return None
    since = wave.roster.completed(counted).while_open or StaffChanges()
    when = "Since it opened" if wave.state is WaveState.OPEN else "While it was open"
    return WaveStaffList(
        wave.named,
        (
            f"In the {RECENT_DAYS} days before it opened: {wave.roster.before.in_words}.",
            f"{when}: {since.in_words}.",
            _outside(wave.roster.foreign_domains, wave.invited, organisation),
        ),
    )


def _outside(number: int | None, invited: int, organisation: str) -> str:
    """How many of the people asked have an address outside the organisation's mail domains."""
    domains = f"{organisation}’s own mail domains"
    if number is None:
        return f"How many people have an address outside {domains} is not known."
    have = choose_form(number, "has", "have")
    return f"{number:,} of the {invited:,} people asked {have} an address outside {domains}."
