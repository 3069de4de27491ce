"""Kinds of letters: how urgent, what is promised, and who writes them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from flask import Flask, current_app

from survey.mail.rules.letter import Letter

ALARM = "alarm"  # the one kind that a pause of its wave does not hold up
_EXTENSION = "candour_mail"


@dataclass(frozen=True, slots=True)
class QueuedLetter:
    """A letter that is about to be written."""

    id: str
    kind: str
    wave: str
    recipient: str
    letter_version: int
    attempts: int


class NotNow(Exception):
    """Raised by a writer: the letter waits, nothing is decided."""


@dataclass(frozen=True, slots=True)
class PreparedLetter:
    """A written letter, and what commit A must do: say whether it is still due, and store what must be stored."""

    letter: Letter
    store: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class LetterType:
    """A kind of letter: how urgent, whether an unknown outcome is tried again, and who writes it (who gives None: not due any more).

    The numbers of a kind that is not `told` would say who has answered: they are shown nowhere, and its rows are forgotten.
    One to staff that was not due any more is told as if sent, for why it was not is nobody's to know.
    Of one that is `summed` the totals stay when its wave has been counted.
    A letter that has not left after `lasts` is given up; without it, its writer says when it is not due any more.
    """

    name: str
    priority: int
    again: bool
    write: "Writer | None" = None
    told: bool = True
    to_staff: bool = True
    summed: bool = False
    lasts: timedelta | None = None
    read: "Reader | None" = None

    def writer(self, items: Sequence[QueuedLetter]) -> "Writer":
        """Who writes these letters: `write`, or whom `read` gives, after it has read and stored at once what a batch of them needs."""
        found = self.read(items) if self.read else self.write
        assert found, f"nobody writes letters of the kind {self.name!r}"
        return found


Writer = Callable[[QueuedLetter], PreparedLetter | None]
Reader = Callable[[Sequence[QueuedLetter]], Writer]


def register_letter_type(app: Flask, kind: LetterType) -> None:
    """Makes a kind of letter known to the sender."""
    app.extensions.setdefault(_EXTENSION, {})[kind.name] = kind


def letter_types() -> dict[str, LetterType]:
    """Every kind that this program can write, by name."""
    found: dict[str, LetterType] = current_app.extensions.get(_EXTENSION, {})
    return found


def has_public_counts(kind: str) -> bool:
    """Whether the numbers of this kind may be shown; not those of a kind that this version does not know."""
    known = letter_types().get(kind)
    return known is not None and known.told


def public_staff_types() -> list[str]:
    """The names of the kinds that go to staff and whose numbers may be shown."""
    return [name for name, kind in letter_types().items() if kind.told and kind.to_staff]


def confidential_types() -> list[str]:
    """The names of the kinds whose numbers are told nowhere."""
    return [name for name, kind in letter_types().items() if not kind.told]
