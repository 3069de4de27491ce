"""Whatever a command writes is its owner's alone, whoever starts it and under whatever umask.

Nor is anything of the memory of a process that serves, works or counts written when it crashes.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from survey.kernel import child
from survey.kernel.memory import unencrypted_swap
from tests import forking
from tests.cast import staff_csv
from tests.conftest import settings_of
from tests.counting.tasks import protection
from tests.ports import free_port

CANDOUR = Path(sys.executable).with_name("candour")


def open_to_others(folder: Path) -> set[str]:
    """The files and folders that others than their owner may open, beside those of the test."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.lstat().st_mode & 0o077 and path.name != "staff.csv"
    }


def installation(tmp_path: Path) -> tuple[dict[str, str], Callable[..., str]]:
    """The settings of a new installation in its own folder, and its command under umask 0."""
    folder = tmp_path / "instance"
    environment = settings_of(f"sqlite:///{folder / 'candour.db'}", folder)
    environment.pop("CANDOUR_SECRET_KEY")  # it makes and keeps its own
    shutil.rmtree(folder)
    environment["CANDOUR_KEY_DIR"] = str(tmp_path / "keys")
    (tmp_path / "staff.csv").write_bytes(staff_csv())

    def run(*words: object, typed: str = "") -> str:
        done = forking.run(
            "candour", *words, environment=environment, cwd=tmp_path, typed=typed, umask=0
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return environment, run


def test_no_file_that_a_command_writes_can_be_opened_by_others(tmp_path: Path) -> None:
    environment, run = installation(tmp_path)
    run("init")
    run("people", "import", "staff.csv")
    facts = ("--contact", "Dana Reyes <dana@northwind.example>", "--host", "northwind.example")
    run("organisation", "set", "Northwind Ltd", *facts, "--comments-read-by", "Head of operations")
    run("providers", "add", "Brightline IT", "--contact", "Otto <otto@brightline.example>")
    survey = ("--provider", "Brightline IT", "--questionnaire", "quarterly_8", "--audience", "all")
    dates = ("--cadence", "quarterly", "--opens", "2099-01-12T09:00", "--days", "14")
    run("surveys", "add", "IT support", *survey, *dates, "--timezone", "Europe/London")
    wave = json.loads(run("waves", "list", "--json"))["waves"][0]["slug"]
    passphrase = "seven brown owls on a fence\n"
    run("keys", "export", wave, "spare.key", "--passphrase-stdin", typed=passphrase)
    run("waves", "open", wave)
    run("tick")
    run("backup", "copy.db")
    run("restore", "copy.db", "--yes")
    run("waves", "close", wave, "--early", "flood")
    run("audit", "export", "audit.jsonl")
    names = {path.name for path in tmp_path.rglob("*")}
    wanted = {"candour.db", "secret_key", "mail", "keys", "spare.key", "copy.db", "audit.jsonl"}
    assert names >= wanted
    assert any(name.startswith("candour.db.before-restore-") for name in names)
    assert open_to_others(tmp_path) == set()
    served = serving_writes_and_dumps(environment, tmp_path)
    assert served == ({"candour.db", "candour.db-wal", "candour.db-shm", "engine.db"}, "0 0")
    assert open_to_others(tmp_path) == set()


def serving_writes_and_dumps(environment: dict[str, str], folder: Path) -> tuple[set[str], str]:
    """The databases beside each other while `candour serve` runs, and its limits of core files."""
    port = free_port()
    command = ["sh", "-c", 'umask 000; exec "$@"', "sh", str(CANDOUR), "serve", "--port", str(port)]
    server = subprocess.Popen(
        command, env={**environment, "PATH": os.defpath}, cwd=folder, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(400):
            if (folder / "instance" / "engine.db").exists() and is_healthy(port):
                break
            time.sleep(0.05)
        names = {path.name for path in (folder / "instance").glob("candour.db*")}
        names |= {path.name for path in (folder / "instance").glob("engine.db")}
        limits = Path(f"/proc/{server.pid}/limits").read_text()
        core = next(line.split()[4:6] for line in limits.splitlines() if "core file" in line)
        assert open_to_others(folder) == set()
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)
    return {name for name in names if "before-restore" not in name}, " ".join(core)


def is_healthy(port: int) -> bool:
    try:
        with closing(urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10)):
            return True
    except (urllib.error.URLError, ConnectionError):
        return False


def test_the_child_process_writes_no_copy_of_its_memory_and_only_private_files(
    real_children: None,
) -> None:
    assert child.call_in_child(protection) == [0, 0, 0, 0o077]


AREAS = "Filename\tType\tSize\tUsed\tPriority\n"


def test_swap_in_clear_is_found(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    assert unencrypted_swap(tmp_path) == ()
    lines = ["/dev/dm-0", "/dev/dm-1", "/dev/zram0", "/swapfile"]
    table = AREAS + "".join(f"{line} partition 1 0 -2\n" for line in lines)
    (tmp_path / "proc" / "swaps").write_text(table)
    for name, uuid in (("dm-0", "CRYPT-PLAIN-swap"), ("dm-1", "LVM-abc")):
        (tmp_path / "sys" / "class" / "block" / name / "dm").mkdir(parents=True)
        (tmp_path / "sys" / "class" / "block" / name / "dm" / "uuid").write_text(uuid)
    assert unencrypted_swap(tmp_path) == ("/dev/dm-1", "/swapfile")
