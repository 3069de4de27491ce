"""The wave key's private half: one file per wave, outside the database, destroyed after counting."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from survey.kernel import files
from survey.kernel.errors import Refused

_LENGTH = 32


def make_key(folder: Path | None, wave_id: str) -> bytes:
    """Makes the wave's key, or takes the one that an interrupted launch left; returns the private half (32 octets)."""
    path = _path(folder, wave_id)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write_once(path, X25519PrivateKey.generate().private_bytes_raw())
    except OSError as error:
        raise Refused(
            f"The key folder {path.parent} cannot be written ({error.strerror}). Nothing was sent. Check CANDOUR_KEY_DIR."
        ) from error
    return load_key(folder, wave_id)


def public_half(private: bytes) -> bytes:
    """The half that seals (32 octets)."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def load_key(folder: Path | None, wave_id: str) -> bytes:
    """The private half; refuses with what to do when the file is gone or damaged."""
    path = _path(folder, wave_id)
    try:
        private = path.read_bytes()
    except OSError as error:
        raise Refused(
            f"The key of this wave is not in {path.parent} ({error.strerror}), so its answers cannot be opened. Nothing was changed. "
            f"Put the file {path.name} back from your safe copy, then close the wave again."
        ) from error
    if len(private) != _LENGTH:
        raise Refused(f"The key file {path} is damaged. Nothing was changed. Put it back from your safe copy, then close the wave again.")
    return private


def has_key(folder: Path | None, wave_id: str) -> bool:
    """Whether the key file is there."""
    return folder is not None and _path(folder, wave_id).exists()


def put_back(folder: Path | None, wave_id: str, private: bytes) -> None:
    """Puts a key that was lost, damaged or mixed up back in its place, whole or not at all."""
    path = _path(folder, wave_id)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.replace(path, private)
    except OSError as error:
        raise Refused(
            f"The key folder {path.parent} cannot be written ({error.strerror}). Nothing was changed. Check CANDOUR_KEY_DIR."
        ) from error


def destroy_key(folder: Path | None, wave_id: str) -> None:
    """Overwrites, syncs and removes the key file; harmless when it is gone already."""
    path = _path(folder, wave_id)
    try:
        files.shred(path)
    except OSError as error:
        raise Refused(
            f"The key file {path} could not be destroyed ({error.strerror}). The wave is counted, so nothing needs the key any more: "
            "make its folder writable and it goes with the next pass."
        ) from error


def _path(folder: Path | None, wave_id: str) -> Path:
    if folder is None:
        raise Refused("This process has no key folder. Set CANDOUR_KEY_DIR to a folder outside the database's.")
    return folder / f"{wave_id}.key"
