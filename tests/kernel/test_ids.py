"""Identifiers tell nothing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.kernel.ids import random_bytes, random_id, slug


def test_ids_are_128_random_bits_without_version_or_time() -> None:
    drawn = [random_id() for _ in range(2000)]
    assert len(set(drawn)) == len(drawn)
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in drawn)
    # Every digit takes every value in every place: no fixed version nibble, no slowly moving time.
    assert all(len({one[place] for one in drawn}) == 16 for place in range(32))


def test_ids_do_not_come_in_order() -> None:
    drawn = [random_bytes() for _ in range(200)]
    assert drawn != sorted(drawn)
    assert drawn != sorted(drawn, reverse=True)
    assert {len(one) for one in drawn} == {16}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("IT support (London)", "it-support-london"),
        ("  Zürich & Genève  ", "zurich-geneve"),
        ("Q1/2027", "q1-2027"),
        ("a -- b", "a-b"),
        ("総務部", ""),
        ("", ""),
    ],
)
def test_a_slug_is_the_name_as_it_stands_in_an_address(name: str, expected: str) -> None:
    assert slug(name) == expected


@given(st.text())
def test_a_slug_needs_no_quoting_and_is_its_own_slug(name: str) -> None:
    made = slug(name)
    assert re.fullmatch(r"([a-z0-9]+(-[a-z0-9]+)*)?", made)
    assert slug(made) == made
