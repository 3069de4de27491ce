"""The two files of the ceremony, and the public half of a representative's key as text.

One file takes sealed ballots out to the representative, the other brings once opened ballots back.
A file is one line that names its kind, one line of JSON, the ballots one after the other, and the
SHA-256 of all before it.
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
    """What the outgoing and the returned file both say about their wave.

    `keys` are the fingerprints of the representatives' keys, in the order of the layers that
    follow. `closes` is an instant, ISO 8601.
    """

    wave: str  # its id
    name: str
    closes: str
    minimum: int
    invited: int
    count: int
    keys: tuple[str, ...]
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class OutgoingFile:
    """The file for the representative: all ballots sealed twice, once for each of the keys.

    `layers` has one list a representative's key, in the order of `header.keys`; each holds all
    ballots in another order.
    """

    header: CeremonyHeader
    layers: tuple[tuple[bytes, ...], ...]

    @property
    def closes_at(self) -> datetime:
        """The instant when the wave closes; before it nobody may open anything."""
        return datetime.fromisoformat(self.header.closes)


@dataclass(frozen=True, slots=True)
class ReturnedFile:
    """The file for the server: shuffled ballots, still sealed to the wave's own key."""

    header: CeremonyHeader
    ballots: tuple[bytes, ...]


def open_layer(outgoing: OutgoingFile, private: bytes, now: datetime) -> ReturnedFile:
    """Opens the outer layers with the representative's private key and shuffles what was inside.

    Refuses before the wave has closed, with a key to which the wave is not sealed, and where fewer
    ballots than the minimum can be opened. A ballot that does not open goes on as random octets, so
    that the numbers on both sides still agree; it is counted as unreadable.
    """
    header = outgoing.header
    if now < outgoing.closes_at:
        raise Refused(
            "ballots-not-due",
            f"{header.name} is open until {outgoing.closes_at:%Y-%m-%d %H:%M} UTC. Before that"
            " nobody opens anything.",
        )
    own_key = fingerprint(public_key_of(private))
    if own_key not in header.keys:
        raise Refused(
            "sealed-to-other-key",
            f"{header.name} was not sealed to this key ({own_key}) but to"
            f" {', '.join(header.keys)}. Take the right key file.",
        )
    layer = outgoing.layers[header.keys.index(own_key)]
    opened = [_open_ballot(header.wave, private, ballot) for ballot in layer]
    readable = [ballot for ballot in opened if ballot is not None]
    minimum = max(header.minimum, MINIMUM_GROUP)
    if len(readable) < minimum:
        raise Refused(
            "too-few-ballots",
            f"Only {how_many(len(readable), 'ballot')} of this file can be opened, and fewer than"
            f" {minimum} are never opened, because they could be traced.",
        )
    unreadable = len(opened) - len(readable)
    ballots = readable + [secrets.token_bytes(SEALED) for _ in range(unreadable)]
    secrets.SystemRandom().shuffle(ballots)
    returned = replace(header, keys=(own_key,), unreadable=unreadable)
    return ReturnedFile(returned, tuple(ballots))


def _open_ballot(wave_id: str, private: bytes, ballot: bytes) -> bytes | None:
    """The inner ballot (8,240 octets) of one sealed twice; None where it does not open to that."""
    try:
        inner = open_outer_layer(private, wave_id, ballot)
    except Unreadable:
        return None
    return inner if len(inner) == SEALED else None


def write_outgoing(outgoing: OutgoingFile) -> bytes:
    """The file that takes sealed ballots to the representative, as `read_outgoing` reads it."""
    ballots = [ballot for layer in outgoing.layers for ballot in layer]
    return _write(_OUT, outgoing.header, ballots)


def write_returned(returned: ReturnedFile) -> bytes:
    """The octets of the file for the server, as `read_returned` reads them."""
    return _write(_BACK, returned.header, returned.ballots)


def read_outgoing(content: bytes) -> OutgoingFile:
    """Reads the file for the representative; refuses a damaged or wrong one.

    Wrong is one that is cut, foreign, of another version or sealed to no key, or in which a ballot
    is there twice.
    """
    header, body = _read(_OUT, content, "the server wrote for the representative")
    ballots = _split_ballots(body, SEALED_TWICE, header.count * len(header.keys))
    starts = [place * header.count for place in range(len(header.keys))]
    layers = tuple(ballots[start : start + header.count] for start in starts)
    if not layers:
        raise Refused(
            "ceremony-file-without-key",
            "This file is sealed to no key, so there is nothing to open. Ask for a new one.",
        )
    return OutgoingFile(header, layers)


