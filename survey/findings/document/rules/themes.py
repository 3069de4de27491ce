"""What several people wrote about: words that at least five comments share. No model, nothing downloaded; a manager names the themes.

Words are compared by their stem (Porter 2 and its sisters, Snowball). A theme holds no name of the directory, no number, no address.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from babel import Locale, UnknownLocaleError

from survey.findings.document.rules.document import ThemesBlock
from survey.findings.words.rules import wording
from survey.statistics.suppression import shared_by_enough

MOST = 8
_WORD = re.compile(r"[^\W\d_]{3,40}")
_NOT_WORDS = re.compile(r"\S*[@/\\]\S*|\S*\d\S*")
# Words that say nothing by themselves; what a general list holds beside them, such as "call" or "problem", is what staff write about.
_DULL = {
    "en": frozenset(
        """
        about above after again against ago all almost already also although always and another any anybody anyone anything are around
        aren ask because been before being below best better between both but can cannot could couldn did didn does doesn doing don done
        down during each either else enough even ever every everybody everyone everything few first for from get gets getting give given
        gives go goes going gone good got had hadn has hasn have haven having her here hers him his how however isn it its itself just keep
        kept know last least less let like little look lot lots made make makes making many may maybe me mean might mine more most much must
        my need needed needs neither never new next nobody none nor not nothing now off often once one only onto other others our ours out
        over own perhaps please put quite rather really said same say see seem seems several shall she should shouldn since some somebody
        someone something sometimes soon still such take takes than thank thanks that the their theirs them then there these they thing
        things think this those though through thus till too took try two under until upon use used using usually very want wants was
        wasn way well went were weren what whatever when where whether which while who whole whom whose why will with within without
        won would wouldn yes yet you your yours
        """.split()  # noqa: SIM905 - a list of words reads best as text
    )
}
_SAME = 0.8  # of a word's comments: then the pair it stands in says more


def themes_block(comments: Iterable[str], language: str, names: frozenset[str]) -> ThemesBlock:
    """The block of a findings document: up to eight themes, each a word or pair in its commonest form, with its number of comments.

    >>> themes_block(["The VPN drops", "vpn again", "Slow VPN", "VPN!", "my vpn"], "en", frozenset())["themes"]
    [{'words': 'vpn', 'comments': 5}]
    """
    stems, forms = _stems(comments, language, names)
    single = Counter(stem for found in stems for stem in {part for pair in found for part in pair})
    pairs = Counter(pair for found in stems for pair in {pair for pair in found if len(pair) == 2})
    kept: dict[tuple[str, ...], int] = {}
    covered: set[str] = set()
    for pair, number in sorted(pairs.items(), key=lambda item: (-item[1], item[0])):
        if (
            shared_by_enough(number)
            and all(number >= _SAME * single[stem] for stem in pair)
            and not covered & set(pair)
        ):
            kept[pair] = number
            covered |= set(pair)
    kept |= {
        (stem,): number
        for stem, number in single.items()
        if shared_by_enough(number) and stem not in covered
    }
    first = sorted(kept.items(), key=lambda item: (-item[1], item[0]))[:MOST]
    if not first:
        return {"shown": False, "words": wording.NO_THEME}
    return {
        "shown": True,
        "themes": [{"words": _form(stem, forms), "comments": number} for stem, number in first],
    }


def _stems(
    comments: Iterable[str], language: str, names: frozenset[str]
) -> tuple[list[set[tuple[str, ...]]], dict[str, Counter[str]]]:
    """For each comment its stems alone and in neighbouring pairs; for each stem the forms it came in."""
    import snowballstemmer

    code = language.partition("-")[0]
    stemmer, dull = snowballstemmer.stemmer(_algorithm(code)), _DULL.get(code, frozenset()) | names
    forms: dict[str, Counter[str]] = defaultdict(Counter)
    found: list[set[tuple[str, ...]]] = []
    for comment in comments:
        words = [
            word
            for word in _WORD.findall(_NOT_WORDS.sub(" ", comment.casefold()))
            if word not in dull
        ]
        stems = stemmer.stemWords(words)
        for stem, word in zip(stems, words, strict=True):
            forms[stem][word] += 1
        found.append({(stem,) for stem in stems} | {(a, b) for a, b in pairwise(stems) if a != b})
    return found, forms


def _form(stems: Sequence[str], forms: dict[str, Counter[str]]) -> str:
    return " ".join(
        min(forms[stem].items(), key=lambda item: (-item[1], item[0]))[0] for stem in stems
    )


def _algorithm(code: str) -> str:
    """Snowball names its stemmers by the English name of the language."""
    import snowballstemmer

    try:
        name = (Locale.parse(code).get_language_name("en") or "").lower()
    except (UnknownLocaleError, ValueError):
        name = ""
    return name if name in snowballstemmer.algorithms() else "english"
