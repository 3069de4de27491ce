"""Letter types: how urgent a letter is, whether its counts are public, and who writes it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from flask import Flask, current_app

from survey.mail.rules.letter import Letter, LetterId

ALARM = "alarm"  # the one letter type that a pause of its wave does not hold up
_EXTENSION = "candour_mail"


@dataclass(frozen=True, slots=True)
class QueuedLetter:
    """What a writer gets: a letter in the outbox that is about to be written."""

    id: LetterId
    kind: str
    wave: str
    recipient: str
    letter_version: int
    attempts: int


class NotNow(Exception):
    """Raised by a writer: the letter goes back to wait 30 seconds; no attempt is counted."""


@dataclass(frozen=True, slots=True)
class PreparedLetter:
    """A written letter, and the function to call in the commit before it is handed over.

    `store` says whether the letter is still due, and stores what must be stored with it.
    """

    letter: Letter
    store: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class LetterType:
    """One type of letter: its urgency, retries, confidentiality, and who writes it.

    Each room registers those that it writes.

    priority: letters with a lower number leave first.
    is_sent_again: whether a letter of which nobody knows whether it arrived is sent once more.
    write: writes one letter; gives None for one that is not due any more.
    has_public_counts: whether the counts may be shown. Where they would say who has answered,
        they are confidential: shown nowhere, and the rows are deleted when the wave is counted.
    goes_to_staff: a letter to staff that was not due any more is counted as sent in everything
        that people see, for nobody may know why it was not due.
    keeps_totals: whether totals of confidential letters stay once their wave has been counted.
    lasts_for: a letter that has not left after this time is given up; without it, `write` says
        when a letter is not due any more.
    read: reads and stores at once what a batch of letters needs, and gives a `write` for them.
    """

    name: str
    priority: int
    is_sent_again: bool
    write: "Writer | None" = None
    has_public_counts: bool = True
    goes_to_staff: bool = True
    keeps_totals: bool = False
    lasts_for: timedelta | None = None
    read: "Reader | None" = None

    def writer(self, letters: Sequence[QueuedLetter]) -> "Writer":
        """The function that writes these letters: what `read` gives for them, or `write`.

        `read` reads and may store what the whole batch needs.
        """
        write = self.read(letters) if self.read else self.write
        assert write, f"nobody writes letters of the kind {self.name!r}"
        return write


Writer = Callable[[QueuedLetter], PreparedLetter | None]
Reader = Callable[[Sequence[QueuedLetter]], Writer]


def register_letter_type(app: Flask, letter_type: LetterType) -> None:
    """Registers a letter type in this app, by its name; replaces one of the same name."""
    app.extensions.setdefault(_EXTENSION, {})[letter_type.name] = letter_type


def letter_types() -> dict[str, LetterType]:
    """Every letter type registered in the current app, by name."""
    by_name: dict[str, LetterType] = current_app.extensions.get(_EXTENSION, {})
    return by_name


def has_public_counts(letter_type: str) -> bool:
    """Whether the counts of this letter type may be shown; False for an unknown type."""
    known_type = letter_types().get(letter_type)
    return known_type is not None and known_type.has_public_counts


def public_staff_types() -> list[str]:
    """The names of the letter types that go to staff and whose counts may be shown."""
    return [
        name
        for name, letter_type in letter_types().items()
        if letter_type.has_public_counts and letter_type.goes_to_staff
    ]


def confidential_types() -> list[str]:
    """The names of the letter types whose counts are confidential: they are shown nowhere."""
    return [
        name for name, letter_type in letter_types().items() if not letter_type.has_public_counts
    ]
