"""Returned mail on the command line: the mailbox, a file, or a mail server's pipe."""

import sys
from pathlib import Path
from typing import NoReturn

import click
from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

from survey.config import Config
from survey.kernel.errors import Refused
from survey.mail.bounces.rules import LARGEST
from survey.mail.bounces.service.returned import (
    MailboxReading,
    NoticeOutcome,
    read_bounces,
    record_bounce,
)

TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h: the mail server keeps the message and calls again


@click.command("bounces")
@click.argument(
    "files",
    nargs=-1,
    metavar="[FILE]...",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--stdin",
    "piped",
    is_flag=True,
    help="Read one message from standard input, for a mail server's pipe.",
)
def bounces(files: tuple[Path, ...], *, piped: bool) -> None:
    """Note which letters came back: read the bounce mailbox now, or these messages.

    With --stdin it exits with 75 when the message is to be handed over again later.

    Example: candour mail bounces
    """
    config = current_app.config["CANDOUR"]
    if piped and files:
        raise click.UsageError("Name files or use --stdin, not both.")
    if piped:
        _read_piped(config)
        return
    if not files and not config.bounce_url:
        raise Refused("no-bounce-mailbox", "There is no bounce mailbox.")
    reading = _read_files(files, config) if files else read_bounces(config)
    if reading.problem:
        raise Refused("bounces-unread", reading.problem)
    for line in reading.lines() or ("bounces: nothing new",):
        click.echo(line)


def _read_files(files: tuple[Path, ...], config: Config) -> MailboxReading:
    """Records the bounce in each file (one message a file) and counts what came of them.

    `problem` names the files whose letter is still being handed over: those are to be given again.
    """
    reading = MailboxReading()
    early: list[str] = []
    for path in files:
        with path.open("rb") as file:
            outcome = record_bounce(file.read(LARGEST + 1), config)
        reading.add(outcome)
        if outcome is NoticeOutcome.EARLY:
            early.append(str(path))
    if early:
        reading.problem = (
            f"Still being handed over is the letter that came back in {', '.join(early)}. Give it"
            " again in a minute."
        )
    return reading


def _read_piped(config: Config) -> None:
    """Records the bounce on standard input; exits with 75 when it has to come again later.

    That is when the database fails, or the letter is still being handed over. Says nothing when all
    is well: a mail server would mail it to the sender.
    """
    try:
        outcome = record_bounce(sys.stdin.buffer.read(LARGEST + 1), config)
    except SQLAlchemyError as error:
        _exit_to_try_again(
            f"The database did not do what was asked ({type(error).__name__}). Hand the message"
            " over again later."
        )
    if outcome is NoticeOutcome.EARLY:
        _exit_to_try_again(
            "The letter is still being handed over. Hand the message over again in a minute."
        )


def _exit_to_try_again(reason: str) -> NoReturn:
    """Prints the reason to standard error and exits with 75 (EX_TEMPFAIL)."""
    click.echo(reason, err=True)
    sys.exit(TRY_AGAIN)
