"""What to do next after a refusal: one table from its code to a link on a page and to words for a command line.

The sentence of a refusal says what is wrong; a hint says where to go. A page shows the link, or where there is no page for it, that an
administrator can do it; a command prints its words after the sentence. `{wave}` and the like come from what the refusal is about.
"""

from dataclasses import dataclass

from survey.kernel.errors import Refused

BY_ADMINISTRATOR = "Your administrator can do this."


@dataclass(frozen=True, slots=True)
class Hint:
    """What may follow a refusal.

    `link` are the words of a link to the page `endpoint`, which takes the arguments named in `takes`. Without an endpoint a page says
    that an administrator can do it, unless `needs_nothing` says that what is to be done stands on the page already.
    `command` is printed after the sentence at a command line.
    """

    command: str = ""
    link: str = ""
    endpoint: str = ""
    takes: tuple[str, ...] = ()
    needs_nothing: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A hint on a page: words, and the page that they lead to with its arguments; without a page only the words."""

    words: str
    endpoint: str = ""
    arguments: tuple[tuple[str, str], ...] = ()


HINTS: dict[str, Hint] = {
    "several-surveys": Hint(command="See: candour waves list", link="All waves", endpoint="console.dashboard"),
    "unknown-wave": Hint(command="See: candour waves list", link="All waves", endpoint="console.dashboard"),
}


def words_for_command(refused: Refused) -> str:
    """The refusal's sentence, with what to type next.

    >>> words_for_command(Refused("unknown-wave", "There is no wave 'x'."))
    "There is no wave 'x'. See: candour waves list"
    """
    hint = HINTS.get(refused.code)
    return f"{refused.sentence} {_filled(hint.command, refused)}" if hint and hint.command else refused.sentence


def link_for_page(refused: Refused) -> Link | None:
    """Where a page leads to after this refusal; None where nothing needs to follow its sentence."""
    hint = HINTS.get(refused.code)
    if hint is None or hint.needs_nothing:
        return None
    if not hint.endpoint:
        return Link(BY_ADMINISTRATOR)
    return Link(hint.link, hint.endpoint, tuple((name, refused.about[name]) for name in hint.takes))


def _filled(words: str, refused: Refused) -> str:
    for name, value in refused.about.items():
        words = words.replace(f"{{{name}}}", value)
    return words
