"""Keyed hashes: to recognise a value again without storing it."""

import hashlib
import hmac

from flask import current_app


def keyed_digest(purpose: str, value: str) -> bytes:
    """The HMAC-SHA256 of a value under this installation's secret key, 32 bytes.

    Without the key nobody can try out values until one fits. `purpose` keeps hashes of the same
    value apart that are made for different ends.
    """
    key = current_app.config["CANDOUR"].secret_key
    return hmac.digest(key.encode(), f"{purpose}:{value}".encode(), hashlib.sha256)
