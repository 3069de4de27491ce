"""What the one-process default costs while nothing happens.

Processor time, memory, and how long it takes to answer first.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from tests.ports import free_port

CANDOUR = Path(sys.executable).with_name("candour")
TICKS = os.sysconf("SC_CLK_TCK")
SETTLED = 65.0  # the engine looks for schedules each second for the first minute
Json = dict[str, Any]


def run(rounds: int = 3, seconds: float = 60.0, settle: float = SETTLED) -> Iterator[Json]:
    """One line per figure: processor time in percent of one core, resident memory in MiB, seconds
    to the first answer.
    """
    found = [one(seconds, settle) for _ in range(rounds)]
    rows = {
        "idle-cpu": ("processor, percent of one core", "%", 2.0),
        "idle-memory": ("resident memory", "MiB", 120.0),
        "cold-start": ("from the command to the first answer", "s", 2.0),
    }
    for at, (name, (what, unit, most)) in enumerate(rows.items()):
        values = [figures[at] for figures in found]
        yield {
            "id": name,
            "what": what,
            "unit": unit,
            "median": round(median(values), 2),
            "min": round(min(values), 2),
            "max": round(max(values), 2),
            "most": most,
            "n": rounds,
            "seconds": seconds,
            "versions": {"Python": platform.python_version(), "dbos": version("dbos")},
            "load": round(os.getloadavg()[0], 1),
        }


def one(seconds: float, settle: float) -> tuple[float, float, float]:
    """The three figures of one process on a database of its own."""
    with tempfile.TemporaryDirectory(prefix="candour-idle-") as folder:
        port = free_port()
        settings = {
            "PATH": os.environ["PATH"],
            "CANDOUR_DATABASE_URL": f"sqlite:///{folder}/candour.db",
            "CANDOUR_BASE_URL": f"http://127.0.0.1:{port}",
            "CANDOUR_MAIL_URL": "catcher://",
        }
        subprocess.run([CANDOUR, "init"], env=settings, cwd=folder, check=True, capture_output=True)
        begun = time.perf_counter()
        command = [CANDOUR, "serve", "--port", str(port)]
        with subprocess.Popen(
            command, env=settings, cwd=folder, stderr=subprocess.DEVNULL
        ) as process:
            try:
                answered(f"http://127.0.0.1:{port}/healthz")
                cold = time.perf_counter() - begun
                time.sleep(settle)
                before, start = used(process.pid), time.perf_counter()
                time.sleep(seconds)
                busy = (used(process.pid) - before) / (time.perf_counter() - start)
                memory = resident(process.pid)
            finally:
                process.terminate()
                process.wait(timeout=60)
    return 100 * busy, memory, cold


def used(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident(pid: int) -> float:
    """MiB of memory that a process holds."""
    (line,) = [
        line
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmRSS:")
    ]
    return int(line.split()[1]) / 1024


def answered(url: str) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    raise TimeoutError(url)
