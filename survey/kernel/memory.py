"""What of this process's memory may reach a disk, or another process."""

import ctypes
import resource
from pathlib import Path

_PR_SET_DUMPABLE = 4  # <linux/prctl.h>


def protect_memory() -> None:
    """Lets a crash of this process and of its children write no copy of their memory.

    On Linux, moreover, no other process of the same user may read it then. The limit alone is not
    enough there: the kernel ignores it where it hands the copy to a program (core(5)). Does nothing
    where the system cannot.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl:
        prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def unencrypted_swap(root: Path = Path("/")) -> tuple[str, ...]:
    """The places to which Linux swaps memory in clear; compressed memory (zram) is none.

    `root` is the folder that holds `proc` and `sys`. Empty where the system does not say. A file is
    counted although the disk below it may be encrypted.
    """
    try:
        lines = (root / "proc" / "swaps").read_text().splitlines()[1:]
    except OSError:
        return ()
    places = [line.split()[0] for line in lines if line.strip()]
    return tuple(place for place in places if not _is_encrypted(Path(place), root))


def _is_encrypted(place: Path, root: Path) -> bool:
    """Whether a swap area is compressed memory, or a device that dm-crypt made."""
    if place.name.startswith("zram"):
        return True
    try:
        uuid = (root / "sys" / "class" / "block" / place.resolve().name / "dm" / "uuid").read_text()
    except OSError:
        return False
    return uuid.startswith("CRYPT-")
