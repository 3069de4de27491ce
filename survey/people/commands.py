"""The staff directory on the command line."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from survey.kernel.errors import Refused, refuse_on_ctrl_c
from survey.kernel.progress import Progress
from survey.people.rules.staff_list import LARGEST
from survey.people.service import directory


@click.group("people")
def people_group() -> None:
    """Import and correct the staff directory."""


@people_group.command("import")
@click.argument(
    "file",
    type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path),
    metavar="FILE.csv",
)
@click.option("--dry-run", is_flag=True, help="Say what would change; change nothing.")
@click.option("--remove-missing", is_flag=True, help="Remove people who are not in the file.")
def import_(file: Path, *, dry_run: bool, remove_missing: bool) -> None:
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
    again = f"candour people import {file}{' --remove-missing' if remove_missing else ''}"
    stopped = (
        f"Stopped. Of up to {directory.AT_ONCE:,} people nothing was stored; more go on where they"
        " stopped."
    )
    with refuse_on_ctrl_c(stopped, again=f"Again: {again}"):
        progress = Progress("Importing people")
        result = directory.import_people(
            file.read_bytes(), dry_run=dry_run, remove_missing=remove_missing, progress=progress
        )
    would = "would be " if dry_run else ""
    click.echo(
        f"{result.added} {would}added, {result.changed} {would}changed, {result.unchanged}"
        f" unchanged, {result.removed} {would}removed."
    )
    if result.missing and not remove_missing:
        click.echo(
            f"{len(result.missing)} in Candour are not in the file and stay. To remove them:"
            " --remove-missing"
        )


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
