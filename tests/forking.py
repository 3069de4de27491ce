"""Commands in processes of their own that need not load Python and the product first.

A server has them loaded, and forks.

A command that a test waits for is as real as one that a person types (own process, environment,
folder, exit code), but starts in milliseconds. The installed command itself is started by
tests/project and by whatever serves, ticks beside others or dies late.
"""

import atexit
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[1]
CANDOUR = "candour"
LONGEST_REQUEST = 2**18  # octets
LONGEST_RUN = 120  # seconds, then it is killed
LOADED = (
    "survey.cli",
    "survey.app",
    "survey.schedule",
    "survey.jobs.engine",
    "survey.mail.smtp.service.oauth",
    "survey.mail.smtp.service.web",
    "alembic.command",
    "flask_migrate",
    "scipy.optimize",
    "scipy.special",
    "scipy.stats",
    "snowballstemmer",
    "css_inline",
    "yaml",
)


@dataclass(frozen=True, slots=True)
class Running:
    """A command under way: what it is, where it writes, and where its end is reported."""

    command: tuple[str, ...]
    output: IO[bytes]
    errors: IO[bytes]
    end: IO[bytes]

    def wait(self) -> "subprocess.CompletedProcess[str]":
        """Waits until it has ended; a return code below 0 is the signal that ended it."""
        with self.output, self.errors, self.end:
            code = int(self.end.read())
            self.output.seek(0)
            self.errors.seek(0)
            said = (self.output.read().decode(), self.errors.read().decode())
        return subprocess.CompletedProcess(self.command, code, *said)


def start(
    *command: object,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    typed: str = "",
    umask: int = 0o022,
) -> Running:
    """Starts `candour` with these words, or the Python file that is named first.

    `typed` is its input.
    """
    words = tuple(map(str, command))
    line, _ = _server()
    output, errors, given = (tempfile.TemporaryFile() for _ in range(3))  # noqa: SIM115 - closed by `wait`
    given.write(typed.encode())
    given.seek(0)
    reads, writes = os.pipe()
    asked = {
        "command": words,
        "environment": dict(environment or {}),
        "cwd": str(cwd or ROOT),
        "umask": umask,
    }
    files = [given.fileno(), output.fileno(), errors.fileno(), writes]
    socket.send_fds(line, [json.dumps(asked).encode()], files)
    given.close()
    os.close(writes)
    return Running(words, output, errors, os.fdopen(reads, "rb"))


def run(
    *command: object,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    typed: str = "",
    umask: int = 0o022,
) -> "subprocess.CompletedProcess[str]":
    """Starts it and waits for its end."""
    return start(*command, environment=environment, cwd=cwd, typed=typed, umask=umask).wait()


@cache
def _server() -> "tuple[socket.socket, subprocess.Popen[bytes]]":
    """This process's own server, which ends with it, and the line to it."""
    with ExitStack() as until_it_runs, ExitStack() as kept:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        until_it_runs.enter_context(theirs)
        kept.enter_context(ours)
        server = subprocess.Popen(  # ends when our end of the pair is closed
            [sys.executable, "-m", "tests.forking", str(theirs.fileno())],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"]},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for whoever waits
        )
        kept.pop_all()
    return ours, server


def _serve(line: socket.socket) -> None:
    """Forks once for each request, until nobody can ask any more."""
    sys.path.insert(0, str(ROOT))  # wherever a command works
    for name in LOADED:
        import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that report
    while True:
        content, files, _, _ = socket.recv_fds(line, LONGEST_REQUEST, 4)
        if not content:
            return
        if os.fork() == 0:
            line.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _report(json.loads(content), files[:3], files[3])
        for file in files:
            os.close(file)


def _report(asked: dict[str, Any], files: Sequence[int], end: int) -> None:
    """Runs the command in another process, and reports how that ended."""
    child = os.fork()
    if child == 0:
        os.close(end)
        _become(asked, files)
    for file in files:
        os.close(file)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.alarm(LONGEST_RUN)
    _, status = os.waitpid(child, 0)
    with suppress(BrokenPipeError):
        os.write(end, str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(asked: dict[str, Any], files: Sequence[int]) -> None:
    """Is the command from here on."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["cwd"])
    os.umask(asked["umask"])
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(n, mode, encoding="utf-8") for n, mode in enumerate("rww")
    )
    os._exit(_ended(asked["command"]))


def _ended(command: Sequence[str]) -> int:
    """Runs the command to its end; its exit code."""
    sys.argv = list(command)
    sys.modules["__main__"].__package__ = None  # by which Click would call it `python -m`
    code: Any = 0
    try:
        if command[0] == CANDOUR:
            import_module("survey.cli").main()
        else:
            runpy.run_path(command[0], run_name="__main__")
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - as Python does
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined] # waits for threads, as Python does at its end
    atexit._run_exitfuncs()
    if isinstance(code, str):
        print(code, file=sys.stderr)
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return int(code or 0)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as own:
        _serve(own)
