"""Refusals: a code for programs, a sentence for people, and hints from one table."""

import pytest

from survey.kernel.errors import NotFound, Refused, refuse_on_ctrl_c
from survey.kernel.hints import (
    BY_ADMINISTRATOR,
    HINTS,
    Hint,
    Link,
    link_for_page,
    words_for_command,
)


def test_a_refusal_carries_its_code_one_sentence_and_details() -> None:
    refused = Refused(
        "rows-faulty", "Two rows are wrong.", details=("line 3: no address", "line 9: twice")
    )
    assert (refused.code, str(refused), refused.sentence) == (
        "rows-faulty",
        "Two rows are wrong.",
        "Two rows are wrong.",
    )
    assert refused.details == ("line 3: no address", "line 9: twice")


def test_a_refusal_needs_no_details() -> None:
    assert Refused("wave-open", "A wave is running until 19 January 2026.").details == ()


@pytest.mark.parametrize(
    "code",
    ["Two rows are wrong.", "", "Rows-faulty", "rows_faulty", "rows faulty", "-rows", "rows-"],
)
def test_a_code_that_programs_could_not_rely_on_is_a_fault_of_ours(code: str) -> None:
    with pytest.raises(ValueError, match="is no code"):
        Refused(code, "Two rows are wrong.")


def test_what_is_not_there_says_of_what_kind_it_is() -> None:
    missing = NotFound("co-key holder", "Nobody of this name.", name="Rosa")
    assert (missing.code, missing.what, missing.about) == (
        "unknown-co-key-holder",
        "co-key holder",
        {"name": "Rosa"},
    )


def test_an_interruption_becomes_a_refusal() -> None:
    with (
        pytest.raises(Refused, match="Nothing is lost") as refused,
        refuse_on_ctrl_c("Stopped. Nothing is lost."),
    ):
        raise KeyboardInterrupt
    assert refused.value.code == "interrupted"


@pytest.fixture
def hinted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        HINTS,
        "by-page",
        Hint("See: candour waves status {wave}", "The wave", "console.results", ("wave",)),
    )
    monkeypatch.setitem(HINTS, "by-hand", Hint("Run: candour init"))
    monkeypatch.setitem(HINTS, "said-already", Hint(needs_nothing=True))


@pytest.mark.usefixtures("hinted")
def test_a_command_prints_what_to_type_and_a_page_where_to_go() -> None:
    refused = Refused("by-page", "Not so.", wave="it-support-2027-q1")
    assert words_for_command(refused) == "Not so. See: candour waves status it-support-2027-q1"
    assert link_for_page(refused) == Link(
        "The wave", "console.results", (("wave", "it-support-2027-q1"),)
    )


@pytest.mark.usefixtures("hinted")
def test_where_no_page_can_do_it_an_administrator_can() -> None:
    assert link_for_page(Refused("by-hand", "Not so.")) == Link(BY_ADMINISTRATOR)


@pytest.mark.usefixtures("hinted")
@pytest.mark.parametrize("code", ["said-already", "without-a-hint"])
def test_a_sentence_that_says_it_all_is_followed_by_nothing(code: str) -> None:
    assert link_for_page(Refused(code, "Not so.")) is None
    assert words_for_command(Refused(code, "Not so.")) == "Not so."
