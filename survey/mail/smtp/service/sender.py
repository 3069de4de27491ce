"""Handing letters over: Flask-Mail's connection and message, made safe.

What differs from Flask-Mail 0.10 as shipped: certificates are verified and plain text goes to this machine only; every
command has a time limit and every letter one in all; no reply may be endless; the message is built by `email` (ASCII, lines of
at most 76); MAIL, RCPT and DATA are given one by one, so that the phase of a failure is known; nothing after the server's 250
undoes it. Sign-in is by password or by token (XOAUTH2).
"""

import contextlib
import io
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import flask_mail

from survey.config import Config
from survey.kernel.addresses import needs_utf8, wire_address
from survey.kernel.hosts import is_loopback
from survey.mail.rules.states import DeliveryAttempt, DeliveryOutcome, Phase, judge_reply
from survey.mail.smtp.rules.grants import NoToken
from survey.mail.smtp.rules.steps import (
    Certificate,
    Step,
    certificate_fault,
    quoted_reply,
    seen_certificate,
)
from survey.mail.smtp.service.catcher import Catcher
from survey.mail.smtp.service.message import Message
from survey.mail.smtp.service.tokens import TokenSource, token_source, xoauth2
from survey.mail.smtp.service.watchdog import Watchdog

COMMAND_SECONDS, LETTER_SECONDS = 20.0, 45.0
IDLE_SECONDS, LETTERS_PER_CONNECTION = 30.0, 100
LONGEST_LINE, LARGEST_REPLY = 8192, 64 * 1024
CANNOT_TAKE = "the mail server cannot handle this address"
NOTHING_SENT = "nothing that signs us in was sent"
SENSELESS = "the mail server's answer makes no sense"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long we wait, in seconds: for one command, for one letter in all."""

    command: float = COMMAND_SECONDS
    letter: float = LETTER_SECONDS


class Channel(Protocol):
    """Somewhere that takes letters."""

    @property
    def name(self) -> str:
        """What a person calls it."""

    @property
    def is_ready(self) -> bool:
        """Whether the next letter can go at once."""

    def connect(self) -> DeliveryAttempt | None:
        """Makes ready; None when it is, else why not."""

    def deliver(self, message: Message) -> DeliveryAttempt:
        """Hands one letter over."""

    def close(self) -> None:
        """Says goodbye."""


class Connection(flask_mail.Connection):
    """One reused SMTP connection: closed after 100 letters or half a minute without work.

    Whoever gives `tell` hears of each step with the server's own words; the outbox must not, for they may quote an address.
    """

    def __init__(
        self,
        mail_url: str,
        ca_file: Path | None = None,
        limits: Limits | None = None,
        *,
        tokens: TokenSource | None = None,
        tell: Callable[[Step], None] | None = None,
    ) -> None:
        parts = urlsplit(mail_url)
        self.scheme, self.server = parts.scheme, parts.hostname or ""
        self.port = parts.port or {"smtps": 465, "smtp+starttls": 587}.get(parts.scheme, 25)
        self.user = unquote(parts.username or "")
        self.password = unquote(parts.password or "")
        self.limits = limits or Limits()
        self.ca_file, self.tokens, self.tell = ca_file, tokens, tell
        self.certificate: Certificate | None = None
        self.host: _Server | _TlsServer | None = None
        self.num_emails, self.last_used = 0, 0.0
        self.phase = Phase.CONNECT
        self._token, self._is_fresh = "", False
        self._watchdog = Watchdog(
            self._end
        )  # a server may answer each command in time and still never end

    def configure_host(self) -> smtplib.SMTP:
        """An open, encrypted, signed-in connection; what signs us in is sent over a verified one only."""
        host: _Server | _TlsServer
        if self.scheme == "smtps":
            host = _TlsServer(
                local_hostname="localhost",
                timeout=self.limits.command,
                context=_trusting(self.ca_file),
            )
        elif self.scheme == "smtp+starttls" or is_loopback(self.server):
            host = _Server(local_hostname="localhost", timeout=self.limits.command)
        else:
            raise _NotSafe("plain smtp:// is for a server on this machine only")
        host._host = self.server  # type: ignore[union-attr]  # noqa: SLF001 - the name that the certificate must hold; set only by a constructor that connects
        self.host = host  # from here on the watchdog can cut it
        code, text = host.connect(self.server, self.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)
        self._say(Phase.CONNECT.value, f"{self.name} answered", code, text)
        if self.scheme == "smtp+starttls":
            host.starttls(
                context=_trusting(self.ca_file)
            )  # raises when the server does not offer it: never in clear
        self.certificate = seen_certificate(host.sock)
        self._say(
            "encryption",
            (
                self.certificate.says()
                if self.certificate
                else "none; the server is this very machine"
            ),
        )
        host.ehlo_or_helo_if_needed()
        if self.user:
            self.phase = Phase.SIGN_IN
            self._say(Phase.SIGN_IN.value, f"accepted for {self.user} by {self._sign_in(host)}")
        return host

    @property
    def name(self) -> str:
        """The server's host and port; no user, no password."""
        return f"{self.server}:{self.port}"

    @property
    def is_ready(self) -> bool:
        """Whether the next letter can go at once."""
        stale = (
            time.monotonic() - self.last_used > IDLE_SECONDS
            or self.num_emails >= LETTERS_PER_CONNECTION
        )
        return self.host is not None and not stale

    def connect(self) -> DeliveryAttempt | None:
        """Opens the connection unless a fresh one is open; None when ready, else why not. A refused token is replaced once."""
        if self.is_ready:
            return None
        end = time.monotonic() + self.limits.letter
        fault = self._open(end, fresh=False)
        if (
            fault
            and fault.outcome is DeliveryOutcome.PAUSED
            and fault.code
            and self.phase is Phase.SIGN_IN
            and self._token
        ):
            fault = self._open(end, fresh=True)
        return fault

    def deliver(self, message: Message) -> DeliveryAttempt:
        """Hands one letter to one recipient over, command by command; what is not known is said to be lost."""
        end = time.monotonic() + self.limits.letter  # for all of it: the lease must outlast it
        attempt = self._hand_over(message, end)
        if (
            attempt.outcome is DeliveryOutcome.PAUSED and self._token and not self._is_fresh
        ):  # it may have ended meanwhile
            self.close()
            attempt = self._open(end, fresh=True) or self._hand_over(message, end)
        return attempt

    def _open(self, end: float, *, fresh: bool) -> DeliveryAttempt | None:
        self.close()
        self.phase, self.certificate, self._is_fresh = Phase.CONNECT, None, fresh
        try:
            self._take_token(fresh=fresh)
            with self._watchdog.watch(max(end - time.monotonic(), 0.0)):
                self.configure_host()
        except (OSError, smtplib.SMTPException, ValueError, NoToken, _NotSafe) as error:
            self._cut()
            return self._not_connected(error)
        self.num_emails, self.last_used = 0, time.monotonic()
        return None

    def _take_token(self, *, fresh: bool) -> None:
        """Before the connection is open: a server that waits for us may close it."""
        self._token = ""
        if self.tokens and self.user and not self.password:
            self._token = self.tokens.token(fresh=fresh)
            self._say("token", f"{'a new one' if fresh else 'given'} by {self.tokens.server}")

    def _sign_in(self, host: smtplib.SMTP) -> str:
        """Signs in; says by which mechanism."""
        secret = "token" if self._token else "password"
        if not (self.user + self.password).isascii():
            raise _NotSafe(
                "the user or password has letters that SMTP cannot carry; use plain ones (ASCII)"
            )
        if not host.has_extn("auth"):
            raise _NotSafe(f"the mail server offers no sign-in here; no {secret} was sent")
        offered = host.esmtp_features["auth"].upper().split()
        if self._token:
            if "XOAUTH2" not in offered:
                raise _NotSafe(
                    "the mail server takes no sign-in by token (XOAUTH2); no token was sent"
                )
            answer = xoauth2(self.user, self._token)
            host.auth(
                "XOAUTH2", lambda refusal=None: answer if refusal is None else ""
            )  # an empty line ends a refusal
            return "XOAUTH2"
        if not {"CRAM-MD5", "PLAIN", "LOGIN"} & set(offered):
            raise _NotSafe("the mail server takes no sign-in by password; no password was sent")
        host.login(self.user, self.password)
        return "password"

    def _hand_over(self, message: Message, end: float) -> DeliveryAttempt:
        if self.host is None:
            return DeliveryAttempt(DeliveryOutcome.AWAY, "", "no connection")
        self.phase = Phase.SENDER
        try:
            with self._watchdog.watch(max(end - time.monotonic(), 0.0)):
                attempt = self._converse(self.host, message)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            self._cut()
            attempt = self._broken(_away(error))
        self.num_emails += 1
        self.last_used = time.monotonic()
        return attempt

    def close(self) -> None:
        """Says goodbye; whatever goes wrong now undoes nothing."""
        host, self.host = self.host, None
        if host is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException, ValueError):
                if host.sock is not None:
                    host.sock.settimeout(min(self.limits.command, 5.0))
                host.quit()
            host.close()
        self._watchdog.rest()

    def _converse(self, host: smtplib.SMTP, message: Message) -> DeliveryAttempt:
        recipient = wire_address(message.letter.to_address)
        options = (
            ["RET=HDRS"] if host.has_extn("dsn") else []
        )  # RFC 3461: a bounce brings no living link back
        if needs_utf8(recipient):  # RFC 6531
            if not host.has_extn("smtputf8"):
                return DeliveryAttempt(DeliveryOutcome.FAILED, "", CANNOT_TAKE)
            code, text = host.mail(
                message.envelope_from,
                ["SMTPUTF8", *(["BODY=8BITMIME"] if host.has_extn("8bitmime") else []), *options],
            )
        else:  # smtplib's own mail() and rcpt() read each address anew; ours have been checked, and hold neither > nor a line break
            code, text = host.docmd("MAIL", " ".join([f"FROM:<{message.envelope_from}>", *options]))
        if code != 250:
            return self._refused(host, code, text)
        self._say(Phase.SENDER.value, message.envelope_from, code, text)
        self.phase = Phase.RECIPIENT
        code, text = host.docmd("RCPT", f"TO:<{recipient}>")
        if code not in {250, 251}:
            return self._refused(host, code, text)
        self._say(Phase.RECIPIENT.value, recipient, code, text)
        host.putcmd("data")
        code, text = host.getreply()
        if code != 354:
            return self._refused(host, code, text)
        self.phase = Phase.DATA
        host.send(_dotted(message.as_bytes()))
        if host.sock is not None:
            host.sock.settimeout(
                self.limits.letter
            )  # a server may look at a letter for long; the watchdog ends it all the same
        code, text = host.getreply()
        if host.sock is not None:
            host.sock.settimeout(self.limits.command)
        if code == 250:
            self._say(Phase.DATA.value, "accepted", code, text)
            return DeliveryAttempt(DeliveryOutcome.SENT, "250")
        return self._refused(host, code, text)

    def _refused(self, host: smtplib.SMTP, code: int, text: bytes) -> DeliveryAttempt:
        self._say(self.phase.value, "refused", code, text, is_good=False)
        if not 400 <= code < 600:
            self._cut()
            return self._broken(SENSELESS)
        attempt = judge_reply(self.phase, code, _enhanced(text))
        if code == 421:
            self._cut()
            return attempt
        with contextlib.suppress(OSError, smtplib.SMTPException):
            host.rset()
        return attempt

    def _not_connected(self, error: Exception) -> DeliveryAttempt:
        if isinstance(error, NoToken):
            return DeliveryAttempt(
                DeliveryOutcome.PAUSED if error.must_look else DeliveryOutcome.AWAY,
                "",
                error.reason,
            )
        if isinstance(error, smtplib.SMTPResponseException):
            self._say(self.phase.value, "refused", error.smtp_code, error.smtp_error, is_good=False)
            makes_sense = 400 <= error.smtp_code < 600
            return (
                judge_reply(self.phase, error.smtp_code, _enhanced(error.smtp_error))
                if makes_sense
                else DeliveryAttempt(DeliveryOutcome.AWAY, "", SENSELESS)
            )
        if isinstance(error, ssl.SSLCertVerificationError):
            return DeliveryAttempt(
                DeliveryOutcome.PAUSED, "", f"{certificate_fault(error)}; {NOTHING_SENT}"
            )
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return DeliveryAttempt(
                DeliveryOutcome.PAUSED,
                "",
                f"the mail server offers no encryption (STARTTLS); {NOTHING_SENT}",
            )
        return (
            DeliveryAttempt(DeliveryOutcome.PAUSED, "", str(error))
            if isinstance(error, _NotSafe)
            else DeliveryAttempt(DeliveryOutcome.AWAY, "", _away(error))
        )

    def _say(
        self, step: str, words: str, code: int = 0, text: bytes | str = b"", *, is_good: bool = True
    ) -> None:
        """Tells a step to whoever listens; while signing in, without the server's words, which may repeat what signs us in."""
        if self.tell:
            heard = b"" if self.phase is Phase.SIGN_IN else text
            self.tell(
                Step(
                    step,
                    " ".join(
                        part
                        for part in (words, quoted_reply(code, heard, self.password, self._token))
                        if part
                    ),
                    is_good,
                )
            )

    def _broken(self, why: str) -> DeliveryAttempt:
        """What a broken connection means: a used one is replaced, one that breaks at its first letter means that the server is away."""
        if self.phase is Phase.DATA:
            return DeliveryAttempt(DeliveryOutcome.LOST, "", "the connection broke")
        return DeliveryAttempt(
            DeliveryOutcome.DROPPED if self.num_emails else DeliveryOutcome.AWAY, "", why
        )

    def _end(self) -> None:
        """From the watchdog's thread: ends the conversation and leaves the closing to whoever reads.

        Not by the encrypted socket's own method, which would take the encryption off first.
        """
        host = self.host
        if host is not None:
            host.is_over = True
            if host.sock is not None:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(host.sock, socket.SHUT_RDWR)

    def _cut(self) -> None:
        host, self.host = self.host, None
        if host is not None and host.sock is not None:
            with contextlib.suppress(OSError):
                host.sock.shutdown(socket.SHUT_RDWR)
            host.close()


