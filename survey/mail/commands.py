"""The mail channel on the command line."""

from email.utils import parseaddr

import click
from flask import current_app

from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.kernel.ids import random_id
from survey.mail.letter import Letter, wire_address
from survey.mail.message import Message
from survey.mail.rules import Attempt, Outcome
from survey.mail.sender import channel_for


@click.group("mail")
def mail_group() -> None:
    """See what waits, went and failed; test the mail server."""


@mail_group.command("test")
@click.argument("address")
def test(address: str) -> None:
    """Send a test message and say what the server answered. Works while sending is paused.

    Example: candour mail test you@northwind.example
    """
    config = current_app.config["CANDOUR"]
    text = "This is a test message of Candour. If you can read it, mail works.\n"
    letter = Letter("", address, "Test mail", text, f"<p>{text}</p>")
    message_id = f"<{random_id()}@{wire_address(parseaddr(config.mail_from)[1]).partition('@')[2]}>"
    line = channel_for(config)
    try:
        attempt = line.connect() or line.deliver(Message(letter, config.mail_from, message_id, now()))
    finally:
        line.close()
    if attempt.outcome is not Outcome.SENT:
        raise Refused(f"The test message was not accepted by {line.name}: {_shown(attempt)}")
    click.echo(f"Accepted by {line.name} ({attempt.code}). Message-ID {message_id}")


def _shown(attempt: Attempt) -> str:
    code = f" ({attempt.code})" if attempt.code else ""
    names_setting = "CANDOUR_" in attempt.reason
    return f"{attempt.reason}{code}.{'' if names_setting else ' Check CANDOUR_MAIL_URL and CANDOUR_MAIL_FROM.'}"


COMMANDS = (mail_group,)
