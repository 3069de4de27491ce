"""Providers on the command line."""

import json
from email.utils import parseaddr

import click

from survey.providers import service
from survey.providers.rules import Provider


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

    Example: candour providers add "Brightline IT"
    --contact "Otto Lindqvist <otto@brightline.example>"
    """
    people = [
        parseaddr(contact) if contact.isprintable() else (contact, "") for contact in contacts
    ]
    if people and service.is_known(name):
        provider = service.add_contacts(name, people)
    else:
        provider = service.add_provider(name, people)
    contacts_listed = ", ".join(
        f"{contact.name} <{contact.address}>" for contact in provider.contacts
    )
    click.echo(f"{provider.name}: {contacts_listed or 'no contact yet'}")


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
    providers = service.list_providers()
    if as_json:
        rows = [_as_json(provider) for provider in providers]
        click.echo(json.dumps({"providers": rows}, ensure_ascii=False))
        return
    if not providers:
        click.echo(
            'There is no provider yet. Add one: candour providers add NAME --contact "Name <mail>"',
            err=True,
        )
    for provider in providers:
        addresses = ", ".join(contact.address for contact in provider.contacts)
        click.echo(f"{provider.name}: {addresses or 'no contact yet'}")


def _as_json(provider: Provider) -> dict[str, object]:
    contacts = [{"name": contact.name, "address": contact.address} for contact in provider.contacts]
    return {"slug": provider.slug, "name": provider.name, "contacts": contacts}
