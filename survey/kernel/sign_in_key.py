"""The file by which Candour proves to a sign-in server who it is: a private key with or without certificate, or a service account's."""

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
    """An RSA key (PEM) and what came with it: the certificate's thumbprint and end, or a service account's name and token URL."""

    key: str = field(repr=False)
    account: str = ""
    token_url: str = ""
    thumbprint: str = ""
    ends_at: datetime | None = None


def read_key_file(path: Path) -> KeyFile:
    """The key in a file; raises `ValueError` with a sentence that says what is wrong with it."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise ValueError(
            f"{path} cannot be read as text. Name a file in PEM form or a service account's JSON"
            " file."
        ) from None
    return _service_account(path, text) if text.lstrip().startswith("{") else _pem(path, text)


def _service_account(path: Path, text: str) -> KeyFile:
    try:
        found = json.loads(text)
        account, key, url = (
            str(found[name]) for name in ("client_email", "private_key", "token_uri")
        )
    except (ValueError, KeyError, RecursionError):
        raise ValueError(
            f"{path} is no service account's key file. Download it again as JSON."
        ) from None
    return KeyFile(_checked(path, key), account, url)


def _pem(path: Path, text: str) -> KeyFile:
    blocks = {found[1]: found[0] for found in reversed(list(_BLOCK.finditer(text)))}
    key = next((block for name, block in blocks.items() if name.endswith("PRIVATE KEY")), "")
    if not key:
        raise ValueError(f"{path} holds no private key in PEM form.")
    key = _checked(path, key)
    if "CERTIFICATE" not in blocks:
        return KeyFile(key)
    try:
        certificate = x509.load_pem_x509_certificate(blocks["CERTIFICATE"].encode())
    except ValueError:
        raise ValueError(f"{path} holds a certificate that cannot be read.") from None
    if (
        certificate.public_key()
        != serialization.load_pem_private_key(key.encode(), None).public_key()
    ):
        raise ValueError(f"{path} holds a certificate that belongs to another key.")
    thumbprint = (
        base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256()))
        .rstrip(b"=")
        .decode("ascii")
    )
    return KeyFile(key, thumbprint=thumbprint, ends_at=certificate.not_valid_after_utc)


def _checked(path: Path, key: str) -> str:
    try:
        found = serialization.load_pem_private_key(key.encode(), None)
    except TypeError:
        raise ValueError(
            f"{path} is protected by a passphrase. Store the key without one, readable by the"
            " service's user only."
        ) from None
    except ValueError:
        raise ValueError(f"{path} holds a private key that cannot be read.") from None
    if not isinstance(found, rsa.RSAPrivateKey):
        raise ValueError(f"{path} holds a key that is not RSA. Make an RSA key.")  # noqa: TRY004 - the file is wrong, not our code
    return key
