"""The trial: three workers and two web servers on one PostgreSQL.

One is killed, one restarted, again and again, while people answer.

`python -m tests.trials.workers --seconds 120` prints a table and exits with 1 when a letter is
lost, a copy is one too many, a tick is missed or doubled, something is stuck, or a person's answer
met an error.
"""

import argparse
import http.client
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlencode

from sqlalchemy import text

from survey.database import db
from tests.conftest import settings_of
from tests.jobs.engines import CANDOUR, each_time_once, runs
from tests.ports import free_port
from tests.servers import address_of, started
from tests.trials.company import installed, opened

WORKERS, WEBS, CONNECTIONS = 3, 2, 1
BUSY = 0.05
LONGEST_END = (
    240  # a lease, and the second back-off of a letter that was refused for the time being
)
SCALES = ("OVR1", "RSP1", "RES1", "COM1", "REL1", "SEC1", "EFF2")


@dataclass
class Found:
    """What came of a trial."""

    people: int
    kills: int = 0
    restarts: int = 0
    arrived: int = 0
    lost: int = 0
    doubled: int = 0
    unequal: int = 0
    unsent: int = 0
    answered: int = 0
    refused: int = 0
    ballots: int = 0
    errors: list[str] = field(default_factory=list)
    ticks: int = 0
    looks: int = 0
    executors: int = 0
    out_of_step: list[str] = field(default_factory=list)
    said: str = ""

    @property
    def bound(self) -> int:
        """The most copies that kills can cause."""
        return CONNECTIONS * self.kills

    def broken(self) -> list[str]:
        """What does not hold."""
        checks = {
            f"{self.lost} letters are lost": self.lost,
            f"{self.doubled} copies, at most {self.bound} may be": self.doubled > self.bound,
            f"{self.unequal} copies differ in Message-ID or Date": self.unequal,
            f"{self.unsent} letters are stuck": self.unsent,
            f"{len(self.errors)} answers met an error: {self.errors[:3]}": self.errors,
            f"{self.ballots} ballots of {self.answered} answers": self.ballots != self.answered,
            f"ticks missed or doubled: {self.out_of_step}": self.out_of_step,
            "nobody was killed or restarted, nobody answered": not (
                self.kills and self.restarts and self.answered
            ),
        }
        return [says for says, is_so in checks.items() if is_so]

    def table(self) -> str:
        """For people."""
        rows = {
            "people invited": self.people,
            "workers killed / restarted": f"{self.kills} / {self.restarts}",
            "letters at the server": self.arrived,
            "lost": self.lost,
            "doubled (at most)": f"{self.doubled} ({self.bound})",
            "copies with another Message-ID or Date": self.unequal,
            "stuck": self.unsent,
            "answers taken / refused as used": f"{self.answered} / {self.refused}",
            "ballots": self.ballots,
            "errors": len(self.errors),
            "ticks of the timetable, looks for letters": f"{self.ticks}, {self.looks}",
            "missed or doubled": ", ".join(self.out_of_step) or 0,
            "processes with an engine of their own": self.executors,
        }
        width = max(map(len, rows))
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())


