"""Commands about one person's data: correct the address, export everything, erase it."""

import json

import click

from survey.invitations.service import personal_data
from survey.people.commands import people_group


@people_group.command("correct")
@click.argument("old")
@click.argument("new")
def correct(old: str, new: str) -> None:
    """Correct an address.

    In an open wave the codes sent to the old one end, and who has not answered is invited afresh.

    Example: candour people correct ada@nortwind.example ada@northwind.example
    """
    person = personal_data.correct_invited_address(old, new)
    click.echo(f"{person.name} is now {person.email}.")


@people_group.command("export")
@click.argument("email")
def export(email: str) -> None:
    """Print everything that is stored about one person, as JSON: for them, when they ask.

    Example: candour people export ada@northwind.example > ada.json
    """
    click.echo(json.dumps(personal_data.export_personal_data(email), ensure_ascii=False, indent=2))


@people_group.command("erase")
@click.argument("email")
def erase(email: str) -> None:
    """Erase everything that leads to one person.

    Their answers, if any, stay: nothing links to them.

    Example: candour people erase ada@northwind.example
    """
    personal_data.erase_personal_data(email)
    click.echo("Erased. Numbers of those invited stay as they were.")
