"""Looking at everything that mail stands on without sending any: for the doctor, and before a launch. Bounded in time."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

from survey.config import Config
from survey.kernel.hints import TRY_MAIL
from survey.kernel.sign_in_key import read_key_file
from survey.kernel.timeouts import run_within
from survey.mail.rules.reasons import without_settings
from survey.mail.rules.states import DeliveryAttempt, DeliveryOutcome
from survey.mail.smtp.rules.presets import pace_for, slow_opening
from survey.mail.smtp.rules.steps import SOON, Certificate, Step, remedy
from survey.mail.smtp.service.sender import Limits, connection_for

THOROUGH, QUICK = Limits(command=10.0, letter=20.0), Limits(command=3.0, letter=5.0)
_BY_ADMINISTRATOR = "Your administrator can look into this."
TRIAL_SENDER = "localhost.example"
_LATE = DeliveryAttempt(DeliveryOutcome.AWAY, "", "the mail server does not answer in time")


@dataclass(frozen=True, slots=True)
class MailFinding:
    """One thing looked at: what was found, and what to do about it; `is_wrong` is None for what is only worth knowing."""

    name: str
    is_wrong: bool | None
    says: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a connection to the mail server came to."""

    server: str
    fault: DeliveryAttempt | None
    certificate: Certificate | None = None
    steps: tuple[Step, ...] = ()


def examine_mail(config: Config, now: datetime) -> tuple[MailFinding, ...]:
    """What is wrong with the mail server, the sign-in, the sender and the address in mails; signs in, and sends nothing."""
    return (*_server(config, now), *_key_file(config, now), *_sender(config), *_links(config))


def notes_before_launch(
    config: Config, letters: int, stays_open: timedelta, paused_because: str | None, now: datetime
) -> tuple[str, ...]:
    """What a manager should know about mail before a wave opens; after a few seconds at most, and never a refusal.

    Names no setting: `examine_mail` does, for whoever runs the server.
    """
    found = []
    if paused_because:
        why = without_settings(paused_because)
        found.append(f"Sending is paused: {why}. No invitation leaves until it is resumed.")
    elif not config.is_demo:  # while it is paused, another wrong sign-in could lock the mailbox
        found += [_told(one) for one in _server(config, now, QUICK) if one.is_wrong is not False]
    if not config.is_demo:
        found += [
            _told(one)
            for one in (*_sender(config), *_key_file(config, now))
            if one.is_wrong is not False
        ]
        if config.is_local:
            says = (
                f"The links in mails start with {config.base_url}, which opens on this machine"
                " only."
            )
            found.append(f"{says} {_BY_ADMINISTRATOR}")
    if slow := slow_opening(letters, pace_for(config.mail_url, config.mail_per_minute), stays_open):
        found.append(slow)
    return tuple(found)


def _told(found: MailFinding) -> str:
    """What was found, for a manager: its remedy is at the server."""
    return f"{found.says} {_BY_ADMINISTRATOR}" if found.remedy else found.says


def _server(config: Config, now: datetime, limits: Limits = THOROUGH) -> Iterator[MailFinding]:
    if config.is_demo:
        yield MailFinding(
            "mail server",
            None,
            "Mails are kept on this machine and sent to nobody (catcher://).",
            "Set CANDOUR_MAIL_URL.",
        )
        return
    seen = _connected(config, limits)
    by_token = bool(config.mail_oauth_token_url)
    if seen.fault:
        shown = f"{seen.fault.reason}{f' ({seen.fault.code})' if seen.fault.code else ''}"
        yield MailFinding(
            "mail server",
            True,
            f"{seen.server} cannot be used now: {shown}.",
            remedy(seen.fault, by_token=by_token),
        )
        return
    signed = next(
        (f"; signed in: {step.says}" for step in seen.steps if step.name == "sign in"),
        "; it asks for no sign-in",
    )
    yield MailFinding("mail server", False, f"{seen.server} answers{signed}.")
    if seen.certificate:
        ends_soon = seen.certificate.ends_at - now < SOON
        todo = "Have it renewed before: without it no mail leaves." if ends_soon else ""
        yield MailFinding(
            "mail server's certificate",
            None if ends_soon else False,
            f"{seen.certificate.says()}.",
            todo,
        )


def _connected(config: Config, limits: Limits) -> _Seen:
    steps: list[Step] = []
    line = connection_for(config, steps.append, limits)

    def connect() -> tuple[DeliveryAttempt | None, Certificate | None]:
        try:
            return line.connect(), line.certificate
        finally:
            line.close()

    try:
        fault, certificate = run_within(limits.letter + 1.0, connect)
    except (
        TimeoutError
    ):  # a name that the system looks up for ever, or a sign-in server that is slow
        return _Seen(line.name, _LATE)
    return _Seen(line.name, fault, certificate, tuple(steps))


def _key_file(config: Config, now: datetime) -> Iterator[MailFinding]:
    path, name = config.mail_oauth_key_file, "key file for mail"
    if path is None:
        return
    with suppress(OSError):
        if path.stat().st_mode & 0o077:
            yield MailFinding(
                name,
                True,
                "The key file for mail can be read by others.",
                f"As its owner: chmod 600 {path}",
            )
    try:
        ends_at = read_key_file(path).ends_at
    except ValueError as error:
        yield MailFinding(name, True, str(error), "Correct CANDOUR_MAIL_OAUTH_KEY_FILE.")
        return
    if ends_at and ends_at - now < SOON:
        ended = ends_at <= now
        says = (
            f"Its certificate {'ended' if ended else 'ends'} on {ends_at:%Y-%m-%d}; after that the"
            " sign-in fails."
        )
        yield MailFinding(
            name,
            True if ended else None,
            says,
            "Make another, upload it to the application, and replace the file.",
        )


def _sender(config: Config) -> Iterator[MailFinding]:
    domain = parseaddr(config.mail_from)[1].rpartition("@")[2].lower()
    user = unquote(urlsplit(config.mail_url).username or "").lower()
    if config.is_demo:
        return
    if domain == TRIAL_SENDER:
        yield MailFinding(
            "sender",
            None,
            f"Mails come from {config.mail_from}, which nobody can answer.",
            "Set CANDOUR_MAIL_FROM.",
        )
    elif "@" in user and user.rpartition("@")[2] != domain:
        says = (
            f"Mails come from {domain}, but {user} signs in: the server must allow that, and the"
            " domain's SPF and DKIM must name it."
        )
        yield MailFinding(
            "sender", None, says, f"See whether a test arrives, and not among the junk: {TRY_MAIL}"
        )


def _links(config: Config) -> Iterator[MailFinding]:
    """Whether the address in mails leads here; seen from this machine, so that a fault is worth knowing, not more."""
    if config.is_local:
        return
    from survey.mail.smtp.service.web import Untrusted, base_url_leads_here

    name, elsewhere = (
        "links in mails",
        "Open it from a colleague's machine; if it opens there, all is well.",
    )
    try:
        good = run_within(8.0, lambda: base_url_leads_here(config))
    except Untrusted:
        yield MailFinding(
            name,
            None,
            f"{config.base_url} has a certificate that this machine does not trust.",
            elsewhere,
        )
    except OSError:
        yield MailFinding(
            name, None, f"{config.base_url} cannot be reached from this machine.", elsewhere
        )
    else:
        says = (
            f"{config.base_url}"
            f" {'leads here' if good else 'leads to something that is not Candour'}."
        )
        yield MailFinding(
            name,
            False if good else None,
            says,
            "" if good else "Correct CANDOUR_BASE_URL, or what stands before Candour.",
        )
