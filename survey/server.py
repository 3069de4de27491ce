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
    """The limits on what clients may use of the server: seconds, bytes and connections."""

    head_seconds: float = 15.0  # from the connection, or from the first byte of a later request
    body_seconds: float = 15.0  # for each `body_bytes` of a body, the last ones included
    body_bytes: int = 65_536
    idle_seconds: int = 60  # for a connection that was answered and asks nothing more
    arriving_from_one_address: int = 20
    connections: int = 800
    head_bytes: int = 32_768
    request_bytes: int = 34 * 2**20  # the largest file of any page, and the form around it


class LimitedChannel(HTTPChannel):  # type: ignore[misc]
    """One client connection, which measures for how long a request has been arriving."""

    server: "LimitedServer"

    def __init__(self, *words: Any, **more: Any) -> None:  # noqa: ANN401 - handed on
        super().__init__(*words, **more)
        self.waits_since: float | None = time.monotonic()  # for its first request
        self.head_arrived_at: float | None = None

    def __repr__(self) -> str:
        """Without the client's address, for Waitress logs this when something goes wrong."""
        return f"<{type(self).__name__}>"

    @property
    def is_arriving(self) -> bool:
        """Whether a request has begun to arrive and is not whole."""
        return self.request is not None

    def received(self, data: bytes) -> bool:
        """Takes arrived bytes; if its client has too many requests arriving, refuses the oldest."""
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
        """The address that an arriving request counts for; None while there is none or unknown.

        Behind proxies it is the one that they name, once the head of the request has arrived.
        """
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
        """Whether a request comes too slowly: its head, or the next block of its body, is late."""
        limits = self.server.limits
        if self.waits_since is None:
            return False
        if self.head_arrived_at is None:
            return now - self.waits_since > limits.head_seconds
        blocks_due = int((now - self.head_arrived_at) / limits.body_seconds)
        return bool(self.request.body_bytes_received < blocks_due * limits.body_bytes)

    def refuse(self) -> None:
        """Sends status 429 and marks the connection to be closed."""
        with suppress(OSError):  # it may have gone
            self.socket.send(TOO_MANY)
        self.will_close = True


class LimitedServer(TcpWSGIServer):  # type: ignore[misc]
    """The server at one listening address, which limits slow and too many clients."""

    channel_class = LimitedChannel
    limits: ServerLimits
    proxies: int

    def channels(self) -> list[LimitedChannel]:
        """The connections that are not about to be closed."""
        return [channel for channel in self.active_channels.values() if not channel.will_close]

    def maintenance(self, now: float) -> None:
        """Closes idle connections and those whose request comes too slowly; called every second."""
        super().maintenance(now)
        for channel in self.channels():
            if channel.is_overdue(time.monotonic()):
                channel.will_close = True

    def handle_accept(self) -> None:
        """Takes a connection; over the limit, refuses the one whose request takes the longest."""
        super().handle_accept()
        channels = self.channels()
        if len(channels) > self.limits.connections:
            _refuse_the_oldest(channels)

    def make_room_for(self, channel: LimitedChannel) -> None:
        """Refuses a client's oldest arriving request if more than allowed are arriving from it."""
        client = channel.client()
        same = [other for other in self.channels() if other.client() == client]
        if len(same) > self.limits.arriving_from_one_address:
            _refuse_the_oldest(same)


def _refuse_the_oldest(channels: Iterable[LimitedChannel]) -> None:
    """Refuses the connection that has waited the longest for its request; none if all are idle."""
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
    """Opens the port and gives the server; its `run()` serves until `close()`.

    `proxies` is the number of proxies in front of it, which say what a client's address is. Raises
    this process's limit of open files. Raises OSError when the port is not free.
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
        # What our proxies say of the client's address; the application takes no more than theirs.
        clear_untrusted_proxy_headers=proxies == 0,
    )
    # It says at each request that has to wait how many do: a time of a request, and no fault.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
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
    """Raises this process's limit of open files to `number`, or to the most the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number if hard == resource.RLIM_INFINITY else min(number, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
