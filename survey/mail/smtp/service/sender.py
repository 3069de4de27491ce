"""Handing letters over: Flask-Mail's connection and message, made safe.

What differs from Flask-Mail 0.10 as shipped:

- certificates are verified, and plain text goes to this machine only;
- every command has a time limit, and every letter has one in all; no reply may be endless;
- the message is built by `message.py` (ASCII, lines of at most 76);
- MAIL, RCPT and DATA are given one by one, so that the phase of a failure is known;
- nothing that happens after the server's 250 undoes it.

Sign-in is by password or by token (XOAUTH2).
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
    """How many seconds we wait: for one command, and for one letter in all."""

    command: float = COMMAND_SECONDS
    letter: float = LETTER_SECONDS


class Channel(Protocol):
    """What takes letters: an SMTP connection, the catcher, or a wrapper of one."""

    @property
    def name(self) -> str:
        """The name of the channel, for people."""

    @property
    def is_ready(self) -> bool:
        """Whether the next letter can go without connecting anew."""

    def connect(self) -> DeliveryAttempt | None:
        """Connects unless ready; None when ready, else the failed attempt."""

    def deliver(self, message: Message) -> DeliveryAttempt:
        """Hands one letter over; gives the outcome, and raises nothing for a failure."""

    def close(self) -> None:
        """Ends the connection, if there is one."""


class Connection(flask_mail.Connection):
    """One reused SMTP connection: not ready after 100 letters, or 30 seconds without one.

    Then it is replaced at the next `connect`. `on_step` is called with each step in the server's
    own words. The outbox must not give it: the words may quote an address.
    """

    def __init__(
        self,
        mail_url: str,
        ca_file: Path | None = None,
        limits: Limits | None = None,
        *,
        tokens: TokenSource | None = None,
        on_step: Callable[[Step], None] | None = None,
    ) -> None:
        parts = urlsplit(mail_url)
        self.scheme = parts.scheme
        self.server = parts.hostname or ""
        self.port = parts.port or {"smtps": 465, "smtp+starttls": 587}.get(parts.scheme, 25)
        self.user = unquote(parts.username or "")
        self.password = unquote(parts.password or "")
        self.limits = limits or Limits()
        self.ca_file = ca_file
        self.tokens = tokens
        self.on_step = on_step
        self.certificate: Certificate | None = None
        self.host: _Server | _TlsServer | None = None
        self.num_emails = 0
        self.last_used = 0.0  # of the monotonic clock
        self.phase = Phase.CONNECT
        self._token = ""
        self._is_fresh = False  # whether the token was just replaced
        # A server may answer each command in time and still never end.
        self._watchdog = Watchdog(self._end)

    def configure_host(self) -> smtplib.SMTP:
        """Connects, encrypts and signs in; raises when one of them fails.

        Reports each step. Keeps the connection in `host` and the certificate in `certificate`. What
        signs us in is sent over a verified connection only.
        """
        host = self._new_host()
        self.host = host  # from here on the watchdog can cut it
        code, text = host.connect(self.server, self.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)
        self._say(Phase.CONNECT.value, f"{self.name} answered", code, text)
        if self.scheme == "smtp+starttls":
            # Raises when the server does not offer it: never in clear.
            host.starttls(context=_ssl_context(self.ca_file))
        self.certificate = seen_certificate(host.sock)
        if self.certificate:
            encryption = self.certificate.says()
        else:
            encryption = "none; the server is this very machine"
        self._say("encryption", encryption)
        host.ehlo_or_helo_if_needed()
        if self.user:
            self.phase = Phase.SIGN_IN
            mechanism = self._sign_in(host)
            self._say(Phase.SIGN_IN.value, f"accepted for {self.user} by {mechanism}")
        return host

    def _new_host(self) -> "_Server | _TlsServer":
        """A connection that is not open yet; refuses plain SMTP to another machine."""
        host: _Server | _TlsServer
        if self.scheme == "smtps":
            host = _TlsServer(
                local_hostname="localhost",
                timeout=self.limits.command,
                context=_ssl_context(self.ca_file),
            )
        elif self.scheme == "smtp+starttls" or is_loopback(self.server):
            host = _Server(local_hostname="localhost", timeout=self.limits.command)
        else:
            raise _NotSafe("plain smtp:// is for a server on this machine only")
        # The name that the certificate must hold; set only by a constructor that connects.
        host._host = self.server  # type: ignore[union-attr]  # noqa: SLF001
        return host

    @property
    def name(self) -> str:
        """The server's host and port; no user, no password."""
        return f"{self.server}:{self.port}"

    @property
    def is_ready(self) -> bool:
        """Whether it is open, used in the last 30 seconds, and for fewer than 100 letters."""
        is_idle = time.monotonic() - self.last_used > IDLE_SECONDS
        is_used_up = self.num_emails >= LETTERS_PER_CONNECTION
        return self.host is not None and not is_idle and not is_used_up

    def connect(self) -> DeliveryAttempt | None:
        """Opens the connection unless one is ready; None when ready, else the failed attempt.

        A refused token is replaced once.
        """
        if self.is_ready:
            return None
        end = time.monotonic() + self.limits.letter
        fault = self._open(end, fresh=False)
        if fault and self._is_token_refused(fault):
            fault = self._open(end, fresh=True)
        return fault

    def _is_token_refused(self, fault: DeliveryAttempt) -> bool:
        """Whether the fault is the server refusing our token at the sign-in."""
        is_reply = fault.outcome is DeliveryOutcome.PAUSED and bool(fault.code)
        return is_reply and self.phase is Phase.SIGN_IN and bool(self._token)

    def deliver(self, message: Message) -> DeliveryAttempt:
        """Hands one letter over; replaces the token and tries again if the server refuses us.

        Command by command, to one recipient. An outcome that is not known is `LOST`. Where the
        server refuses us, the token may have ended meanwhile: it is replaced once.
        """
        end = time.monotonic() + self.limits.letter  # for all of it: the lease must outlast it
        attempt = self._hand_over(message, end)
        is_refused = attempt.outcome is DeliveryOutcome.PAUSED
        if is_refused and self._token and not self._is_fresh:
            self.close()
            attempt = self._open(end, fresh=True) or self._hand_over(message, end)
        return attempt

    def _open(self, end: float, *, fresh: bool) -> DeliveryAttempt | None:
        """Closes the old connection, opens a new one; None when open, else the failed attempt.

        Until `end` at most (monotonic). `fresh`: with a new token.
        """
        self.close()
        self.phase, self.certificate, self._is_fresh = Phase.CONNECT, None, fresh
        try:
            self._take_token(fresh=fresh)
            with self._watchdog.watch(max(end - time.monotonic(), 0.0)):
                self.configure_host()
        except (OSError, smtplib.SMTPException, ValueError, NoToken, _NotSafe) as error:
            self._cut()
            return self._judge_open_error(error)
        self.num_emails, self.last_used = 0, time.monotonic()
        return None

    def _take_token(self, *, fresh: bool) -> None:
        """Gets and keeps a token if we sign in by one, else forgets it; may raise `NoToken`.

        Before the connection is open: a server that waits for us may close it.
        """
        self._token = ""
        if self.tokens and self.user and not self.password:
            self._token = self.tokens.token(fresh=fresh)
            how = "a new one" if fresh else "given"
            self._say("token", f"{how} by {self.tokens.server}")

    def _sign_in(self, host: smtplib.SMTP) -> str:
        """Signs in by token or password; gives the mechanism, refuses if none is offered.

        Raises `_NotSafe` before any secret is sent.
        """
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
            # An empty line ends a refusal.
            host.auth("XOAUTH2", lambda refusal=None: answer if refusal is None else "")
            return "XOAUTH2"
        if not {"CRAM-MD5", "PLAIN", "LOGIN"} & set(offered):
            raise _NotSafe("the mail server takes no sign-in by password; no password was sent")
        host.login(self.user, self.password)
        return "password"

    def _hand_over(self, message: Message, end: float) -> DeliveryAttempt:
        """Hands one letter over the open connection, until `end` at most (monotonic).

        An error closes the connection and becomes an outcome.
        """
        if self.host is None:
            return DeliveryAttempt(DeliveryOutcome.AWAY, "", "no connection")
        self.phase = Phase.SENDER
        try:
            with self._watchdog.watch(max(end - time.monotonic(), 0.0)):
                attempt = self._converse(self.host, message)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            self._cut()
            attempt = self._broken_attempt(_away_reason(error))
        self.num_emails += 1
        self.last_used = time.monotonic()
        return attempt

    def close(self) -> None:
        """Says goodbye to the server and closes; errors are ignored, for they undo nothing.

        Ends the watchdog's thread.
        """
        host, self.host = self.host, None
        if host is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException, ValueError):
                if host.sock is not None:
                    host.sock.settimeout(min(self.limits.command, 5.0))
                host.quit()
            host.close()
        self._watchdog.rest()

    def _converse(self, host: smtplib.SMTP, message: Message) -> DeliveryAttempt:
        """Gives the server sender, recipient and letter; the outcome by its answers."""
        recipient = wire_address(message.letter.to_address)
        if needs_utf8(recipient) and not host.has_extn("smtputf8"):
            return DeliveryAttempt(DeliveryOutcome.FAILED, "", CANNOT_TAKE)
        code, text = _give_sender(host, message.envelope_from, is_utf8=needs_utf8(recipient))
        if code != 250:
            return self._judge_refusal(host, code, text)
        self._say(Phase.SENDER.value, message.envelope_from, code, text)
        self.phase = Phase.RECIPIENT
        code, text = host.docmd("RCPT", f"TO:<{recipient}>")
        if code not in {250, 251}:
            return self._judge_refusal(host, code, text)
        self._say(Phase.RECIPIENT.value, recipient, code, text)
        host.putcmd("data")
        code, text = host.getreply()
        if code != 354:
            return self._judge_refusal(host, code, text)
        self.phase = Phase.DATA
        host.send(_dotted(message.as_bytes()))
        # A server may look at a letter for long; the watchdog ends it all the same.
        _set_timeout(host, self.limits.letter)
        code, text = host.getreply()
        _set_timeout(host, self.limits.command)
        if code == 250:
            self._say(Phase.DATA.value, "accepted", code, text)
            return DeliveryAttempt(DeliveryOutcome.SENT, "250")
        return self._judge_refusal(host, code, text)

    def _judge_refusal(self, host: smtplib.SMTP, code: int, text: bytes) -> DeliveryAttempt:
        """The attempt that a refusal means; resets the connection or cuts it."""
        self._say(self.phase.value, "refused", code, text, is_good=False)
        if not 400 <= code < 600:
            self._cut()
            return self._broken_attempt(SENSELESS)
        attempt = judge_reply(self.phase, code, _enhanced(text))
        if code == 421:
            self._cut()
            return attempt
        with contextlib.suppress(OSError, smtplib.SMTPException):
            host.rset()
        return attempt

    def _judge_open_error(self, error: Exception) -> DeliveryAttempt:
        """The failed attempt for an error while connecting; reports a refusal as a step."""
        if isinstance(error, NoToken):
            outcome = DeliveryOutcome.PAUSED if error.must_look else DeliveryOutcome.AWAY
            return DeliveryAttempt(outcome, "", error.reason)
        if isinstance(error, smtplib.SMTPResponseException):
            code, text = error.smtp_code, error.smtp_error
            self._say(self.phase.value, "refused", code, text, is_good=False)
            if not 400 <= code < 600:
                return DeliveryAttempt(DeliveryOutcome.AWAY, "", SENSELESS)
            return judge_reply(self.phase, code, _enhanced(text))
        fault = _standing_fault(error)
        if fault:
            return DeliveryAttempt(DeliveryOutcome.PAUSED, "", fault)
        return DeliveryAttempt(DeliveryOutcome.AWAY, "", _away_reason(error))

    def _say(
        self, step: str, words: str, code: int = 0, text: bytes | str = b"", *, is_good: bool = True
    ) -> None:
        """Reports a step to `on_step`, if there is one, with the server's words.

        Not with them while signing in: they may repeat what signs us in.
        """
        if self.on_step is None:
            return
        reply = b"" if self.phase is Phase.SIGN_IN else text
        quote = quoted_reply(code, reply, self.password, self._token)
        self.on_step(Step(step, " ".join(filter(None, (words, quote))), is_good))

    def _broken_attempt(self, reason: str) -> DeliveryAttempt:
        """The attempt that a broken connection means: `LOST`, `DROPPED` or `AWAY`.

        From DATA on, nobody knows the outcome. A used connection is replaced; one that breaks at
        its first letter means that the server is away.
        """
        if self.phase is Phase.DATA:
            return DeliveryAttempt(DeliveryOutcome.LOST, "", "the connection broke")
        outcome = DeliveryOutcome.DROPPED if self.num_emails else DeliveryOutcome.AWAY
        return DeliveryAttempt(outcome, "", reason)

    def _end(self) -> None:
        """Shuts the connection down, from the watchdog's thread; its reader then closes it.

        Not by the encrypted socket's own method, which would take the encryption off first.
        """
        host = self.host
        if host is not None:
            host.is_over = True
            if host.sock is not None:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(host.sock, socket.SHUT_RDWR)

    def _cut(self) -> None:
        """Closes the connection at once, without a goodbye to the server."""
        host, self.host = self.host, None
        if host is not None and host.sock is not None:
            with contextlib.suppress(OSError):
                host.sock.shutdown(socket.SHUT_RDWR)
            host.close()


