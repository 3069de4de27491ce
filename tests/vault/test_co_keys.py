"""The second key: made and used offline, registered once, good for one wave, and useless alone."""

import json
import os
import subprocess
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from flask import Flask

from survey.kernel.errors import Refused
from survey.kernel.ids import random_id
from survey.launching.service.opening import open_wave
from survey.launching.service.preview import preview_wave
from survey.vault.rules import ceremony_files, passphrases
from survey.vault.rules.ceremony_files import (
    CeremonyHeader,
    OutgoingFile,
    fingerprint,
    open_layer,
    public_key_as_text,
    public_key_from_text,
    read_outgoing,
    read_returned,
    write_outgoing,
)
from survey.vault.rules.sealing import (
    SEALED,
    SEALED_TWICE,
    Unreadable,
    open_ballot,
    open_outer_layer,
    seal_ballot,
    seal_outer_layer,
)
from survey.vault.service import co_keys
from survey.waves import service as waves
from tests import forking
from tests.cast import OPENS, found_company
from tests.outside import command_line
from tests.proofs import on_postgresql
from tests.representative import Representative, register, representative

WAVE, SERVER, ROSA, PIET = (
    random_id(),
    representative("server"),
    representative("Rosa Marin"),
    representative("Piet Smit"),
)
CLOSED = datetime(2026, 1, 25, 17, tzinfo=UTC)
PASSPHRASE = "violet tram under seven lakes"
PURPOSE = "key of an employee representative"


def twice(number: int, to: Representative = ROSA) -> bytes:
    return seal_outer_layer(
        to.public, WAVE, seal_ballot(SERVER.public, WAVE, b"answer %d" % number)
    )


def outgoing(ballots: int = 12, *keys: Representative) -> OutgoingFile:
    """What a server hands over: every ballot, once for each key."""
    keys = keys or (ROSA,)
    layers = tuple(tuple(twice(number, key) for number in range(ballots)) for key in keys)
    closes = CLOSED.isoformat()
    return OutgoingFile(
        CeremonyHeader(
            WAVE,
            "IT support, Q1 2026",
            closes,
            5,
            58,
            ballots,
            tuple(key.fingerprint for key in keys),
        ),
        layers,
    )


def read_all(ballots: tuple[bytes, ...]) -> list[bytes]:
    return [open_ballot(SERVER.private, WAVE, ballot) for ballot in ballots]


def test_a_ballot_sealed_twice_has_one_length_and_needs_both_keys_in_turn() -> None:
    for content in (b"", b"x" * 8191):
        sealed = seal_outer_layer(ROSA.public, WAVE, seal_ballot(SERVER.public, WAVE, content))
        assert len(sealed) == SEALED_TWICE == 8288
        assert (
            open_ballot(SERVER.private, WAVE, open_outer_layer(ROSA.private, WAVE, sealed))
            == content
        )
        for opens in (open_outer_layer, open_ballot):
            for key, wave in (
                (SERVER.private, WAVE),
                (PIET.private, WAVE),
                (ROSA.private, random_id()),
            ):
                with pytest.raises(Unreadable):
                    opens(key, wave, sealed)
        with pytest.raises(Unreadable):
            open_ballot(ROSA.private, WAVE, open_outer_layer(ROSA.private, WAVE, sealed))


def test_the_two_layers_are_told_apart_even_under_one_key() -> None:
    inner = seal_ballot(ROSA.public, WAVE, b"answer")
    for opens, sealed in (
        (open_outer_layer, inner),
        (open_ballot, seal_outer_layer(ROSA.public, WAVE, inner)),
    ):
        with pytest.raises(Unreadable):
            opens(ROSA.private, WAVE, sealed)


def test_a_public_half_is_read_back_however_it_is_typed_and_every_slip_is_refused() -> None:
    text = ROSA.text
    assert {
        public_key_from_text(typed)
        for typed in (text, text.upper(), f" {text.replace('-', ' ')}\n")
    } == {ROSA.public}
    slips = [
        text[:place] + ("b" if letter == "a" else "a") + text[place + 1 :]
        for place, letter in enumerate(text)
        if letter != "-"
    ]
    assert len(slips) == 56
    for slip in [*slips, text[:-1], text + "a", "", "ü" * 56, b64encode(ROSA.public).decode()]:
        with pytest.raises(Refused, match="not the public half"):
            public_key_from_text(slip)


