"""The bounce mailbox over IMAP: encrypted, with verified certificates and time limits.

One header field shows what may be a bounce; of other mail neither text nor flags are looked at, and
none of it is changed. A mailbox may answer whatever it likes: what it sends is bounded, and what
takes too long is cut off.
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
# After this time the rest waits for the next reading: letters are not to wait for a full mailbox.
ENOUGH_SECONDS = 20.0
AT_ONCE, MOST = 20, 500  # messages in one request, and in one reading
_CONTENT_TYPE = "BODY.PEEK[HEADER.FIELDS (CONTENT-TYPE)]"

_TOO_SLOW, _BROKEN = "it does not answer in time", "its server broke the connection off"
_REASONS: tuple[tuple[type[BaseException], str], ...] = (
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

# Below this level it writes down every line it sends and reads.
logging.getLogger("imapclient").setLevel(logging.WARNING)


class MailboxTokens(Protocol):
    """Where access tokens come from."""

    def token(self, *, fresh: bool = False) -> str:
        """A valid access token; `fresh` asks for a new one because the last was refused."""


class MailboxAway(Exception):
    """Raised when the bounce mailbox cannot be read; its text is the reason in our words."""


@dataclass(frozen=True, slots=True)
class ArrivedMessage:
    """A message in the mailbox: its number, and its octets; None when it cannot be a bounce."""

    uid: int
    raw: bytes | None


class Mailbox:
    """The bounce mailbox, opened by `with`; its url is `imaps://user:password@host/FOLDER`.

    Without a password it is signed in by token. After `mark` changed, messages are numbered anew.
    """

    def __init__(
        self,
        url: str,
        ca_file: Path | None = None,
        tokens: MailboxTokens | None = None,
        seconds: float = READING_SECONDS,
    ) -> None:
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self._server = parts.hostname or ""
        self._port = parts.port or (993 if parts.scheme == "imaps" else 143)
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._folder = unquote(parts.path.strip("/")) or "INBOX"
        self._ca_file = ca_file
        self._tokens = tokens
        self._seconds = seconds
        self._connections: list[imaplib.IMAP4] = []
        self._cutter: socket.socket | None = None  # by it the connection can be shut down
        self._is_over = False
        self.mark = ""

    def __enter__(self) -> Self:
        """Connects, signs in and opens the folder; raises `MailboxAway` when that fails.

        Starts the timer that cuts the connection after `seconds`, and sets `mark`.
        """
        self._timer = threading.Timer(self._seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()
        try:
            with self._away_on_errors():
                self._client = self._sign_in(fresh=False)
                folder = self._client.select_folder(self._folder)
        except MailboxAway:
            self._end()
            raise
        place = f"{self._server}:{self._port}/{self._user}/{self._folder}"
        place_hash = sha256(place.encode()).hexdigest()[:16]
        self.mark = f"{place_hash}:{folder.get(b'UIDVALIDITY', 0)}"
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Signs out and closes the connection; errors in doing so are ignored.

        What has been read or deleted before is not undone by them.
        """
        with suppress(Exception):
            self._client.logout()
        self._end()

    def new_from(self, first: int) -> Iterator[list[ArrivedMessage]]:
        """The messages not deleted from this number on, at most 500, in lists of up to 20.

        Ends early after 20 seconds. Only possible bounces are fetched whole; all messages are left
        as they are. Raises `MailboxAway`.
        """
        with self._away_on_errors():
            listed = self._client.search(["UID", f"{first}:*", "UNDELETED"])
        # `9:*` gives the last one even when that is 7.
        uids = sorted(uid for uid in listed if uid >= first)[:MOST]
        end = time.monotonic() + ENOUGH_SECONDS
        for start in range(0, len(uids), AT_ONCE):
            if time.monotonic() > end:
                return
            with self._away_on_errors():
                messages = self._fetch_bounces(uids[start : start + AT_ONCE])
            yield messages

    def _fetch_bounces(self, uids: list[int]) -> list[ArrivedMessage]:
        """Fetches these messages; whole only those that may be bounces, of others the number."""
        answers = self._client.fetch(uids, ["RFC822.SIZE", _CONTENT_TYPE])
        messages = []
        for uid in uids:
            raw = self._fetch_raw(uid) if _may_be_bounce(answers.get(uid, {})) else None
            messages.append(ArrivedMessage(uid, raw))
        return messages

    def delete(self, uids: list[int]) -> bool:
        """Deletes these messages for good; False when the server does not allow it.

        No other message that somebody has marked as deleted is taken away: where the server cannot
        name messages in that command and others are marked, ours are only marked.
        """
        if not uids:
            return True
        with self._away_on_errors():
            try:
                self._client.add_flags(uids, [rb"\Deleted"], silent=True)
                if self._client.has_capability("UIDPLUS"):
                    self._client.uid_expunge(uids)
                elif set(self._client.search(["DELETED"])) <= set(uids):
                    # Takes away whatever is marked: not while others have marked something.
                    self._client.expunge()
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error:
                return False
        return True

    def _fetch_raw(self, uid: int) -> bytes | None:
        """Fetches the octets of a message, up to one beyond the limit; None if it is not given."""
        try:
            answers = self._client.fetch([uid], [f"BODY.PEEK[]<0.{LARGEST + 1}>"])
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            # One message that the server cannot give must not keep the others.
            return None
        return _value_of(answers.get(uid, {}), b"BODY[]")

    def _sign_in(self, *, fresh: bool) -> IMAPClient:
        """Opens an encrypted connection and signs in, by password or by token.

        A refused token is replaced once by a fresh one. Raises `MailboxAway` when there is neither.
        """
        client = self._connect()
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
                return self._sign_in(fresh=True)
        return client

    def _connect(self) -> IMAPClient:
        """Opens an encrypted connection; refuses one in clear except to this machine.

        Raises `MailboxAway`, also where the server offers no STARTTLS.
        """
        is_encrypted = self._scheme in {"imaps", "imap+starttls"}
        if not is_encrypted and not is_loopback(self._server):
            raise MailboxAway("plain imap:// is for a server on this machine only")
        context = _ssl_context(self._ca_file) if is_encrypted else None
        client = _Client(self, context if self._scheme == "imaps" else None)
        if self._scheme == "imap+starttls":
            if not client.has_capability("STARTTLS"):
                raise MailboxAway("it offers no encryption (STARTTLS); no password was sent")
            client.starttls(ssl_context=context)
        return client

    @contextmanager
    def _away_on_errors(self) -> Iterator[None]:
        """Turns every error raised inside the `with` block into `MailboxAway` with a reason."""
        try:
            yield
        except Exception as error:
            raise self._explain(error) from error

    def _keep_cutter(self, connection: socket.socket) -> None:
        """Keeps a copy of a new socket, so that the timer thread can shut the connection down."""
        if self._cutter:
            self._cutter.close()
        self._cutter = connection.dup()  # shuts the connection down, whatever wraps it by then
        if self._is_over:
            self._cut()

    def _cut(self) -> None:
        """Shuts the connection down because time is up; called from the timer's thread."""
        self._is_over = True
        if self._cutter:
            with suppress(OSError):
                self._cutter.shutdown(socket.SHUT_RDWR)

    def _end(self) -> None:
        """Stops the timer and closes all connections; errors are ignored."""
        self._timer.cancel()
        for connection in self._connections:
            with suppress(Exception):
                connection.shutdown()
        cutter, self._cutter = self._cutter, None
        if cutter:
            with suppress(OSError):
                cutter.shutdown(socket.SHUT_RDWR)
            cutter.close()

    def _explain(self, error: BaseException) -> MailboxAway:
        """The `MailboxAway` to raise for any error, with its reason in our own words."""
        if isinstance(error, MailboxAway):
            return error
        if isinstance(error, Refused):
            return MailboxAway(error.sentence.rstrip("."))
        if self._is_over:
            return MailboxAway(_TOO_SLOW)
        reasons = (reason for error_type, reason in _REASONS if isinstance(error, error_type))
        return MailboxAway(next(reasons, _BROKEN))


