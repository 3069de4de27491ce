"""Handing letters over: Flask-Mail's connection and message, made safe.

What differs from Flask-Mail 0.10 as shipped: certificates are verified and plain text goes to this machine only; every
command has a time limit and every letter one in all; the message is built by `email` (ASCII, lines of at most 76); MAIL,
RCPT and DATA are given one by one, so that the phase of a failure is known; nothing after the server's 250 undoes it.
"""

import contextlib
import smtplib
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import flask_mail

from survey.config import Config, is_loopback
from survey.mail.catcher import Catcher
from survey.mail.letter import wire_address
from survey.mail.message import Message
from survey.mail.rules import Attempt, Outcome, Phase, judge

COMMAND_SECONDS, LETTER_SECONDS = 20.0, 45.0
IDLE_SECONDS, LETTERS_PER_CONNECTION = 30.0, 100


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

    def connect(self) -> Attempt | None:
        """Makes ready; None when it is, else why not."""

    def deliver(self, message: Message) -> Attempt:
        """Hands one letter over."""

    def close(self) -> None:
        """Says goodbye."""


class Connection(flask_mail.Connection):
    """One reused SMTP connection: closed after 100 letters or half a minute without work."""

    def __init__(self, mail_url: str, ca_file: Path | None = None, limits: Limits | None = None) -> None:
        parts = urlsplit(mail_url)
        self.scheme, self.server = parts.scheme, parts.hostname or ""
        self.port = parts.port or {"smtps": 465, "smtp+starttls": 587}.get(parts.scheme, 25)
        self.user = unquote(parts.username or "")
        self.password = unquote(parts.password or "")
        self.limits = limits or Limits()
        self.ca_file = ca_file
        self.host: smtplib.SMTP | None = None
        self.num_emails, self.last_used = 0, 0.0
        self.phase = Phase.CONNECT

    def configure_host(self) -> smtplib.SMTP:
        """An open, encrypted, signed-in connection; the password is sent over a verified one only."""
        context = _trusting(self.ca_file)
        host: smtplib.SMTP
        if self.scheme == "smtps":
            host = smtplib.SMTP_SSL(local_hostname="localhost", timeout=self.limits.command, context=context)
        elif self.scheme == "smtp+starttls" or is_loopback(self.server):
            host = smtplib.SMTP(local_hostname="localhost", timeout=self.limits.command)
        else:
            raise _NotSafe("plain smtp:// is for a server on this machine only")
        host._host = self.server  # type: ignore[attr-defined]  # noqa: SLF001 - the name that the certificate must hold; set only by a constructor that connects
        self.host = host  # from here on the watch can cut it
        code, text = host.connect(self.server, self.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)
        if self.scheme == "smtp+starttls":
            host.starttls(context=context)  # raises when the server does not offer it: never in clear
        host.ehlo_or_helo_if_needed()
        if self.user:
            self.phase = Phase.SIGN_IN
            _sign_in(host, self.user, self.password)
        return host

    @property
    def name(self) -> str:
        """The server's host and port; no user, no password."""
        return f"{self.server}:{self.port}"

    @property
    def is_ready(self) -> bool:
        """Whether the next letter can go at once."""
        stale = time.monotonic() - self.last_used > IDLE_SECONDS or self.num_emails >= LETTERS_PER_CONNECTION
        return self.host is not None and not stale

    def connect(self) -> Attempt | None:
        """Opens the connection unless a fresh one is open; None when ready, else why not."""
        if self.is_ready:
            return None
        self.close()
        self.phase = Phase.CONNECT
        watch = self._watch()
        try:
            self.configure_host()
        except (OSError, smtplib.SMTPException, ValueError, _NotSafe) as error:
            self._cut()
            return _not_connected(error, self.phase)
        finally:
            watch.cancel()
        self.num_emails, self.last_used = 0, time.monotonic()
        return None

    def deliver(self, message: Message) -> Attempt:
        """Hands one letter to one recipient over, command by command; what is not known is said to be lost."""
        if self.host is None:
            return Attempt(Outcome.AWAY, "", "no connection")
        self.phase = Phase.SENDER
        watch = self._watch()
        try:
            attempt = self._converse(self.host, message)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            self._cut()
            attempt = self._broken(_away(error))
        finally:
            watch.cancel()
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

    def _converse(self, host: smtplib.SMTP, message: Message) -> Attempt:
        # RFC 3461: a bounce brings our headers back, no body, so that no living link lies in a bounce mailbox
        code, text = host.mail(message.envelope_from, ["RET=HDRS"] if host.has_extn("dsn") else [])
        if code != 250:
            return self._refused(host, code, text)
        self.phase = Phase.RECIPIENT
        code, text = host.rcpt(wire_address(message.letter.to_address))
        if code not in {250, 251}:
            return self._refused(host, code, text)
        host.putcmd("data")
        code, text = host.getreply()
        if code != 354:
            return self._refused(host, code, text)
        self.phase = Phase.DATA
        host.send(_dotted(message.as_bytes()))
        code, text = host.getreply()
        if code == 250:
            return Attempt(Outcome.SENT, "250")
        return self._refused(host, code, text)

    def _refused(self, host: smtplib.SMTP, code: int, text: bytes) -> Attempt:
        if not 400 <= code < 600:
            self._cut()
            return self._broken("the mail server's answer makes no sense")
        attempt = judge(self.phase, code, _enhanced(text))
        if code == 421:
            self._cut()
            return attempt
        with contextlib.suppress(OSError, smtplib.SMTPException):
            host.rset()
        return attempt

    def _broken(self, why: str) -> Attempt:
        """What a broken connection means: a used one is replaced, one that breaks at its first letter means that the server is away."""
        if self.phase is Phase.DATA:
            return Attempt(Outcome.LOST, "", "the connection broke")
        return Attempt(Outcome.DROPPED if self.num_emails else Outcome.AWAY, "", why)

    def _watch(self) -> threading.Timer:
        """Ends a letter that takes too long in all: a server may answer each command in time and still never end."""
        timer = threading.Timer(self.limits.letter, self._cut)
        timer.daemon = True
        timer.start()
        return timer

    def _cut(self) -> None:
        host, self.host = self.host, None
        if host is not None and host.sock is not None:
            with contextlib.suppress(OSError):
                host.sock.shutdown(socket.SHUT_RDWR)
            host.close()


