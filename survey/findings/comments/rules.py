"""What a comment is warned about before it is released, and what a redaction may change.

A redaction may change nothing but words into `[...]`. A warning helps a reader and replaces none:
style and facts can tell who wrote. Words are looked for in English; names, addresses, numbers and
dates in digits in any language.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from unicodedata import combining, normalize

from survey.kernel.errors import Refused

TAKEN_OUT = "[...]"
# Why a piece of a comment is warned about.
NAME = "the name of a colleague"
COLLEAGUES_ADDRESS = "the mail address of a colleague"
ADDRESS = "a mail address"
TITLE = "a person with a title"
TICKET = "a ticket number"
PHONE = "a telephone number"
DATE = "a date"
ONLY_ONE = "words that point at one person"

# What comes before the @ and could be nothing but a login: `ada.berg`, `aberg7`.
_LOGIN = re.compile(r"(?=.{4})[a-z]+[._-][a-z0-9._-]+|[a-z]+\d+")
_SHORT_NAME = 2  # letters
# Names that are everyday words too: only with a capital are they taken for a name.
_EVERYDAY_WORDS = frozenset(
    """
    art best bill black brown carol case chance chase dale dean drew faith frank gene good grace
    grant green hand hill hope house iris jack king lane long major mark miles nick page park penny
    price rich rob rose rush sharp short sue ward wade wells west white will wise wood work young
    april august summer van von der den del dos las los ten
    """.split()  # noqa: SIM905 - a list of words reads best as text
)
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_NTH = r"\d{1,2}(?:st|nd|rd|th)?"
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_MAIL = re.compile(r"[^\s@<>()\[\],;:\"]+@[^\s@<>()\[\],;:\"]+\.\w{2,}")
_LOGIN_LIKE = re.compile(r"[\w.-]*[\w-]")
_NAME_GAP = re.compile(r"[\s-]{1,2}")  # between two words of one name
_PATTERNS = (
    (
        TICKET,
        re.compile(
            r"(?i:\b(?:INC|REQ|RITM|CHG|PRB|TASK|SCTASK|CS|SR|TKT|HD)[-_ #:]{0,2}\d{2,}\b)"
            r"|\b[A-Z][A-Z0-9]{1,9}-\d{2,}\b"
            r"|#\s?\d{2,}\b"
            r"|(?i:\b(?:ticket|case|incident|request|reference|ref)s?\.?\s{0,2}"
            r"(?:number|no|nr|id)?\.?\s{0,2}[#:]?\s{0,2}[A-Z]{0,6}-?\d{2,}\b)"
        ),
    ),
    (
        DATE,
        re.compile(
            r"\b\d{4}-\d\d?-\d\d?\b"
            r"|\b\d{1,2}\s?[./-]\s?\d{1,2}\s?[./-]\s?(?:\d{4}|\d\d)\b"
            r"|\b\d{1,2}\.\d{1,2}\.(?!\d)"
            rf"|\b{_NTH}\s(?:of\s)?{_MONTH}\b(?:,?\s\d{{4}}\b)?"
            rf"|\b{_MONTH}\.?\s(?:the\s)?{_NTH}\b(?:,?\s\d{{4}}\b)?"
            rf"|\b{_MONTH}\.?\s\d{{4}}\b"
            rf"|\b(?:in|since|last|until|before|after)\s{_MONTH}\b"
            r"|\bon\sthe\s\d{1,2}(?:st|nd|rd|th)\b"
            rf"|\b(?:on|last|this|since|until)\s{_DAY}\b"
            r"|\byesterday\b",
            re.IGNORECASE,
        ),
    ),
    (
        PHONE,
        re.compile(
            r"(?<![\w.])(?:\+|\(?0|\(?\d)(?:[\s()./-]{0,2}\d){6,15}(?!\w)"
            r"|(?i:\b(?:ext(?:ension)?\.?|tel\.?|phone)[\s:]{0,2}\+?\d{2,}\b)"
        ),
    ),
    (
        TITLE,
        re.compile(
            r"\b(?:[Mm]r|[Mm]rs|[Mm]s|[Mm]iss|[Mm]x|[Dd]r|[Pp]rof|[Pp]rofessor"
            r"|Herr|Frau|Madame|Mme|Monsieur|Señora?)\b\.?\s+[^\W\d_]+"
        ),
    ),
    (
        ONLY_ONE,
        re.compile(
            r"\b(?:as|being|since|because|i\s?am|i['’]?m|i\s?was|we\s?are|we['’]re|she\s?is|he\s?is)"
            r"\s+the\s+(?:only|sole)\b(?:\s\w+)?"
            r"|\bthe\s+only\s+(?:one|person|woman|man|colleague|employee|member|user|manager"
            r"|developer|apprentice|trainee|team)\b"
            r"|\b(?:only|just)\s+me\b"
            r"|\bi\s+alone\b"
            r"|\b(?:nobody|no\s+one)\s+else\b"
            r"|\bas\s+the\s+(?:new|newest|oldest|youngest|longest)\b",
            re.IGNORECASE,
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class KnownNames:
    """Colleagues' names, mail addresses and logins, which a comment must not give away.

    `words` are the words of everybody's names (without accents), `addresses` their mail addresses,
    and `logins` what comes before the @ where it looks like a login; all without capitals.
    """

    words: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    logins: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TextWarning:
    """A piece of a comment (from `start`, up to `end`) to read again before release, and why."""

    start: int
    end: int
    why: str


def known_names(names: Iterable[str], addresses: Iterable[str]) -> KnownNames:
    """The words of names, the addresses and the logins to look for in comments.

    All are without capitals. Each word of a name is looked for by itself and without accents; a
    single letter is not looked for. A login is what comes before the @ where it looks like one.
    """
    words = {without_accents(word) for name in names for word in _WORD.findall(name)}
    folded_addresses = {address.casefold() for address in addresses}
    local_parts = {address.partition("@")[0] for address in folded_addresses}
    return KnownNames(
        words=frozenset(word for word in words if len(word) > 1),
        addresses=frozenset(folded_addresses),
        logins=frozenset(part for part in local_parts if _LOGIN.fullmatch(part)),
    )


def without_accents(word: str) -> str:
    """A word in small letters, without accents and with a straight apostrophe.

    >>> without_accents("Müller"), without_accents("O’Brien")
    ('muller', "o'brien")
    """
    decomposed = normalize("NFKD", word.casefold())
    letters = "".join(character for character in decomposed if not combining(character))
    return letters.replace("’", "'")


def find_warnings(text: str, known: KnownNames) -> tuple[TextWarning, ...]:
    """The pieces of a comment that may tell who is meant: names, addresses, numbers, dates.

    They are what to look at twice before a comment is released, from left to right. No two are on
    the same words: of those that overlap one remains, with the reasons of all.

    >>> text, known = "Ask Ada Berg, INC0012345", known_names(["Ada Berg"], [])
    >>> [text[warning.start : warning.end] for warning in find_warnings(text, known)]
    ['Ada Berg', 'INC0012345']
    """
    candidates = (
        *_find_addresses(text, known),
        *_find_names(text, known),
        *_find_patterns(text),
    )
    return _join_overlapping(_drop_covered(candidates))


def cut_at_warnings(text: str, warnings: Iterable[TextWarning]) -> tuple[tuple[str, str], ...]:
    """The whole text as pieces, each with the reason for its warning or an empty string.

    >>> cut_at_warnings("Ask Ada", [TextWarning(4, 7, NAME)])
    (('Ask ', ''), ('Ada', 'the name of a colleague'))
    """
    pieces = []
    end = 0
    for warning in warnings:
        pieces.append((text[end : warning.start], ""))
        pieces.append((text[warning.start : warning.end], warning.why))
        end = warning.end
    pieces.append((text[end:], ""))
    return tuple((piece, why) for piece, why in pieces if piece)


def is_unchanged(original: str, offered: str) -> bool:
    """Whether two texts are equal apart from how their line ends are written.

    A browser rewrites the line ends of a text that goes through it.
    """
    return _with_plain_newlines(original) == _with_plain_newlines(offered)


def check_redaction(original: str, offered: str) -> str:
    """The redacted text with plain line ends; refuses changes other than words made `[...]`.

    Refuses what is not the original with parts replaced by `[...]`, an unchanged text, and one of
    which nothing would be left.
    """
    if fault := redaction_fault(original, offered):
        raise Refused("redaction-unfit", fault)
    return _with_plain_newlines(offered)


def redaction_fault(original: str, offered: str) -> str | None:
    """Why a text is no redaction of the comment, as a sentence for the manager; None if it is.

    It must be the original with parts replaced by `[...]`, each of at least one character, and some
    words must be left.

    >>> redaction_fault("Ask Ada in IT", "Ask [...] in IT") is None
    True
    >>> redaction_fault("Ask Ada in IT", "Ask [...] in the IT").partition(". ")[0]
    'Only words may be taken out, each replaced by [...]'
    """
    original, offered = _with_plain_newlines(original), _with_plain_newlines(offered)
    if offered == original:
        return (
            f"Nothing was taken out. Write {TAKEN_OUT} in place of the words that must not leave,"
            " or release the comment as it is."
        )
    kept_parts = offered.split(TAKEN_OUT)
    if not _is_made_of(original, kept_parts):
        return (
            f"Only words may be taken out, each replaced by {TAKEN_OUT}. Everything else must stay"
            " exactly as it was written."
        )
    if not "".join(kept_parts).strip(" \n\t.,;:!?-–—"):
        return "Nothing would be left of this comment. Hold it back instead."
    return None


def _is_made_of(original: str, kept_parts: list[str]) -> bool:
    """Whether the original is these parts in order, with at least one character between any two.

    The first part is at its beginning and the last at its end. A single part is not enough.
    """
    first, *rest = kept_parts
    if not rest or not original.startswith(first):
        return False
    *middle, last = rest
    end = len(first)
    for part in middle:
        start = original.find(part, end + 1)
        if start < 0:
            return False
        end = start + len(part)
    start_of_last = len(original) - len(last)
    return start_of_last > end and original.endswith(last)


def _find_addresses(text: str, known: KnownNames) -> list[TextWarning]:
    """Warnings on mail addresses, and on colleagues' logins (what comes before their @)."""
    warnings = []
    for match in _MAIL.finditer(text):
        address = match[0].rstrip(".")
        is_of_colleague = address.casefold() in known.addresses
        why = COLLEAGUES_ADDRESS if is_of_colleague else ADDRESS
        warnings.append(TextWarning(match.start(), match.start() + len(address), why))
    warnings += [
        TextWarning(match.start(), match.end(), COLLEAGUES_ADDRESS)
        for match in _LOGIN_LIKE.finditer(text)
        if match[0].casefold() in known.logins
    ]
    return warnings