def channel_for(config: Config, on_step: Callable[[Step], None] | None = None) -> Channel:
    """The channel of the settings, not yet connected: SMTP, or in the demo the catcher."""
    if config.is_demo:
        return Catcher(config.folder / "mail")
    return connection_for(config, on_step)


def connection_for(
    config: Config, on_step: Callable[[Step], None] | None = None, limits: Limits | None = None
) -> Connection:
    """The SMTP connection that the settings describe, not yet open."""
    return Connection(
        config.mail_url, config.mail_ca_file, limits, tokens=token_source(config), on_step=on_step
    )


class _MeasuredReplies:
    """A server's replies as a file; one reply has at most `LARGEST_REPLY` octets."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self.file = file
        self.octets_left = LARGEST_REPLY

    def readline(self, size: int) -> bytes:
        """Reads a line; OSError when the line or the whole reply is too long."""
        line = self.file.readline(size)
        self.octets_left -= len(line)
        if self.octets_left < 0 or len(line) > LONGEST_LINE:
            raise OSError("an endless reply")
        return line

    def close(self) -> None:
        self.file.close()


class _BoundedReplies:
    """Mixin for smtplib: refuses replies over 64 KiB, and any after time is up."""

    sock: socket.socket | None
    file: object
    is_over = False

    def getreply(self) -> tuple[int, bytes]:
        """Reads the server's reply; raises when it is too long or time is up."""
        if self.is_over:
            raise smtplib.SMTPServerDisconnected("out of time")
        if isinstance(self.file, _MeasuredReplies):
            self.file.octets_left = LARGEST_REPLY
        elif self.sock is not None:
            self.file = _MeasuredReplies(self.sock.makefile("rb"))
        reply: tuple[int, bytes] = super().getreply()  # type: ignore[misc] # of smtplib.SMTP
        return reply


