"""Which passwords are too easy: short ones, and those made of what is tried first.

The words that are tried first are common ones and those that anybody here knows: the names of the
organisation, its provider and its surveys, the product's, the host's, and the person's own.
"""

import re
import unicodedata
from collections.abc import Iterable

SHORTEST_PASSWORD, LONGEST_PASSWORD = 15, 256
_FEWEST_UNGUESSED = 6  # so many characters must remain when common words and runs are taken out
_FEWEST_BESIDE_NAMES = 12  # and so many where a name that anybody here knows was taken out as well
_SHORTEST_NAME = 3  # shorter parts of a name, such as IT, are found as words of their own only
# Characters that are typed for one another become one of them, in passwords and in words.
_LOOK_ALIKE = str.maketrans("013456789@$!|l+2", "oieasgtbgasiiitz")
_COMMON = """
administrator admin candour changeme company default feedback football baseball dragon friday
january february march april june july august september october november december iloveyou letmein
login london manager master michael monday monkey mustang office password passwort passwd princess
qazwsx secret shadow spring summer autumn winter sunday sunshine survey superman superuser
temporary test thursday trustno tuesday wednesday saturday welcome whatever ihateyou abc hello
access correct horse battery staple the and for you are this that account helpdesk desk support
service provider server network system team user staff employee vendor contract managed security
email mail internet computer laptop windows microsoft google root guest sign ltd limited gmbh inc
group corp sommer herbst winter firma hallo geheim kennwort willkommen
""".split()  # noqa: SIM905 - a list of words reads best as text
_RUNS = (
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "yxcvbnm",
    "1234567890",
)
_DATES = re.compile(r"(?:19|20)\d\d|(?<!\d)\d\d?[./-]\d\d?[./-](?:\d\d){0,2}")


def password_fault(password: str, email: str, names: Iterable[str] = ()) -> str | None:
    """What is wrong with a new password (length, too easy), as a sentence; None if nothing.

    Only length and easy guesses count (NIST SP 800-63B 3.1.1). `email` is the account's own address
    and `names` are those that anybody here knows: a password is refused when too little remains
    once these, common words, years, runs of the keyboard and repetitions are taken out, however
    they are spelled.
    """
    if len(password) < SHORTEST_PASSWORD:
        return (
            f"Use at least {SHORTEST_PASSWORD} characters. Four or five words that do not belong"
            " together are easy to remember."
        )
    if len(password) > LONGEST_PASSWORD:
        return f"Use at most {LONGEST_PASSWORD} characters."
    plain, words = _plain(password), _words_of([email, *names])
    if any(_is_easy(_folded(reading), words) for reading in (plain, re.sub(r"[\W_]+", "", plain))):
        return (
            "This password is among the first that are tried: too little of it remains without"
            " common words, years, and names that everybody here knows. Use four or five words that"
            " do not belong together."
        )
    return None


def _is_easy(folded: str, names: set[str]) -> bool:
    """Whether too little of a folded password remains without these names and common words.

    More must remain beside a name, which is what those who know its owner begin with.
    """
    remaining = _without(folded, names | {name[::-1] for name in names})
    unguessed = _without_common_words(remaining)
    if len(set(unguessed)) < _FEWEST_UNGUESSED:
        return True
    return remaining != folded and len(unguessed) < _FEWEST_BESIDE_NAMES


def _plain(password: str) -> str:
    """The password in small letters without accents, years, dates and keyboard runs."""
    return _without_runs(_DATES.sub(" ", _small_letters(password)))


def _small_letters(text: str) -> str:
    """The text in small letters without accents."""
    decomposed = unicodedata.normalize("NFKD", text).lower()
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def _folded(text: str) -> str:
    """The text with look-alike characters made one, and with none but letters and digits.

    A letter typed several times in a row counts once.
    """
    folded = re.sub(r"[\W_]+", "", text.translate(_LOOK_ALIKE))
    return re.sub(r"(.)\1+", r"\1", folded)


def _words_of(names: Iterable[str]) -> set[str]:
    """The names and their parts, folded; a short part is kept only within its whole name."""
    words: set[str] = set()
    for name in names:
        parts = [part for part in re.split(r"[\W_]+", _small_letters(name)) if part]
        words |= {_folded("".join(parts)), *(_folded(part) for part in parts)}
    return {word for word in words if len(word) >= _SHORTEST_NAME}


def _without(text: str, words: Iterable[str]) -> str:
    """The text with one space in place of each of these words; the longest are taken first."""
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, " ")
    return text


def _without_common_words(folded: str) -> str:
    """What remains of a folded text without common words and repetitions."""
    text = _without(folded, {_folded(word) for word in _COMMON}).replace(" ", "")
    return re.sub(r"(.{1,8}?)\1+", r"\1", text)


def _without_runs(text: str) -> str:
    """The text with each run along a row of keys or the alphabet replaced by one space.

    A run has four characters or more, in either direction.
    """
    pairs = _neighbouring_keys()
    kept: list[str] = []
    run = ""
    for character in text:
        if run and run[-1] + character in pairs:
            run += character
            continue
        kept.append(_unless_long(run))
        run = character
    kept.append(_unless_long(run))
    return "".join(kept)


def _neighbouring_keys() -> set[str]:
    """All pairs of characters that follow each other in `_RUNS`, in either direction."""
    rows = [row for run in _RUNS for row in (run, run[::-1])]
    return {row[start : start + 2] for row in rows for start in range(len(row) - 1)}


def _unless_long(run: str) -> str:
    """The run where it has fewer than four characters, else one space."""
    return run if len(run) < 4 else " "