def _find_names(text: str, known: KnownNames) -> list[TextWarning]:
    """Warnings on words of colleagues' names; neighbouring words make one warning."""
    warnings: list[TextWarning] = []
    for match in _WORD.finditer(text):
        end = match.end()
        is_genitive = match[0].endswith(("'s", "’s"))
        if is_genitive and not _is_name(match[0], known):
            end -= 2
        if not _is_name(text[match.start() : end], known):
            continue
        if warnings and _NAME_GAP.fullmatch(text[warnings[-1].end : match.start()]):
            warnings[-1] = TextWarning(warnings[-1].start, end, NAME)
        else:
            warnings.append(TextWarning(match.start(), end, NAME))
    return warnings


def _is_name(word: str, known: KnownNames) -> bool:
    """Whether a word is part of a colleague's name; short and everyday words need a capital.

    Short words have at most two letters. Words in scripts without capitals need none.
    """
    folded = without_accents(word)
    if folded not in known.words:
        return False
    is_small = word[:1] != word[:1].upper()  # letters that know no capitals are never small
    needs_capital = len(folded) <= _SHORT_NAME or folded in _EVERYDAY_WORDS
    return not (is_small and needs_capital)


def _find_patterns(text: str) -> list[TextWarning]:
    """Warnings on tickets, dates, telephone numbers, titles and words that point at one person."""
    return [
        TextWarning(match.start(), match.end(), why)
        for why, pattern in _PATTERNS
        for match in pattern.finditer(text)
    ]


def _drop_covered(warnings: Iterable[TextWarning]) -> list[TextWarning]:
    """The warnings without those that lie wholly inside one that is earlier in the list."""
    kept: list[TextWarning] = []
    for warning in warnings:
        is_covered = any(
            other.start <= warning.start and warning.end <= other.end for other in kept
        )
        if not is_covered:
            kept.append(warning)
    return kept


def _join_overlapping(warnings: Iterable[TextWarning]) -> tuple[TextWarning, ...]:
    """The warnings from left to right, overlapping ones joined into one with all their reasons."""
    joined: list[TextWarning] = []
    for warning in sorted(warnings, key=lambda warning: warning.start):
        previous = joined[-1] if joined else None
        if previous is None or warning.start >= previous.end:
            joined.append(warning)
            continue
        why = previous.why
        if warning.why not in why:
            why = f"{why}, {warning.why}"
        joined[-1] = TextWarning(previous.start, max(previous.end, warning.end), why)
    return tuple(joined)


def _with_plain_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
