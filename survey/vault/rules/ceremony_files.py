"""The two files of the ceremony: sealed ballots out to the representative, once opened ballots back; and a co-key's public half as text.

A file is one line that names its kind, one line of JSON, the ballots one after the other, and the SHA-256 of all before it.
"""

import hashlib
import json
import secrets
from base64 import b32decode, b32encode
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from survey.kernel.errors import Refused
from survey.kernel.plurals import how_many
from survey.vault.rules.sealing import (
    SEALED,
    SEALED_TWICE,
    Unreadable,
    open_outer_layer,
    public_key_of,
)
from survey.waves.rules.waves import MINIMUM_GROUP

_OUT, _BACK = b"candour ballots sealed twice, 1\n", b"candour ballots sealed once, 1\n"
_HASH = 32
_CHECK = 3
_LONGEST_HEAD = 10_000


@dataclass(frozen=True, slots=True)
class CeremonyHeader:
    """What both files say about the wave; `keys` are the fingerprints of the co-keys, in the order of the layers that follow."""

    wave: str
    name: str
    closes: str  # an instant, ISO 8601
    minimum: int
    invited: int
    count: int
    keys: tuple[str, ...]
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class OutgoingFile:
    """The outer layers of every ballot: one list per co-key, each in an order of its own."""

    header: CeremonyHeader
    layers: tuple[tuple[bytes, ...], ...]

    @property
    def closes_at(self) -> datetime:
        """The moment before which nobody may open anything."""
        return datetime.fromisoformat(self.header.closes)


@dataclass(frozen=True, slots=True)
class ReturnedFile:
    """The inner layers, still sealed to the wave's key, in the order that the representative drew."""

    header: CeremonyHeader
    ballots: tuple[bytes, ...]


def open_layer(found: OutgoingFile, private: bytes, now: datetime) -> ReturnedFile:
    """The representative's part: opens the outer layers and shuffles what was inside; refuses too early and for too few.

    A ballot that does not open goes on as random octets, so that the numbers on both sides still agree; it is counted as unreadable.
    """
    header = found.header
    minimum = max(header.minimum, MINIMUM_GROUP)
    if now < found.closes_at:
        raise Refused(
            "ballots-not-due",
            f"{header.name} is open until {found.closes_at:%Y-%m-%d %H:%M} UTC. Before that nobody"
            " opens anything.",
        )
    mine = fingerprint(public_key_of(private))
    if mine not in header.keys:
        raise Refused(
            "sealed-to-other-key",
            f"{header.name} was not sealed to this key ({mine}) but to {', '.join(header.keys)}."
            " Take the right key file.",
        )
    opened = [
        _inside(header.wave, private, ballot) for ballot in found.layers[header.keys.index(mine)]
    ]
    good = [ballot for ballot in opened if ballot is not None]
    if len(good) < minimum:
        raise Refused(
            "too-few-ballots",
            f"Only {how_many(len(good), 'ballot')} of this file can be opened, and fewer than"
            f" {minimum} are never opened, because they could be traced.",
        )
    unreadable = len(opened) - len(good)
    ballots = [*good, *(secrets.token_bytes(SEALED) for _ in range(unreadable))]
    secrets.SystemRandom().shuffle(ballots)
    return ReturnedFile(replace(header, keys=(mine,), unreadable=unreadable), tuple(ballots))


def _inside(wave_id: str, private: bytes, ballot: bytes) -> bytes | None:
    try:
        inner = open_outer_layer(private, wave_id, ballot)
    except Unreadable:
        return None
    return inner if len(inner) == SEALED else None


def write_outgoing(found: OutgoingFile) -> bytes:
    """The file for the representative."""
    return _write(_OUT, found.header, [ballot for layer in found.layers for ballot in layer])


def write_returned(found: ReturnedFile) -> bytes:
    """The file for the server."""
    return _write(_BACK, found.header, found.ballots)


def read_outgoing(content: bytes) -> OutgoingFile:
    """The file from the server; refuses a damaged, cut or foreign one, and one in which a ballot stands twice."""
    header, body = _read(_OUT, content, "the server wrote for the representative")
    ballots = _split(body, SEALED_TWICE, header.count * len(header.keys))
    layers = tuple(
        ballots[place * header.count : (place + 1) * header.count]
        for place in range(len(header.keys))
    )
    if not layers:
        raise Refused(
            "ceremony-file-without-key",
            "This file is sealed to no key, so there is nothing to open. Ask for a new one.",
        )
    return OutgoingFile(header, layers)


