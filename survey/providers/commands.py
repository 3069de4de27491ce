"""Providers on the command line."""

import json
from email.utils import parseaddr

import click

from survey.providers import service


@click.group("providers")
def providers_group() -> None:
    """Name the managed service providers and whom to write to there."""


@providers_group.command("add")
@click.argument("name")
@click.option(
    "--contact",
    "contacts",
    multiple=True,
    metavar='"NAME <MAIL>"',
    help="May be given several times.",
)
def add(name: str, contacts: tuple[str, ...]) -> None:
    """Add a provider, or further contacts to a known one.

    Example: candour providers add "Brightline IT" --contact "Otto Lindqvist <otto@brightline.example>"
    """
    people = [
        parseaddr(contact) if contact.isprintable() else (contact, "") for contact in contacts
    ]
    found = (
        service.add_contacts(name, people)
        if people and service.is_known(name)
        else service.add_provider(name, people)
    )
    click.echo(
        f"{found.name}:"
        f" {', '.join(f'{c.name} <{c.address}>' for c in found.contacts) or 'no contact yet'}"
    )


@providers_group.command("remove-contact")
@click.argument("name")
@click.argument("address")
def remove_contact(name: str, address: str) -> None:
    """Stop writing to a person at a provider.

    Example: candour providers remove-contact "Brightline IT" otto@brightline.example
    """
    click.echo(f"Removed. {len(service.remove_contact(name, address).contacts)} contacts left.")


@providers_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_(*, as_json: bool) -> None:
    """List the providers.

    Example: candour providers list --json
    """
    found = service.list_providers()
    if as_json:
        rows = [
            {
                "slug": p.slug,
                "name": p.name,
                "contacts": [{"name": c.name, "address": c.address} for c in p.contacts],
            }
            for p in found
        ]
        click.echo(json.dumps({"providers": rows}, ensure_ascii=False))
        return
    if not found:
        click.echo(
            'There is no provider yet. Add one: candour providers add NAME --contact "Name <mail>"',
            err=True,
        )
    for item in found:
        click.echo(
            f"{item.name}: {', '.join(c.address for c in item.contacts) or 'no contact yet'}"
        )