def channel_for(config: Config) -> Channel:
    """The channel that the settings name: an SMTP connection, or the demo's catcher."""
    if config.is_demo:
        return Catcher(config.folder / "mail")
    return Connection(config.mail_url, config.mail_ca_file)


class _NotSafe(Exception):
    """Going on could give a password away or cannot work: somebody has to look."""


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except OSError as error:
        raise _NotSafe("CANDOUR_MAIL_CA_FILE holds no certificate that can be read") from error


def _sign_in(host: smtplib.SMTP, user: str, password: str) -> None:
    if not (user + password).isascii():
        raise _NotSafe("the user or password in CANDOUR_MAIL_URL has letters that SMTP cannot carry; use plain ones (ASCII)")
    if not host.has_extn("auth"):
        raise _NotSafe("the mail server offers no sign-in here; check the port in CANDOUR_MAIL_URL; no password was sent")
    if not {"CRAM-MD5", "PLAIN", "LOGIN"} & set(host.esmtp_features["auth"].upper().split()):
        raise _NotSafe("the mail server takes no sign-in by password; no password was sent")
    host.login(user, password)


def _not_connected(error: Exception, phase: Phase) -> Attempt:
    if isinstance(error, _NotSafe):
        return Attempt(Outcome.PAUSED, "", str(error))
    if isinstance(error, smtplib.SMTPResponseException):
        return judge(phase, error.smtp_code, _enhanced(error.smtp_error))
    if isinstance(error, ssl.SSLCertVerificationError):
        return Attempt(Outcome.PAUSED, "", "the mail server's certificate is not valid for its name; no password was sent")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Attempt(Outcome.PAUSED, "", "the mail server offers no encryption (STARTTLS); no password was sent")
    return Attempt(Outcome.AWAY, "", _away(error))


def _dotted(octets: bytes) -> bytes:
    """The octets of DATA: a dot doubled at the start of a line, and the end mark (RFC 5321, 4.5.2)."""
    body = octets.replace(b"\r\n.", b"\r\n..")
    body = b"." + body if body.startswith(b".") else body
    return body + (b"" if body.endswith(b"\r\n") else b"\r\n") + b".\r\n"


def _enhanced(text: bytes | str) -> str:
    """The enhanced status code at the start of a reply, such as 5.1.1 (RFC 3463), or nothing."""
    first = (text.decode("ascii", "replace") if isinstance(text, bytes) else text)[:20].split(" ")[0]
    parts = first.split(".")
    return first if len(parts) == 3 and all(part.isdigit() for part in parts) else ""


def _away(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "the mail server's name is not known; check CANDOUR_MAIL_URL"
    if isinstance(error, ConnectionRefusedError):
        return "the mail server does not take connections; check host and port in CANDOUR_MAIL_URL"
    if isinstance(error, TimeoutError):
        return "the mail server does not answer in time"
    return "the mail server closed the connection"
