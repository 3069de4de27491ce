"""What a comment is warned about before it is released, and what a redaction may change: nothing but words into `[...]`.

A warning helps a reader and replaces none: style and facts can tell who wrote. Words are looked for in English; names, addresses,
numbers and dates in digits in any language.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from unicodedata import combining, normalize

from survey.kernel.errors import Refused

TAKEN_OUT = "[...]"
NAME, COLLEAGUES_ADDRESS, ADDRESS = (
    "the name of a colleague",
    "the mail address of a colleague",
    "a mail address",
)
TITLE, TICKET, PHONE, DATE = (
    "a person with a title",
    "a ticket number",
    "a telephone number",
    "a date",
)
ONLY_ONE = "words that point at one person"
_LOGIN = re.compile(r"(?=.{4})[a-z]+[._-][a-z0-9._-]+|[a-z]+\d+")
_SHORT = 2
# Names that are everyday words too: only with a capital are they taken for a name.
_EVERYDAY = frozenset(
    """
    art best bill black brown carol case chance chase dale dean drew faith frank gene good grace grant green hand hill hope house iris
    jack king lane long major mark miles nick page park penny price rich rob rose rush sharp short sue ward wade wells west white will
    wise wood work young april august summer van von der den del dos las los ten
    """.split()  # noqa: SIM905 - a list of words reads best as text
)
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_NTH = r"\d{1,2}(?:st|nd|rd|th)?"
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_MAIL = re.compile(r"[^\s@<>()\[\],;:\"]+@[^\s@<>()\[\],;:\"]+\.\w{2,}")
_PATTERNS = (
    (
        TICKET,
        re.compile(
            r"(?i:\b(?:INC|REQ|RITM|CHG|PRB|TASK|SCTASK|CS|SR|TKT|HD)[-_ #:]{0,2}\d{2,}\b)"
            r"|\b[A-Z][A-Z0-9]{1,9}-\d{2,}\b"
            r"|#\s?\d{2,}\b"
            r"|(?i:\b(?:ticket|case|incident|request|reference|ref)s?\.?\s{0,2}(?:number|no|nr|id)?\.?\s{0,2}[#:]?\s{0,2}[A-Z]{0,6}-?\d{2,}\b)"
        ),
    ),
    (
        DATE,
        re.compile(
            rf"\b\d{{4}}-\d\d?-\d\d?\b|\b\d{{1,2}}\s?[./-]\s?\d{{1,2}}\s?[./-]\s?(?:\d{{4}}|\d\d)\b|\b\d{{1,2}}\.\d{{1,2}}\.(?!\d)"
            rf"|\b{_NTH}\s(?:of\s)?{_MONTH}\b(?:,?\s\d{{4}}\b)?|\b{_MONTH}\.?\s(?:the\s)?{_NTH}\b(?:,?\s\d{{4}}\b)?|\b{_MONTH}\.?\s\d{{4}}\b"
            rf"|\b(?:in|since|last|until|before|after)\s{_MONTH}\b|\bon\sthe\s\d{{1,2}}(?:st|nd|rd|th)\b"
            rf"|\b(?:on|last|this|since|until)\s{_DAY}\b|\byesterday\b",
            re.IGNORECASE,
        ),
    ),
    (
        PHONE,
        re.compile(
            r"(?<![\w.])(?:\+|\(?0|\(?\d)(?:[\s()./-]{0,2}\d){6,15}(?!\w)|(?i:\b(?:ext(?:ension)?\.?|tel\.?|phone)[\s:]{0,2}\+?\d{2,}\b)"
        ),
    ),
    (
        TITLE,
        re.compile(
            r"\b(?:[Mm]r|[Mm]rs|[Mm]s|[Mm]iss|[Mm]x|[Dd]r|[Pp]rof|[Pp]rofessor|Herr|Frau|Madame|Mme|Monsieur|Señora?)\b\.?\s+[^\W\d_]+"
        ),
    ),
    (
        ONLY_ONE,
        re.compile(
            r"\b(?:as|being|since|because|i\s?am|i['’]?m|i\s?was|we\s?are|we['’]re|she\s?is|he\s?is)\s+the\s+(?:only|sole)\b(?:\s\w+)?"
            r"|\bthe\s+only\s+(?:one|person|woman|man|colleague|employee|member|user|manager|developer|apprentice|trainee|team)\b"
            r"|\b(?:only|just)\s+me\b|\bi\s+alone\b|\b(?:nobody|no\s+one)\s+else\b|\bas\s+the\s+(?:new|newest|oldest|youngest|longest)\b",
            re.IGNORECASE,
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class KnownNames:
    """What a comment must not give away: the words of everybody's names, their mail addresses, and what stands before the @."""

    words: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    logins: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TextWarning:
    """A place in a comment that deserves a second look, and why."""

    start: int
    end: int
    why: str


def known_names(names: Iterable[str], addresses: Iterable[str]) -> KnownNames:
    """Names and addresses as they are looked for: without accents, in small letters, each word of a name by itself."""
    words = {without_accents(word) for name in names for word in _WORD.findall(name)}
    known = {address.casefold() for address in addresses}
    logins = {local for address in known if _LOGIN.fullmatch(local := address.partition("@")[0])}
    return KnownNames(
        frozenset(word for word in words if len(word) > 1), frozenset(known), frozenset(logins)
    )


