"""The code: 120 random bits in a form that survives paper, telephone and word processor."""

import re

from hypothesis import given
from hypothesis import strategies as st

from survey.invitations.rules.codes import (
    ALPHABET,
    LENGTH,
    code_hash,
    code_in,
    draw_code,
    grouped_code,
)

CODES = st.text(ALPHABET, min_size=LENGTH, max_size=LENGTH)
BETWEEN = st.text(" \t\n-\u00a0\u2010\u2011\u2013", max_size=2)
MISREAD = {"0": "0oO", "1": "1iIlL"}


def test_a_code_carries_120_bits_in_letters_that_nobody_confuses() -> None:
    assert len(set(ALPHABET)) ** LENGTH == 2**120
    assert not set("ILOU") & set(ALPHABET)
    drawn = {draw_code() for _ in range(500)}
    assert len(drawn) == 500
    assert set("".join(drawn)) == set(ALPHABET)
    assert all(re.fullmatch(r"(\w{4}-){5}\w{4}", grouped_code(code)) for code in drawn)


@given(CODES, st.data())
def test_a_code_is_read_however_it_is_typed(code: str, data: st.DataObject) -> None:
    typed = "".join(
        data.draw(BETWEEN)
        + data.draw(st.sampled_from(MISREAD.get(letter, letter + letter.lower())))
        for letter in code
    )
    assert code_in(typed) == code
    assert code_hash(code_in(typed) or "") == code_hash(code)


@given(st.text(max_size=300))
def test_whatever_is_typed_is_a_code_or_none(text: str) -> None:
    code = code_in(text)
    assert code is None or re.fullmatch(f"[{ALPHABET}]{{{LENGTH}}}", code)


@given(CODES, st.integers(0, LENGTH - 1), st.sampled_from("U*\x00é?"))
def test_a_code_with_a_wrong_letter_is_none(code: str, place: int, wrong: str) -> None:
    assert code_in(code[:place] + wrong + code[place + 1 :]) is None
    assert code_in(code[:-1]) is None
    assert code_in(code + code[0]) is None


def test_the_digest_tells_one_code_from_another_and_keeps_neither() -> None:
    first, second = draw_code(), draw_code()
    assert code_hash(first) != code_hash(second)
    assert len(code_hash(first)) == 32
    assert first.encode() not in code_hash(first)