def read_returned(content: bytes) -> ReturnedFile:
    """Reads the file from the representative; refuses a damaged or wrong one.

    Wrong is one that is cut, foreign or of another version, or in which a ballot is there twice.
    """
    header, body = _read(_BACK, content, "the representative wrote with their key")
    return ReturnedFile(header, _split_ballots(body, SEALED, header.count))


def file_hash(content: bytes) -> str:
    """The hash of a file for people to compare: 32 hexadecimal digits of its SHA-256, in fours."""
    return _grouped(hashlib.sha256(content).hexdigest()[:32])


def fingerprint(public: bytes) -> str:
    """A public key for people to compare: 32 hexadecimal digits of its SHA-256, in fours.

    >>> fingerprint(bytes(32))
    '6668 7aad f862 bd77 6c8f c18b 8e9f 8e20'
    """
    return _grouped(hashlib.sha256(public).hexdigest()[:32])


def public_key_as_text(public: bytes) -> str:
    """A public key to hand over or read out: seven groups of eight letters and digits.

    They hold a check against slips: the first 3 octets of its SHA-256.

    >>> public_key_as_text(bytes(32))
    'aaaaaaaa-aaaaaaaa-aaaaaaaa-aaaaaaaa-aaaaaaaa-aaaaaaaa-aaagm2d2'
    """
    check = hashlib.sha256(public).digest()[:_CHECK]
    text = b32encode(public + check).decode().lower()
    return "-".join(text[place : place + 8] for place in range(0, len(text), 8))


def public_key_from_text(text: str) -> bytes:
    """The public key (32 octets) behind what `public_key_as_text` gave; refuses a mistyped one.

    Capitals, spaces and hyphens do not matter.
    """
    try:
        octets = b32decode("".join(text.split()).replace("-", "").upper())
    except ValueError:
        octets = b""
    public, check = octets[:_HASH], octets[_HASH:]
    if len(octets) != _HASH + _CHECK or hashlib.sha256(public).digest()[:_CHECK] != check:
        raise Refused(
            "public-key-unreadable",
            "This is not the public half of a key, or a letter of it is wrong. It is the line of "
            "seven groups that was printed when the key was made: copy it once more.",
        )
    return public


def _write(kind: bytes, header: CeremonyHeader, ballots: Sequence[bytes]) -> bytes:
    """The octets of a ceremony file: kind, header, ballots, and the SHA-256 of all these."""
    content = kind + json.dumps(asdict(header)).encode() + b"\n" + b"".join(ballots)
    return content + hashlib.sha256(content).digest()


def _read(kind: bytes, content: bytes, origin: str) -> tuple[CeremonyHeader, bytes]:
    """The header and the ballots, not yet split, of a file of this kind; refuses a damaged one.

    A file of another kind or version is refused too; `origin` says in refusals which one is meant.
    """
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
        return _read_header(line), body
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Refused(
            "ceremony-file-of-other-version",
            "This file was not written by this version of Candour. Have it made again: it is the"
            f" one that {origin}.",
        ) from error


def _read_header(line: bytes) -> CeremonyHeader:
    """The header from a file's second line; ValueError, TypeError or KeyError where it is none."""
    document = json.loads(line[:_LONGEST_HEAD])
    header = CeremonyHeader(**{**document, "keys": tuple(document["keys"])})
    numbers = (header.minimum, header.invited, header.count, header.unreadable)
    texts = (header.wave, header.name, header.closes, *header.keys)
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError(line)
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(line)
    if datetime.fromisoformat(header.closes).tzinfo is None:
        raise ValueError(line)
    if not header.name.isprintable():
        raise ValueError(line)
    return header


def _split_ballots(body: bytes, length: int, count: int) -> tuple[bytes, ...]:
    """The `count` ballots of `length` octets in a file; refuses another size, and repeats."""
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
    """These digits in groups of four with blanks between."""
    return " ".join(digits[place : place + 4] for place in range(0, len(digits), 4))
