"""Files that hold a secret: written whole or not at all, for their owner alone, and destroyed.

All is on the disk, not only in memory, when a function returns. What the operating system refuses
is an `OSError`, for the caller knows what it means; `write_new` turns it into a refusal.
"""

import os
from contextlib import suppress
from pathlib import Path

from survey.kernel.errors import Refused
from survey.kernel.ids import random_id


def write_new(path: Path, content: bytes, *, advice: str) -> None:
    """Writes a file that must not be there yet; refused with `advice` where that cannot be done."""
    try:
        _create(path, content)
    except OSError as error:
        raise Refused(
            "file-not-written", f"{path} cannot be written ({error.strerror}). {advice}"
        ) from error
    with suppress(OSError):  # memory sticks and network folders may not know how
        sync(path.parent)


def write_once(path: Path, content: bytes) -> None:
    """Writes a file unless it is there: whoever comes second leaves the first one's as it is."""
    fresh = _name_beside(path)
    try:
        _create(fresh, content)
        with suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        _remove(fresh)
    sync(path.parent)


def replace(path: Path, content: bytes) -> None:
    """Writes a file in place of what is there, if anything."""
    fresh = _name_beside(path)
    try:
        _create(fresh, content)
        fresh.replace(path)
    finally:
        _remove(fresh)
    sync(path.parent)


def shred(path: Path) -> None:
    """Overwrites a file, whatever other names it has, and removes it; harmless when it is gone."""
    try:
        with path.open("r+b") as file:
            file.write(os.urandom(os.fstat(file.fileno()).st_size))
            file.flush()
            os.fsync(file.fileno())
    except FileNotFoundError:
        return
    path.unlink()
    sync(path.parent)


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _name_beside(path: Path) -> Path:
    """A fresh name in the same folder."""
    return path.with_suffix(f".{random_id()}")


def _remove(path: Path) -> None:
    """Removes a file of ours, if it is there: overwritten, unless it is kept under another name."""
    with suppress(FileNotFoundError):
        if path.stat().st_nlink > 1:
            path.unlink()
        else:
            shred(path)


def _create(path: Path, content: bytes) -> None:
    """Writes a new file for its owner alone; on any fault nothing of it stays."""
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
