"""Prints docs/commands.md from the command line's own help, so that the two cannot disagree.

`make docs` runs it.
"""

from collections.abc import Iterator
from inspect import cleandoc

import click

from survey.cli import candour

OPENING = """# Commands

Written by `make docs` from the help of each command; change it there. Every command exits with 0 \
when it did what it was asked,
with 1 when it refuses (one line on standard error says what to do), with 2 when it was called \
wrongly.
`--json` prints one JSON document and nothing else. WAVE is a wave's slug such as \
`it-support-2027-q1`; `latest` means the
newest counted wave of the only survey.
"""


def leaves(context: click.Context) -> Iterator[click.Context]:
    """Every command that does something, in the order of the alphabet."""
    command = context.command
    if not isinstance(command, click.Group):
        yield context
        return
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        if child is not None and not child.hidden:
            yield from leaves(click.Context(child, parent=context, info_name=name))


def every_command() -> list[click.Context]:
    """The contexts of all commands of `candour`; `command_path` is what one types."""
    return list(leaves(click.Context(candour, info_name="candour", **candour.context_settings)))


def split_help(command: click.Command) -> tuple[str, str]:
    """The explanation and the example (without the word) of a command.

    The example may be missing.
    """
    explanation, _, example = cleandoc(command.help or "").replace("\b", "").partition("Example:")
    return explanation.strip(), " ".join(example.split())


def section(context: click.Context) -> str:
    """What the page says about one command."""
    explanation, example = split_help(context.command)
    usage = " ".join([context.command_path, *context.command.collect_usage_pieces(context)])
    records = [param.get_help_record(context) for param in context.command.params]
    options = [f"- `{record[0]}` {record[1]}" for record in records if record and record[1]]
    parts = [
        f"## {context.command_path}",
        explanation,
        f"```\n{usage}\n```",
        f"Example: `{example}`",
        "\n".join(options),
    ]
    return "\n\n".join(part for part in parts if part)


def page() -> str:
    """The whole of docs/commands.md."""
    return "\n\n".join([OPENING.strip(), *(section(context) for context in every_command())]) + "\n"


if __name__ == "__main__":
    print(page(), end="")
