"""Examining everything that mail stands on, without sending any: for the doctor, before a launch.

Bounded in time.
"""

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

THOROUGH = Limits(command=10.0, letter=20.0)
QUICK = Limits(command=3.0, letter=5.0)
_BY_ADMINISTRATOR = "Your administrator can look into this."
TRIAL_SENDER = "localhost.example"
_LATE = DeliveryAttempt(DeliveryOutcome.AWAY, "", "the mail server does not answer in time")


@dataclass(frozen=True, slots=True)
class MailFinding:
    """One thing that was examined: whether it is wrong, a sentence on it, what to do about it.

    is_wrong: None for what is only worth knowing.
    """

    name: str
    is_wrong: bool | None
    says: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class _ConnectionTrial:
    """The result of a trial connection to the mail server; `fault` is None if it worked."""

    server: str
    fault: DeliveryAttempt | None
    certificate: Certificate | None = None
    steps: tuple[Step, ...] = ()


def examine_mail(config: Config, now: datetime) -> tuple[MailFinding, ...]:
    """Examines the mail server, sign-in, sender and links in mails; gives good findings too.

    Signs in, and sends nothing.
    """
    return (
        *_examine_server(config, now),
        *_examine_key_file(config, now),
        *_examine_sender(config),
        *_examine_links(config),
    )


def notes_before_launch(
    config: Config, letters: int, stays_open: timedelta, paused_because: str | None, now: datetime
) -> tuple[str, ...]:
    """What a manager should know about mail before a wave opens; never a refusal.

    Signs in to the mail server, unless paused or in the demo; sends nothing. Takes a few seconds at
    most. Names no setting: `examine_mail` does, for whoever runs the server.
    """
    notes = []
    if paused_because:
        reason = without_settings(paused_because)
        notes.append(f"Sending is paused: {reason}. No invitation leaves until it is resumed.")
    if not config.is_demo:
        findings = [*_examine_sender(config), *_examine_key_file(config, now)]
        if not paused_because:
            # While it is paused, another wrong sign-in could lock the mailbox.
            findings = [*_examine_server(config, now, QUICK), *findings]
        notes += [_manager_note(finding) for finding in findings if finding.is_wrong is not False]
        if config.is_local:
            notes.append(
                f"The links in mails start with {config.base_url}, which opens on this machine"
                f" only. {_BY_ADMINISTRATOR}"
            )
    pace = pace_for(config.mail_url, config.mail_per_minute)
    if slow := slow_opening(letters, pace, stays_open):
        notes.append(slow)
    return tuple(notes)


def _manager_note(finding: MailFinding) -> str:
    """A finding in a manager's words; with a remedy it refers to the administrator."""
    return f"{finding.says} {_BY_ADMINISTRATOR}" if finding.remedy else finding.says


def _examine_server(
    config: Config, now: datetime, limits: Limits = THOROUGH
) -> Iterator[MailFinding]:
    """Findings on the mail server: connects, signs in, looks when its certificate ends."""
    if config.is_demo:
        says = "Mails are kept on this machine and sent to nobody (catcher://)."
        yield MailFinding("mail server", None, says, "Set CANDOUR_MAIL_URL.")
        return
    trial = _try_connection(config, limits)
    if trial.fault:
        reason, code = trial.fault.reason, trial.fault.code
        fault = f"{reason} ({code})" if code else reason
        todo = remedy(trial.fault, by_token=bool(config.mail_oauth_token_url))
        yield MailFinding("mail server", True, f"{trial.server} cannot be used now: {fault}.", todo)
        return
    sign_ins = [step.says for step in trial.steps if step.name == "sign in"]
    signed_in = f"signed in: {sign_ins[0]}" if sign_ins else "it asks for no sign-in"
    yield MailFinding("mail server", False, f"{trial.server} answers; {signed_in}.")
    if trial.certificate:
        ends_soon = trial.certificate.ends_at - now < SOON
        todo = "Have it renewed before: without it no mail leaves." if ends_soon else ""
        yield MailFinding(
            "mail server's certificate",
            None if ends_soon else False,
            f"{trial.certificate.says()}.",
            todo,
        )