def read_returned(content: bytes) -> ReturnedFile:
    """The file from the representative; refuses a damaged, cut or foreign one, and one in which a ballot stands twice."""
    header, body = _read(_BACK, content, "the representative wrote with their key")
    return ReturnedFile(header, _split(body, SEALED, header.count))


def file_hash(content: bytes) -> str:
    """The hash of a file as both sides compare it."""
    return _grouped(hashlib.sha256(content).hexdigest()[:32])


def fingerprint(public: bytes) -> str:
    """A key as people compare it: 32 hexadecimal digits of its SHA-256, in groups of four.

    >>> fingerprint(bytes(32))
    '6668 7aad f862 bd77 6c8f c18b 8e9f 8e20'
    """
    return _grouped(hashlib.sha256(public).hexdigest()[:32])


def public_key_as_text(public: bytes) -> str:
    """A public half to hand over or read out: seven groups of eight letters and digits, with a check against slips.

    >>> public_key_as_text(bytes(32))
    'aaaaaaaa-aaaaaaaa-aaaaaaaa-aaaaaaaa-aaaaaaaa-aaaaaaaa-aaagm2d2'
    """
    text = b32encode(public + hashlib.sha256(public).digest()[:_CHECK]).decode().lower()
    return "-".join(text[place : place + 8] for place in range(0, len(text), 8))


def public_key_from_text(text: str) -> bytes:
    """The public half again; capitals, spaces and hyphens do not matter, a slip is refused."""
    try:
        found = b32decode("".join(text.split()).replace("-", "").upper())
    except ValueError:
        found = b""
    public, check = found[:_HASH], found[_HASH:]
    if len(found) != _HASH + _CHECK or hashlib.sha256(public).digest()[:_CHECK] != check:
        raise Refused(
            "public-key-unreadable",
            "This is not the public half of a key, or a letter of it is wrong. It is the line of "
            "seven groups that was printed when the key was made: copy it once more.",
        )
    return public


def _write(kind: bytes, header: CeremonyHeader, ballots: Sequence[bytes]) -> bytes:
    content = kind + json.dumps(asdict(header)).encode() + b"\n" + b"".join(ballots)
    return content + hashlib.sha256(content).digest()


def _read(kind: bytes, content: bytes, origin: str) -> tuple[CeremonyHeader, bytes]:
    if not content.startswith(kind):
        raise Refused(
            "ceremony-file-foreign", f"This is not the right file. Take the one that {origin}."
        )
    covered = content[:-_HASH]
    if hashlib.sha256(covered).digest() != content[-_HASH:]:
        raise Refused(
            "ceremony-file-damaged",
            f"This file is damaged or was cut off on its way. Copy again the one that {origin}.",
        )
    line, _, body = covered[len(kind) :].partition(b"\n")
    try:
        return _header(line), body
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Refused(
            "ceremony-file-of-other-version",
            "This file was not written by this version of Candour. Have it made again: it is the"
            f" one that {origin}.",
        ) from error


def _header(line: bytes) -> CeremonyHeader:
    facts = json.loads(line[:_LONGEST_HEAD])
    header = CeremonyHeader(**{**facts, "keys": tuple(facts["keys"])})
    numbers = (header.minimum, header.invited, header.count, header.unreadable)
    texts = (header.wave, header.name, header.closes, *header.keys)
    if not all(type(number) is int and number >= 0 for number in numbers) or not all(
        isinstance(text, str) for text in texts
    ):
        raise ValueError(line)
    if datetime.fromisoformat(header.closes).tzinfo is None or not header.name.isprintable():
        raise ValueError(line)
    return header


def _split(body: bytes, length: int, count: int) -> tuple[bytes, ...]:
    if len(body) != count * length:
        raise Refused(
            "ceremony-file-incomplete",
            f"This file says that it holds {count} sealed ballots, but it does not. Nothing was"
            " opened and nothing was changed.",
        )
    ballots = tuple(body[place : place + length] for place in range(0, len(body), length))
    if len(set(ballots)) != len(ballots):
        raise Refused(
            "ballot-twice",
            "A ballot stands twice in this file, which never happens by itself. Nothing was opened"
            " and nothing was changed.",
        )
    return ballots


def _grouped(digits: str) -> str:
    return " ".join(digits[place : place + 4] for place in range(0, len(digits), 4))
