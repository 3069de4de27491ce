"""What to do next after a refusal: one table from its code to a link and to words for a command.

The sentence of a refusal says what is wrong; a hint says where to go. A page shows the link, or
where there is no page for it, that an administrator can do it; a command prints its words after the
sentence. `{wave}` and the like come from what the refusal is about.
"""

from dataclasses import dataclass

from survey.kernel.errors import Refused, SeveralRefusals

BY_ADMINISTRATOR = "Your administrator can do this."


@dataclass(frozen=True, slots=True)
class Hint:
    """What to do next after a refusal: words for a command line, and a link for a page.

    `command` is printed after the sentence at a command line. `link` are the words of a link to the
    page `endpoint`, which takes the arguments named in `takes`. Without an endpoint a page says
    that an administrator can do it, unless `needs_nothing` says that the page already shows what is
    to be done.
    """

    command: str = ""
    link: str = ""
    endpoint: str = ""
    takes: tuple[str, ...] = ()
    needs_nothing: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A hint as a page shows it: words that link to `endpoint`, or words alone without one."""

    words: str
    endpoint: str = ""
    arguments: tuple[tuple[str, str], ...] = ()


# What to type next where nothing was refused; for commands and the lines of the timetable alone.
EXPORT_KEY = "candour keys export {wave} FILE"
FOLLOW_COUNTING = "candour waves status {wave}"
HAND_OVER = "candour ceremony export {wave} FILE"
RESUME_MAIL = "candour mail resume"
SEE_MAIL = "candour mail status"
TRY_MAIL = "candour mail test ADDRESS"
_BOTH_FILES = (
    "The sealed file is written by candour ceremony export, the opened one by candour cokey open."
)
_AS_IT_WAS = (
    "To put the surveys back as they were all the same, and lose {lost} answers: --as-it-was {lost}"
)
PUT_KEY_BACK = (
    "Put it back: candour keys import {wave} FILE. If it is gone for good: candour waves void"
    ' {wave} --reason "..."'
)

HINTS: dict[str, Hint] = {
    "audit-log-not-whole": Hint(
        command=(
            "If an older copy of the database was put back, record it: candour audit record-restore"
            ' FILE --reason "..."'
        ),
        needs_nothing=True,
    ),
    "ballots-missing": Hint(command="By: candour ceremony export {wave} FILE", needs_nothing=True),
    "ballots-of-other-wave": Hint(
        command="It is written by: candour cokey open", needs_nothing=True
    ),
    "ceremony-file-damaged": Hint(command=_BOTH_FILES, needs_nothing=True),
    "ceremony-file-foreign": Hint(command=_BOTH_FILES, needs_nothing=True),
    "ceremony-file-of-other-version": Hint(command=_BOTH_FILES, needs_nothing=True),
    "ceremony-file-without-key": Hint(command="It is written by: candour ceremony export"),
    "co-key-known": Hint(command="It is made by: candour cokey make FILE", needs_nothing=True),
    "co-key-unusable": Hint(command="It is made by: candour cokey make FILE", needs_nothing=True),
    "co-key-used": Hint(
        command=(
            "A fresh one is made by: candour cokey make FILE. "
            'Register it: candour cokey register "{holder}" KEY. '
            'Or open without it: candour cokey end "{holder}"'
        ),
    ),
    "columns-unknown": Hint(command="Map with --map FILE, or give the points: --scale 7."),
    "comments-of-others": Hint(
        command='An administrator names them: candour waves readers {wave} MAIL --reason "..."',
        link="Who reads them",
        endpoint="waves.readers",
        takes=("wave",),
    ),
    "copy-is-the-database": Hint(command="Name a file that candour backup wrote."),
    "copy-unreadable": Hint(command="It is written by: candour keys export"),
    "database-writes-down-who-answers": Hint(
        command="Change it, reload and open again: {settings}",
    ),
    "early-reason-missing": Hint(command='Say it with --early "REASON".', needs_nothing=True),
    "facts-not-confirmed": Hint(
        command='Set them: candour organisation set NAME --contact "Name <mail>" ...',
        link="Confirm the facts",
        endpoint="organisation.organisation",
    ),
    "file-did-not-come-along": Hint(link="Choose the file again", endpoint="people.preview"),
    "findings-not-shared": Hint(
        command="The page for it: /findings/{wave}",
        link="Share them",
        endpoint="findings.share_page",
        takes=("wave",),
    ),
    "fresh-key-opens-nothing": Hint(command="Check CANDOUR_KEY_DIR."),
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
    "key-damaged": Hint(command="The file: {file}"),
    "key-folder-not-writable": Hint(command="It is {folder}. Check CANDOUR_KEY_DIR."),
    "key-missing": Hint(command="The file: {file}"),
    "key-not-copied": Hint(command=PUT_KEY_BACK),
    "key-not-destroyed": Hint(command="The file: {file}"),
    "key-of-other-wave": Hint(command="The folder: {folder}"),
    "letters-not-written": Hint(),
    "no-bounce-mailbox": Hint(
        command=(
            "Set CANDOUR_BOUNCE_URL, or hand messages over: candour mail bounces FILE, or --stdin."
        ),
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
    "no-copy-of-a-database": Hint(command="Name a file that candour backup wrote."),
    "no-database": Hint(command="Make it: candour init"),
    "no-folder-of-copies": Hint(command="Or set one: CANDOUR_BACKUP_DIR"),
    "no-key-folder": Hint(command="Set CANDOUR_KEY_DIR to a folder outside the database's."),
    "no-reader-named": Hint(
        command='An administrator names them: candour waves readers {wave} MAIL --reason "..."',
        link="Who reads them",
        endpoint="waves.readers",
        takes=("wave",),
    ),
    "other-number-of-answers": Hint(command=_AS_IT_WAS),
    "port-taken": Hint(command="Choose another: --port"),
    "postgresql-has-own-tools": Hint(command="Run: {tool}"),
    "postgresql-restored-by-own-tools": Hint(
        command="Afterwards: candour restore FILE --by-hand. Run: {tool}"
    ),
    "public-key-unreadable": Hint(
        command="It is printed by: candour cokey make", needs_nothing=True
    ),
    "reader-gone": Hint(
        command="Name others: candour organisation set ... --comments-read-by MAIL[,MAIL]",
        link="Choose who reads comments",
        endpoint="organisation.organisation",
    ),
    "readers-unfit": Hint(command="See who may: candour users list", needs_nothing=True),
    "reason-missing": Hint(command='Say it with --reason "...".', needs_nothing=True),
    "removal-not-confirmed": Hint(
        command="If all of them have left: --remove-missing {number}", needs_nothing=True
    ),
    "reply-not-given": Hint(command="Give --file REPLY.txt --received DAY, or --none."),
    "restore-does-not-fit": Hint(command=_AS_IT_WAS),
    "restore-not-confirmed": Hint(command="To go on and keep what is newer: --yes"),
    "restore-of-other-installation": Hint(command=_AS_IT_WAS),
    "restore-would-mix": Hint(command=_AS_IT_WAS),
    "second-manager-needed": Hint(needs_nothing=True),
    "several-surveys": Hint(
        command="See: candour waves list", link="All waves", endpoint="console.dashboard"
    ),
    "survey-ended": Hint(
        command="Plan a new survey: candour surveys add",
        link="Plan a new survey",
        endpoint="launching.surveys",
    ),
    "survey-paused": Hint(
        command="Take it up first: candour surveys resume {survey}",
        link="Take the survey up again",
        endpoint="waves.change_survey",
        takes=("survey", "change"),
    ),
    "survey-paused-already": Hint(
        command="To take it up again: candour surveys resume {survey}",
        link="Take it up again",
        endpoint="waves.change_survey",
        takes=("survey", "change"),
    ),
    "too-many-co-keys": Hint(command="By: candour cokey end NAME", needs_nothing=True),
    "too-many-holidays": Hint(
        command="By: candour organisation holidays remove DATE",
        needs_nothing=True,
    ),
    "unknown-co-key": Hint(
        command="See: candour cokey list",
        link="The registered keys",
        endpoint="vault.cokey",
    ),
    "unknown-contact": Hint(link="All contacts", endpoint="providers.list_providers"),
    "unknown-holiday": Hint(
        command="See: candour organisation holidays list",
        link="The listed holidays",
        endpoint="waves.list_holidays",
    ),
    "unknown-person": Hint(link="All people", endpoint="people.list_people"),
    "unknown-proposal": Hint(
        command="See: candour people proposals",
        link="Addresses that wait",
        endpoint="invitations.proposals",
    ),
    "unknown-provider": Hint(link="All providers", endpoint="providers.list_providers"),
    "unknown-questionnaire": Hint(
        link="All questionnaires",
        endpoint="questionnaires.list_questionnaires",
    ),
    "unknown-survey": Hint(link="All surveys", endpoint="launching.surveys"),
    "unknown-user": Hint(command="See who may: candour users list", needs_nothing=True),
    "unknown-wave": Hint(
        command="See: candour waves list", link="All waves", endpoint="console.dashboard"
    ),
    "user-known": Hint(command="By: candour users role {email} {role}", needs_nothing=True),
    "wave-not-counted": Hint(link="How far it is", endpoint="console.progress", takes=("wave",)),
    "wave-not-open-yet": Hint(
        command="Open it first: candour waves open {wave}",
        link="Open it",
        endpoint="launching.open_by_hand",
        takes=("wave",),
    ),
    "wave-not-planned": Hint(
        command="See: candour waves list",
        link="All waves",
        endpoint="console.dashboard",
    ),
    "wave-open-already": Hint(
        command=(
            'Close it early: candour waves close {wave} --early "REASON". '
            'Give it up unread: candour waves void {wave} --reason "REASON".'
        ),
        link="Close it early",
        endpoint="counting.close_by_hand",
        takes=("wave",),
    ),
    "wave-opened-already": Hint(
        command="See: candour waves list",
        link="See the wave",
        endpoint="console.results",
        takes=("wave",),
    ),
    "wave-still-open": Hint(
        command="Close it: candour waves close {wave}",
        link="Close it early",
        endpoint="counting.close_by_hand",
        takes=("wave",),
    ),
    "wave-yet-to-be-asked": Hint(command="Give --survey, --opened and --closed."),
}


def words_for_command(refused: Refused) -> str:
    """The refusal's sentence, and after it the hint for the command line if there is one.

    >>> words_for_command(Refused("unknown-wave", "There is no wave 'x'."))
    "There is no wave 'x'. See: candour waves list"
    """
    return f"{refused.sentence} {hint_for_command(refused)}".rstrip()


def hint_for_command(refused: Refused) -> str:
    """What to type next after this refusal, without its sentence; empty where there is no hint."""
    hint = HINTS.get(refused.code)
    return _filled(hint.command, refused) if hint else ""


def details_for_command(refused: Refused) -> tuple[str, ...]:
    """The further lines of a refusal for the command line; of several, each with its hint.

    >>> cause = Refused("unknown-wave", "There is no wave 'x'.")
    >>> details_for_command(SeveralRefusals("Not now.", (cause,)))
    ("There is no wave 'x'. See: candour waves list",)
    """
    if not isinstance(refused, SeveralRefusals):
        return refused.details
    lines: list[str] = []
    for cause in refused.causes:
        lines += (words_for_command(cause), *(f"  {line}" for line in cause.details))
    return tuple(lines)


def link_for_page(refused: Refused) -> Link | None:
    """The hint that a page shows after this refusal; None where its sentence is enough.

    Where no page can help, the hint is words without a link: an administrator can do it.
    """
    hint = HINTS.get(refused.code)
    if hint is None or hint.needs_nothing:
        return None
    if not hint.endpoint:
        return Link(BY_ADMINISTRATOR)
    return Link(hint.link, hint.endpoint, tuple((name, refused.about[name]) for name in hint.takes))


def _filled(words: str, refused: Refused) -> str:
    """The words with each `{name}` replaced by the value in the refusal's `about`."""
    for name, value in refused.about.items():
        words = words.replace(f"{{{name}}}", value)
    return words
