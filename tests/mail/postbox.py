"""A real SMTP server in a thread, told beforehand what to answer."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

DROP, HANG = "drop", "hang"
LONGEST_HANG = 20.0
GOOD = {"MAIL": "250 OK", "RCPT": "250 OK", "DATA": "250 kept", "QUIT": "221 Bye"}


@dataclass
class Postbox:
    """What arrived, and what the next MAIL, RCPT, DATA and QUIT get instead of the good answer."""

    port: int = 0
    password: bytes = b"open sesame"
    answers: dict[str, list[str]] = field(default_factory=dict)
    kept: list[tuple[list[str], bytes]] = field(default_factory=list)
    passwords: list[bytes] = field(default_factory=list)
    greeted: list[str] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def recipients(self) -> list[str]:
        return [address for addresses, _ in self.kept for address in addresses]

    def letters(self) -> list[EmailMessage]:
        found = [message_from_bytes(octets, policy=policy.default) for _, octets in self.kept]
        return [letter for letter in found if isinstance(letter, EmailMessage)]

    async def handle_EHLO(self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]) -> list[str]:  # noqa: N802 - the library's name
        self.greeted.append(hostname)
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:  # noqa: N802
        envelope.mail_from = address
        self.senders.append(address)
        return await self._answer("MAIL", server)

    async def handle_RCPT(self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:  # noqa: N802
        said = await self._answer("RCPT", server)
        if said.startswith("25"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        said = await self._answer("DATA", server)
        if said.startswith("250"):
            self.kept.append((list(envelope.rcpt_tos), envelope.content))
        return said

    async def handle_QUIT(self, server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
        return await self._answer("QUIT", server)

    async def _answer(self, step: str, server: SMTP) -> str:
        said = self.answers[step].pop(0) if self.answers.get(step) else GOOD[step]
        if said == HANG:
            await asyncio.sleep(LONGEST_HANG)
        if said in {DROP, HANG}:
            assert server.transport
            server.transport.abort()
        return said

    def check(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object) -> AuthResult:
        assert isinstance(given, LoginPassword)
        self.passwords.append(given.password)
        return AuthResult(success=given.password == self.password, handled=False)


@contextmanager
def open_postbox(
    *, port: int = 0, starttls: ssl.SSLContext | None = None, smtps: ssl.SSLContext | None = None, sign_in: bool = False
) -> Iterator[Postbox]:
    """A server on loopback until the block ends."""
    box = Postbox()
    loop = asyncio.new_event_loop()
    secure = starttls is not None or smtps is not None
    more = {"authenticator": box.check, "auth_require_tls": smtps is None and secure} if sign_in else {}

    def speaker() -> SMTP:
        return SMTP(box, hostname="sink.example", loop=loop, tls_context=starttls, **more)

    listener = socket.create_server(("127.0.0.1", port))
    box.port = int(listener.getsockname()[1])
    server = loop.run_until_complete(loop.create_server(speaker, sock=listener, ssl=smtps))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield box
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    running = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


@dataclass
class Script:
    """A bare server's port, and whether the other side ended the conversation."""

    port: int
    hung_up: bool = False


@contextmanager
def open_script(*lines: bytes) -> Iterator[Script]:
    """A bare server that says the next line to whatever it hears, the first one at once, then goes on octet by octet."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(LONGEST_HANG)
    script = Script(int(listener.getsockname()[1]))

    def talk() -> None:
        connection, _ = listener.accept()
        connection.settimeout(LONGEST_HANG)
        with connection, suppress(OSError):
            for number, line in enumerate(lines):
                if number:
                    connection.recv(65536)
                connection.sendall(line)
            for _ in range(int(LONGEST_HANG / 0.1)):
                time.sleep(0.1)
                connection.sendall(b"5")
            return
        script.hung_up = True

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    try:
        yield script
    finally:
        thread.join(timeout=LONGEST_HANG + 10)
        listener.close()