def test_a_key_under_a_passphrase_comes_back_with_it_alone() -> None:
    box = passphrases.lock_with_passphrase(ROSA.private, PASSPHRASE, PURPOSE)
    assert passphrases.unlock_with_passphrase(box, PASSPHRASE, PURPOSE) == ROSA.private
    assert not any(
        form in box for form in (ROSA.private, ROSA.private.hex().encode(), b64encode(ROSA.private))
    )
    assert box != passphrases.lock_with_passphrase(ROSA.private, PASSPHRASE, PURPOSE)
    facts = json.loads(box)
    for content, passphrase, purpose, message in (
        (box, PASSPHRASE + "x", PURPOSE, "passphrase"),
        (box, PASSPHRASE, "wave key", "something else"),
        (
            json.dumps({**facts, "salt": b64encode(bytes(16)).decode()}).encode(),
            PASSPHRASE,
            PURPOSE,
            "passphrase",
        ),
        (json.dumps({**facts, "box": "?"}).encode(), PASSPHRASE, PURPOSE, "not a key file"),
        (
            json.dumps({**facts, "candour": "wave key"}).encode(),
            PASSPHRASE,
            "wave key",
            "passphrase",
        ),
        (b"[]", PASSPHRASE, PURPOSE, "not a key file"),
        (ROSA.private, PASSPHRASE, PURPOSE, "not a key file"),
    ):
        with pytest.raises(Refused, match=message):
            passphrases.unlock_with_passphrase(content, passphrase, purpose)
    with pytest.raises(Refused, match="at least 15 characters"):
        passphrases.lock_with_passphrase(ROSA.private, "fourteen chars", PURPOSE)


def test_the_representative_takes_off_one_layer_and_shuffles() -> None:
    outgoing_file = outgoing(12)
    returned = [open_layer(outgoing_file, ROSA.private, CLOSED) for _ in range(2)]
    contents = [read_all(one.ballots) for one in returned]
    assert [sorted(one) for one in contents] == [
        sorted(b"answer %d" % number for number in range(12))
    ] * 2
    assert contents[0] != contents[1]
    assert [b"answer %d" % number for number in range(12)] not in contents
    assert (returned[0].header.keys, returned[0].header.unreadable) == ((ROSA.fingerprint,), 0)


def test_either_of_two_representatives_opens_every_ballot() -> None:
    content = write_outgoing(outgoing(7, ROSA, PIET))
    for one in (ROSA, PIET):
        returned = read_returned(one.opens(content, CLOSED))
        assert sorted(read_all(returned.ballots)) == sorted(
            b"answer %d" % number for number in range(7)
        )
        assert returned.header.keys == (one.fingerprint,)


def test_a_ballot_that_does_not_open_goes_on_as_one_that_cannot_be_read() -> None:
    outgoing_file = outgoing(6)
    spoilt = replace(outgoing_file, layers=((*outgoing_file.layers[0][:5], bytes(SEALED_TWICE)),))
    returned = open_layer(spoilt, ROSA.private, CLOSED)
    assert (
        len(returned.ballots),
        {len(ballot) for ballot in returned.ballots},
        returned.header.unreadable,
    ) == (6, {SEALED}, 1)


