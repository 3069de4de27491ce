"""The bounce mailbox over IMAP: encrypted, certificates verified, every step with a time limit, nobody else's mail touched.

What may be a bounce is told by one header field; of other mail neither text nor flags are looked at. A mailbox may say
whatever it likes: what it sends is bounded, and what takes too long is cut off.
"""

import imaplib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import unquote, urlsplit

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import LoginError

from survey.kernel.errors import Refused
from survey.kernel.hosts import is_loopback
from survey.mail.bounces.rules import LARGEST, is_report

COMMAND_SECONDS, READING_SECONDS = 20.0, 60.0
ENOUGH_SECONDS = (
    20.0  # then the rest waits for the next reading: letters are not to wait for a full mailbox
)
AT_ONCE, MOST = 20, 500
_KIND = "BODY.PEEK[HEADER.FIELDS (CONTENT-TYPE)]"

_TOO_SLOW, _BROKEN = "it does not answer in time", "its server broke the connection off"
_MEANINGS: tuple[tuple[type[BaseException], str], ...] = (
    (TimeoutError, _TOO_SLOW),
    (UnicodeError, "user, password and folder in CANDOUR_BOUNCE_URL must be plain letters (ASCII)"),
    (LoginError, "it refused our sign-in; check user and password in CANDOUR_BOUNCE_URL"),
    (
        ssl.SSLCertVerificationError,
        "its certificate is not valid for its name; no password was sent",
    ),
    (socket.gaierror, "the name of its server is not known; check CANDOUR_BOUNCE_URL"),
    (
        ConnectionRefusedError,
        "its server does not take connections; check host and port in CANDOUR_BOUNCE_URL",
    ),
    (imaplib.IMAP4.abort, _BROKEN),
    (
        imaplib.IMAP4.error,
        "its server refused what we asked; check the folder in CANDOUR_BOUNCE_URL",
    ),
)

logging.getLogger("imapclient").setLevel(
    logging.WARNING
)  # below, it writes down every line it sends and reads


class MailboxTokens(Protocol):
    """Where access tokens come from."""

    def token(self, *, fresh: bool = False) -> str:
        """A token that is valid now; a new one when the last was refused."""


class MailboxAway(Exception):
    """The mailbox could not be read: why, in our own words."""


@dataclass(frozen=True, slots=True)
class ArrivedMessage:
    """A message: its number, and its octets if it may be a bounce."""

    uid: int
    raw: bytes | None


