"""What starting a command costs.

`python -m tests.load.start` prints processor time and the most memory, the median of seven runs.

Nothing large may be imported here: a new process is charged with the memory of the one that starts
it.
"""

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

CANDOUR = Path(sys.executable).with_name("candour")
RUNS = 7
# Neither settings nor a database is needed for these.
COMMANDS = (
    "--help",
    "--version",
    "serve --help",
    "people --help",
    "findings show --help",
    "waves status --help",
    "cokey make --help",
)


def one(words: list[str]) -> tuple[float, float]:
    """Seconds of processor time (user and system) and MiB of memory of one run.

    Refuses a run that fails.
    """
    with subprocess.Popen([CANDOUR, *words], stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"candour {' '.join(words)} exits with {process.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def run() -> None:
    """Prints a line for each command."""
    print("| command | processor, s | memory, MiB |\n|---|---|---|")
    for line in COMMANDS:
        runs = [one(line.split()) for _ in range(RUNS)]
        seconds, memory = (median(figures) for figures in zip(*runs, strict=True))
        print(f"| `candour {line}` | {seconds:.2f} | {memory:.0f} |")


if __name__ == "__main__":
    run()