@pytest.mark.parametrize(
    ("outgoing_file", "key", "now", "message"),
    [
        (outgoing(), ROSA, CLOSED - timedelta(seconds=1), "is open until 2026-01-25 17:00 UTC"),
        (outgoing(4), ROSA, CLOSED, "Only 4 ballots"),
        (
            replace(outgoing(4), header=replace(outgoing(4).header, minimum=1)),
            ROSA,
            CLOSED,
            "fewer than 5",
        ),
        (
            replace(outgoing(6), header=replace(outgoing(6).header, minimum=7)),
            ROSA,
            CLOSED,
            "fewer than 7",
        ),
        (
            replace(outgoing(5), layers=((*outgoing(4).layers[0], bytes(SEALED_TWICE)),)),
            ROSA,
            CLOSED,
            "Only 4 ballots",
        ),
        (
            replace(outgoing(), header=replace(outgoing().header, wave=random_id())),
            ROSA,
            CLOSED,
            "Only 0 ballots",
        ),
        (outgoing(), PIET, CLOSED, f"not sealed to this key .{PIET.fingerprint}"),
    ],
    ids=[
        "too early",
        "too few",
        "a lowered minimum",
        "a raised minimum",
        "padded with rubbish",
        "another wave's name",
        "foreign key",
    ],
)
def test_a_representative_opens_neither_too_early_nor_too_few(
    outgoing_file: OutgoingFile, key: Representative, now: datetime, message: str
) -> None:
    with pytest.raises(Refused, match=message):
        open_layer(outgoing_file, key.private, now)


def rehashed(content: bytes) -> bytes:
    return content + sha256(content).digest()


