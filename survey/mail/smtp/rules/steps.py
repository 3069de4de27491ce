"""The steps of a conversation with a mail server, for whoever looks after it."""

import re
import socket
import ssl
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from survey.mail.rules.reasons import Cause, cause_of, remedy_at_a_shell
from survey.mail.rules.states import DeliveryAttempt, DeliveryOutcome

SOON = timedelta(days=14)
LONGEST_QUOTE = 200
_FAULTS = {  # OpenSSL's numbers (X509_V_ERR_*)
    10: "the mail server's certificate has expired",
    18: "the mail server's certificate is signed by itself",
    19: "the mail server's certificate comes from an unknown authority",
    20: "the mail server's certificate comes from an unknown authority",
    62: "the mail server's certificate is not valid for its name",
    64: "the mail server's certificate is not valid for its address",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the conversation with a mail server, and what the server said to it."""

    name: str
    says: str
    is_good: bool = True


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server's names by its certificate, when that ends, and the encryption in use."""

    names: tuple[str, ...]
    ends_at: datetime
    encryption: str

    def says(self) -> str:
        """The encryption, up to three names and the last day, in one line."""
        return (
            f"{self.encryption}, certificate of {', '.join(self.names[:3])}, valid until"
            f" {self.ends_at:%Y-%m-%d}"
        )


def seen_certificate(connection: socket.socket | None) -> Certificate | None:
    """The verified certificate of an encrypted connection; None for one in clear."""
    if not isinstance(connection, ssl.SSLSocket):
        return None
    certificate = connection.getpeercert() or {}
    names = tuple(
        str(pair[1])
        for pair in certificate.get("subjectAltName", ())
        if pair[0] in {"DNS", "IP Address"}
    )
    end = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    return Certificate(names, datetime.fromtimestamp(end, UTC), connection.version() or "TLS")


def certificate_fault(error: ssl.SSLCertVerificationError) -> str:
    """Why a certificate was not accepted, in our own words.

    >>> certificate_fault(ssl.SSLCertVerificationError())
    "the mail server's certificate cannot be verified"
    """
    number = getattr(error, "verify_code", 0)
    return _FAULTS.get(number, "the mail server's certificate cannot be verified")


def remedy(attempt: DeliveryAttempt, *, by_token: bool) -> str:
    """What the person who runs the server can do about an attempt that failed; names settings.

    >>> attempt = DeliveryAttempt(DeliveryOutcome.FAILED, "550 5.1.1", "no such mailbox")
    >>> remedy(attempt, by_token=False)
    'Check the address.'
    """
    if attempt.code.endswith("5.7.30"):
        return "This server takes no passwords any more: sign in by token, CANDOUR_MAIL_OAUTH_*."
    if cause_of(attempt.reason) is Cause.SIGN_IN_REFUSED and by_token:
        return (
            "Check CANDOUR_MAIL_OAUTH_*, and whether the application may send for the mailbox in"
            " CANDOUR_MAIL_URL."
        )
    by_outcome = {
        DeliveryOutcome.FAILED: "Check the address.",
        DeliveryOutcome.LATER: (
            "Try again in some minutes; Candour's own letters wait and do the same."
        ),
    }
    general = "Check CANDOUR_MAIL_URL, and whether this machine may reach the server."
    return remedy_at_a_shell(attempt.reason) or by_outcome.get(attempt.outcome, general)


def quoted_reply(code: int, text: bytes | str, *secrets: str) -> str:
    r"""A server's reply in brackets: one printable line without secrets, cut at 200 characters.

    Secrets are what signs us in, also in base64.

    >>> quoted_reply(550, b"5.7.60 no\x1b[2J hush", "hush"), quoted_reply(0, b"")
    ('(550 5.7.60 no [2J (secret))', '')
    """
    reply = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    for secret in filter(None, secrets):
        encoded_secret = b64encode(secret.encode()).decode()
        reply = reply.replace(secret, "(secret)").replace(encoded_secret, "(secret)")
    quote = " ".join(re.sub(r"[^\w!-~ ]", " ", reply).split())
    if len(quote) > LONGEST_QUOTE:
        quote = f"{quote[:LONGEST_QUOTE]}…"
    if code > 0:
        return f"({code} {quote})".replace(" )", ")")
    return f"({quote})" if quote else ""
