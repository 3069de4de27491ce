"""The web server of `candour serve`: Waitress, with limits against clients that are slow, or many.

Waitress holds no thread while a request arrives, but lets it arrive as slowly as the client likes,
and takes no further connection once it has a certain number. Here a request must arrive at a
certain pace, few requests of one address may be arriving at a time, and where there are too many,
the one that has been arriving the longest has to go: an honest one is through in a moment.
"""

import logging
import resource
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import MultiSocketServer, TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

log = logging.getLogger(__name__)
THREADS = 8
TOO_MANY = b"HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What clients may take of the server."""

    head_seconds: float = 15.0  # from the connection, or from the first byte of a later request
    body_seconds: float = 15.0  # for each `body_bytes` of a body, the last ones included
    body_bytes: int = 65_536
    idle_seconds: int = 60  # for a connection that was answered and asks nothing more
    arriving_from_one_address: int = 20
    connections: int = 800
    head_bytes: int = 32_768
    request_bytes: int = 11 * 2**20  # a staff list of 10 MiB, and the form around it


class LimitedChannel(HTTPChannel):  # type: ignore[misc]
    """One connection, which knows since when a request has been arriving on it."""

    server: "LimitedServer"

    def __init__(self, *words: Any, **more: Any) -> None:  # noqa: ANN401 - handed on
        super().__init__(*words, **more)
        self.waits_since: float | None = time.monotonic()  # for its first request
        self.head_arrived_at: float | None = None

    @property
    def is_arriving(self) -> bool:
        """Whether a request has begun to arrive and is not whole."""
        return self.request is not None

    def received(self, data: bytes) -> bool:
        """Takes what came, and looks whether too many requests of this client are arriving."""
        if self.waits_since is None:
            self.waits_since = time.monotonic()
        was_counted = self.client() is not None
        taken = bool(super().received(data))
        if not self.is_arriving:
            self.waits_since = self.head_arrived_at = None
        else:
            if self.request.headers_finished and self.head_arrived_at is None:
                self.head_arrived_at = time.monotonic()
            if not was_counted and self.client() is not None:
                self.server.make_room_for(self)
        return taken

    def client(self) -> str | None:
        """Whom an arriving request counts for; None without one, or while no proxy has said."""
        if not self.is_arriving:
            return None
        proxies = self.server.proxies
        if not proxies:
            return str(self.addr[0])
        if not self.request.headers_finished:
            return None
        named = str(self.request.headers.get("X_FORWARDED_FOR", "")).split(",")
        return named[-proxies].strip() if len(named) >= proxies else str(self.addr[0])

    def is_overdue(self, now: float) -> bool:
        """Whether more of the request should have arrived by now."""
        limits = self.server.limits
        if self.waits_since is None:
            return False
        if self.head_arrived_at is None:
            return now - self.waits_since > limits.head_seconds
        blocks_due = int((now - self.head_arrived_at) / limits.body_seconds)
        return bool(self.request.body_bytes_received < blocks_due * limits.body_bytes)

    def refuse(self) -> None:
        """Says that there are too many, and ends the connection."""
        with suppress(OSError):  # it may have gone
            self.socket.send(TOO_MANY)
        self.will_close = True


class LimitedServer(TcpWSGIServer):  # type: ignore[misc]
    """Listens at one address."""

    channel_class = LimitedChannel
    limits: ServerLimits
    proxies: int

    def channels(self) -> list[LimitedChannel]:
        """The connections that are not about to be closed."""
        return [channel for channel in self.active_channels.values() if not channel.will_close]

    def maintenance(self, now: float) -> None:
        """Every second: ends connections that are overdue, and idle ones."""
        super().maintenance(now)
        for channel in self.channels():
            if channel.is_overdue(time.monotonic()):
                channel.will_close = True

    def handle_accept(self) -> None:
        """Takes a connection; where there are too many, the one that waits the longest goes."""
        super().handle_accept()
        channels = self.channels()
        if len(channels) > self.limits.connections:
            _refuse_the_oldest(channels)

    def make_room_for(self, channel: LimitedChannel) -> None:
        """Keeps the arriving requests of one client to the number that is allowed."""
        client = channel.client()
        same = [other for other in self.channels() if other.client() == client]
        if len(same) > self.limits.arriving_from_one_address:
            _refuse_the_oldest(same)


def _refuse_the_oldest(channels: Iterable[LimitedChannel]) -> None:
    waiting = [channel for channel in channels if channel.waits_since is not None]
    if waiting:
        min(waiting, key=lambda channel: channel.waits_since or 0.0).refuse()


def create_server(
    application: Callable[..., Any],
    host: str,
    port: int,
    *,
    proxies: int,
    limits: ServerLimits | None = None,
) -> Any:  # noqa: ANN401 - Waitress's servers share no class
    """A server that listens already; `run()` serves until `close()`.

    `proxies` is the number of proxies in front of it, which say what a client's address is.
    Raises OSError when the port is not free.
    """
    limits = limits or ServerLimits()
    _allow_open_files(2 * limits.connections)
    adjustments = Adjustments(
        host=host,
        port=port,
        threads=THREADS,
        ident=None,
        connection_limit=4 * limits.connections,  # ours is lower, and does not wait
        cleanup_interval=1,
        channel_timeout=limits.idle_seconds,
        asyncore_use_poll=True,  # select() knows no more than 1,024 files
        max_request_header_size=limits.head_bytes,
        max_request_body_size=limits.request_bytes,
    )
    dispatcher = ThreadedTaskDispatcher()
    connections: dict[int, Any] = {}
    dispatcher.set_thread_count(adjustments.threads)
    server_class = type("Server", (LimitedServer,), {"limits": limits, "proxies": proxies})
    more = {"dispatcher": dispatcher, "adj": adjustments}
    try:
        servers = [
            server_class(application, connections, sockinfo=address, **more)
            for address in adjustments.listen
        ]
    except OSError:
        wasyncore.close_all(connections)
        dispatcher.shutdown()
        raise
    if len(servers) == 1:
        return servers[0]
    listening = [(server.effective_host, server.effective_port) for server in servers]
    return MultiSocketServer(connections, adjustments, listening, dispatcher, servers[0].log_info)


def _allow_open_files(number: int) -> None:
    """Lets this process hold so many files and connections, as far as the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number if hard == resource.RLIM_INFINITY else min(number, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