def channel_for(config: Config, tell: Callable[[Step], None] | None = None) -> Channel:
    """The channel that the settings name: an SMTP connection, or the demo's catcher."""
    return Catcher(config.folder / "mail") if config.is_demo else connection_for(config, tell)


def connection_for(
    config: Config, tell: Callable[[Step], None] | None = None, limits: Limits | None = None
) -> Connection:
    """The SMTP connection that the settings describe."""
    return Connection(
        config.mail_url, config.mail_ca_file, limits, tokens=token_source(config), tell=tell
    )


class _Measured:
    """A server's replies as a file, of which one reply may be so long and no longer."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self.file, self.left = file, LARGEST_REPLY

    def readline(self, size: int) -> bytes:
        line = self.file.readline(size)
        self.left -= len(line)
        if self.left < 0 or len(line) > LONGEST_LINE:
            raise OSError("an endless reply")
        return line

    def close(self) -> None:
        self.file.close()


class _Bounded:
    """Ends a conversation whose replies do not end; each reply has a measure of its own."""

    sock: socket.socket | None
    file: object
    is_over = False

    def getreply(self) -> tuple[int, bytes]:
        if self.is_over:
            raise smtplib.SMTPServerDisconnected("out of time")
        if isinstance(self.file, _Measured):
            self.file.left = LARGEST_REPLY
        elif self.sock is not None:
            self.file = _Measured(self.sock.makefile("rb"))
        found: tuple[int, bytes] = super().getreply()  # type: ignore[misc] # of smtplib.SMTP
        return found


class _Server(_Bounded, smtplib.SMTP):
    """A server whose replies are measured."""


class _TlsServer(_Bounded, smtplib.SMTP_SSL):
    """The same, encrypted from the first octet."""


class _NotSafe(Exception):
    """Going on could give a password away or cannot work: somebody has to look."""


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except OSError as error:
        raise _NotSafe(
            "the file of trusted authorities holds no certificate that can be read"
        ) from error


def _dotted(octets: bytes) -> bytes:
    """The octets of DATA: a dot doubled at the start of a line, and the end mark (RFC 5321, 4.5.2)."""
    body = octets.replace(b"\r\n.", b"\r\n..")
    body = b"." + body if body.startswith(b".") else body
    return body + (b"" if body.endswith(b"\r\n") else b"\r\n") + b".\r\n"


def _enhanced(text: bytes | str) -> str:
    """The enhanced status code at the start of a reply, such as 5.1.1 (RFC 3463), or nothing."""
    first = (text.decode("ascii", "replace") if isinstance(text, bytes) else text)[:20].split(" ")[
        0
    ]
    parts = first.split(".")
    return first if len(parts) == 3 and all(part.isdigit() for part in parts) else ""


def _away(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "the mail server's name is not known"
    if isinstance(error, ConnectionRefusedError):
        return "the mail server does not take connections"
    if isinstance(error, TimeoutError):
        return "the mail server does not answer in time"
    return "the mail server closed the connection"
