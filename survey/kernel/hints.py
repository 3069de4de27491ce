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
    "columns-unknown": Hint(command="Map with --map FILE, or give the points: --scale 7."),
    "file-did-not-come-along": Hint(link="Choose the file again", endpoint="people.preview"),
    "findings-not-shared": Hint(
        command="The page for it: /findings/{wave}",
        link="Share them",
        endpoint="findings.share_page",
        takes=("wave",),
    ),
    "history-without-dates": Hint(
        command="Add: --survey NAME --opened YYYY-MM-DD --closed YYYY-MM-DD",
    ),
    "import-just-begun": Hint(link="How far it is", endpoint="people.list_people"),
    "import-stopped": Hint(command="Or go on with: candour tick"),
    "import-under-way": Hint(
        command="If its process was ended, import the same file once more or run: candour tick",
        link="How far it is",
        endpoint="people.list_people",
    ),
    "interrupted": Hint(command="{again}", needs_nothing=True),
    "no-bounce-mailbox": Hint(
        command="Set CANDOUR_BOUNCE_URL, or hand messages over: candour mail bounces FILE, or --stdin.",
    ),
    "no-comments-released": Hint(
        command="The page for it: /findings/{wave}/comments",
        link="Review the comments",
        endpoint="comments.comments",
        takes=("wave",),
    ),
    "no-contacts": Hint(
        command='Add one: candour providers add "{provider}" --contact "Name <mail>"',
        link="Add one",
        endpoint="providers.list_providers",
    ),
    "reply-not-given": Hint(command="Give --file REPLY.txt --received DAY, or --none."),
    "several-surveys": Hint(command="See: candour waves list", link="All waves", endpoint="console.dashboard"),
    "unknown-contact": Hint(link="All contacts", endpoint="providers.list_providers"),
    "unknown-person": Hint(link="All people", endpoint="people.list_people"),
    "unknown-provider": Hint(link="All providers", endpoint="providers.list_providers"),
    "unknown-questionnaire": Hint(
        link="All questionnaires",
        endpoint="questionnaires.list_questionnaires",
    ),
    "unknown-user": Hint(command="See who may: candour users list", needs_nothing=True),
    "unknown-wave": Hint(command="See: candour waves list", link="All waves", endpoint="console.dashboard"),
    "wave-not-counted": Hint(link="How far it is", endpoint="console.progress", takes=("wave",)),
    "wave-yet-to-be-asked": Hint(command="Give --survey, --opened and --closed."),
}


def words_for_command(refused: Refused) -> str:
    """The refusal's sentence, with what to type next.

    >>> words_for_command(Refused("unknown-wave", "There is no wave 'x'."))
    "There is no wave 'x'. See: candour waves list"
    """
    hint = HINTS.get(refused.code)
    words = _filled(hint.command, refused) if hint else ""
    return f"{refused.sentence} {words}".rstrip()


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
