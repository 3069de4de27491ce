"""The `candour` command: gathers every concept's commands."""

import sys
from collections.abc import Callable
from functools import update_wrapper

import click

from survey.kernel.errors import Refused


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def candour() -> None:
    """Ask your own staff how well the IT provider serves them, and hold both sides to their word."""


def main() -> None:
    """Runs the command line: exit 0 on success, 1 on a refusal, 2 on wrong usage."""
    try:
        candour(standalone_mode=True)
    except Refused as refused:
        click.echo(refused.message, err=True)
        for line in refused.details:
            click.echo(f"  {line}", err=True)
        sys.exit(1)
