"""Sealing: HPKE (RFC 9180) with one key pair per wave, and one length for every ballot.

Suite: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, base mode, `info` = the wave.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

PADDED = 8192
SEALED = PADDED + 48  # 32 octets of encapsulated key, 16 of tag
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_PROBE = b"probe"


class TooLong(Exception):
    """More text than one ballot can hold; `octets` says by how much."""

    def __init__(self, octets: int) -> None:
        super().__init__(octets)
        self.octets = octets


class Unreadable(Exception):
    """A ballot that this key does not open."""


def seal(public_key: bytes, wave_id: str, content: bytes) -> bytes:
    """Seals at most 8,191 octets into always 8,240; refuses more with `TooLong`."""
    room = PADDED - 1
    if len(content) > room:
        raise TooLong(len(content) - room)
    padded = content + b"\x80" + bytes(room - len(content))
    return _SUITE.encrypt(padded, X25519PublicKey.from_public_bytes(public_key), info=_info(wave_id))


def open_sealed(private_key: bytes, wave_id: str, sealed: bytes) -> bytes:
    """What `seal` was given; `Unreadable` for anything that was not sealed to this key for this wave."""
    try:
        padded = _SUITE.decrypt(sealed, X25519PrivateKey.from_private_bytes(private_key), info=_info(wave_id))
    except (InvalidTag, ValueError) as error:
        raise Unreadable from error
    return padded.rstrip(b"\x00")[:-1]


def probe(public_key: bytes, wave_id: str) -> bytes:
    """A sealed word that says nothing, kept with the wave to test its key with."""
    return seal(public_key, wave_id, _PROBE)


def opens_probe(private_key: bytes, wave_id: str, sealed: bytes) -> bool:
    """Whether this is the wave's key."""
    try:
        return open_sealed(private_key, wave_id, sealed) == _PROBE
    except Unreadable:
        return False


def _info(wave_id: str) -> bytes:
    return b"wave:" + wave_id.encode()
