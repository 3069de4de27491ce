"""The languages of letters: gettext catalogs with whole sentences and named slots, and dates as a language writes them.

Catalogs are read as they are, `translations/LANGUAGE/LC_MESSAGES/letters.po`; nothing is compiled or installed. English is in
the code. `translations/letters.pot` lists every sentence (`make messages` renews it), so that a language is known to be complete.
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
_MOMENT = "EEEE d MMMM, HH:mm"
_SHOWN = 60


@dataclass(frozen=True, slots=True, eq=False)
class Voice:
    """One language: its sentences, plural forms, dates, and which way it runs."""

    language: str  # as HTML writes it: de, pt-BR
    direction: str = "ltr"
    _locale: Locale = field(default_factory=lambda: Locale(BASE, "GB"))
    _sentences: NullTranslations = field(default_factory=NullTranslations)

    def gettext(self, sentence: str, /, **slots: str) -> str:
        """A sentence in this language, its slots filled."""
        return self._filled(self._sentences.gettext(sentence), slots)

    def ngettext(self, one: str, many: str, number: int, /, **slots: str) -> str:
        """The form of a sentence that goes with this number, its slots filled."""
        return self._filled(self._sentences.ngettext(one, many, number), slots)

    def moment(self, wall: datetime, zone: str, *, several_zones: bool = False) -> str:
        """A wall-clock time as an employee reads it: weekday, date and hour, and the zone where staff sit in several.

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
        return (
            _SLOT.sub(lambda found: self._isolated(slots[found[1]]), sentence)
            if slots
            else sentence
        )

    def _isolated(self, text: str) -> str:
        """Text that runs the other way is set apart, or it turns around what stands beside it (Unicode UAX 9, FSI and PDI)."""
        other = {"R", "AL"} if self.direction == "ltr" else {"L"}
        return (
            f"\u2068{text}\u2069"
            if any(bidirectional(letter) in other for letter in text)
            else text
        )


ENGLISH = Voice(BASE)


def offered_languages(translations: Path | None = None) -> tuple[str, ...]:
    """The languages that letters can be written in, English first.

    >>> offered_languages()[0]
    'en'
    """
    return _offered(translations or TRANSLATIONS)


def is_spoken(wanted: str) -> bool:
    """Whether letters come in a wanted language or a wider one, and not because English stands in.

    >>> is_spoken("de-AT"), is_spoken("EN"), is_spoken("tlh")
    (True, True, False)
    """
    return language_for(wanted) != BASE or wanted.lower().replace("_", "-").split("-")[0] == BASE


def language_name(language: str) -> str:
    """An offered language by its own name.

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
    known = {language.lower(): language for language in offered_languages()}
    parts = wanted.replace("_", "-").lower().split("-")
    return next(
        (
            known[tag]
            for size in range(len(parts), 0, -1)
            if (tag := "-".join(parts[:size])) in known
        ),
        BASE,
    )


def voice_for(wanted: str) -> Voice:
    """The voice to speak to whoever wants this language; refuses a catalog that cannot be read, with its file and line."""
    language = language_for(wanted)
    return ENGLISH if language == BASE else _voice(language, TRANSLATIONS)


def catalog_faults(language: str) -> tuple[str, ...]:
    """What keeps letters from being written in an offered language, each with file and line; nothing for English."""
    if language == BASE:
        return ()
    path = _path(language, TRANSLATIONS)
    try:
        catalog = _catalog(language, TRANSLATIONS)
    except Refused as refused:
        return (refused.sentence,)
    return tuple(f"{_shown(path)}, {fault}" for fault in _faults(catalog, _sentences(TRANSLATIONS)))


@lru_cache(maxsize=8)
def _offered(translations: Path) -> tuple[str, ...]:
    found = sorted(translations.glob(f"*/{CATALOG}"))
    return (BASE, *(path.parents[1].name.replace("_", "-") for path in found))


@lru_cache(maxsize=64)
def _voice(language: str, translations: Path) -> Voice:
    catalog = _catalog(language, translations)
    packed = BytesIO()
    write_mo(packed, catalog)
    packed.seek(0)
    locale = _locale(language)
    return Voice(language, locale.text_direction, locale, GNUTranslations(packed))


def _locale(language: str) -> Locale:
    return Locale.parse(language, sep="-")


@lru_cache(maxsize=64)
def _catalog(language: str, translations: Path) -> Catalog:
    path = _path(language, translations)
    for number, line in enumerate(
        path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1
    ):
        text = line.strip()
        if (
            text and not text.startswith("#") and not (text.endswith('"') and text.count('"') > 1)
        ):  # Babel would drop a letter
            raise Refused(
                "translation-unreadable",
                f"{_shown(path)}, line {number} cannot be read: a text stands between two quotation"
                " marks.",
            )
    try:
        with path.open("rb") as file:
            return read_po(file, locale=_locale(language), abort_invalid=True)
    except PoFileError as error:
        raise Refused(
            "translation-unreadable",
            f"{_shown(path)}, line {error.lineno + 1} cannot be read: {error}.",
        ) from error
    except (UnknownLocaleError, ValueError) as error:
        raise Refused(
            "translation-unreadable",
            f"{_shown(path)}, line 1 cannot be read: {error}.",
        ) from error


@lru_cache(maxsize=8)
def _sentences(translations: Path) -> Catalog:
    with (translations / SENTENCES).open("rb") as file:
        return read_po(file)


def _faults(catalog: Catalog, wanted: Catalog) -> Iterator[str]:
    for message in wanted:
        if message.id:
            yield from _faults_of(
                message, catalog.get(message.id, message.context), catalog.num_plurals
            )


def _faults_of(wanted: Message, found: Message | None, forms: int) -> Iterator[str]:
    said = _forms(wanted.id)
    if found is None:
        yield f"line 1 and following: no translation of “{said[0][:_SHOWN]}”. Add it."
        return
    texts, line = _forms(found.string), f"line {found.lineno}"
    if found.fuzzy or not all(texts) or len(texts) != (forms if wanted.pluralizable else 1):
        yield (
            f"{line}: no whole translation of “{said[0][:_SHOWN]}”. Complete it and remove the mark"
            " “fuzzy”."
        )
        return
    slots = [set(_SLOT.findall(one)) for one in said]
    for text in texts:
        used = set(_SLOT.findall(text))
        if unknown := used - set.union(*slots):
            yield (
                f"{line}: the slot {{{min(unknown)}}} is unknown here. Use"
                f" {_listed(set.union(*slots))}."
            )
        elif missing := set.intersection(*slots) - used:
            yield (
                f"{line}: the slot {{{min(missing)}}} is missing. Put it where the sentence"
                " needs it."
            )
        if not text.isprintable():
            yield f"{line}: a line break or control character. Write the sentence in one line."
        if wanted.id == _MOMENT and not {"E", "d", "M", "H", "m"} <= set(text):
            yield (
                f"{line}: a date needs weekday, day, month, hour and minute: EEEE, d, MMMM, HH"
                " and mm."
            )


def _forms(text: object) -> tuple[str, ...]:
    return tuple(map(str, text)) if isinstance(text, tuple | list) else (str(text),)


def _listed(slots: set[str]) -> str:
    return ", ".join(f"{{{slot}}}" for slot in sorted(slots)) or "none"


def _path(language: str, translations: Path) -> Path:
    return translations / language.replace("-", "_") / CATALOG


def _shown(path: Path) -> str:
    return "/".join(path.parts[-4:])
