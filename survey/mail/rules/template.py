"""A letter written once for many people.

What differs from person to person stands in slots, which are filled as each part needs it.
"""

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from markupsafe import escape

from survey.mail.rules.letter import Letter

_NAME = re.compile(r"[a-z_]+")


class Marks:
    """Random placeholder words for the slots of a letter; refuses slot names not in a-z and _.

    Nobody can guess such a word, so that no value can be taken for a slot. It is in the letter
    while the letter is written.
    """

    def __init__(self, *names: str) -> None:
        if not all(_NAME.fullmatch(name) for name in names):
            raise ValueError("a slot is named in small letters")
        self._names = frozenset(names)
        self._nonce = f"slot{secrets.token_hex(8)}"

    def __getitem__(self, name: str) -> str:
        """The placeholder word for one slot; KeyError for an unknown slot.

        It passes unchanged through templates, HTML and folding.
        """
        if name not in self._names:
            raise KeyError(name)
        return f"{self._nonce}{name}x{self._nonce}"

    @property
    def names(self) -> frozenset[str]:
        """The names of all slots."""
        return self._names

    def cut(self, text: str) -> "Part":
        """Cuts a text at its placeholder words into fixed texts and slots."""
        pieces = re.split(f"{self._nonce}([a-z_]+)x{self._nonce}", text)
        return Part(tuple(pieces[::2]), tuple(pieces[1::2]))


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a template: fixed texts, with one slot between each two of them."""

    fixed: tuple[str, ...]
    slots: tuple[str, ...]

    def fill(self, values: Mapping[str, str]) -> str:
        """The text of the part with these values in its slots; the values are not escaped."""
        filled = [self.fixed[0]]
        for slot, text in zip(self.slots, self.fixed[1:], strict=True):
            filled += (values[slot], text)
        return "".join(filled)


@dataclass(frozen=True, slots=True)
class Template:
    """A letter to many people: written, styled and cut at its slots once, then only filled.

    Encoding for the wire comes after filling.
    """

    names: frozenset[str]
    subject: Part
    text: Part
    html: Part
    reply_to: str | None
    headers: tuple[tuple[str, Part], ...]

    @classmethod
    def of(
        cls,
        marks: Marks,
        *,
        subject: str,
        text: str,
        html: str,
        reply_to: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> "Template":
        """The template from a letter whose slots are written as the words of `marks`."""
        return cls(
            names=marks.names,
            subject=marks.cut(subject),
            text=marks.cut(text),
            html=marks.cut(html),
            reply_to=reply_to,
            headers=tuple((name, marks.cut(value)) for name, value in headers),
        )

    def fill(self, to_name: str, to_address: str, values: Mapping[str, str]) -> Letter:
        """One person's letter: values are escaped in the HTML part, unchanged elsewhere.

        Refuses as `Letter` does. A value that is missing, unknown, or not one printable line is a
        mistake of the caller's, and raises ValueError.
        """
        if values.keys() != self.names:
            slots, given = ", ".join(sorted(self.names)), ", ".join(sorted(values))
            raise ValueError(f"the slots are {slots}; given were {given}")
        if not all(map(str.isprintable, values.values())):
            raise ValueError("what fills a slot is one printable line")
        escaped_values = {name: str(escape(value)) for name, value in values.items()}
        return Letter(
            to_name=to_name,
            to_address=to_address,
            subject=self.subject.fill(values),
            text=self.text.fill(values),
            html=self.html.fill(escaped_values),
            reply_to=self.reply_to,
            headers=tuple((name, part.fill(values)) for name, part in self.headers),
        )
