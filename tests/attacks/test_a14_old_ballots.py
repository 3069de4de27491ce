"""A14: after the count, whoever kept every ballot looks for the wave's key in everything that is
left.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from flask import Flask

from survey.access.service.audit import record
from survey.vault.keys.service import key_files
from survey.vault.rules import sealing
from tests.attacks.attack import (
    Attack,
    Worlds,
    assert_at_chance,
    assert_caught,
    at_chance,
    with_faults,
)
from tests.attacks.metric import Evidence
from tests.attacks.world import World, patched

LENGTH = 32
MOST_ZEROS, FEWEST_HIGH, FEWEST_DISTINCT = (
    3,
    5,
    25,
)  # of 32 random octets; one key in 1,000 has more or fewer
_HEX = re.compile(rb"[0-9a-fA-F]{64,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{43,}")


def raw_candidates(content: bytes) -> Iterator[bytes]:
    """Every 32 octets in a row that may be random: few zeros, some beyond ASCII, few alike.

    The rest is text or empty space.
    """
    octets = np.frombuffer(content, dtype=np.uint8)
    if len(octets) < LENGTH:
        return
    zeros, high = (np.concatenate(([0], np.cumsum(flags))) for flags in (octets == 0, octets > 127))
    likely = (zeros[LENGTH:] - zeros[:-LENGTH] <= MOST_ZEROS) & (
        high[LENGTH:] - high[:-LENGTH] >= FEWEST_HIGH
    )
    places = np.flatnonzero(likely)
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(octets, LENGTH)[places], axis=1)
    for at in places[1 + (np.diff(windows, axis=1) != 0).sum(axis=1) >= FEWEST_DISTINCT]:
        yield content[at : at + LENGTH]


def candidates(content: bytes) -> Iterator[bytes]:
    """Whatever could be a key in this content: raw, in hex, in base64."""
    yield from raw_candidates(content)
    for found in _HEX.findall(content):
        yield from (bytes.fromhex(found[at : at + 64].decode()) for at in range(len(found) - 63))
    for found in _BASE64.findall(content):
        plain = found.replace(b"-", b"+").replace(b"_", b"/")
        for at in range(min(len(plain) - 42, 4)):
            with suppress(binascii.Error):
                yield base64.b64decode(plain[at : at + 43] + b"=")


def keys_left(paths: list[Path], public: bytes, ballots: list[bytes]) -> set[bytes]:
    """The private keys in these files whose public half is this one."""
    tried: set[bytes] = set()
    for path in paths:
        content = path.read_bytes()
        for ballot in ballots:
            content = content.replace(ballot, b"")
        tried |= set(candidates(content))
    return {one for one in tried if len(one) == LENGTH and key_files.wave_public_key(one) == public}


def attempt(world: World) -> Evidence:
    """How many of all ballots ever copied can be opened by what is left after the count."""
    assert world.wave.public_key
    ballots = {bytes(row["sealed"]) for copy in world.kept for row in copy.rows("ballot")}
    assert len(ballots) == world.n, "not every ballot was copied"
    opened = 0
    for private in keys_left(world.after.files, world.wave.public_key, list(ballots)):
        opened += sum(
            b'"s":' in sealing.open_ballot(private, world.wave.id, ballot) for ballot in ballots
        )
    return {
        "ballots opened": opened,
        "key files left": len(list((world.after.folder / "keys").iterdir())),
    }


@contextmanager
def key_file_left(app: Flask) -> Iterator[None]:
    """Nobody destroys the key."""
    with patched(key_files, "destroy_key", lambda *_: None):
        yield


@contextmanager
def key_in_the_database(app: Flask) -> Iterator[None]:
    """The launch notes the key in the audit log."""
    make = key_files.make_key

    def noted(folder: Path | None, wave_id: str) -> bytes:
        private = make(folder, wave_id)
        record("key made", {"key": private.hex()})
        return private

    with patched(key_files, "make_key", noted):
        yield


ATTACK = Attack(
    "A14",
    "Keeping a copy of every sealed answer, and looking for the key in everything that is left on"
    " the disk after the count.",
    attempt,
    {"the key file is left": key_file_left, "the key is in the database": key_in_the_database},
)


@at_chance(ATTACK)
def test_old_ballots_stay_shut(worlds: Worlds, database: str, n: int) -> None:
    assert_at_chance(ATTACK, worlds, database, n)


@with_faults(ATTACK)
def test_a_key_that_is_left_is_caught(worlds: Worlds, database: str, fault: str) -> None:
    assert_caught(ATTACK, worlds, database, fault)


def test_a_key_is_found_in_whatever_form_it_lies(tmp_path: Path) -> None:
    private = bytes(range(100, 164, 2))
    public = key_files.wave_public_key(private)
    for form in (
        private,
        private.hex().encode(),
        base64.b64encode(private),
        base64.urlsafe_b64encode(private),
    ):
        (tmp_path / "file").write_bytes(bytes(5000) + b"said: " + form + b" and more")
        assert keys_left([tmp_path / "file"], public, []) == {private}
