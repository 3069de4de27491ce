"""Sealing: HPKE (RFC 9180) with one key pair per wave, and one length for every ballot.

Suite: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, base mode, `info` = the layer and
the wave.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

PADDED = 8192
SEALED = PADDED + 48  # 32 octets of encapsulated key, 16 of tag
SEALED_TWICE = SEALED + 48
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_PROBE = b"probe"


class TooLong(Exception):
    """Raised for content that no ballot can hold; `octets` says by how many it is too long."""

    def __init__(self, octets: int) -> None:
        super().__init__(octets)
        self.octets = octets


class Unreadable(Exception):
    """Raised for a ballot that a key does not open."""


def seal_ballot(public_key: bytes, wave_id: str, content: bytes) -> bytes:
    """Encrypts at most 8,191 octets to a wave's key: always 8,240; raises `TooLong` for more."""
    room = PADDED - 1
    if len(content) > room:
        raise TooLong(len(content) - room)
    padded = content + b"\x80" + bytes(room - len(content))
    return _encrypt(public_key, _info(wave_id), padded)


def open_ballot(private_key: bytes, wave_id: str, sealed: bytes) -> bytes:
    """Decrypts a ballot with the wave's private key: the content that `seal_ballot` was given.

    Raises `Unreadable` for anything that was not sealed to this key for this wave.
    """
    padded = _decrypt(private_key, _info(wave_id), sealed)
    return padded.rstrip(b"\x00")[:-1]


def seal_outer_layer(co_key: bytes, wave_id: str, sealed: bytes) -> bytes:
    """Encrypts a sealed ballot (8,240 octets) once more, to a representative's public key: 8,288.

    This is the outer layer of the strict tier.
    """
    return _encrypt(co_key, _outer_info(wave_id), sealed)


def open_outer_layer(co_key: bytes, wave_id: str, sealed: bytes) -> bytes:
    """Decrypts the outer layer: the ballot, still sealed, that `seal_outer_layer` was given.

    Raises `Unreadable` for anything else. `co_key` is the private half of the representative's key.
    """
    return _decrypt(co_key, _outer_info(wave_id), sealed)


def public_key_of(private_key: bytes) -> bytes:
    """The public half (32 octets) that belongs to a private half."""
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def make_probe(public_key: bytes, wave_id: str) -> bytes:
    """Seals a fixed word to a wave's key; `opens_probe` tests with it whether a key is the wave's.

    It is kept with the wave and says nothing about any answer.
    """
    return seal_ballot(public_key, wave_id, _PROBE)


def opens_probe(private_key: bytes, wave_id: str, sealed: bytes) -> bool:
    """Whether this private key is the wave's: it opens `sealed`, which `make_probe` gave."""
    try:
        return open_ballot(private_key, wave_id, sealed) == _PROBE
    except Unreadable:
        return False


def _encrypt(public_key: bytes, info: bytes, content: bytes) -> bytes:
    """Encrypts content to a public key with HPKE; `info` binds it to a layer and a wave."""
    return _SUITE.encrypt(content, X25519PublicKey.from_public_bytes(public_key), info=info)


def _decrypt(private_key: bytes, info: bytes, sealed: bytes) -> bytes:
    """Decrypts what `_encrypt` gave under the same `info`; else raises `Unreadable`."""
    try:
        return _SUITE.decrypt(sealed, X25519PrivateKey.from_private_bytes(private_key), info=info)
    except (InvalidTag, ValueError) as error:
        raise Unreadable from error


def _info(wave_id: str) -> bytes:
    """What binds an inner layer (the wave's key) to its wave."""
    return b"wave:" + wave_id.encode()


def _outer_info(wave_id: str) -> bytes:
    """What binds an outer layer (a representative's key) to its wave."""
    return b"cokey:" + wave_id.encode()