class Mailbox:
    """A folder of an IMAP server, as the address `imaps://user:password@host/FOLDER` names it; without a password, signed in by token."""

    def __init__(
        self,
        url: str,
        ca_file: Path | None = None,
        tokens: MailboxTokens | None = None,
        seconds: float = READING_SECONDS,
    ) -> None:
        parts = urlsplit(url)
        self._scheme, self._server = parts.scheme, parts.hostname or ""
        self._port = parts.port or (993 if parts.scheme == "imaps" else 143)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._folder = unquote(parts.path.strip("/")) or "INBOX"
        self._ca_file, self._tokens, self._seconds = ca_file, tokens, seconds
        self._lines: list[imaplib.IMAP4] = []
        self._cutter: socket.socket | None = None
        self._is_over = False
        self.mark = ""

    def __enter__(self) -> Self:
        """Connects, signs in and opens the folder; raises `MailboxAway` when that fails."""
        self._timer = threading.Timer(self._seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()
        try:
            with self._speaking():
                self._client = self._signed_in(fresh=False)
                opened = self._client.select_folder(self._folder)
        except MailboxAway:
            self._end()
            raise
        place = sha256(
            f"{self._server}:{self._port}/{self._user}/{self._folder}".encode()
        ).hexdigest()
        self.mark = f"{place[:16]}:{opened.get(b'UIDVALIDITY', 0)}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Says goodbye; whatever goes wrong now undoes nothing."""
        with suppress(Exception):
            self._client.logout()
        self._end()

    def new_from(self, first: int) -> Iterator[list[ArrivedMessage]]:
        """What has come from this number on, a few at a time; most of it unread by us, all of it left as it is."""
        with self._speaking():
            found = self._client.search(["UID", f"{first}:*", "UNDELETED"])
        uids = sorted(uid for uid in found if uid >= first)[
            :MOST
        ]  # `9:*` gives the last one even when that is 7
        end = time.monotonic() + ENOUGH_SECONDS
        for at in range(0, len(uids), AT_ONCE):
            if time.monotonic() > end:
                return
            some = uids[at : at + AT_ONCE]
            with self._speaking():
                told = self._client.fetch(some, ["RFC822.SIZE", _KIND])
                arrived = [
                    ArrivedMessage(
                        uid, self._raw(uid) if _may_be_bounce(told.get(uid, {})) else None
                    )
                    for uid in some
                ]
            yield arrived

    def delete(self, uids: list[int]) -> bool:
        """Takes these messages away, and no other that somebody has marked as deleted; False when the server will not have it."""
        if not uids:
            return True
        with self._speaking():
            try:
                self._client.add_flags(uids, [rb"\Deleted"], silent=True)
                if self._client.has_capability("UIDPLUS"):
                    self._client.uid_expunge(uids)
                elif set(self._client.search(["DELETED"])) <= set(uids):
                    self._client.expunge()  # takes away whatever is marked: not while something is that others have marked
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error:
                return False
        return True

    def _raw(self, uid: int) -> bytes | None:
        try:
            found = self._client.fetch([uid], [f"BODY.PEEK[]<0.{LARGEST + 1}>"]).get(uid, {})
        except imaplib.IMAP4.abort:
            raise
        except (
            imaplib.IMAP4.error
        ):  # one message that the server cannot give must not keep the others
            return None
        return _starting(found, b"BODY[]")

    def _signed_in(self, *, fresh: bool) -> IMAPClient:
        secure = self._scheme in {"imaps", "imap+starttls"}
        if not secure and not is_loopback(self._server):
            raise MailboxAway("plain imap:// is for a server on this machine only")
        context = _trusting(self._ca_file) if secure else None
        client = _Client(self, context if self._scheme == "imaps" else None)
        if self._scheme == "imap+starttls":
            if not client.has_capability("STARTTLS"):
                raise MailboxAway("it offers no encryption (STARTTLS); no password was sent")
            client.starttls(ssl_context=context)
        if self._password:
            client.login(self._user, self._password)
        elif self._tokens is None:
            raise MailboxAway(
                "CANDOUR_BOUNCE_URL holds no password, and no sign-in by token is set up"
            )
        else:
            try:
                client.oauth2_login(self._user, self._tokens.token(fresh=fresh))
            except LoginError:
                if fresh:
                    raise
                client.shutdown()
                return self._signed_in(fresh=True)
        return client

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Whatever goes wrong while we speak with the server means that the mailbox is away."""
        try:
            yield
        except Exception as error:
            raise self._away(error) from error

    def _opened(self, connection: socket.socket) -> None:
        if self._cutter:
            self._cutter.close()
        self._cutter = connection.dup()  # shuts the connection down, whatever wraps it by then
        if self._is_over:
            self._cut()

    def _cut(self) -> None:
        self._is_over = True
        if self._cutter:
            with suppress(OSError):
                self._cutter.shutdown(socket.SHUT_RDWR)

    def _end(self) -> None:
        self._timer.cancel()
        for line in self._lines:
            with suppress(Exception):
                line.shutdown()
        cutter, self._cutter = self._cutter, None
        if cutter:
            with suppress(OSError):
                cutter.shutdown(socket.SHUT_RDWR)
            cutter.close()

    def _away(self, error: BaseException) -> MailboxAway:
        if isinstance(error, MailboxAway):
            return error
        if isinstance(error, Refused):
            return MailboxAway(error.sentence.rstrip("."))
        if self._is_over:
            return MailboxAway(_TOO_SLOW)
        return MailboxAway(
            next((words for kind, words in _MEANINGS if isinstance(error, kind)), _BROKEN)
        )


class _Line(imaplib.IMAP4):
    """A connection that can be cut off at any time, and that reads no more at once than a message may hold."""

    def __init__(self, box: Mailbox, context: ssl.SSLContext | None) -> None:
        self._box, self._context = box, context
        box._lines.append(self)  # noqa: SLF001 - one thing in two classes
        super().__init__(box._server, box._port, timeout=COMMAND_SECONDS)  # noqa: SLF001

    def _create_socket(self, timeout: float | None) -> socket.socket:
        plain = socket.create_connection((self.host, self.port), timeout)
        self._box._opened(plain)  # noqa: SLF001
        return (
            self._context.wrap_socket(plain, server_hostname=self.host) if self._context else plain
        )

    def read(self, size: int) -> bytes:
        """A literal of the server's."""
        if size > 2 * LARGEST:
            raise self.abort("too large")
        return super().read(size)


class _Client(IMAPClient):  # type: ignore[misc]
    """IMAPClient over a connection of ours."""

    def __init__(self, box: Mailbox, context: ssl.SSLContext | None) -> None:
        self._box = box
        limits = SocketTimeout(COMMAND_SECONDS, COMMAND_SECONDS)
        super().__init__(
            box._server,  # noqa: SLF001
            box._port,  # noqa: SLF001
            ssl=context is not None,
            ssl_context=context,
            timeout=limits,
        )

    def _create_IMAP4(self) -> imaplib.IMAP4:  # noqa: N802 - the library's name
        return _Line(self._box, self.ssl_context)


def _may_be_bounce(told: Mapping[bytes, object]) -> bool:
    size, field = told.get(b"RFC822.SIZE"), _starting(told, b"BODY[HEADER")
    kind = (field or b"").decode("latin-1").partition(":")[2]
    return isinstance(size, int) and size <= LARGEST and is_report(kind)


def _starting(told: Mapping[bytes, object], start: bytes) -> bytes | None:
    return next(
        (
            value
            for key, value in told.items()
            if key.startswith(start) and isinstance(value, bytes)
        ),
        None,
    )


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except OSError as error:
        raise MailboxAway("CANDOUR_MAIL_CA_FILE holds no certificate that can be read") from error