Spoil = Callable[[bytes], bytes]
SPOILT: dict[str, Spoil] = {
    "empty": lambda _: b"",
    "cut off": lambda good: good[:-100],
    "longer": lambda good: good + b"x",
    "one bit of a ballot": lambda good: good[:9000] + bytes([good[9000] ^ 1]) + good[9001:],
    "another count": lambda good: rehashed(good[:-32].replace(b'"count": 12', b'"count": 11', 1)),
    "a negative count": lambda good: rehashed(
        good[:-32].replace(b'"count": 12', b'"count": -1', 1)
    ),
    "a count that is no number": lambda good: rehashed(
        good[:-32].replace(b'"count": 12', b'"count": "x"', 1)
    ),
    "no closing date": lambda good: rehashed(
        good[:-32].replace(CLOSED.isoformat().encode(), b"soon", 1)
    ),
    "a closing date without zone": lambda good: rehashed(
        good[:-32].replace(b"T17:00:00+00:00", b"T17:00:00", 1)
    ),
    "a name that moves the cursor": lambda good: rehashed(
        good[:-32].replace(b"IT support", b"IT\\u001bsupport", 1)
    ),
    "more in the header": lambda good: rehashed(
        good[:-32].replace(b'{"wave"', b'{"x": 1, "wave"', 1)
    ),
    "no header": lambda good: rehashed(good[: good.index(b"\n") + 1]),
    "a header nested deeply": lambda good: rehashed(
        good[: good.index(b"\n") + 1] + b"[" * 9000 + b"\n"
    ),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_damaged_file_is_refused_on_either_way(spoil: Spoil) -> None:
    out = write_outgoing(outgoing())
    back = ROSA.opens(out, CLOSED)
    for good, read in ((out, read_outgoing), (back, read_returned)):
        read(good)
        with pytest.raises(Refused) as refused:
            read(spoil(good))
        assert refused.value.code.startswith("ceremony-file-")


def test_a_file_that_goes_the_wrong_way_or_holds_a_ballot_twice_is_refused() -> None:
    outgoing_file = outgoing()
    out = write_outgoing(outgoing_file)
    back = ROSA.opens(out, CLOSED)
    for content, read in ((out, read_returned), (back, read_outgoing)):
        with pytest.raises(Refused, match="not the right file"):
            read(content)
    doubled = replace(
        outgoing_file, layers=((*outgoing_file.layers[0][:11], outgoing_file.layers[0][0]),)
    )
    with pytest.raises(Refused, match="twice"):
        read_outgoing(write_outgoing(doubled))
    one = read_returned(back)
    with pytest.raises(Refused, match="twice"):
        read_returned(
            ceremony_files.write_returned(replace(one, ballots=(*one.ballots[:11], one.ballots[0])))
        )


def offline(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`candour` on the representative's machine: no setting, no database, only this folder."""
    return forking.run(
        "candour",
        *arguments,
        environment={"PATH": os.environ["PATH"]},
        cwd=folder,
        typed=f"{PASSPHRASE}\n",
    )


def test_a_key_is_made_and_used_without_settings_and_leaves_nothing_when_destroyed(
    tmp_path: Path,
) -> None:
    made = offline(tmp_path, "cokey", "make", "rosa.key", "--passphrase-file", "-")
    assert made.returncode == 0, made.stderr
    public = next(
        public_key_from_text(line)
        for line in made.stdout.splitlines()
        if line.count("-") == 6 and " " not in line.strip()
    )
    assert fingerprint(public) in made.stdout
    key = tmp_path / "rosa.key"
    assert key.stat().st_mode & 0o777 == 0o600
    again = offline(tmp_path, "cokey", "make", "rosa.key", "--passphrase-file", "-")
    assert (again.returncode, "is there already" in again.stderr) == (1, True)

    layers = (
        tuple(
            seal_outer_layer(public, WAVE, seal_ballot(SERVER.public, WAVE, b"answer %d" % number))
            for number in range(6)
        ),
    )
    header = CeremonyHeader(
        WAVE, "IT support, Q1 2026", CLOSED.isoformat(), 5, 58, 6, (fingerprint(public),)
    )
    content = write_outgoing(OutgoingFile(header, layers))
    (tmp_path / "wave.sealed").write_bytes(content)
    (tmp_path / "same.key").hardlink_to(key)
    before = key.read_bytes()
    kept = offline(
        tmp_path,
        "cokey",
        "open",
        "wave.sealed",
        "rosa.key",
        "kept",
        "--passphrase-file",
        "-",
        "--keep",
    )
    assert (kept.returncode, key.read_bytes()) == (0, before), kept.stderr
    opened = offline(
        tmp_path,
        "cokey",
        "open",
        "wave.sealed",
        "rosa.key",
        "opened",
        "--passphrase-file",
        "-",
        "--destroy",
    )
    assert opened.returncode == 0, opened.stderr
    assert "6 sealed ballots of 58 invited, closed 2026-01-25 17:00 UTC" in opened.stdout
    assert ceremony_files.file_hash(content) in opened.stdout
    for name in ("kept", "opened"):
        ballots = read_returned((tmp_path / name).read_bytes()).ballots
        assert sorted(read_all(ballots)) == sorted(b"answer %d" % number for number in range(6))
    assert not key.exists()
    assert len(left := (tmp_path / "same.key").read_bytes()) == len(before)
    assert left[:20] != before[:20], "the key file was removed but not overwritten"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "kept",
        "opened",
        "same.key",
        "wave.sealed",
    ]


@pytest.mark.parametrize("fault", ["early", "damaged", "foreign", "passphrase", "there already"])
def test_a_refused_opening_writes_nothing_and_keeps_the_key(
    tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outgoing_file = outgoing()
    if fault == "early":
        outgoing_file = replace(
            outgoing_file,
            header=replace(
                outgoing_file.header, closes=datetime(2999, 1, 1, tzinfo=UTC).isoformat()
            ),
        )
    content = write_outgoing(outgoing_file)
    (tmp_path / "wave.sealed").write_bytes(content[:-1] if fault == "damaged" else content)
    key = (PIET if fault == "foreign" else ROSA).private
    (tmp_path / "key").write_bytes(
        passphrases.lock_with_passphrase(
            key, "another passphrase" if fault == "passphrase" else PASSPHRASE, PURPOSE
        )
    )
    if fault == "there already":
        (tmp_path / "opened").write_bytes(b"mine")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    said = offline(
        tmp_path,
        "cokey",
        "open",
        "wave.sealed",
        "key",
        "opened",
        "--passphrase-file",
        "-",
        "--destroy",
    )
    assert (said.returncode, "Traceback" in said.stderr) == (1, False)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_two_keys_are_the_most_and_a_fresh_one_replaces_the_same_persons(app: Flask) -> None:
    register(ROSA, PIET)
    with pytest.raises(Refused, match="Rosa Marin and Piet Smit hold keys already"):
        register(representative("Third"))
    with pytest.raises(Refused, match="registered before"):
        register(ROSA)
    fresh = representative("Rosa Marin")
    register(fresh)
    assert {key.public for key in co_keys.co_keys_for_launch()} == {PIET.public, fresh.public}
    co_keys.end_co_key("Piet Smit", actor="test")
    assert [key.public for key in co_keys.co_keys_for_launch()] == [fresh.public]
    with pytest.raises(Refused, match="holds no registered key"):
        co_keys.end_co_key("Piet Smit", actor="test")


@pytest.mark.parametrize(
    ("name", "public", "message"),
    [
        ("  ", ROSA.text, "Say who holds"),
        ("Rosa\x1b[2J", ROSA.text, "Say who holds"),
        ("x" * 81, ROSA.text, "Say who holds"),
        ("Rosa", ROSA.text[:-1], "not the public half"),
        ("Rosa", public_key_as_text(bytes(32)), "Nothing can be sealed"),
    ],
    ids=[
        "no name",
        "control characters",
        "long name",
        "cut off",
        "zeros",
    ],  # the key is another one in each process
)
def test_a_key_that_could_lose_a_wave_is_not_registered(
    app: Flask, name: str, public: str, message: str
) -> None:
    with pytest.raises(Refused, match=message):
        co_keys.register_co_key(name, public, actor="test")
    assert co_keys.list_co_keys() == ()


def test_opening_freezes_the_keys_and_a_key_is_good_for_one_wave(app: Flask) -> None:
    register(ROSA, PIET)
    key_dir = app.config["CANDOUR"].key_dir
    first = found_company()
    assert any(
        "the key of Rosa Marin or Piet Smit as well" in warning
        for warning in preview_wave(first.slug).warnings
    )
    opened = open_wave(first.slug, first.opens_at, key_dir, actor="test")
    assert [(key.name, key.public) for key in opened.co_keys] == [
        ("Rosa Marin", ROSA.public),
        ("Piet Smit", PIET.public),
    ]
    co_keys.end_co_key("Piet Smit", actor="test")
    other = waves.store_survey(
        waves.SurveyPlan(
            "Second", "Brightline IT", "quarterly_8", "quarterly", OPENS, 14, "UTC", "all"
        )
    )[1]
    for refused in (
        lambda: preview_wave(other.slug),
        lambda: open_wave(other.slug, other.opens_at, key_dir, actor="test"),
    ):
        with pytest.raises(Refused, match=f"Rosa Marin seals {first.slug} already"):
            refused()
    assert waves.find_wave(other.slug).state.value == "planned"
    fresh = representative("Rosa Marin")
    register(fresh)
    assert [
        key.public for key in open_wave(other.slug, other.opens_at, key_dir, actor="test").co_keys
    ] == [fresh.public]
    assert waves.find_wave(first.slug).co_keys == opened.co_keys


@on_postgresql("databases")
def test_without_a_registered_key_a_wave_opens_as_ever(app: Flask) -> None:
    register(ROSA)
    co_keys.end_co_key("Rosa Marin", actor="test")
    first = found_company()
    assert not open_wave(
        first.slug, first.opens_at, app.config["CANDOUR"].key_dir, actor="test"
    ).is_strict


def test_keys_are_registered_listed_and_ended_from_the_command_line(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    candour = command_line(app, database_url, tmp_path, monkeypatch, capsys)
    said = candour("cokey", "register", "Rosa Marin", ROSA.text.upper())
    assert (said.code, ROSA.fingerprint in said.out) == (0, True)
    assert candour("cokey", "list").out == f"Rosa Marin  {ROSA.fingerprint}  for the next wave\n"
    candour("cokey", "end", "Rosa Marin")
    [listed] = json.loads(candour("cokey", "list", "--json").out)["cokeys"]
    assert (listed["name"], listed["fingerprint"], listed["seals"], listed["ended"] is None) == (
        "Rosa Marin",
        ROSA.fingerprint,
        None,
        False,
    )
    assert candour("cokey", "end", "Rosa Marin").code == 1
