"""The key file by which Candour proves to a sign-in server who it is.

It holds a private key with or without its certificate (PEM), or is a service account's (JSON).
"""

import base64
import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----.+?-----END \1-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """An RSA private key (PEM text), and what the file says about its certificate or account.

    `thumbprint` and `ends_at` are those of its certificate; `account` and `token_url` are those of
    a service account.
    """

    key: str = field(repr=False)
    account: str = ""
    token_url: str = ""
    thumbprint: str = ""
    ends_at: datetime | None = None


def read_key_file(path: Path) -> KeyFile:
    """Reads an RSA key from a PEM or service account's JSON file; `ValueError` if unusable.

    The `ValueError` has a sentence that says what is wrong with the file.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise ValueError(
            f"{path} cannot be read as text. Name a file in PEM form or a service account's JSON"
            " file."
        ) from None
    is_json = text.lstrip().startswith("{")
    return _read_service_account(path, text) if is_json else _read_pem(path, text)


def _read_service_account(path: Path, text: str) -> KeyFile:
    """The key and account in a service account's JSON; `ValueError` if a field is missing."""
    try:
        document = json.loads(text)
        account = str(document["client_email"])
        key = str(document["private_key"])
        url = str(document["token_uri"])
    except (ValueError, KeyError, RecursionError):
        raise ValueError(
            f"{path} is no service account's key file. Download it again as JSON."
        ) from None
    return KeyFile(_check_rsa(path, key), account, url)


def _read_pem(path: Path, text: str) -> KeyFile:
    """The private key and, if there is one, its certificate; `ValueError` if they do not match.

    The first block of each name counts. `ValueError` too without a private key or for what cannot
    be read.
    """
    blocks = {block[1]: block[0] for block in reversed(list(_BLOCK.finditer(text)))}
    key = next((block for name, block in blocks.items() if name.endswith("PRIVATE KEY")), "")
    if not key:
        raise ValueError(f"{path} holds no private key in PEM form.")
    key = _check_rsa(path, key)
    if "CERTIFICATE" not in blocks:
        return KeyFile(key)
    try:
        certificate = x509.load_pem_x509_certificate(blocks["CERTIFICATE"].encode())
    except ValueError:
        raise ValueError(f"{path} holds a certificate that cannot be read.") from None
    private_key = serialization.load_pem_private_key(key.encode(), None)
    if certificate.public_key() != private_key.public_key():
        raise ValueError(f"{path} holds a certificate that belongs to another key.")
    fingerprint = certificate.fingerprint(hashes.SHA256())
    thumbprint = base64.urlsafe_b64encode(fingerprint).rstrip(b"=").decode("ascii")
    return KeyFile(key, thumbprint=thumbprint, ends_at=certificate.not_valid_after_utc)


def _check_rsa(path: Path, key: str) -> str:
    """Gives the key back; `ValueError` for one with a passphrase, unreadable, or not RSA."""
    try:
        private_key = serialization.load_pem_private_key(key.encode(), None)
    except TypeError:
        raise ValueError(
            f"{path} is protected by a passphrase. Store the key without one, readable by the"
            " service's user only."
        ) from None
    except ValueError:
        raise ValueError(f"{path} holds a private key that cannot be read.") from None
    if not isinstance(private_key, rsa.RSAPrivateKey):
        raise ValueError(f"{path} holds a key that is not RSA. Make an RSA key.")  # noqa: TRY004 - the file is wrong, not our code
    return key
