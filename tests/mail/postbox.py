"""A real SMTP server in a thread, told beforehand what to answer."""

import asyncio
import socket
import ssl
import threading
import time
from base64 import b64decode
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

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
    refused: dict[str, str] = field(
        default_factory=dict
    )  # at RCPT, by address, however often it is tried
    kept: list[tuple[list[str], bytes]] = field(default_factory=list)
    passwords: list[bytes] = field(default_factory=list)
    greeted: list[str] = field(default_factory=list)
    options: list[list[str]] = field(default_factory=list)
    has_dsn: bool = False
    senders: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def recipients(self) -> list[str]:
        return [address for addresses, _ in self.kept for address in addresses]

    def letters(self) -> list[EmailMessage]:
        letters = [message_from_bytes(octets, policy=policy.default) for _, octets in self.kept]
        return [letter for letter in letters if isinstance(letter, EmailMessage)]

    async def handle_EHLO(  # noqa: N802
        self,
        _server: SMTP,
        session: Session,
        _envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        self.greeted.append(hostname)
        session.host_name = hostname
        return [responses[0], *(["250-DSN"] if self.has_dsn else []), *responses[1:]]

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        self.options.append(options)
        self.senders.append(address)
        return await self._answer("MAIL", server)

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        said = self.refused.get(address) or await self._answer("RCPT", server)
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

    def check(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object
    ) -> AuthResult:
        assert isinstance(given, LoginPassword)
        self.passwords.append(given.password)
        return AuthResult(success=given.password == self.password, handled=False)


@dataclass
class TokenBox(Postbox):
    """A server that takes tokens (XOAUTH2).

    It tells why it refuses one as large providers do: in JSON, before the refusal.
    """

    user: str = ""
    accepts: Callable[[], str] = str
    explains: bool = True
    heard: list[str] = field(default_factory=list)
    acknowledged: list[object] = field(default_factory=list)

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802 - the library's name
        self.heard.append(b64decode(args[1], validate=True).decode())
        if self.heard[-1] == f"user={self.user}\x01auth=Bearer {self.accepts()}\x01\x01":
            return AuthResult(success=True, auth_data=self.user)
        if self.explains:
            self.acknowledged.append(
                await server.challenge_auth(
                    '{"status":"401","schemes":"Bearer","scope":"https://mail.example/"}'
                )
            )
        return AuthResult(success=False, handled=False)


class _Speaker(SMTP):
    """Takes a token's length, and the options of RFC 3461."""

    line_length_limit = 16_384

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.command_size_limits = defaultdict(lambda: 12_288)  # RFC 4954, 4.

    def _getparams(self, params: Sequence[str]) -> dict[str, str | bool] | None:
        return super()._getparams([one for one in params if not one.startswith("RET=")])


@contextmanager
def open_postbox(
    *,
    port: int = 0,
    starttls: ssl.SSLContext | None = None,
    smtps: ssl.SSLContext | None = None,
    sign_in: bool = False,
    smtputf8: bool = False,
    box: Postbox | None = None,
) -> Iterator[Postbox]:
    """A server on loopback until the block ends."""
    box = box or Postbox()
    loop = asyncio.new_event_loop()
    secure = starttls is not None or smtps is not None
    more = (
        {"authenticator": box.check, "auth_require_tls": smtps is None and secure}
        if sign_in
        else {}
    )

    def speaker() -> SMTP:
        return _Speaker(
            box,
            hostname="sink.example",
            loop=loop,
            tls_context=starttls,
            enable_SMTPUTF8=smtputf8,
            **more,
        )

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
    """A bare server that says the next line to whatever it hears, the first one at once.

    Then it goes on octet by octet.
    """
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


@contextmanager
def open_impostor(
    context: ssl.SSLContext | None, *, smtps: bool = False
) -> Iterator[tuple[int, bytearray]]:
    """A server that offers every sign-in, under any certificate or none.

    It keeps each octet that it hears, deciphered.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(LONGEST_HANG)
    heard = bytearray()

    def talk() -> None:
        connection, _ = listener.accept()
        connection.settimeout(LONGEST_HANG)
        with suppress(OSError):
            if smtps and context:
                connection = context.wrap_socket(connection, server_side=True)
            connection.sendall(b"220 sink.example\r\n")
            while octets := connection.recv(65536):
                heard.extend(octets)
                verb = octets[:4].upper()
                extension = b"250-STARTTLS\r\n" if context and not smtps else b""
                connection.sendall(
                    b"250-sink.example\r\n" + extension + b"250 AUTH PLAIN LOGIN XOAUTH2\r\n"
                    if verb == b"EHLO"
                    else b"220 ok\r\n"
                )
                if verb == b"STAR" and context:
                    connection = context.wrap_socket(connection, server_side=True)
        connection.close()

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1]), heard
    finally:
        thread.join(timeout=LONGEST_HANG + 10)
        listener.close()
