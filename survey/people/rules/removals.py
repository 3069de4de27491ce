"""When removing everybody whom a staff list lacks has to be confirmed by repeating the number.

A file that was cut off looks like a good one. So whoever removes many people at once, or anybody
while a wave is open, has to say how many; every way of replacing the whole list asks here.
"""

from dataclasses import dataclass

from survey.kernel.errors import Refused
from survey.kernel.plurals import choose_form, how_many, thousands

MOST_UNASKED = 5  # people
LARGEST_SHARE_UNASKED = 0.1  # of the directory


@dataclass(frozen=True, slots=True)
class WholeListRemoval:
    """How many people a whole-list import removes, of how many that are in the directory.

    `open_waves` are the slugs of the waves that are open meanwhile, whoever is asked in them.
    """

    removed: int
    in_directory: int
    open_waves: tuple[str, ...] = ()

    @property
    def has_to_be_confirmed(self) -> bool:
        """Whether the number has to be repeated.

        It has for more than 5 people who are more than a tenth, and for anybody while a wave is
        open.

        >>> WholeListRemoval(6, 58).has_to_be_confirmed, WholeListRemoval(6, 60).has_to_be_confirmed
        (True, False)
        >>> WholeListRemoval(1, 60, ("it-2027-q1",)).has_to_be_confirmed
        True
        """
        is_large = self.removed > MOST_UNASKED and (
            self.removed > self.in_directory * LARGEST_SHARE_UNASKED
        )
        return self.removed > 0 and (is_large or bool(self.open_waves))

    @property
    def in_words(self) -> str:
        """Both numbers and the open waves as a part of a sentence.

        >>> WholeListRemoval(1, 58, ("it-2027-q1",)).in_words
        '1 of the 58 people in the directory, while it-2027-q1 is open'
        """
        people = how_many(self.in_directory, "person")
        words = f"{thousands(self.removed)} of the {people} in the directory"
        if not self.open_waves:
            return words
        verb = choose_form(len(self.open_waves), "is", "are")
        return f"{words}, while {' and '.join(self.open_waves)} {verb} open"


def check_removal(removal: WholeListRemoval, repeated: int | None) -> None:
    """Refuses a removal that has to be confirmed and is not, and any number that is not right.

    `repeated` is the number of people that was given as to be removed, None where none was.
    """
    if repeated is None and not removal.has_to_be_confirmed:
        return
    if repeated == removal.removed:
        return
    sentence = f"This would remove {removal.in_words}."
    if repeated is not None:
        sentence += f" The number given was {thousands(repeated)}."
    raise Refused(
        "removal-not-confirmed",
        f"{sentence} Nothing has been changed.",
        number=str(removal.removed),
    )
