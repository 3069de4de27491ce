"""How many addresses one manager may correct in an open wave, and what came of a correction."""

from dataclasses import dataclass
from datetime import datetime

from survey.people.rules.staff_list import Person
from survey.waves.rules.ids import WaveSlug

_FEWEST, _SHARE = 2, 50  # two people, or one in fifty (2 %)


@dataclass(frozen=True, slots=True)
class AddressCorrection:
    """What came of the correction of an address.

    `person` is as the directory has them now. `invited_afresh` are the open waves whose invitation
    now goes to the new address; `unchanged` those whose letters go on to the address they have.
    `is_proposed`: nothing has changed yet, because a second manager has to confirm it. `is_told`:
    the address that was replaced gets a notice.
    """

    person: Person
    invited_afresh: tuple[WaveSlug, ...] = ()
    unchanged: tuple[WaveSlug, ...] = ()
    is_proposed: bool = False
    is_told: bool = False

    @property
    def says(self) -> str:
        """What happened, in words for the page and the command line."""
        if self.is_proposed:
            return (
                f"The address of {self.person.name} is not changed yet. Several addresses have been"
                " corrected in the open survey already, so a second manager has to confirm this"
                " one. Nothing was sent."
            )
        sentences = [f"{self.person.name} is now {self.person.email}."]
        if self.invited_afresh:
            sentences.append(f"The invitation to {_joined(self.invited_afresh)} goes there.")
        if self.unchanged:
            sentences.append(
                f"Mails of {_joined(self.unchanged)} still go to the address it opened with, and"
                " codes that were mailed keep working; the new address counts from the next survey"
                " on."
            )
        if self.is_told:
            sentences.append("The old address is told that it was changed.")
        return " ".join(sentences)


@dataclass(frozen=True, slots=True)
class AddressProposal:
    """A new address for somebody, which a second manager has to confirm before anything changes."""

    id: str
    person: Person
    address: str
    proposed_by: str
    proposed_at: datetime


def most_corrected_alone(invited: int) -> int:
    """How many people's addresses one manager may correct in a wave with so many invited.

    >>> [most_corrected_alone(invited) for invited in (12, 149, 150, 1000)]
    [2, 2, 3, 20]
    """
    return max(_FEWEST, invited // _SHARE)


def _joined(waves: tuple[WaveSlug, ...]) -> str:
    """Names of waves as a sentence lists them."""
    return " and ".join(waves)
