"""The web server against clients that are slow, or many: others are answered all the same."""

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from flask import Flask
from waitress import wasyncore

from survey.access.rules.open_to import access_of
from survey.access.service.limits import CODES_PER_ADDRESS
from survey.app import create_app
from survey.invitations.rules.codes import draw_code
from survey.people import forms as people_forms
from survey.server import LimitedChannel, ServerLimits, create_server
from tests.answering.today import open_today

LIMITS = ServerLimits(head_seconds=1.0, body_seconds=1.0, body_bytes=1000, idle_seconds=4)
HEAD = b"POST /s/wave HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n%s\r\n"


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answers with the number of octets that it was sent."""
    sent = len(environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(sent).encode()]


@dataclass
class Site:
    """A server under test."""

    port: int

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=15)

    def ask(self, body: bytes = b"") -> tuple[int, bytes]:
        """A whole request of somebody honest."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)) as line:
            line.request("POST", "/", body)
            answer = line.getresponse()
            return answer.status, answer.read()


@contextmanager
def serving(
    limits: ServerLimits = LIMITS,
    proxies: int = 0,
    served: Callable[..., Any] = application,
) -> Iterator[Site]:
    server = create_server(served, "127.0.0.1", 0, proxies=proxies, limits=limits)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield Site(server.effective_port)
    finally:
        server.task_dispatcher.shutdown()
        server.trigger.pull_trigger(lambda: wasyncore.close_all(server._map))
        thread.join(timeout=10)


def answer_on(line: socket.socket) -> bytes:
    """All that the server says until it ends the connection."""
    said = b""
    try:
        while octets := line.recv(4096):
            said += octets
    except ConnectionResetError:
        pass
    return said


def trickle(line: socket.socket, seconds: float) -> bool:
    """Sends a byte each tenth of a second; whether the server still listens after so long."""
    until = time.monotonic() + seconds
    line.settimeout(0.1)
    while time.monotonic() < until:
        try:
            line.send(b"x")
            if line.recv(1) == b"":
                return False
        except TimeoutError:
            continue
        except OSError:
            return False
    return True


@pytest.mark.parametrize(
    "begun",
    [b"", b"GET / HTTP/1.1\r\nX-Slow: ", HEAD % (5000, b""), HEAD % (10_000_000, b"")],
    ids=["nothing sent", "head", "body", "large body"],
)
def test_a_request_that_trickles_is_cut_off(begun: bytes) -> None:
    with serving() as site, closing(site.connect()) as line:
        line.sendall(begun)
        assert not trickle(line, 8) if begun else answer_on(line) == b""


def test_a_body_that_comes_at_a_fair_pace_may_take_longer() -> None:
    with serving() as site, closing(site.connect()) as line:
        line.sendall(HEAD % (4000, b"Connection: close\r\n"))
        for _ in range(8):
            line.sendall(b"x" * 500)
            time.sleep(0.3)
        assert answer_on(line).endswith(b"4000")


def test_a_connection_that_was_answered_may_wait_and_ask_again() -> None:
    with (
        serving() as site,
        closing(http.client.HTTPConnection("127.0.0.1", site.port, timeout=15)) as line,
    ):
        for body in (b"one", b"eleven"):
            line.request("POST", "/", body)
            assert line.getresponse().read() == str(len(body)).encode()
            time.sleep(2.2)  # longer than a head may take


def test_too_many_of_one_address_make_the_oldest_go_and_others_are_answered() -> None:
    patient = replace(LIMITS, head_seconds=30, body_seconds=30, arriving_from_one_address=5)
    with serving(patient) as site, ExitStack() as stack:
        lines = [stack.enter_context(closing(site.connect())) for _ in range(8)]
        for line in lines:
            line.sendall(HEAD % (900, b"") + b"x")
            time.sleep(0.05)
        assert [answer_on(line).split(b"\r\n")[0] for line in lines[:3]] == [
            b"HTTP/1.1 429 Too Many Requests"
        ] * 3
        assert site.ask(b"honest") == (200, b"6")
        for line in lines[4:]:  # the honest one took the place of the fourth
            line.sendall(b"x" * 899)
            assert line.recv(4096).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(("addresses", "refused"), [(("192.0.2.7",), 3), (tuple("abcdefgh"), 0)])
def test_behind_a_proxy_the_address_is_the_one_it_names(
    addresses: tuple[str, ...], refused: int
) -> None:
    patient = replace(LIMITS, head_seconds=30, body_seconds=30, arriving_from_one_address=5)
    with serving(patient, proxies=1) as site, ExitStack() as stack:
        lines = [stack.enter_context(closing(site.connect())) for _ in range(8)]
        for number, line in enumerate(lines):
            named = addresses[number % len(addresses)].encode()
            line.sendall(HEAD % (900, b"X-Forwarded-For: 203.0.113.9, %s\r\n" % named) + b"x")
            time.sleep(0.05)
        for line in lines[refused:]:
            line.sendall(b"x" * 899)
        firsts = [line.recv(4096)[9:12] for line in lines]
        assert firsts == [b"429"] * refused + [b"200"] * (8 - refused)


@pytest.mark.parametrize("proxies", [0, 1])
def test_the_limits_of_the_pages_count_for_the_address_that_the_proxy_names(
    app: Flask, proxies: int
) -> None:
    address = f"/s/{open_today(app).wave.slug}"
    served = create_app(replace(app.config["CANDOUR"], proxies=proxies))

    def wrong_code(client: str) -> int:
        """The status of a code that nobody has, sent through a proxy by this client."""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Host": "localhost",
            "X-Forwarded-For": f"203.0.113.9, {client}",
            "X-Forwarded-Proto": "https",
        }
        with closing(http.client.HTTPConnection("127.0.0.1", site.port, timeout=15)) as line:
            line.request("POST", address, f"token={draw_code()}&OVR1=4", headers)
            return line.getresponse().status

    with serving(ServerLimits(), proxies, served) as site:
        statuses = {wrong_code("192.0.2.7") for _ in range(CODES_PER_ADDRESS)}
        assert (statuses, wrong_code("192.0.2.7")) == ({410}, 429)
        # Without a proxy of ours in front, what a client says of itself counts for nothing.
        assert wrong_code("192.0.2.8") == (410 if proxies else 429)


def test_too_many_connections_make_the_oldest_go() -> None:
    patient = replace(LIMITS, head_seconds=30, connections=10)
    with serving(patient) as site, ExitStack() as stack:
        lines = [stack.enter_context(closing(site.connect())) for _ in range(10)]
        time.sleep(0.3)
        assert site.ask(b"honest") == (200, b"6")
        assert answer_on(lines[0]).startswith(b"HTTP/1.1 429")


def test_a_port_that_is_taken_is_told() -> None:
    with serving() as site, pytest.raises(OSError, match="in use"):
        create_server(application, "127.0.0.1", site.port, proxies=0)


def test_the_largest_request_of_any_page_passes(app: Flask) -> None:
    declared = [access_of(view) for view in app.view_functions.values()]
    largest = max(access.largest for access in declared if access)
    assert ServerLimits().request_bytes > max(largest, people_forms.LARGEST_FORM)


def test_a_fault_of_a_connection_is_logged_without_its_address(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(LimitedChannel, "received", fail)
    with serving() as site, closing(site.connect()) as line:
        line.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert line.recv(100) == b""
    assert "ValueError" in caplog.text
    assert "127.0.0.1" not in caplog.text
