"""The mail channel on the command line."""

import json
from dataclasses import asdict
from email.utils import parseaddr

import click
from flask import current_app

from survey.config import Config
from survey.kernel.addresses import wire_domain
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.kernel.ids import random_id
from survey.mail.bounces.commands import bounces
from survey.mail.letters import trial_letter
from survey.mail.rules.return_address import envelope_sender
from survey.mail.rules.states import DeliveryOutcome
from survey.mail.smtp.rules.steps import Step, remedy
from survey.mail.smtp.service.message import Message
from survey.mail.smtp.service.sender import channel_for


@click.group("mail")
def mail_group() -> None:
    """See what waits, went and failed; test the mail server."""


@mail_group.command("test")
@click.argument("address")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def test(address: str, *, as_json: bool) -> None:
    """Send a test mail and say step by step what the server answered.

    Works while sending is paused.

    Exits with 1 when the mail was not accepted. What signs us in is never printed.

    Example: candour mail test you@northwind.example
    """
    config = current_app.config["CANDOUR"]
    message = _trial_message(address, config)
    steps: list[Step] = []
    channel = channel_for(config, steps.append if as_json else _print_step)
    try:
        attempt = channel.connect() or channel.deliver(message)
    finally:
        channel.close()
    is_accepted = attempt.outcome is DeliveryOutcome.SENT
    problem, todo = "", ""
    if not is_accepted:
        problem = f"{attempt.reason} ({attempt.code})" if attempt.code else attempt.reason
        todo = remedy(attempt, by_token=bool(config.mail_oauth_token_url))
    if as_json:
        document = {
            "accepted": is_accepted,
            "server": channel.name,
            "message_id": message.msgId,
            "steps": [asdict(step) for step in steps],
            "problem": None if is_accepted else problem,
            "remedy": todo or None,
        }
        click.echo(json.dumps(document, ensure_ascii=False))
    if not is_accepted:
        raise Refused(
            "test-mail-refused",
            f"The test mail was not accepted by {channel.name}: {problem}. {todo}".rstrip(),
        )
    if not as_json:
        click.echo(f"Accepted by {channel.name} ({attempt.code}). Message-ID {message.msgId}")


def _trial_message(address: str, config: Config) -> Message:
    """The test mail to this address with headers and Message-ID, ready to be handed over."""
    domain = wire_domain(parseaddr(config.mail_from)[1])
    message_id = f"<{random_id()}@{domain}>"
    envelope_from = envelope_sender(config.mail_from, config.bounce_address, message_id)
    letter = trial_letter(address, config)
    return Message(letter, config.mail_from, message_id, now(), envelope_from)


def _print_step(step: Step) -> None:
    """Prints one step of the conversation with the mail server and the server's answer."""
    click.echo(f"{step.name}: {step.says}")


mail_group.add_command(bounces)