class _Server(_BoundedReplies, smtplib.SMTP):
    """An SMTP connection with limited replies, opened in clear (STARTTLS may follow)."""


class _TlsServer(_BoundedReplies, smtplib.SMTP_SSL):
    """An SMTP connection with limited replies, encrypted from the first octet."""


class _NotSafe(Exception):
    """Raised when going on could give a password away or cannot work: somebody has to look."""


def _ssl_context(ca_file: Path | None) -> ssl.SSLContext:
    """The context that verifies certificates: by system authorities, or those in `ca_file`.

    Raises `_NotSafe` when the file holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except OSError as error:
        raise _NotSafe(
            "the file of trusted authorities holds no certificate that can be read"
        ) from error


def _give_sender(host: smtplib.SMTP, envelope_from: str, *, is_utf8: bool) -> tuple[int, bytes]:
    """Sends MAIL FROM with its options; gives the server's code and text.

    RET=HDRS (RFC 3461): a bounce brings no living link back. SMTPUTF8: RFC 6531.
    """
    options = ["RET=HDRS"] if host.has_extn("dsn") else []
    if is_utf8:
        body = ["BODY=8BITMIME"] if host.has_extn("8bitmime") else []
        return host.mail(envelope_from, ["SMTPUTF8", *body, *options])
    # smtplib's own mail() and rcpt() read each address anew; ours have been checked, and hold
    # neither > nor a line break.
    return host.docmd("MAIL", " ".join([f"FROM:<{envelope_from}>", *options]))


def _set_timeout(host: smtplib.SMTP, seconds: float) -> None:
    """Sets how many seconds each read may take; nothing when there is no connection."""
    if host.sock is not None:
        host.sock.settimeout(seconds)


def _dotted(octets: bytes) -> bytes:
    """The octets to send after DATA: leading dots doubled, with the end mark (RFC 5321, 4.5.2).

    A dot at the start of a line is doubled, and the end mark follows.
    """
    body = octets.replace(b"\r\n.", b"\r\n..")
    if body.startswith(b"."):
        body = b"." + body
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    return body + b".\r\n"


def _enhanced(text: bytes | str) -> str:
    """The enhanced status code at the start of a reply, such as 5.1.1 (RFC 3463); else empty."""
    reply = text.decode("ascii", "replace") if isinstance(text, bytes) else text
    first_word = reply[:20].split(" ")[0]
    parts = first_word.split(".")
    is_code = len(parts) == 3 and all(part.isdigit() for part in parts)
    return first_word if is_code else ""


def _standing_fault(error: Exception) -> str | None:
    """The reason why retrying is of no use until somebody has looked; None if it may help."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{certificate_fault(error)}; {NOTHING_SENT}"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return f"the mail server offers no encryption (STARTTLS); {NOTHING_SENT}"
    return str(error) if isinstance(error, _NotSafe) else None


def _away_reason(error: Exception) -> str:
    """The reason why the server cannot be reached, in our own words."""
    if isinstance(error, socket.gaierror):
        return "the mail server's name is not known"
    if isinstance(error, ConnectionRefusedError):
        return "the mail server does not take connections"
    if isinstance(error, TimeoutError):
        return "the mail server does not answer in time"
    return "the mail server closed the connection"
