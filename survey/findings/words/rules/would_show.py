"""What change of a share would probably have shown, in words."""

from survey.findings.words.rules.printing import rounded_number
from survey.statistics import Detectable


def moves_in_words(moves: Detectable) -> str:
    """A change of a share that would have shown, as text: both directions where both can be.

    `moves` are shares (0..1). Where no share could move so far, it says "no change".

    >>> moves_in_words(Detectable(0.21, 0.25)), moves_in_words(Detectable(None, 0.25))
    ('a rise of about 21 or a fall of about 25 points', 'a fall of about 25 points')
    """
    parts = [
        f"a {name} of about {rounded_number(100 * size)}"
        for name, size in (("rise", moves.rise), ("fall", moves.fall))
        if size is not None
    ]
    return f"{' or '.join(parts)} points" if parts else "no change"


def moves_in_short(moves: Detectable) -> str:
    """The same in the few words of a table's cell, in points.

    >>> moves_in_short(Detectable(0.21, 0.25)), moves_in_short(Detectable(None, 0.25))
    ('21 up, 25 down', '25 down')
    """
    parts = [
        f"{rounded_number(100 * size)} {direction}"
        for direction, size in (("up", moves.rise), ("down", moves.fall))
        if size is not None
    ]
    return ", ".join(parts) or "none"
