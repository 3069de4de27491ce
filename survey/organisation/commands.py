"""The client's facts on the command line."""

from email.utils import parseaddr

import click
from flask import current_app

from survey.languages import BASE
from survey.organisation.service import find_organisation, set_organisation


@click.group("organisation")
def organisation_group() -> None:
    """Say who asks: mails and the promise to employees print it."""


@organisation_group.command("set")
@click.argument("name")
@click.option("--contact", required=True, metavar='"NAME <MAIL>"', help="Whom employees can ask.")
@click.option(
    "--comments-read-by",
    required=True,
    metavar="ROLE",
    help="Who reads comments before anybody else.",
)
@click.option("--host", required=True, help="Who runs the server.")
@click.option("--several-zones", is_flag=True, help="Print the time zone beside closing times.")
@click.option(
    "--language",
    default=BASE,
    show_default=True,
    help="Language of letters to people of whom none is known: en, de.",
)
def set_(
    name: str, contact: str, comments_read_by: str, host: str, *, several_zones: bool, language: str
) -> None:
    """Set the facts.

    \b
    Example: candour organisation set "Northwind Ltd"
             --contact "Dana Reyes <dana@northwind.example>"
             --comments-read-by "Head of operations" --host northwind.example
    """  # noqa: D301 - click reads the backspace as: keep these lines as they are
    contact_name, address = parseaddr(contact) if contact.isprintable() else ("", contact)
    organisation = set_organisation(
        name,
        contact_name or address,
        address,
        comments_read_by,
        host,
        several_zones=several_zones,
        language=language,
    )
    click.echo(
        f"{organisation.name}: questions go to {organisation.contact_name}, comments are read by"
        f" {organisation.comments_read_by}."
    )


@organisation_group.command("show")
def show() -> None:
    """Show the facts.

    Example: candour organisation show
    """
    organisation = find_organisation(current_app.config["CANDOUR"].mail_from)
    lines = (
        organisation.name,
        f"contact: {organisation.contact_name} <{organisation.contact_email}>",
        f"comments: {organisation.comments_read_by}",
        f"host: {organisation.host}",
        f"language: {organisation.language}",
    )
    click.echo("\n".join(lines))
