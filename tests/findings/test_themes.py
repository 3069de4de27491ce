"""Themes: what at least five comments share, in words that name nobody."""

import pytest

from survey.findings.document.rules.themes import themes_block
from survey.findings.words.rules.wording import NO_THEME

VPN = [
    "The VPN drops",
    "vpn again!",
    "Slow VPN in the afternoon",
    "My vpn died",
    "VPN",
    "Fix the printer",
]


def themes_in(
    comments: list[str], names: frozenset[str] = frozenset(), language: str = "en-GB"
) -> dict[str, int]:
    block = themes_block(comments, language, names)
    return (
        {theme["words"]: theme["comments"] for theme in block["themes"]} if block["shown"] else {}
    )


def test_five_comments_make_a_theme_and_four_do_not() -> None:
    assert themes_in(VPN) == {"vpn": 5}
    assert themes_block(VPN[:4], "en", frozenset()) == {"shown": False, "words": NO_THEME}


def test_a_comment_counts_once_however_often_it_says_a_word() -> None:
    assert themes_in(["vpn vpn vpn vpn vpn vpn"]) == {}


def test_forms_of_a_word_are_one_theme_under_the_commonest() -> None:
    assert themes_in(["tickets close", "tickets", "the ticket", "ticketing", "tickets"]) == {
        "tickets": 5
    }


def test_words_that_come_together_are_named_together_and_not_again_apart() -> None:
    assert themes_in([f"{n} my mobile phone broke" for n in "abcdef"] + ["phone"]) == {
        "broke": 6,
        "mobile phone": 6,
    }


def test_no_theme_holds_a_name_of_the_directory_a_number_or_an_address() -> None:
    said = [f"Okafor closed ticket INC{n} for mira@northwind.example at 10:{n}0" for n in range(6)]
    assert themes_in(said, frozenset({"okafor"})) == {"closed ticket": 6}


def test_words_that_say_nothing_are_no_theme() -> None:
    assert themes_in(["they should really just make this better please"] * 9) == {}


@pytest.mark.parametrize(
    ("language", "words"), [("de", "drucker"), ("xx", "drucker"), ("", "drucker")]
)
def test_other_languages_have_their_own_stems_and_unknown_ones_do_not_fail(
    language: str, words: str
) -> None:
    assert words in themes_in(
        ["Die Drucker sind kaputt", "Drucker!", "Der Drucker", "drucker", "Druckern", "Drucker"],
        language=language,
    )


def test_at_most_eight_themes_the_most_frequent_first() -> None:
    letters = "abcdefghijkl"
    said = [" ; ".join(f"{letter * 5}" for letter in letters[: 12 - n]) for n in range(8)]
    block = themes_block(said, "en", frozenset())
    assert len(block["themes"]) <= 8
    numbers = [theme["comments"] for theme in block["themes"]]
    assert numbers == sorted(numbers, reverse=True)
    assert min(numbers) >= 5