@contextmanager
def slow_server(folder: Path, port: int, share: float, delay: float) -> Iterator[None]:
    """An SMTP server in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "tests.trials.sink",
        str(folder),
        str(port),
        str(share),
        str(delay),
    ]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as sink:
        assert sink.stdout
        assert sink.stdin
        assert sink.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            sink.stdin.close()


class Trial:
    """The processes of one trial, and what happens to them."""

    def __init__(
        self, database_url: str, folder: Path, seconds: float, people: int, seed: int
    ) -> None:
        self.database_url, self.folder, self.seconds, self.people = (
            database_url,
            folder,
            seconds,
            people,
        )
        self.source = random.Random(seed)
        self.mails, self.mail_port = folder / "mails", free_port()
        self.found = Found(people)
        self.over = threading.Event()

    def run(self) -> Found:
        """Everything from the opening to the last letter."""
        with ExitStack() as stack:
            app = stack.enter_context(installed(self.database_url, self.folder))
            delay = self.seconds * WORKERS * 0.6 / self.people
            stack.enter_context(slow_server(self.mails, self.mail_port, BUSY, delay))
            ports = [stack.enter_context(self._web(number)) for number in range(WEBS)]
            workers = [self._worker(number) for number in range(WORKERS)]
            stack.callback(lambda: [_ended(one) for one in workers])
            self.slug = opened(app, self.people).slug
            db.session.remove()
            people = [
                threading.Thread(target=self._answer, args=(number, ports))
                for number in range(WEBS)
            ]
            for one in people:
                one.start()
            self._disturb(workers)
            self._wait_for_the_last()
            self.over.set()
            for one in people:
                one.join(timeout=60)
            for one in workers:
                _ended(one)
            self._look()
        return self.found

    def _start(self, log: str, *words: str) -> subprocess.Popen[str]:
        more = {"CANDOUR_MAIL_URL": f"smtp://127.0.0.1:{self.mail_port}"}
        environment = {
            "PATH": os.environ["PATH"],
            **settings_of(self.database_url, self.folder, **more),
        }
        with (self.folder / f"{log}.log").open("a") as file:
            return subprocess.Popen(
                [CANDOUR, *words], env=environment, cwd=self.folder, stderr=file, text=True
            )

    def _worker(self, number: int) -> subprocess.Popen[str]:
        return self._start(f"worker{number}", "worker")

    @contextmanager
    def _web(self, number: int) -> Iterator[int]:
        port = free_port()
        process = self._start(f"web{number}", "serve", "--web-only", "--port", str(port))
        try:
            for _ in range(200):
                try:
                    if _asked(port, "GET", "/readyz") == 200:
                        break
                except OSError:
                    time.sleep(0.1)
            yield port
        finally:
            _ended(process)

    def _disturb(self, workers: list[subprocess.Popen[str]]) -> None:
        """Kills the first, restarts the second, at random moments; the third is left alone."""
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            time.sleep(self.source.uniform(0.06, 0.14) * self.seconds)
            if self.source.random() < 0.5 or not self.found.kills:
                workers[0].send_signal(signal.SIGKILL)
                workers[0].wait(timeout=20)
                self.found.kills += 1
                time.sleep(self.source.uniform(0.0, 0.05) * self.seconds)
                workers[0] = self._worker(0)
            if self.source.random() < 0.5 or not self.found.restarts:
                code = _ended(workers[1])
                self.found.restarts += 1
                if code not in {0, -signal.SIGTERM}:  # told before it had begun, it ends at once
                    self.found.errors.append(f"a worker that was told to end exited with {code}")
                workers[1] = self._worker(1)

    def _answer(self, number: int, ports: list[int]) -> None:
        """One part of the people: who finds a mail answers it, at one of the web servers."""
        seen: set[Path] = set()
        source = random.Random(number)
        while not self.over.is_set():
            for path in sorted(self.mails.glob("*.eml")):
                if path in seen or int(path.stem) % WEBS != number:
                    continue
                seen.add(path)
                (token,) = set(re.findall(rf"/s/{self.slug}#([^\s&]+)", _text_of(_letter(path))))
                fields = {
                    "token": token,
                    **{name: str(source.choice([1, 2, 3, 4, 4, 5])) for name in SCALES},
                }
                try:
                    status = _asked(
                        source.choice(ports), "POST", f"/s/{self.slug}", urlencode(fields)
                    )
                except OSError as error:
                    self.found.errors.append(type(error).__name__)
                    continue
                self.found.answered += status == 303
                self.found.refused += status == 410
                if status not in {303, 410}:
                    self.found.errors.append(str(status))
            self.over.wait(0.2)

    def _wait_for_the_last(self) -> None:
        for _ in range(LONGEST_END * 2):
            if not self._unsent():
                return
            time.sleep(0.5)

    def _unsent(self) -> int:
        query = text("SELECT count(*) FROM outbox WHERE state NOT IN ('sent', 'cancelled')")
        with db.engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def _look(self) -> None:
        found = self.found
        letters = [_letter(path) for path in sorted(self.mails.glob("*.eml"))]
        found.arrived = len(letters)
        found.lost = self.people - len({letter["To"] for letter in letters})
        found.doubled = sum(
            number - 1 for number in Counter(letter["To"] for letter in letters).values()
        )
        found.unequal = len(
            {(letter["To"], letter["Message-ID"], letter["Date"]) for letter in letters}
        ) - len({letter["To"] for letter in letters})
        found.unsent = self._unsent()
        with db.engine.connect() as connection:
            found.ballots = int(
                connection.execute(text("SELECT count(*) FROM ballot")).scalar_one()
            )
        ticks, looks = runs(self.database_url, "timetable"), runs(self.database_url, "letters")
        found.ticks, found.looks = len(ticks), len(looks)
        found.executors = len({run.executor for run in (*ticks, *looks) if run.executor})
        found.out_of_step += (
            ["timetable"] if not each_time_once(ticks, timedelta(seconds=30)) else []
        )
        found.out_of_step += ["letters"] if not each_time_once(looks, timedelta(seconds=5)) else []
        found.said = "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))


def _ended(process: subprocess.Popen[str]) -> int:
    """Tells a process to end; gives its exit code."""
    process.terminate()
    try:
        return process.wait(timeout=90)
    finally:
        process.kill()
        process.wait()


def _asked(port: int, method: str, path: str, body: str = "") -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as line:
        line.request(
            method,
            path,
            body,
            {"Host": "localhost", "Content-Type": "application/x-www-form-urlencoded"},
        )
        return line.getresponse().status


def _letter(path: Path) -> EmailMessage:
    letter = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert isinstance(letter, EmailMessage)
    return letter


def _text_of(letter: EmailMessage) -> str:
    part = letter.get_body(("plain",))
    assert part
    return str(part.get_content())


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL server of the trial's own; gives its address."""
    server = started(folder)
    try:
        yield address_of(server)
    finally:
        server.cleanup()


def main() -> int:
    """Runs the trial and prints what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--people", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="candour-trial-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with postgres(folder / "postgres") as url:
            place = folder / "place"
            place.mkdir()
            found = Trial(url, place, asked.seconds, asked.people, asked.seed).run()
    print(
        f"seed {asked.seed}, {asked.seconds:.0f} s, {WORKERS} workers, {WEBS} web servers, one"
        f" PostgreSQL, {BUSY:.0%} answered 451"
    )
    print(found.table())
    for line in found.broken():
        print(f"DOES NOT HOLD: {line}", file=sys.stderr)
    return 1 if found.broken() else 0


if __name__ == "__main__":
    sys.exit(main())
