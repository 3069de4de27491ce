"""IMAP servers on loopback: Twisted's as a process; before it, where wanted, one with TLS."""

import json
import select
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
USER, PASSWORD = "bounces%40northwind.example", "open%20sesame"


@contextmanager
def open_imap(folder: Path, **settings: object) -> Iterator[int]:
    """A server with this folder as its mailbox until the block ends; its port."""
    told = json.dumps({"user": "bounces@northwind.example", "password": "open sesame", **settings})
    command = [sys.executable, str(HERE / "imap_server.py"), str(folder), told]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin
        assert child.stdout
        try:
            yield int(child.stdout.readline())
        finally:
            child.stdin.close()
            try:
                child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                child.kill()


def url(
    port: int, scheme: str = "imap", secret: str = f":{PASSWORD}", host: str = "127.0.0.1"
) -> str:
    """The address of its inbox."""
    return f"{scheme}://{USER}{secret}@{host}:{port}/INBOX"


def put(folder: Path, number: int, raw: bytes) -> Path:
    """A message arrives."""
    path = folder / f"{number:04}.eml"
    begun = path.with_suffix(".part")
    begun.write_bytes(raw)
    begun.rename(path)
    return path


@dataclass
class Front:
    """A server that ends TLS: its port, and what it heard in clear."""

    port: int
    heard: list[bytes] = field(default_factory=list)


@contextmanager
def open_front(
    to: int,
    context: ssl.SSLContext,
    *,
    starttls: bool = False,
    offers: bytes = b" STARTTLS LOGINDISABLED",
) -> Iterator[Front]:
    """TLS before a plain server, from the first octet or after STARTTLS."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    front, over, threads = Front(int(listener.getsockname()[1])), threading.Event(), []

    def serve() -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=speak, args=(connection,), daemon=True))
                threads[-1].start()

    def speak(connection: socket.socket) -> None:
        connection.settimeout(10)
        with suppress(OSError), connection:
            if starttls and not _clear(connection, front, offers):
                return
            with (
                context.wrap_socket(connection, server_side=True) as secure,
                socket.create_connection(("127.0.0.1", to), 10) as back,
            ):
                if starttls:
                    back.recv(65536)  # its greeting was said already
                _pass_on(secure, back)

    threads.append(threading.Thread(target=serve, daemon=True))
    threads[0].start()
    try:
        yield front
    finally:
        over.set()
        for thread in threads:
            thread.join(timeout=15)
        listener.close()


def _clear(connection: socket.socket, front: Front, offers: bytes) -> bool:
    """The conversation before STARTTLS; whether it came to that."""
    connection.sendall(b"* OK ready\r\n")
    while line := connection.recv(65536):
        front.heard.append(line)
        tag, command = line.split()[:2]
        if command.upper() == b"STARTTLS":
            connection.sendall(tag + b" OK go on\r\n")
            return True
        if command.upper() == b"CAPABILITY":
            connection.sendall(b"* CAPABILITY IMAP4rev1" + offers + b"\r\n")
        connection.sendall(tag + b" OK done\r\n")
    return False


def _pass_on(secure: ssl.SSLSocket, back: socket.socket) -> None:
    """Copies both ways, from one thread.

    Two threads on one encrypted socket spoil its records (before Python 3.13).
    """
    while True:
        ready = [secure] if secure.pending() else select.select([secure, back], [], [], 10)[0]
        for source, sink in ((secure, back), (back, secure)):
            if source in ready:
                octets = source.recv(65536)
                if not octets:
                    return
                sink.sendall(octets)
        if not ready:
            return
