"""One length for every ballot, and nothing opens it but its wave's key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.kernel.ids import random_id
from survey.vault.keys.service.key_files import wave_public_key
from survey.vault.rules import sealing
from survey.vault.rules.sealing import (
    SEALED,
    TooLong,
    Unreadable,
    make_probe,
    open_ballot,
    opens_probe,
    seal_ballot,
)

PRIVATE, OTHER = bytes(range(1, 33)), bytes(range(2, 34))
WAVE = random_id()


@given(
    st.binary(max_size=400)
    | st.sampled_from([b"", b"\x00", b"\x80", b"a\x80\x00\x00", b"x" * 8191])
)
def test_whatever_is_sealed_has_one_length_and_comes_back_whole(content: bytes) -> None:
    sealed = seal_ballot(wave_public_key(PRIVATE), WAVE, content)
    assert len(sealed) == SEALED == 8240
    assert open_ballot(PRIVATE, WAVE, sealed) == content


def test_8191_octets_fit_and_more_is_refused_with_the_excess() -> None:
    assert (
        open_ballot(PRIVATE, WAVE, seal_ballot(wave_public_key(PRIVATE), WAVE, b"x" * 8191))
        == b"x" * 8191
    )
    for length in (8192, 9000):
        with pytest.raises(TooLong) as refused:
            seal_ballot(wave_public_key(PRIVATE), WAVE, b"x" * length)
        assert refused.value.octets == length - 8191


def test_two_ballots_of_the_same_answers_share_nothing() -> None:
    first, second = (seal_ballot(wave_public_key(PRIVATE), WAVE, b"same") for _ in range(2))
    assert first[:32] != second[:32]
    assert sum(a == b for a, b in zip(first, second, strict=True)) < SEALED // 20


@pytest.mark.parametrize("place", [0, 31, 32, 4000, SEALED - 1])
def test_a_changed_ballot_does_not_open(place: int) -> None:
    sealed = bytearray(seal_ballot(wave_public_key(PRIVATE), WAVE, b"content"))
    sealed[place] ^= 1
    with pytest.raises(Unreadable):
        open_ballot(PRIVATE, WAVE, bytes(sealed))


@pytest.mark.parametrize("change", [bytes(SEALED), b"", b"short", b"\xff" * SEALED])
def test_what_was_never_sealed_does_not_open(change: bytes) -> None:
    with pytest.raises(Unreadable):
        open_ballot(PRIVATE, WAVE, change)


def test_neither_another_wave_nor_another_key_opens_a_ballot() -> None:
    sealed = seal_ballot(wave_public_key(PRIVATE), WAVE, b"content")
    for private, wave in ((PRIVATE, random_id()), (OTHER, WAVE)):
        with pytest.raises(Unreadable):
            open_ballot(private, wave, sealed)


def test_the_probe_tells_the_right_key_from_every_other() -> None:
    sealed = make_probe(wave_public_key(PRIVATE), WAVE)
    assert len(sealed) == SEALED
    assert opens_probe(PRIVATE, WAVE, sealed)
    assert not opens_probe(OTHER, WAVE, sealed)
    assert not opens_probe(PRIVATE, random_id(), sealed)
    assert not opens_probe(PRIVATE, WAVE, seal_ballot(wave_public_key(PRIVATE), WAVE, b"an answer"))
    assert not opens_probe(PRIVATE, WAVE, b"")


def test_the_suite_is_the_one_that_the_design_names() -> None:
    assert (sealing.PADDED, sealing.SEALED - sealing.PADDED) == (8192, 32 + 16)
