"""The languages of letters: gettext catalogs of whole sentences, and dates as a language has them.

Sentences have named slots, such as `{name}`. Catalogs are read as they are,
`translations/LANGUAGE/LC_MESSAGES/letters.po`; nothing is compiled or installed. English is in the
code. `translations/letters.pot` lists every sentence (`make messages` renews it), so that it is
known whether a language is complete.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from unicodedata import bidirectional
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_datetime
from babel.lists import format_list
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from survey.kernel.errors import Refused

BASE = "en"
TRANSLATIONS = Path(__file__).parent / "translations"
CATALOG, SENTENCES = "LC_MESSAGES/letters.po", "letters.pot"
_SLOT = re.compile(r"\{(\w*)\}")
_DATE_PATTERN = "EEEE d MMMM, HH:mm"
_QUOTED_CHARACTERS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Voice:
    """One language to write letters in: sentences, plural forms, dates and writing direction."""

    language: str  # as HTML writes it: de, pt-BR
    direction: str = "ltr"
    _locale: Locale = field(default_factory=lambda: Locale(BASE, "GB"))
    _sentences: NullTranslations = field(default_factory=NullTranslations)

    def gettext(self, sentence: str, /, **slots: str) -> str:
        """A sentence in this language (English where there is no translation), its slots filled."""
        return self._filled(self._sentences.gettext(sentence), slots)

    def ngettext(self, one: str, many: str, number: int, /, **slots: str) -> str:
        """The singular or plural form of a sentence for this number, its slots filled."""
        return self._filled(self._sentences.ngettext(one, many, number), slots)

    def moment(self, wall: datetime, zone: str, *, several_zones: bool = False) -> str:
        """A wall-clock time as an employee reads it: weekday, date and hour.

        With the zone where staff sit in several.

        >>> ENGLISH.moment(datetime(2027, 1, 25, 17, 0), "Europe/London", several_zones=True)
        'Monday 25 January, 17:00 GMT'
        """
        text = format_datetime(wall, self.gettext("EEEE d MMMM, HH:mm"), locale=self._locale)
        return f"{text} {wall.replace(tzinfo=ZoneInfo(zone)):%Z}" if several_zones else text

    def joined(self, names: Sequence[str]) -> str:
        """Names as a list in running text.

        >>> ENGLISH.joined(["Board", "Legal", "Service"])
        'Board, Legal and Service'
        """
        return format_list(names, locale=self._locale)

    def _filled(self, sentence: str, slots: Mapping[str, str]) -> str:
        """A sentence with its slots filled; as it is where there are none."""
        if not slots:
            return sentence
        return _SLOT.sub(lambda slot: self._isolated(slots[slot[1]]), sentence)

    def _isolated(self, text: str) -> str:
        """A text, between isolation characters where a letter in it runs the other way.

        Otherwise it would turn around what stands beside it (Unicode UAX 9, FSI and PDI).
        """
        opposite = {"R", "AL"} if self.direction == "ltr" else {"L"}
        runs_the_other_way = any(bidirectional(letter) in opposite for letter in text)
        return f"\u2068{text}\u2069" if runs_the_other_way else text


ENGLISH = Voice(BASE)


def offered_languages(translations: Path | None = None) -> tuple[str, ...]:
    """The languages that letters can be written in, English first.

    >>> offered_languages()[0]
    'en'
    """
    return _list_offered(translations or TRANSLATIONS)


def is_spoken(wanted: str) -> bool:
    """Whether letters can be in this language or a wider one, and not only in English instead.

    >>> is_spoken("de-AT"), is_spoken("EN"), is_spoken("tlh")
    (True, True, False)
    """
    is_english = wanted.lower().replace("_", "-").split("-")[0] == BASE
    return is_english or language_for(wanted) != BASE


def language_name(language: str) -> str:
    """The name of a language in that language itself; its tag where the name is unknown.

    >>> language_name("en"), language_name("de")
    ('English', 'Deutsch')
    """
    try:
        return str(_locale(language).get_display_name() or language)
    except (UnknownLocaleError, ValueError):
        return language


def language_for(wanted: str) -> str:
    """The language that is offered for a wanted one: itself, a wider one (de-AT: de), else English.

    >>> language_for("de-AT"), language_for("DE"), language_for("tlh"), language_for("")
    ('de', 'de', 'en', 'en')
    """
    offered = {language.lower(): language for language in offered_languages()}
    parts = wanted.replace("_", "-").lower().split("-")
    for size in range(len(parts), 0, -1):
        tag = "-".join(parts[:size])
        if tag in offered:
            return offered[tag]
    return BASE


def voice_for(wanted: str) -> Voice:
    """The voice of the offered language that is nearest to the wanted one, else of English.

    Refuses a catalog that cannot be read, with its file and line.
    """
    language = language_for(wanted)
    return ENGLISH if language == BASE else _read_voice(language, TRANSLATIONS)


def catalog_faults(language: str) -> tuple[str, ...]:
    """The faults of an offered language's catalog, with file and line; empty if it is whole.

    Each keeps letters from being written in it. Nothing for English.
    """
    if language == BASE:
        return ()
    path = _short_path(_catalog_path(language, TRANSLATIONS))
    try:
        catalog = _read_catalog(language, TRANSLATIONS)
    except Refused as refused:
        return (refused.sentence,)
    faults = _faults(catalog, _read_sentences(TRANSLATIONS))
    return tuple(f"{path}, {fault}" for fault in faults)


@lru_cache(maxsize=8)
def _list_offered(translations: Path) -> tuple[str, ...]:
    """English, and the languages that have a catalog in this folder."""
    catalogs = sorted(translations.glob(f"*/{CATALOG}"))
    return (BASE, *(path.parents[1].name.replace("_", "-") for path in catalogs))


@lru_cache(maxsize=64)
def _read_voice(language: str, translations: Path) -> Voice:
    """Reads the catalog of a language into a voice; refuses one that cannot be read."""
    catalog = _read_catalog(language, translations)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    locale = _locale(language)
    return Voice(language, locale.text_direction, locale, GNUTranslations(compiled))


def _locale(language: str) -> Locale:
    return Locale.parse(language, sep="-")


@lru_cache(maxsize=64)
def _read_catalog(language: str, translations: Path) -> Catalog:
    """Reads the catalog of a language; refuses one that cannot be read, with file and line."""
    path = _catalog_path(language, translations)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if not _is_catalog_line(line.strip()):
            raise Refused(
                "translation-unreadable",
                f"{_short_path(path)}, line {number} cannot be read: a text stands between two"
                " quotation marks.",
            )
    try:
        with path.open("rb") as file:
            return read_po(file, locale=_locale(language), abort_invalid=True)
    except PoFileError as error:
        raise Refused(
            "translation-unreadable",
            f"{_short_path(path)}, line {error.lineno + 1} cannot be read: {error}.",
        ) from error
    except (UnknownLocaleError, ValueError) as error:
        raise Refused(
            "translation-unreadable",
            f"{_short_path(path)}, line 1 cannot be read: {error}.",
        ) from error


def _is_catalog_line(line: str) -> bool:
    """Whether a line is blank, a comment, or ends in a whole quoted text.

    Of any other Babel would drop a letter without a word.
    """
    is_quoted = line.endswith('"') and line.count('"') > 1
    return not line or line.startswith("#") or is_quoted


@lru_cache(maxsize=8)
def _read_sentences(translations: Path) -> Catalog:
    """The catalog of all sentences to translate."""
    with (translations / SENTENCES).open("rb") as file:
        return read_po(file)


def _faults(catalog: Catalog, sentences: Catalog) -> Iterator[str]:
    """The faults of a language's catalog, compared with all sentences to translate."""
    for sentence in sentences:
        if sentence.id:
            translation = catalog.get(sentence.id, sentence.context)
            yield from _faults_of(sentence, translation, catalog.num_plurals)


