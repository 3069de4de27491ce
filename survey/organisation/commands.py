"""The client's facts on the command line."""

from email.utils import parseaddr

import click
from flask import current_app

from survey.kernel.workdays import WEEKDAYS
from survey.languages import BASE
from survey.organisation.rules.organisation import (
    read_comment_readers,
    read_mail_domains,
    read_weekdays,
)
from survey.organisation.service import find_organisation, set_organisation

_YES_OR_NO = {"yes": True, "no": False, None: None}
_ANSWERS = {True: "yes", False: "no", None: "not answered"}
NOBODY_NAMED = (
    "no account is named, so nobody can read comments. Name one or two:"
    " --comments-read-by MAIL[,MAIL]"
)


@click.group("organisation")
def organisation_group() -> None:
    """Say who asks: mails and the promise to employees print it."""


@organisation_group.command("set")
@click.argument("name")
@click.option("--contact", required=True, metavar='"NAME <MAIL>"', help="Whom employees can ask.")
@click.option(
    "--comments-read-by",
    required=True,
    metavar="MAIL[,MAIL]",
    help=(
        "The one or two accounts of managers that may read comments, each as MAIL or"
        ' "NAME <MAIL>". A role without an @, as older versions took it, is printed, but names'
        " nobody."
    ),
)
@click.option("--readers-role", metavar="ROLE", help="The role printed beside their names.")
@click.option("--host", required=True, help="Who runs the server.")
@click.option(
    "--mail-domains",
    metavar="DOMAIN[,DOMAIN]",
    help="Your own mail domains; at first that of the contact.",
)
@click.option(
    "--provider-runs-mail",
    type=click.Choice(["yes", "no"]),
    help="Whether the provider you ask about runs your mail or network.",
)
@click.option(
    "--weekend",
    metavar="DAY[,DAY]",
    help="Days off in every week, such as friday,saturday; at first saturday,sunday.",
)
@click.option("--several-zones", is_flag=True, help="Print the time zone beside closing times.")
@click.option(
    "--language",
    default=BASE,
    show_default=True,
    help="Language of letters to people of whom none is known: en, de.",
)
def set_(  # noqa: PLR0913 - the facts, one by one
    name: str,
    *,
    contact: str,
    comments_read_by: str,
    readers_role: str | None,
    host: str,
    mail_domains: str | None,
    provider_runs_mail: str | None,
    weekend: str | None,
    several_zones: bool,
    language: str,
) -> None:
    """Set the facts. They hold for every wave that opens from then on.

    \b
    Example: candour organisation set "Northwind Ltd"
             --contact "Dana Reyes <dana@northwind.example>"
             --comments-read-by "Mira Vance <mira@northwind.example>"
             --readers-role "Head of operations" --host northwind.example
             --mail-domains northwind.example --provider-runs-mail no
    """  # noqa: D301 - click reads the backspace as: keep these lines as they are
    contact_name, address = parseaddr(contact) if contact.isprintable() else ("", contact)
    names_accounts = "@" in comments_read_by or readers_role is not None
    organisation = set_organisation(
        name,
        contact_name or address,
        address,
        readers_role if names_accounts else comments_read_by,
        host,
        several_zones=several_zones,
        language=language,
        mail_domains=None if mail_domains is None else read_mail_domains(mail_domains),
        provider_runs_mail=_YES_OR_NO[provider_runs_mail],
        readers=read_comment_readers(comments_read_by) if names_accounts else None,
        weekend=None if weekend is None else read_weekdays(weekend),
    )
    click.echo(
        f"{organisation.name}: questions go to {organisation.contact_name}, comments are read by"
        f" {organisation.readers_in_words}."
    )
    if not organisation.readers:
        click.echo(f"Note: {NOBODY_NAMED}", err=True)


@organisation_group.command("show")
def show() -> None:
    """Show the facts.

    Example: candour organisation show
    """
    organisation = find_organisation(current_app.config["CANDOUR"].mail_from)
    weekend = ", ".join(WEEKDAYS[day] for day in organisation.weekend)
    lines = [
        organisation.name,
        f"contact: {organisation.contact_name} <{organisation.contact_email}>",
        f"comments: {organisation.readers_in_words}",
        f"host: {organisation.host}",
        f"language: {organisation.language}",
        f"mail domains: {', '.join(organisation.mail_domains)}",
        f"provider runs mail or network: {_ANSWERS[organisation.provider_runs_mail]}",
        f"weekend: {weekend or 'none'}",
    ]
    if not organisation.confirmed:
        lines.append(
            "These facts are only suggested by the sender's address. No wave opens until they are"
            " set: candour organisation set"
        )
    click.echo("\n".join(lines))
