"""What several people wrote about: words that at least five comments share.

There is no model, and nothing is downloaded; a manager names the themes. Words are compared by
their stem (Porter 2 and its sisters, Snowball). A theme holds no name of the directory, no number
and no address.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from babel import Locale, UnknownLocaleError

from survey.findings.document.rules.document import Theme, ThemesBlock
from survey.findings.words.rules import wording
from survey.statistics.suppression import shared_by_enough

MOST = 8
_WORD = re.compile(r"[^\W\d_]{3,40}")
_NOT_WORDS = re.compile(r"\S*[@/\\]\S*|\S*\d\S*")
# Words that say nothing by themselves. What a general list holds beside them, such as "call" or
# "problem", is what staff write about.
_DULL = {
    "en": frozenset(
        """
        about above after again against ago all almost already also although always and another
        any anybody anyone anything are around aren ask because been before being below best
        better between both but can cannot could couldn did didn does doesn doing don done down
        during each either else enough even ever every everybody everyone everything few first for
        from get gets getting give given gives go goes going gone good got had hadn has hasn have
        haven having her here hers him his how however isn it its itself just keep kept know last
        least less let like little look lot lots made make makes making many may maybe me mean
        might mine more most much must my need needed needs neither never new next nobody none nor
        not nothing now off often once one only onto other others our ours out over own perhaps
        please put quite rather really said same say see seem seems several shall she should
        shouldn since some somebody someone something sometimes soon still such take takes than
        thank thanks that the their theirs them then there these they thing things think this
        those though through thus till too took try two under until upon use used using usually
        very want wants was wasn way well went were weren what whatever when where whether which
        while who whole whom whose why will with within without won would wouldn yes yet you your
        yours
        """.split()  # noqa: SIM905 - a list of words reads best as text
    )
}
_SAME = 0.8  # of a word's comments: then the pair it stands in says more

_Stems = tuple[str, ...]  # one, or two that stand side by side


def themes_block(comments: Iterable[str], language: str, names: frozenset[str]) -> ThemesBlock:
    """Up to eight themes that at least five comments share, or words where there is none.

    The most frequent comes first. Each is a word or a pair in its commonest form, with its number
    of comments. `names` are words in small letters that no theme may hold.

    >>> comments = ["The VPN drops", "vpn again", "Slow VPN", "VPN!", "my vpn"]
    >>> themes_block(comments, "en", frozenset())["themes"]
    [{'words': 'vpn', 'comments': 5}]
    """
    stems_by_comment, forms = _stems_and_forms(comments, language, names)
    frequent = _frequent_stems(stems_by_comment)
    most_frequent = sorted(frequent.items(), key=_most_frequent_first)[:MOST]
    if not most_frequent:
        return {"shown": False, "words": wording.NO_THEME}
    themes: list[Theme] = [
        {"words": _commonest_form(stems, forms), "comments": number}
        for stems, number in most_frequent
    ]
    return {"shown": True, "themes": themes}


def _frequent_stems(stems_by_comment: Sequence[set[_Stems]]) -> dict[_Stems, int]:
    """The stems and pairs that at least five comments share, with their number of comments.

    A pair replaces both of its words where both are rare without the other; a word in such a pair
    is no theme by itself.
    """
    single = Counter(
        stem for stems in stems_by_comment for stem in {part for pair in stems for part in pair}
    )
    pairs = Counter(pair for stems in stems_by_comment for pair in stems if len(pair) == 2)
    frequent: dict[_Stems, int] = {}
    covered: set[str] = set()
    for pair, number in sorted(pairs.items(), key=_most_frequent_first):
        say_the_same = all(number >= _SAME * single[stem] for stem in pair)
        if shared_by_enough(number) and say_the_same and not covered & set(pair):
            frequent[pair] = number
            covered |= set(pair)
    for stem, number in single.items():
        if shared_by_enough(number) and stem not in covered:
            frequent[stem,] = number
    return frequent


def _most_frequent_first(counted: tuple[_Stems, int]) -> tuple[int, _Stems]:
    """A sort key: the most frequent first, of equals the first by letters."""
    stems, number = counted
    return -number, stems


def _stems_and_forms(
    comments: Iterable[str], language: str, names: frozenset[str]
) -> tuple[list[set[_Stems]], dict[str, Counter[str]]]:
    """For each comment its stems and neighbouring pairs; for each stem its forms, counted.

    Numbers, addresses, `names` and words that say nothing are left out.
    """
    import snowballstemmer

    code = language.partition("-")[0]
    stemmer = snowballstemmer.stemmer(_algorithm(code))
    ignored = _DULL.get(code, frozenset()) | names
    forms: dict[str, Counter[str]] = defaultdict(Counter)
    stems_by_comment: list[set[_Stems]] = []
    for comment in comments:
        plain = _NOT_WORDS.sub(" ", comment.casefold())
        words = [word for word in _WORD.findall(plain) if word not in ignored]
        stems = stemmer.stemWords(words)
        for stem, word in zip(stems, words, strict=True):
            forms[stem][word] += 1
        pairs = {(first, second) for first, second in pairwise(stems) if first != second}
        stems_by_comment.append({(stem,) for stem in stems} | pairs)
    return stems_by_comment, forms


def _commonest_form(stems: _Stems, forms: Mapping[str, Counter[str]]) -> str:
    """The words in which these stems were written most often, of equals the first by letters."""
    return " ".join(_commonest(forms[stem]) for stem in stems)


def _commonest(forms: Counter[str]) -> str:
    """The most frequent form, of equals the first by letters."""
    return min(forms, key=lambda word: (-forms[word], word))


def _algorithm(code: str) -> str:
    """The name of the Snowball stemmer for a language code; "english" where there is none.

    Snowball names its stemmers by the English name of the language.
    """
    import snowballstemmer

    try:
        name = (Locale.parse(code).get_language_name("en") or "").lower()
    except (UnknownLocaleError, ValueError):
        name = ""
    return name if name in snowballstemmer.algorithms() else "english"
