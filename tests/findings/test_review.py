"""What a comment is warned about, and that a redaction takes words out and does nothing else."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.findings.comments.rules import (
    ADDRESS,
    COLLEAGUES_ADDRESS,
    DATE,
    NAME,
    ONLY_ONE,
    PHONE,
    TAKEN_OUT,
    TICKET,
    TITLE,
    check_redaction,
    cut_at_warnings,
    find_warnings,
    known_names,
    redaction_fault,
)
from survey.kernel.errors import Refused

KNOWN = known_names(
    [
        "Ada Berg",
        "Müller, Jörg",
        "Bo Li",
        "Will Grant",
        "Siân O’Brien",
        "王伟",
        "Anne-Marie van der Meer",
    ],
    ["ada@northwind.example", "j.mueller@northwind.example", "c4711@northwind.example"],
)


def warned(text: str) -> list[tuple[str, str]]:
    return [(piece, why) for piece, why in cut_at_warnings(text, find_warnings(text, KNOWN)) if why]


@pytest.mark.parametrize(
    ("text", "piece", "why"),
    [
        ("It was ada who waited", "ada", NAME),
        ("Ada Berg's laptop", "Ada Berg", NAME),
        ("ask muller", "muller", NAME),
        ("JÖRG knows", "JÖRG", NAME),
        ("so Bo waited", "Bo", NAME),
        ("even Will gave up", "Will", NAME),
        ("sian o'brien sat there", "sian o'brien", NAME),
        ("marie and Meer", "marie", NAME),
        ("请问 王伟 吧", "王伟", NAME),
        ("write to ADA@northwind.example.", "ADA@northwind.example", COLLEAGUES_ADDRESS),
        ("the account j.mueller was locked", "j.mueller", COLLEAGUES_ADDRESS),
        ("they locked C4711 twice", "C4711", COLLEAGUES_ADDRESS),
        ("reach me at me+it@home.co.uk", "me+it@home.co.uk", ADDRESS),
        ("call +44 20 7946 0958 please", "+44 20 7946 0958", PHONE),
        ("(0171) 5550123", "(0171) 5550123", PHONE),
        ("on ext. 312 nobody answers", "ext. 312", PHONE),
        ("INC0012345 is open", "INC0012345", TICKET),
        ("see #4711", "#4711", TICKET),
        ("REQ-123 waits", "REQ-123", TICKET),
        ("NWHELP-88 waits", "NWHELP-88", TICKET),
        ("my ticket number 8812 waits", "ticket number 8812", TICKET),
        ("since 2027-01-12 it is slow", "2027-01-12", DATE),
        ("am 12.01.2027 kaputt", "12.01.2027", DATE),
        ("3/11/26 was bad", "3/11/26", DATE),
        ("on the 14th it broke", "on the 14th", DATE),
        ("broke January 3rd, 2027", "January 3rd, 2027", DATE),
        ("it broke last Tuesday", "last Tuesday", DATE),
        ("yesterday it broke", "yesterday", DATE),
        ("Mrs Okafor was kind", "Mrs Okafor", TITLE),
        ("thanks to Dr. Who", "Dr. Who", TITLE),
        ("as the only woman here", "as the only woman", ONLY_ONE),
        ("I am the only Mac user", "I am the only Mac", ONLY_ONE),
        ("i’m the only one", "i’m the only one", ONLY_ONE),
        ("nobody else has this", "nobody else", ONLY_ONE),
    ],
)
def test_what_may_give_somebody_away_is_warned_about(text: str, piece: str, why: str) -> None:
    assert (piece, why) in warned(text)


@pytest.mark.parametrize(
    "text",
    [
        "They will grant access in 24/7 shifts, 3 of 4 times",
        "The van is ok, the order is not; a lira or two",
        "Takes 2 hours, or 30 minutes for 10 PCs. Version 10.4 is fine",
        "The only problem is the VPN",
        "Please keep me informed (and answer mails)",
        "",
    ],
)
def test_everyday_words_are_no_warning(text: str) -> None:
    assert warned(text) == []


def test_a_place_with_two_reasons_is_warned_about_whole_and_with_both() -> None:
    assert warned("ask Mr Ada Berg in IT") == [("Mr Ada Berg", f"{TITLE}, {NAME}")]


WORDS = st.sampled_from(
    [
        "Ada",
        "Berg",
        " ",
        "\n",
        "#12",
        "INC77",
        "2027-01-01",
        "as the only",
        "Mr",
        "x@y.zz",
        "é",
        "—",
        "0",
    ]
)


@given(st.lists(WORDS, max_size=20).map("".join))
def test_warnings_lie_apart_and_the_pieces_are_the_comment(text: str) -> None:
    found = find_warnings(text, KNOWN)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert "".join(piece for piece, _ in cut_at_warnings(text, found)) == text


SMALL = st.text("ab [.]\n", max_size=14)


@given(
    SMALL,
    SMALL | st.lists(st.text("ab .\n", max_size=4), min_size=2, max_size=4).map(TAKEN_OUT.join),
)
def test_a_redaction_is_the_original_with_parts_replaced_and_nothing_else(
    original: str, offered: str
) -> None:
    parts = offered.split(TAKEN_OUT)
    fits = len(parts) > 1 and re.fullmatch(".+".join(map(re.escape, parts)), original, re.DOTALL)
    has_rest = any(letter in "ab[]" for letter in "".join(parts))
    assert (redaction_fault(original, offered) is None) == bool(
        fits and has_rest and offered != original
    )


@given(st.text("abc de.\n", min_size=3, max_size=60), st.data())
def test_whatever_is_marked_can_be_taken_out_and_no_further_change_goes_with_it(
    original: str, data: st.DataObject
) -> None:
    ends = sorted(data.draw(st.sets(st.integers(0, len(original)), min_size=2, max_size=6)))
    offered, at = "", 0
    for start, end in zip(ends[::2], ends[1::2], strict=False):
        offered += original[at:start] + TAKEN_OUT
        at = end
    offered += original[at:]
    if any(letter.isalpha() for letter in offered):
        assert check_redaction(original, offered.replace("\n", "\r\n")) == offered
    place = data.draw(st.integers(0, len(offered)))
    with pytest.raises(Refused, match=r"Only words may be taken out|Nothing was taken out"):
        check_redaction(original, offered[:place] + "X" + offered[place:])


@pytest.mark.parametrize(
    ("offered", "says"),
    [
        ("Ada was kind", "Nothing was taken out"),
        ("Ada was unkind", "Only words may be taken out"),
        ("", "Only words may be taken out"),
        ("[...] was very kind", "Only words may be taken out"),
        ("[…] was kind", "Only words may be taken out"),
        ("Ada[...] was kind", "Only words may be taken out"),
        ("[...] was[...] k[...]", "Only words may be taken out"),
        ("[...]", "Hold it back instead"),
    ],
)
def test_what_is_no_redaction_is_refused_with_what_to_do(offered: str, says: str) -> None:
    with pytest.raises(Refused, match=re.escape(says)):
        check_redaction("Ada was kind", offered)
