"""Commands about one person's data: correct the address, decide on one, export, erase."""

import json

import click

from survey.invitations.service import corrections, personal_data
from survey.people.commands import people_group


@people_group.command("correct")
@click.argument("old")
@click.argument("new")
def correct(old: str, new: str) -> None:
    """Correct an address. The old address gets a notice.

    Mails of an open wave still go to the address that it opened with, and codes keep working. Only
    an invitation that failed or came back goes to the new address.

    Example: candour people correct ada@nortwind.example ada@northwind.example
    """
    click.echo(corrections.correct_invited_address(old, new).says)


@people_group.command("proposals")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def proposals(*, as_json: bool) -> None:
    """List corrected addresses that wait for a second manager.

    Example: candour people proposals --json
    """
    waiting = [
        {
            "email": proposal.person.email,
            "new": proposal.address,
            "proposed_by": proposal.proposed_by,
            "proposed_at": proposal.proposed_at.isoformat(),
        }
        for proposal in corrections.list_proposals()
    ]
    if as_json:
        click.echo(json.dumps({"proposals": waiting}, ensure_ascii=False))
        return
    for each in waiting:
        click.echo(f"{each['email']} to {each['new']}, proposed by {each['proposed_by']}")
    if not waiting:
        click.echo("No address waits.")


@people_group.command("confirm")
@click.argument("email")
def confirm(email: str) -> None:
    """Confirm the new address that was proposed for the person at EMAIL.

    Example: candour people confirm ada@nortwind.example
    """
    proposal = corrections.proposal_for(email)
    click.echo(corrections.confirm_proposal(proposal.id).says)


@people_group.command("refuse")
@click.argument("email")
def refuse(email: str) -> None:
    """Refuse the new address that was proposed for the person at EMAIL; nothing changes.

    Example: candour people refuse ada@nortwind.example
    """
    kept = corrections.refuse_proposal(corrections.proposal_for(email).id)
    click.echo(f"The address of {kept.person.name} stays {kept.person.email}.")


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

    Their answers, if any, stay: nothing links to them. Of an open wave the bare invitation stays
    until the count, with a keyed hash of the address by which they would be recognised.

    Example: candour people erase ada@northwind.example
    """
    personal_data.erase_personal_data(email)
    click.echo("Erased. Numbers of those invited stay as they were.")
