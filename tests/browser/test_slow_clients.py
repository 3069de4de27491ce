"""Hundreds of connections that send a byte now and then: everybody else is answered all the same.

The real server, alone and behind the shipped nginx. The slow ones come from one address, or each
from its own; whenever one is cut off, another takes its place.
"""

import random
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from tests.browser.installation import installed
from tests.browser.proxy import proxied
from tests.proofs import proof, sizes
from tests.test_one_wave import link_in

pytestmark = pytest.mark.browser  # of nginx, and of ports that must not be scarce
BEGUN = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    b"POST /s/it-support-2027-q1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 28000\r\n\r\n",
    b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n",
)
ONE_ADDRESS = "127.0.9.9"  # of somebody slow, which no honest client shares
LONGEST = 2.0  # seconds that anybody's request may take in the long proof
PATIENCE = 20  # seconds, after which an honest request has failed


@dataclass
class Slow:
    """So many slow connections at a time, from one address or from as many as there are."""

    port: int
    number: int
    spread: bool
    tls: ssl.SSLContext | None
    cut_off: int = 0
    open: dict[socket.socket, float] = field(default_factory=dict)

    def connect(self) -> None:
        """Opens one, and begins a request; whoever is refused tries again later."""
        host = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.7"
        source = (host if self.spread else ONE_ADDRESS, 0)
        with suppress(OSError):
            line = socket.create_connection(("127.0.0.1", self.port), 3, source_address=source)
            if self.tls:
                line = self.tls.wrap_socket(line, server_hostname="localhost")
            line.sendall(random.choice(BEGUN))
            line.setblocking(False)
            self.open[line] = time.monotonic() + random.random()

    def drop(self, line: socket.socket) -> None:
        """One was cut off."""
        del self.open[line]
        line.close()
        self.cut_off += 1

    def trickle(self, ends: threading.Event) -> None:
        """Keeps their number up and each of them alive, a byte a second."""
        while not ends.wait(0.05):
            for _ in range(min(10, self.number - len(self.open))):
                self.connect()
            now = time.monotonic()
            for line, due in list(self.open.items()):
                try:
                    with suppress(BlockingIOError, ssl.SSLWantReadError):
                        if line.recv(1024) == b"":
                            self.drop(line)
                            continue
                    if now >= due:
                        with suppress(BlockingIOError, ssl.SSLWantWriteError):
                            line.send(b"x")
                        self.open[line] = now + 1
                except OSError:
                    self.drop(line)
        for line in self.open:
            line.close()


@contextmanager
def slow_clients(*many: Slow) -> Iterator[None]:
    ends = threading.Event()
    threads = [threading.Thread(target=one.trickle, args=(ends,)) for one in many]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ends.set()
        for thread in threads:
            thread.join(timeout=30)


@dataclass
class Honest:
    """Somebody who looks and answers, and how long each answer took, in seconds."""

    base: str
    codes: list[str]
    took: dict[str, list[float]] = field(default_factory=dict)
    trusting: ssl.SSLContext = field(default_factory=ssl._create_unverified_context)

    def ask(self, name: str, path: str, body: dict[str, str] | None = None) -> int:
        """One request's status."""
        data = urlencode(body).encode() if body else None
        begun = time.monotonic()
        try:
            request = Request(f"{self.base}{path}", data=data)
            with urlopen(request, timeout=PATIENCE, context=self.trusting) as answer:
                status = int(answer.status)
        except HTTPError as error:
            with error:
                status = error.code
        self.took.setdefault(name, []).append(time.monotonic() - begun)
        return status

    def visit(self, survey: str) -> None:
        """Health, the survey's page, and one person's answer."""
        assert self.ask("health", "/healthz") == 200
        assert self.ask("survey", survey) == 200
        if self.codes:
            sent = {"token": self.codes.pop(), "OVR1": "4"}
            assert self.ask("answer", survey, sent) == 200, "thanked, after being led on"


@pytest.mark.parametrize("behind", ["nothing", pytest.param("nginx", marks=proof("slow"))])
@pytest.mark.parametrize("load", sizes("slow", (130, 6), (300, 120)))
def test_slow_clients_keep_nobody_waiting(
    tmp_path: Path, behind: str, load: tuple[int, int]
) -> None:
    number, seconds = load
    is_behind_proxy = behind == "nginx"
    with installed(tmp_path, people=60, is_behind_proxy=is_behind_proxy) as place:
        survey, codes = "", []
        for letter in place.invitations():
            address, _, code = link_in(letter).partition("#")
            survey = "/" + address.split("/", 3)[3]
            codes.append(code)
        tls = ssl._create_unverified_context() if is_behind_proxy else None
        inside = place.product.port
        port = place.outside if tls else inside
        with proxied(tmp_path / "nginx", inside, port) if tls else nullcontext():
            base = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
            honest = Honest(base, codes)
            both = [Slow(port, number // 2, spread, tls) for spread in (False, True)]
            with slow_clients(*both):
                until = time.monotonic() + seconds
                while time.monotonic() < until:
                    honest.visit(survey)
                    time.sleep(0.2)
    worst = {name: max(times) for name, times in honest.took.items()}
    cut_off = sum(slow.cut_off for slow in both)
    print(f"{number} slow, {seconds} s, before {behind}: worst {worst}, cut off {cut_off}")
    assert sum(len(times) for times in honest.took.values()) >= 15
    if seconds > 60:
        assert max(worst.values()) < LONGEST, "somebody waited for the slow ones"
    assert cut_off > 0 or tls, "nginx holds them for a while, at no cost to the server"
