"""Refusals: a code for programs, a sentence for people, and no word of where it will be read.

The same refusal is printed by a command, shown on a page and given to programs; what to click or to
type next is a hint that each of them adds from one table (`survey.kernel.hints`).
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class Refused(Exception):
    """Raised when a request is turned down; nothing has been changed then.

    `code` is stable, in words joined by hyphens; programs may rely on it. `sentence` says to a
    person what is wrong and what would be right, without naming a command, an option or a page.
    `details` holds one line per fault, where there are several. `about` names what the hint to this
    code needs, such as `wave="it-support-2027-q1"`.
    """

    def __init__(
        self, code: str, sentence: str, *, details: tuple[str, ...] = (), **about: str
    ) -> None:
        """Raises `ValueError` if `code` is not lower-case words joined by hyphens."""
        if not _CODE.fullmatch(code):
            raise ValueError(
                f"{code!r} is no code: write words joined by hyphens, and the sentence after it"
            )
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.details = details
        self.about = about


class SeveralRefusals(Refused):
    """Raised when a request is turned down for several reasons at once; `causes` are all of them.

    A page and a command show each with its own hint; `details` are their sentences alone.
    """

    def __init__(self, sentence: str, causes: tuple[Refused, ...]) -> None:
        details = tuple(line for cause in causes for line in (cause.sentence, *cause.details))
        super().__init__("several-reasons", sentence, details=details)
        self.causes = causes


class NotAllowed(Refused):
    """Raised when somebody is signed in and may still not do or see this: 403 on a page."""


class NotFound(Refused):
    """Raised when something does not exist: 404 on a page, exit code 1 at a command.

    `what` is the word for the thing, such as "wave"; the code is then `unknown-wave`.
    """

    def __init__(self, what: str, sentence: str, **about: str) -> None:
        super().__init__(f"unknown-{what.replace(' ', '-')}", sentence, details=(), **about)
        self.what = what


def pack_refusal(refused: Refused) -> dict[str, Any]:
    """A refusal as JSON can hold it, for another process; `unpack_refusal` makes it again."""
    return {
        "code": refused.code,
        "sentence": refused.sentence,
        "details": list(refused.details),
        "about": refused.about,
        "what": refused.what if isinstance(refused, NotFound) else None,
    }


def unpack_refusal(packed: Mapping[str, Any]) -> Refused:
    """The refusal that `pack_refusal` packed."""
    if packed["what"] is not None:
        return NotFound(packed["what"], packed["sentence"], **packed["about"])
    details = tuple(packed["details"])
    return Refused(packed["code"], packed["sentence"], details=details, **packed["about"])


@contextmanager
def refuse_on_ctrl_c(sentence: str, *, again: str = "") -> Iterator[None]:
    """Runs a block; Ctrl-C in it raises `Refused` (code `interrupted`) with this sentence.

    The sentence says what has happened so far; `again` are the words for the command line that say
    how to go on.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise Refused("interrupted", sentence, again=again) from None