def _try_connection(config: Config, limits: Limits) -> _ConnectionTrial:
    """Connects to the mail server, signs in and closes, within the limits; sends nothing."""
    steps: list[Step] = []
    connection = connection_for(config, steps.append, limits)

    def connect() -> tuple[DeliveryAttempt | None, Certificate | None]:
        """Connects, closes, and gives the fault if any and the certificate."""
        try:
            return connection.connect(), connection.certificate
        finally:
            connection.close()

    try:
        fault, certificate = run_within(limits.letter + 1.0, connect)
    except TimeoutError:
        # A name that the system looks up for ever, or a sign-in server that is slow.
        return _ConnectionTrial(connection.name, _LATE)
    return _ConnectionTrial(connection.name, fault, certificate, tuple(steps))


def _examine_key_file(config: Config, now: datetime) -> Iterator[MailFinding]:
    """Findings on the key file for sign-in by token: unreadable, open to others, ending.

    Nothing where there is no such file, or all is well.
    """
    path, name = config.mail_oauth_key_file, "key file for mail"
    if path is None:
        return
    with suppress(OSError):
        if path.stat().st_mode & 0o077:
            says = "The key file for mail can be read by others."
            yield MailFinding(name, True, says, f"As its owner: chmod 600 {path}")
    try:
        ends_at = read_key_file(path).ends_at
    except ValueError as error:
        yield MailFinding(name, True, str(error), "Correct CANDOUR_MAIL_OAUTH_KEY_FILE.")
        return
    if ends_at and ends_at - now < SOON:
        has_ended = ends_at <= now
        says = (
            f"Its certificate {'ended' if has_ended else 'ends'} on {ends_at:%Y-%m-%d}; after that"
            " the sign-in fails."
        )
        todo = "Make another, upload it to the application, and replace the file."
        yield MailFinding(name, True if has_ended else None, says, todo)


def _examine_sender(config: Config) -> Iterator[MailFinding]:
    """Findings on the sender: nobody can answer, or its domain is not that of the sign-in.

    Nothing in the demo, or when all is well.
    """
    if config.is_demo:
        return
    domain = parseaddr(config.mail_from)[1].rpartition("@")[2].lower()
    user = unquote(urlsplit(config.mail_url).username or "").lower()
    if domain == TRIAL_SENDER:
        says = f"Mails come from {config.mail_from}, which nobody can answer."
        yield MailFinding("sender", None, says, "Set CANDOUR_MAIL_FROM.")
    elif "@" in user and user.rpartition("@")[2] != domain:
        says = (
            f"Mails come from {domain}, but {user} signs in: the server must allow that, and the"
            " domain's SPF and DKIM must name it."
        )
        todo = f"See whether a test arrives, and not among the junk: {TRY_MAIL}"
        yield MailFinding("sender", None, says, todo)


def _examine_links(config: Config) -> Iterator[MailFinding]:
    """Asks the address in mails over the network whether it leads to Candour.

    Nothing where the address is this machine only. Seen from this machine, so that a fault is worth
    knowing, not more.
    """
    if config.is_local:
        return
    from survey.mail.smtp.service.web import Untrusted, base_url_leads_here

    name, url = "links in mails", config.base_url
    elsewhere = "Open it from a colleague's machine; if it opens there, all is well."
    try:
        leads_here = run_within(8.0, lambda: base_url_leads_here(config))
    except Untrusted:
        says = f"{url} has a certificate that this machine does not trust."
        yield MailFinding(name, None, says, elsewhere)
    except OSError:
        yield MailFinding(name, None, f"{url} cannot be reached from this machine.", elsewhere)
    else:
        if leads_here:
            yield MailFinding(name, False, f"{url} leads here.")
        else:
            todo = "Correct CANDOUR_BASE_URL, or what stands before Candour."
            yield MailFinding(name, None, f"{url} leads to something that is not Candour.", todo)
