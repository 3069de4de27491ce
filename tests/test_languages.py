"""Catalogs, plural forms, dates and directions.

And that no sentence is missing, for which file and line are named.
"""

import tomllib
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po

from survey import languages
from survey.kernel.errors import Refused
from survey.languages import (
    ENGLISH,
    catalog_faults,
    is_spoken,
    language_for,
    offered_languages,
    voice_for,
)
from survey.waves.rules.waves import printed_time
from tests.pseudo import BACKWARDS, LONGER, invented

ROOT = Path(__file__).parents[1]
CLOSES = datetime(2027, 1, 25, 17, 0)  # noqa: DTZ001 - a wall-clock time
CATALOG = "de/LC_MESSAGES/letters.po"


@pytest.fixture
def translations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Invented languages beside the real ones."""
    return invented(tmp_path, monkeypatch)


def said_in_code() -> set[object]:
    """Every sentence of letters, as the extractor finds them."""
    mappings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["babel"]["mappings"]
    methods = [(one["pattern"], one["method"]) for one in mappings]
    found: set[object] = set()
    for folder in ("survey", "templates"):
        local = [
            (pattern.removeprefix(f"{folder}/"), method)
            for pattern, method in methods
            if pattern.startswith(f"{folder}/")
        ]
        found |= {
            message
            for _, _, message, _, _ in extract_from_dir(
                ROOT / folder, local, keywords=DEFAULT_KEYWORDS
            )
        }
    return found


def test_the_list_of_sentences_is_what_the_code_says() -> None:
    with (languages.TRANSLATIONS / languages.SENTENCES).open("rb") as file:
        listed = {message.id for message in read_po(file) if message.id}
    assert said_in_code() == listed, "make messages gathers them anew"
    assert len(listed) > 40


def test_every_language_offered_is_whole() -> None:
    assert "de" in offered_languages()
    assert {
        language: found for language in offered_languages() if (found := catalog_faults(language))
    } == {}


@pytest.mark.parametrize(
    ("wanted", "spoken"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("DE_ch", "de"),
        ("en-GB", "en"),
        ("", "en"),
        ("fr", "en"),
        ("deu", "en"),
        ("zh-Hant-TW", "en"),
    ],
)
def test_who_wants_a_language_gets_it_or_a_wider_one_or_english(wanted: str, spoken: str) -> None:
    assert language_for(wanted) == voice_for(wanted).language == spoken
    assert is_spoken(wanted) is (wanted.lower()[:2] == spoken and wanted != "deu")


def test_the_most_particular_language_comes_first(translations: Path) -> None:
    (translations / "pt_BR" / "LC_MESSAGES").mkdir(parents=True)
    (translations / "pt_BR" / "LC_MESSAGES" / "letters.po").write_bytes(
        (translations / CATALOG).read_bytes()
    )
    assert offered_languages() == ("en", "de", "eo", "he", "pt-BR")
    assert [language_for(tag) for tag in ("pt-BR", "pt-br", "pt-PT", "pt")] == [
        "pt-BR",
        "pt-BR",
        "en",
        "en",
    ]
    assert voice_for("pt-BR").moment(CLOSES, "UTC") == "segunda-feira, 25. janeiro, 17:00"


def test_dates_are_as_a_language_writes_them() -> None:
    assert (
        ENGLISH.moment(CLOSES, "Europe/London")
        == printed_time(CLOSES, "Europe/London")
        == "Monday 25 January, 17:00"
    )
    assert voice_for("de").moment(CLOSES, "Europe/Berlin") == "Montag, 25. Januar, 17:00"
    assert (
        voice_for("de").moment(CLOSES, "Europe/Berlin", several_zones=True)
        == "Montag, 25. Januar, 17:00 CET"
    )
    assert (
        voice_for("de").joined(["Recht", "Vertrieb", "Vorstand"]) == "Recht, Vertrieb und Vorstand"
    )


def test_plural_forms_are_those_of_the_language(translations: Path) -> None:
    place = translations / "pl" / "LC_MESSAGES" / "letters.po"
    place.parent.mkdir(parents=True)
    place.write_text(
        'msgid ""\nmsgstr ""\n"Language: pl\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
        'msgid "One question"\nmsgid_plural "{number} questions"\n'
        'msgstr[0] "Jedno pytanie"\nmsgstr[1] "{number} pytania"\nmsgstr[2] "{number} pytań"\n'
    )
    said = [
        voice_for("pl").ngettext("One question", "{number} questions", n, number=str(n))
        for n in (1, 2, 5, 12, 22)
    ]
    assert said == ["Jedno pytanie", "2 pytania", "5 pytań", "12 pytań", "22 pytania"]
    assert [ENGLISH.ngettext("{n} day", "{n} days", n, n=str(n)) for n in (1, 2)] == [
        "1 day",
        "2 days",
    ]


def test_what_runs_the_other_way_is_set_apart(translations: Path) -> None:
    assert ENGLISH.gettext("From {sender}.", sender="שרה") == "From \u2068שרה\u2069."
    assert ENGLISH.gettext("From {sender}.", sender="Müller 7") == "From Müller 7."
    backwards = voice_for(BACKWARDS)
    assert backwards.direction == "rtl"
    assert (
        backwards.gettext("Open until {closes}.", closes="GMT") == "⟦Opéén until \u2068GMT\u2069.⟧"
    )
    assert "\u2068" not in backwards.moment(CLOSES, "UTC")


def test_a_slot_takes_any_text_and_never_becomes_another() -> None:
    assert ENGLISH.gettext("{a} {b}", a="{b}", b="%(a)s {a.__class__}") == "{b} %(a)s {a.__class__}"
    with pytest.raises(KeyError):
        ENGLISH.gettext("{a}", b="1")


def line_of(text: str, what: str) -> int:
    return text[: text.index(what)].count("\n") + 1


Spoil = Callable[[str], tuple[str, str, str]]


def replaced(old: str, new: str, at: str, says: str) -> Spoil:
    """Puts another text into the catalog; the message begins at the line of `at`."""

    def spoil(text: str) -> tuple[str, str, str]:
        assert old in text
        return text.replace(old, new), at, says

    return spoil


@pytest.mark.parametrize(
    "spoil",
    [
        replaced(
            '"Zur Umfrage"',
            '""',
            'msgid "Answer the survey"',
            "no whole translation of “Answer the survey”",
        ),
        replaced(
            '"Offen bis {closes}."',
            '"Offen bis {datum}."',
            'msgid "Open until {closes}."',
            "slot {datum} is unknown here. Use {closes}.",
        ),
        replaced(
            '"Offen bis {closes}."',
            '"Noch offen."',
            'msgid "Open until {closes}."',
            "slot {closes} is missing",
        ),
        replaced('"Zur Umfrage"', '"Zur\\nUmfrage"', 'msgid "Answer the survey"', "a line break"),
        replaced(
            '"EEEE, d. MMMM, HH:mm"',
            '"d. MMMM"',
            'msgid "EEEE d MMMM, HH:mm"',
            "a date needs weekday",
        ),
        replaced(
            'msgstr[1] "etwa {number} Minuten"',
            'msgstr[1] ""',
            'msgid "about one minute"',
            "no whole translation",
        ),
        replaced(
            '\nmsgid "Answer the survey"',
            '\n#, fuzzy\nmsgid "Answer the survey"',
            'msgid "Answer the survey"',
            "“fuzzy”",
        ),
        replaced(
            'msgstr "Zur Umfrage"', 'msgstr "Zur Umfrage', 'msgstr "Zur Umfrage', "cannot be read"
        ),
    ],
)
def test_what_is_wrong_in_a_catalog_is_named_with_file_and_line(
    translations: Path, spoil: Spoil
) -> None:
    path = translations / CATALOG
    text, at, says = spoil(path.read_text())
    path.write_text(text)
    (found,) = catalog_faults("de")
    assert found.startswith(f"translations/{CATALOG}, line {line_of(text, at)}")
    assert says in found
    assert catalog_faults(LONGER) == ()


def test_a_sentence_left_out_is_named(translations: Path) -> None:
    path = translations / CATALOG
    blocks = path.read_text().split("\n\n")
    path.write_text(
        "\n\n".join(block for block in blocks if 'msgid "Answer the survey"' not in block)
    )
    (found,) = catalog_faults("de")
    assert found.startswith(f"translations/{CATALOG}, ")
    assert "no translation of “Answer the survey”. Add it." in found


def test_a_catalog_that_cannot_be_read_speaks_to_nobody(translations: Path) -> None:
    (translations / CATALOG).write_text('msgid "a\n')
    with pytest.raises(Refused, match="line 1 cannot be read"):
        voice_for("de")


def test_german_speaks_to_people_formally_and_keeps_every_figure() -> None:
    with (languages.TRANSLATIONS / CATALOG).open("rb") as file:
        texts = [
            str(form)
            for message in read_po(file)
            if message.id
            for form in languages._forms(message.string)
        ]
    words = " ".join(texts).replace(".", " ").replace(",", " ").split()
    assert {"Sie", "Ihre", "Ihnen"} <= set(words)
    assert {"du", "dein", "deine", "dir", "dich", "euch", "ihr"} & set(words) == set()
    assert all(one != other or len(one) < 40 for one, other in pairwise(texts))