def _faults_of(sentence: Message, translation: Message | None, plurals: int) -> Iterator[str]:
    """The faults in the translation of one sentence, for a language with so many plural forms."""
    originals = _forms(sentence.id)
    quoted = originals[0][:_QUOTED_CHARACTERS]
    if translation is None:
        yield f"line 1 and following: no translation of “{quoted}”. Add it."
        return
    texts, line = _forms(translation.string), f"line {translation.lineno}"
    forms = plurals if sentence.pluralizable else 1
    if translation.fuzzy or not all(texts) or len(texts) != forms:
        yield (
            f"{line}: no whole translation of “{quoted}”. Complete it and remove the mark “fuzzy”."
        )
        return
    slots = [set(_SLOT.findall(original)) for original in originals]
    allowed, required = set.union(*slots), set.intersection(*slots)
    for text in texts:
        used = set(_SLOT.findall(text))
        if unknown := used - allowed:
            yield (
                f"{line}: the slot {{{min(unknown)}}} is unknown here. Use {_list_slots(allowed)}."
            )
        elif missing := required - used:
            yield (
                f"{line}: the slot {{{min(missing)}}} is missing. Put it where the sentence"
                " needs it."
            )
        if not text.isprintable():
            yield f"{line}: a line break or control character. Write the sentence in one line."
        if sentence.id == _DATE_PATTERN and not {"E", "d", "M", "H", "m"} <= set(text):
            yield (
                f"{line}: a date needs weekday, day, month, hour and minute: EEEE, d, MMMM, HH"
                " and mm."
            )


def _forms(text: object) -> tuple[str, ...]:
    """The singular and the plural forms of a message, or its only text."""
    return tuple(map(str, text)) if isinstance(text, tuple | list) else (str(text),)


def _list_slots(slots: set[str]) -> str:
    return ", ".join(f"{{{slot}}}" for slot in sorted(slots)) or "none"


def _catalog_path(language: str, translations: Path) -> Path:
    return translations / language.replace("-", "_") / CATALOG


def _short_path(path: Path) -> str:
    """A catalog's path without the folders above the translations."""
    return "/".join(path.parts[-4:])
