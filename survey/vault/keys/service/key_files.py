"""The private halves of wave keys: one file a wave, outside the database, gone after counting."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from survey.kernel import files
from survey.kernel.errors import Refused
from survey.waves.rules.ids import WaveId

_LENGTH = 32


def make_key(folder: Path | None, wave_id: WaveId) -> bytes:
    """Writes the wave's key file, or keeps the one that is there; gives the private half.

    The half has 32 octets. One may be there from an interrupted launch or from exporting a copy.
    Refuses a folder that cannot be written, and a file that is damaged.
    """
    path = _path(folder, wave_id)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write_once(path, X25519PrivateKey.generate().private_bytes_raw())
    except OSError as error:
        raise Refused(
            "key-folder-not-writable",
            f"The key folder cannot be written ({error.strerror}). Nothing was sent.",
            folder=str(path.parent),
        ) from error
    return load_key(folder, wave_id)


def wave_public_key(private: bytes) -> bytes:
    """The public half (32 octets) of a private half: ballots are sealed to it."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def load_key(folder: Path | None, wave_id: WaveId) -> bytes:
    """Reads the private half (32 octets); refuses, saying what to do, a missing or damaged file."""
    path = _path(folder, wave_id)
    try:
        private = path.read_bytes()
    except OSError as error:
        raise Refused(
            "key-missing",
            f"The key of this wave is not in the key folder ({error.strerror}), so its answers "
            "cannot be opened. Nothing was changed. Its file has to be put back from the safe "
            "copy; then close the wave again.",
            file=str(path),
        ) from error
    if len(private) != _LENGTH:
        raise Refused(
            "key-damaged",
            "The key file of this wave is damaged. Nothing was changed. It has to be put back "
            "from the safe copy; then close the wave again.",
            file=str(path),
        )
    return private


def has_key(folder: Path | None, wave_id: WaveId) -> bool:
    """Whether the wave's key file exists (False without a key folder); its content is not read."""
    return folder is not None and _path(folder, wave_id).exists()


def restore_key(folder: Path | None, wave_id: WaveId, private: bytes) -> None:
    """Writes a key that was lost, damaged or mixed up back, over what is in its place.

    It is written whole or not at all. Refuses a folder that cannot be written; whether the key is
    the right one, the caller has checked.
    """
    path = _path(folder, wave_id)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.replace(path, private)
    except OSError as error:
        raise Refused(
            "key-folder-not-writable",
            f"The key folder cannot be written ({error.strerror}). Nothing was changed.",
            folder=str(path.parent),
        ) from error


def destroy_key(folder: Path | None, wave_id: WaveId) -> None:
    """Overwrites and deletes the wave's key file on the disk; harmless when it is gone already.

    Refuses where the file cannot be destroyed.
    """
    path = _path(folder, wave_id)
    try:
        files.shred(path)
    except OSError as error:
        raise Refused(
            "key-not-destroyed",
            f"The key file of this wave could not be destroyed ({error.strerror}). The wave is "
            "counted, so nothing needs the key any more: when its folder can be written, it goes "
            "with the next pass.",
            file=str(path),
        ) from error


def check_key_folder(folder: Path | None) -> None:
    """Refuses a process without a key folder; looks at nothing in it."""
    if folder is None:
        raise Refused(
            "no-key-folder",
            "This process has no key folder, so it neither opens nor counts a wave.",
        )


def _path(folder: Path | None, wave_id: WaveId) -> Path:
    """The place of a wave's key file; refuses a process without a key folder."""
    check_key_folder(folder)
    assert folder is not None
    return folder / f"{wave_id}.key"
