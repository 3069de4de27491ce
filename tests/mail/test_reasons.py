"""Why mail stands still: one code a reason, whichever version wrote it; no setting on a page."""

import pytest

from survey.mail.rules.reasons import Cause, cause_of, remedy_at_a_shell, remedy_for_managers
from survey.mail.rules.wording import MailPause, reason_in_words

# As versions before this one stored them, and what a page tells of them now.
STORED = [
    (
        (
            "the mail server's certificate is signed by itself; name its authority in"
            " CANDOUR_MAIL_CA_FILE; nothing that signs us in was sent"
        ),
        "the mail server's certificate is signed by itself; nothing that signs us in was sent",
        Cause.AUTHORITY_UNKNOWN,
    ),
    (
        (
            "the mail server's certificate is not valid for its name; check the host in"
            " CANDOUR_MAIL_URL; nothing that signs us in was sent"
        ),
        (
            "the mail server's certificate is not valid for its name; nothing that signs us in was"
            " sent"
        ),
        Cause.NAME_NOT_CERTIFIED,
    ),
    (
        (
            "the user or password in CANDOUR_MAIL_URL has letters that SMTP cannot carry; use plain"
            " ones (ASCII)"
        ),
        "the user or password has letters that SMTP cannot carry; use plain ones (ASCII)",
        Cause.CREDENTIALS_UNFIT,
    ),
    (
        (
            "the mail server offers no sign-in here; check the port in CANDOUR_MAIL_URL; no"
            " password was sent"
        ),
        "the mail server offers no sign-in here; no password was sent",
        Cause.SIGN_IN_NOT_OFFERED,
    ),
    (
        "CANDOUR_MAIL_CA_FILE holds no certificate that can be read",
        "the file of trusted authorities holds no certificate that can be read",
        Cause.AUTHORITIES_FAULTY,
    ),
    (
        "CANDOUR_MAIL_OAUTH_KEY_FILE: key.pem holds no private key in PEM form",
        "the key file for mail: key.pem holds no private key in PEM form",
        Cause.KEY_FILE_FAULTY,
    ),
    (
        (
            "what the sign-in server login.example answers is no token; check"
            " CANDOUR_MAIL_OAUTH_TOKEN_URL"
        ),
        "what the sign-in server login.example answers is no token",
        Cause.TOKEN_SERVER_SENSELESS,
    ),
    (
        "the sign-in server login.example refuses us (400); check CANDOUR_MAIL_OAUTH_*",
        "the sign-in server login.example refuses us (400)",
        Cause.APPLICATION_REFUSED,
    ),
    (
        "the mail server refused our sign-in (535 5.7.8)",
        "the mail server refused our sign-in (535 5.7.8)",
        Cause.SIGN_IN_REFUSED,
    ),
    (
        "the mail server refuses our sender (550 5.7.60)",
        "the mail server refuses our sender (550 5.7.60)",
        Cause.SENDER_REFUSED,
    ),
    (
        "five letters in a row could not be written: the certificate was lost",
        "five letters in a row could not be written: the certificate was lost",
        Cause.REFUSED_IN_A_ROW,
    ),
    ("paused by hand", "paused by hand", Cause.BY_HAND),
    ("the moon is full", "the moon is full", Cause.OTHER),
]


@pytest.mark.parametrize(("stored", "told", "cause"), STORED)
def test_a_stored_reason_keeps_its_code_and_loses_its_settings(
    stored: str, told: str, cause: Cause
) -> None:
    pause = MailPause(stored, None)
    assert (cause_of(stored), cause_of(pause.because)) == (cause, cause)
    assert pause.because == told
    assert pause.says == f"Sending is paused: {told}. Nothing is lost."
    assert reason_in_words(stored, None)[1:] == told[1:]


@pytest.mark.parametrize(("stored", "_told", "cause"), STORED)
def test_managers_read_no_setting_and_no_command(stored: str, _told: str, cause: Cause) -> None:
    remedy = MailPause(stored, None).remedy
    assert "CANDOUR_" not in remedy + remedy_for_managers(stored)
    assert "candour " not in remedy
    assert remedy.endswith(
        "Resume when it may go on." if cause is Cause.BY_HAND else "Then resume."
    )


@pytest.mark.parametrize(("stored", "_told", "cause"), STORED)
def test_whoever_runs_the_server_reads_the_setting_and_the_command(
    stored: str, _told: str, cause: Cause
) -> None:
    remedy = MailPause(stored, None).remedy_at_a_shell
    assert ("CANDOUR_MAIL_" in remedy) == ("CANDOUR_MAIL_" in remedy_at_a_shell(stored))
    if cause not in {Cause.BY_HAND, Cause.REFUSED_IN_A_ROW}:
        assert remedy.endswith("Try: candour mail test ADDRESS. Then resume.")
    if "CANDOUR_" in stored:
        assert "CANDOUR_MAIL_" in remedy
