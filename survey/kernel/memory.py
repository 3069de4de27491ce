"""What of this process's memory may reach a disk, or another process."""

import ctypes
import resource

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
