"""The staff directory on the command line."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from survey.kernel.errors import Refused, refuse_on_ctrl_c
from survey.kernel.progress import Progress
from survey.people.rules.staff_list import LARGEST, Person
from survey.people.service import directory
from survey.people.service.removals import planned_removal

REMOVE_MISSING = "--remove-missing"
NOT_REPEATED = ""  # what the option holds that was given without a number


class ImportCommand(click.Command):
    """The import, whose option to remove people takes a number or none.

    What follows the option and is no number is not taken for its value: it is the file.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reads the arguments, with the option's missing number filled in as empty."""
        following = [*args, ""][1 : len(args) + 1]
        told = [
            f"{REMOVE_MISSING}={NOT_REPEATED}"
            if argument == REMOVE_MISSING and not next_one.isdecimal()
            else argument
            for argument, next_one in zip(args, following, strict=True)
        ]
        return super().parse_args(ctx, told)


def _number_repeated(
    _ctx: click.Context, _option: click.Parameter, value: str | None
) -> tuple[bool, int | None]:
    """Whether people are to be removed, and the number that was repeated, if any."""
    if value is None or value == NOT_REPEATED:
        return value is not None, None
    if not value.isdecimal():
        raise click.BadParameter(f"{value[:20]!r} is no number of people.")
    return True, int(value)


@click.group("people")
def people_group() -> None:
    """Import and correct the staff directory."""


@people_group.command("import", cls=ImportCommand)
@click.argument(
    "file",
    type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path),
    metavar="FILE.csv",
)
@click.option("--dry-run", is_flag=True, help="Say what would change; change nothing.")
@click.option(
    REMOVE_MISSING,
    "removal",
    metavar="[N]",
    callback=_number_repeated,
    help=(
        "Remove people who are not in the file. N repeats how many, where they are many or asked in"
        " an open wave."
    ),
)
def import_(file: Path, *, dry_run: bool, removal: tuple[bool, int | None]) -> None:
    """Add and update people from a CSV: email,name,department[,site,language,leader].

    One bad row and nothing is taken; people are matched by address. Nobody leaves unless
    --remove-missing says so. More than 5,000 are stored in steps: if they are cut off, the same
    command goes on.

    Example: candour people import staff.csv --dry-run
    """
    if file.stat().st_size > LARGEST:
        raise Refused(
            "file-too-large",
            f"{file} is larger than {LARGEST // 1024**2} MiB. Split it.",
        )
    remove_missing, repeated = removal
    again = f"candour people import {file}"
    if remove_missing:
        again += f" {REMOVE_MISSING}{'' if repeated is None else f' {repeated}'}"
    stopped = (
        f"Stopped. Of up to {directory.AT_ONCE:,} people nothing was stored; more go on where they"
        " stopped."
    )
    with refuse_on_ctrl_c(stopped, again=f"Again: {again}"):
        progress = Progress("Importing people")
        result = directory.import_people(
            file.read_bytes(),
            dry_run=dry_run,
            remove_missing=remove_missing,
            repeated=repeated,
            progress=progress,
        )
    would = "would be " if dry_run else ""
    click.echo(
        f"{result.added} {would}added, {result.changed} {would}changed, {result.unchanged}"
        f" unchanged, {result.removed} {would}removed."
    )
    if result.missing and not remove_missing:
        click.echo(
            f"{len(result.missing)} in Candour are not in the file and stay. To remove them:"
            f" {REMOVE_MISSING}"
        )
    if dry_run and remove_missing:
        _say_what_confirms(result.missing)


def _say_what_confirms(missing: Sequence[Person]) -> None:
    """Prints, after a dry run, how the removal of these people has to be confirmed, if it has."""
    removal = planned_removal(missing)
    if removal.has_to_be_confirmed:
        click.echo(f"That is {removal.in_words}. To do it: {REMOVE_MISSING} {removal.removed}")


@people_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_(*, as_json: bool) -> None:
    """List everybody, by department and name.

    Example: candour people list --json
    """
    people = directory.list_people()
    if as_json:
        rows = [
            {key: value for key, value in asdict(person).items() if key != "id"}
            for person in people
        ]
        click.echo(json.dumps({"people": rows}, ensure_ascii=False))
        return
    for person in people:
        click.echo(f"{person.email}  {person.name}  {person.department}")


@people_group.command("remove")
@click.argument("email")
def remove(email: str) -> None:
    """Remove a person. Their answers, if any, stay: nothing links to them.

    Example: candour people remove ada@northwind.example
    """
    click.echo(f"{directory.remove_person(email).email} removed.")
