"""The mail channel on the command line."""

import json
from email.utils import parseaddr

import click
from flask import current_app

from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.kernel.ids import random_id
from survey.mail import service
from survey.mail.bounce_commands import bounces
from survey.mail.bounce_service import box_state
from survey.mail.bounces import envelope_sender
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
        attempt = line.connect() or line.deliver(Message(letter, config.mail_from, message_id, now(), envelope_sender(config, message_id)))
    finally:
        line.close()
    if attempt.outcome is not Outcome.SENT:
        raise Refused(f"The test message was not accepted by {line.name}: {_shown(attempt)}")
    click.echo(f"Accepted by {line.name} ({attempt.code}). Message-ID {message_id}")


@mail_group.command("status")
@click.argument("wave", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def status(wave: str | None, *, as_json: bool) -> None:
    """Count letters by kind and state; nothing here tells who answered.

    Example: candour mail status it-support-2027-q1
    """
    found, box = service.status(wave), box_state()
    looked_at = box.looked_at.isoformat() if box.looked_at else None
    if as_json:
        told = {"letters": found.numbers, "progress": found.progress, "paused_because": found.paused_because}
        box_told = {"bounce_mailbox": {"looked_at": looked_at, "problem": box.problem}} if looked_at else {}
        click.echo(json.dumps({**told, **box_told}))
        return
    if found.paused_because:
        click.echo(f"Sending is paused: {found.paused_because}. When it is mended: candour mail resume")
    for kind, states in sorted(found.numbers.items()):
        click.echo(f"{kind}: {', '.join(f'{number} {state}' for state, number in sorted(states.items()))}")
    for kind, words in sorted(found.progress.items()):
        click.echo(f"{kind}: {words}")
    if not found.numbers and not found.progress:
        click.echo("No letters.")
    if box.problem:
        click.echo(f"The bounce mailbox was not read at {looked_at}: {box.problem}. To try now: candour mail bounces")


@mail_group.command("retry")
@click.argument("wave")
def retry(wave: str) -> None:
    """Queue again what failed.

    Example: candour mail retry it-support-2027-q1
    """
    click.echo(f"{service.retry(wave)} letters queued again.")


@mail_group.command("pause")
def pause() -> None:
    """Let nothing go out until resumed.

    Example: candour mail pause
    """
    service.pause("paused by hand")
    click.echo("Sending is paused.")


@mail_group.command("resume")
def resume() -> None:
    """Let letters go out again.

    Example: candour mail resume
    """
    service.resume()
    click.echo("Sending goes on with the next tick.")


def _shown(attempt: Attempt) -> str:
    code = f" ({attempt.code})" if attempt.code else ""
    names_setting = "CANDOUR_" in attempt.reason
    return f"{attempt.reason}{code}.{'' if names_setting else ' Check CANDOUR_MAIL_URL and CANDOUR_MAIL_FROM.'}"


mail_group.add_command(bounces)
COMMANDS = (mail_group,)