class _Connection(imaplib.IMAP4):
    """An IMAP connection that the mailbox can cut off at any time; refuses huge answers.

    It reads no more at once than twice what a message may hold.
    """

    def __init__(self, box: Mailbox, context: ssl.SSLContext | None) -> None:
        self._box, self._context = box, context
        box._connections.append(self)  # noqa: SLF001 - one thing in two classes
        super().__init__(box._server, box._port, timeout=COMMAND_SECONDS)  # noqa: SLF001

    def _create_socket(self, timeout: float | None) -> socket.socket:
        """Connects, registers the socket for cutting off, and encrypts it if there is a context."""
        plain = socket.create_connection((self.host, self.port), timeout)
        self._box._keep_cutter(plain)  # noqa: SLF001
        if self._context is None:
            return plain
        return self._context.wrap_socket(plain, server_hostname=self.host)

    def read(self, size: int) -> bytes:
        """Reads a literal of the server; aborts when it is larger than two mebibytes."""
        if size > 2 * LARGEST:
            raise self.abort("too large")
        return super().read(size)


class _Client(IMAPClient):  # type: ignore[misc]
    """An IMAPClient whose connection the mailbox can cut off."""

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
        """Replaces the library's connection by ours, which can be cut off."""
        return _Connection(self._box, self.ssl_context)


def _may_be_bounce(answer: Mapping[bytes, object]) -> bool:
    """Whether a message is a report of at most a mebibyte, by its size and Content-Type."""
    size = answer.get(b"RFC822.SIZE")
    field = _value_of(answer, b"BODY[HEADER") or b""
    content_type = field.decode("latin-1").partition(":")[2]
    return isinstance(size, int) and size <= LARGEST and is_report(content_type)


def _value_of(answer: Mapping[bytes, object], start: bytes) -> bytes | None:
    """The value of the first key that starts with `start`; None when there is none."""
    for key, value in answer.items():
        if key.startswith(start) and isinstance(value, bytes):
            return value
    return None


def _ssl_context(ca_file: Path | None) -> ssl.SSLContext:
    """The context that verifies certificates: by system authorities, or those in `ca_file`.

    Raises `MailboxAway` when the file holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except OSError as error:
        raise MailboxAway("CANDOUR_MAIL_CA_FILE holds no certificate that can be read") from error