def without_accents(word: str) -> str:
    """A word without accents, in small letters.

    >>> without_accents("Müller"), without_accents("O’Brien")
    ('muller', "o'brien")
    """
    return "".join(c for c in normalize("NFKD", word.casefold()) if not combining(c)).replace(
        "’", "'"
    )


def find_warnings(text: str, known: KnownNames) -> tuple[TextWarning, ...]:
    """What to look at twice before a comment is released, from left to right, no two on the same words.

    >>> [text[w.start:w.end] for text in ["Ask Ada Berg, INC0012345"] for w in find_warnings(text, known_names(["Ada Berg"], []))]
    ['Ada Berg', 'INC0012345']
    """
    found: list[TextWarning] = []
    for one in (*_addresses(text, known), *_names(text, known), *_patterns(text)):
        if not any(other.start <= one.start and one.end <= other.end for other in found):
            found.append(one)
    kept: list[TextWarning] = []
    for one in sorted(found, key=lambda one: one.start):
        if kept and one.start < kept[-1].end:
            before = kept[-1]
            why = before.why if one.why in before.why else f"{before.why}, {one.why}"
            kept[-1] = TextWarning(before.start, max(before.end, one.end), why)
        else:
            kept.append(one)
    return tuple(kept)


def cut_at_warnings(text: str, found: Iterable[TextWarning]) -> tuple[tuple[str, str], ...]:
    """The text cut at its warnings, each piece with why it is warned about or with nothing.

    >>> cut_at_warnings("Ask Ada", [TextWarning(4, 7, NAME)])
    (('Ask ', ''), ('Ada', 'the name of a colleague'))
    """
    cut, at = [], 0
    for one in found:
        cut += [(text[at : one.start], ""), (text[one.start : one.end], one.why)]
        at = one.end
    return tuple(piece for piece in (*cut, (text[at:], "")) if piece[0])


def is_unchanged(original: str, offered: str) -> bool:
    """Whether a text that went through a browser is still the same."""
    return _lines(original) == _lines(offered)


def check_redaction(original: str, offered: str) -> str:
    """The words that are left of a comment; refuses whatever is not the original with parts replaced by `[...]`."""
    if fault := redaction_fault(original, offered):
        raise Refused("redaction-unfit", fault)
    return _lines(offered)


def redaction_fault(original: str, offered: str) -> str | None:
    """Why this is no redaction of the comment, or None: it must be the original with parts replaced by `[...]`, each at least one letter.

    >>> redaction_fault("Ask Ada in IT", "Ask [...] in IT") is None
    True
    >>> redaction_fault("Ask Ada in IT", "Ask [...] in the IT")
    'Only words may be taken out, each replaced by [...]. Everything else must stay exactly as it was written.'
    """
    original, offered = _lines(original), _lines(offered)
    if offered == original:
        return f"Nothing was taken out. Write {TAKEN_OUT} in place of the words that must not leave, or release the comment as it is."
    first, *rest = offered.split(TAKEN_OUT)
    if not rest or not original.startswith(first) or not _rest_fits(original, len(first), rest):
        return f"Only words may be taken out, each replaced by {TAKEN_OUT}. Everything else must stay exactly as it was written."
    if not "".join([first, *rest]).strip(" \n\t.,;:!?-–—"):
        return "Nothing would be left of this comment. Hold it back instead."
    return None


def _rest_fits(original: str, at: int, parts: list[str]) -> bool:
    """Whether these parts follow in the original, each after at least one character that is left out, the last at its end."""
    *between, last = parts
    for part in between:
        found = original.find(part, at + 1)
        if found < 0:
            return False
        at = found + len(part)
    return len(original) - len(last) > at and original.endswith(last)


def _addresses(text: str, known: KnownNames) -> list[TextWarning]:
    found = []
    for match in _MAIL.finditer(text):
        address = match[0].rstrip(".")
        found.append(
            TextWarning(
                match.start(),
                match.start() + len(address),
                COLLEAGUES_ADDRESS if address.casefold() in known.addresses else ADDRESS,
            )
        )
    logins = [
        match for match in re.finditer(r"[\w.-]*[\w-]", text) if match[0].casefold() in known.logins
    ]
    return [
        *found,
        *(TextWarning(match.start(), match.end(), COLLEAGUES_ADDRESS) for match in logins),
    ]


def _patterns(text: str) -> list[TextWarning]:
    return [
        TextWarning(match.start(), match.end(), why)
        for why, pattern in _PATTERNS
        for match in pattern.finditer(text)
    ]


def _names(text: str, known: KnownNames) -> list[TextWarning]:
    """Words of names; neighbours are one name."""
    found: list[TextWarning] = []
    for match in _WORD.finditer(text):
        end = match.end() - (
            2 if match[0][-2:] in {"'s", "’s"} and not _is_name(match[0], known) else 0
        )
        if not _is_name(text[match.start() : end], known):
            continue
        if found and re.fullmatch(r"[\s-]{1,2}", text[found[-1].end : match.start()]):
            found[-1] = TextWarning(found[-1].start, end, NAME)
        else:
            found.append(TextWarning(match.start(), end, NAME))
    return found


def _is_name(word: str, known: KnownNames) -> bool:
    folded = without_accents(word)
    is_small = word[:1] != word[:1].upper()  # letters that know no capitals are never small
    return folded in known.words and not (
        is_small and (len(folded) <= _SHORT or folded in _EVERYDAY)
    )


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
