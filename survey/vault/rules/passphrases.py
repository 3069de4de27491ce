"""A secret of 32 octets under a passphrase: scrypt (RFC 7914) and ChaCha20-Poly1305 (RFC 8439).

It is one JSON document that says how it was made.
"""

import json
import os
from base64 import b64decode, b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from survey.kernel.errors import Refused

SHORTEST_PASSPHRASE = 15
_COST = {"n": 2**17, "r": 8, "p": 1}  # 128 MiB and some tenths of a second for each guess
_SECRET = 32
_DAMAGED = "This is not a key file made by Candour, or it is damaged. Take your safe copy."


def lock_with_passphrase(secret: bytes, passphrase: str, purpose: str) -> bytes:
    """Encrypts a secret (32 octets) under a passphrase; gives the content for a file.

    Refuses a passphrase of fewer than 15 characters, so short that somebody could guess it.
    `purpose` says what the file is.
    """
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise Refused(
            "passphrase-too-short",
            f"Choose a passphrase of at least {SHORTEST_PASSPHRASE} characters, for example five"
            " words that nobody would join.",
        )
    salt, nonce = os.urandom(16), os.urandom(12)
    box = ChaCha20Poly1305(_derive_key(passphrase, salt)).encrypt(nonce, secret, purpose.encode())
    parts = {"salt": salt, "nonce": nonce, "box": box}
    document = {"candour": purpose}
    document |= {name: b64encode(octets).decode() for name, octets in parts.items()}
    return json.dumps(document, indent=1).encode() + b"\n"


def unlock_with_passphrase(content: bytes, passphrase: str, purpose: str) -> bytes:
    """Decrypts the secret (32 octets) from what `lock_with_passphrase` gave.

    Refuses a damaged file, one of another purpose, and a wrong passphrase.
    """
    try:
        document = json.loads(content)
        its_purpose = document["candour"]
        salt, nonce, box = (
            b64decode(document[name], validate=True) for name in ("salt", "nonce", "box")
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Refused("key-file-damaged", _DAMAGED) from error
    if its_purpose != purpose:
        raise Refused(
            "key-file-of-other-kind",
            f"This file holds something else ({str(its_purpose)[:40]!r}), not a {purpose}. Take"
            " the right file.",
        )
    try:
        secret = ChaCha20Poly1305(_derive_key(passphrase, salt)).decrypt(
            nonce, box, purpose.encode()
        )
    except (InvalidTag, ValueError) as error:
        raise Refused(
            "passphrase-wrong",
            "The passphrase is not the one that this key file was made with, or the file is"
            " damaged. Nothing was opened.",
        ) from error
    if len(secret) != _SECRET:
        raise Refused("key-file-damaged", _DAMAGED)
    return secret


def _derive_key(passphrase: str, salt: bytes) -> bytes:
    """The encryption key (32 octets) from a passphrase and a salt; costly on purpose."""
    return Scrypt(salt=salt, length=_SECRET, **_COST).derive(passphrase.encode())
