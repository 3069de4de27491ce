"""Files that hold a secret: written whole or not at all, for their owner alone, and destroyed.

All is on the disk, not only in memory, when a function returns. What the operating system refuses
is an `OSError`, for the caller knows what it means; `write_new` turns it into a refusal.
"""

import os
from contextlib import suppress
from pathlib import Path

from survey.kernel.errors import Refused
from survey.kernel.ids import random_id

_AT_ONCE = 1024 * 1024  # octets


def keep_new_files_private() -> None:
    """Makes whatever this process and its children create from now on their owner's alone.

    Also what libraries create, such as the database and the files beside it.
    """
    os.umask(0o077)


def write_new(path: Path, content: bytes, *, advice: str) -> None:
    """Creates a file for its owner alone; refuses with `advice` if it exists or cannot be made."""
    try:
        _create(path, content)
    except OSError as error:
        raise Refused(
            "file-not-written", f"{path} cannot be written ({error.strerror}). {advice}"
        ) from error
    with suppress(OSError):  # memory sticks and network folders may not know how
        sync(path.parent)


def write_once(path: Path, content: bytes) -> None:
    """Creates a file for its owner alone; silently keeps the one that is already there.

    Where two processes write at once, the second leaves the first one's file as it is.
    """
    fresh = _name_beside(path)
    try:
        _create(fresh, content)
        with suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        _remove(fresh)
    sync(path.parent)


def replace(path: Path, content: bytes) -> None:
    """Writes a file for its owner alone, in one step in place of an existing one, if any."""
    fresh = _name_beside(path)
    try:
        _create(fresh, content)
        fresh.replace(path)
    finally:
        _remove(fresh)
    sync(path.parent)


def shred(path: Path) -> None:
    """Overwrites a file with random bytes and deletes it; does nothing if it does not exist.

    Other names of the same file (hard links) stay, but lead to the random bytes.
    """
    try:
        with path.open("r+b") as file:
            remaining = os.fstat(file.fileno()).st_size
            while remaining > 0:  # in parts, for a file may be larger than the memory
                remaining -= file.write(os.urandom(min(remaining, _AT_ONCE)))
            file.flush()
            os.fsync(file.fileno())
    except FileNotFoundError:
        return
    path.unlink()
    sync(path.parent)


def sync(path: Path) -> None:
    """Waits until a file's content, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _name_beside(path: Path) -> Path:
    """A path in the same folder with a random suffix, for a new file; creates nothing."""
    return path.with_suffix(f".{random_id()}")


def _remove(path: Path) -> None:
    """Deletes a file of ours if it exists; overwrites it first unless it has another name too."""
    with suppress(FileNotFoundError):
        if path.stat().st_nlink > 1:
            path.unlink()
        else:
            shred(path)


def _create(path: Path, content: bytes) -> None:
    """Creates a file for its owner alone, on the disk when this returns; refuses existing ones.

    Raises `OSError`; on any fault nothing of the new file stays.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            path.unlink()
        raise
