"""Looking for a secret in files, however it is written there.

Raw, hex, base64, in an address, in UTF-16, compressed.
"""

import base64
import re
import zlib
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import numpy as np

_STREAM = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
LARGEST = 64 * 1024
START = 8  # octets that are compared at once


def forms(secret: str | bytes) -> frozenset[bytes]:
    """The octets by which a secret may be known; base64 in each of its three alignments."""
    raw = secret.encode() if isinstance(secret, str) else secret
    found = {raw, raw.hex().encode(), raw.hex().upper().encode()}
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + raw)[(0, 2, 3)[shift] :].rstrip(b"=")
        whole = encoded[: len(encoded) - (1 if (len(raw) + shift) % 3 else 0)]
        found |= {whole, whole.replace(b"+", b"-").replace(b"/", b"_")}
    if isinstance(secret, str):
        found |= {
            quote(secret, safe="").encode(),
            secret.encode("utf-16-le"),
            secret.encode("utf-16-be"),
            secret.lower().encode(),
        }
    return frozenset(found)


def layers(content: bytes) -> list[bytes]:
    """A file's content, and whatever is compressed in it."""
    found = [content]
    for start in _STREAM.finditer(content):
        try:
            found.append(
                zlib.decompressobj(47).decompress(
                    content[start.start() : start.start() + LARGEST], LARGEST
                )
            )
        except zlib.error:
            continue
    return found


class Finder:
    """Looks for many secrets at once; each may be written in many ways."""

    def __init__(self, secrets: Iterable[str | bytes]) -> None:
        self._forms: dict[int, list[tuple[bytes, str | bytes]]] = {}
        for secret in secrets:
            for form in forms(secret):
                assert len(form) >= START
                self._forms.setdefault(int.from_bytes(form[:START], "little"), []).append(
                    (form, secret)
                )
        self._starts = np.sort(np.fromiter(self._forms, dtype=np.uint64))

    def places(self, content: bytes) -> list[tuple[str | bytes, int]]:
        """What stands in this content, and where."""
        found = []
        for shift in range(START):
            whole = (len(content) - shift) // START * START
            numbers = np.frombuffer(content[shift : shift + whole], dtype="<u8")
            at = np.searchsorted(self._starts, numbers).clip(max=len(self._starts) - 1)
            for place in np.flatnonzero(self._starts[at] == numbers):
                start = int(place) * START + shift
                known = self._forms[int(numbers[place])]
                found += [
                    (secret, start) for form, secret in known if content.startswith(form, start)
                ]
        return found

    def found(self, paths: Iterable[Path]) -> list[tuple[str | bytes, Path]]:
        """What stands in these files, compressed parts included."""
        contents = (
            (path, content)
            for path in paths
            if path.is_file()
            for content in layers(path.read_bytes())
        )
        return [(secret, path) for path, content in contents for secret, _ in self.places(content)]
