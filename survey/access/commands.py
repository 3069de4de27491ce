"""Accounts and the audit log on the command line."""

import json
from pathlib import Path

import click
from flask import current_app

from survey.access.rules.open_to import ROLES
from survey.access.service import accounts, audit
from survey.kernel.errors import Refused, refuse_on_ctrl_c
from survey.kernel.ids import random_id
from survey.kernel.progress import Progress

ACTOR = "command line"


@click.group("users")
def users_group() -> None:
    """Say who may sign in."""


@users_group.command("add")
@click.argument("email")
@click.option("--role", type=click.Choice(ROLES), required=True)
def add(email: str, role: str) -> None:
    """Add somebody and print a one-time link to set a password, good for a day.

    For a known address with the same role: a new link, of which its person is told by mail. Its
    old password and sessions end when the link is used.

    Example: candour users add mira@northwind.example --role admin
    """
    account = accounts.add_user(email, role, actor=ACTOR)
    click.echo(accounts.hand_out_link(account.email, current_app.config["CANDOUR"], actor=ACTOR))


@users_group.command("role")
@click.argument("email")
@click.argument("role", type=click.Choice(ROLES))
def role_(email: str, role: str) -> None:
    """Give an account another role, which ends its sessions.

    Example: candour users role mira@northwind.example manager
    """
    account = accounts.change_role_of(email, role, actor=ACTOR)
    click.echo(f"{account.email} may sign in as {account.role}.")


@users_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_(*, as_json: bool) -> None:
    """List who may sign in.

    Example: candour users list
    """
    users = accounts.list_users()
    if as_json:
        rows = [
            {"email": user.email, "role": user.role, "has_password": user.has_password}
            for user in users
        ]
        click.echo(json.dumps({"users": rows}))
        return
    for user in users:
        note = "" if user.has_password else "  (no password yet)"
        click.echo(f"{user.email}  {user.role}{note}")


@users_group.command("remove")
@click.argument("email")
def remove(email: str) -> None:
    """End an account and its sessions.

    Example: candour users remove mira@northwind.example
    """
    accounts.remove_user(email, actor=ACTOR)
    click.echo(f"{email} may not sign in any more.")


@click.group("audit")
def audit_group() -> None:
    """Look after the audit log."""


@audit_group.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export(file: Path) -> None:
    """Write the whole log to FILE for an auditor.

    One JSON document a line, oldest first, with every digest of the chain.

    Example: candour audit export audit-2027.jsonl
    """
    if file.exists():
        raise Refused(
            "file-exists",
            f"{file} is there already. Nothing was changed; choose another name.",
        )
    unfinished = file.with_name(f".{file.name}.{random_id()}")
    again = f"Again: candour audit export {file}"
    try:
        with (
            refuse_on_ctrl_c("Stopped. Nothing was written.", again=again),
            unfinished.open("x", encoding="utf-8") as target,
        ):
            newest = audit.export_log(target, Progress("Writing entries"))
        unfinished.replace(file)
    except OSError as error:
        raise Refused(
            "file-not-writable",
            f"{file} cannot be written ({error.strerror}). Choose another place.",
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
    audit.record("audit log exported", {"head": newest}, ACTOR)
    click.echo(f"{file} holds the log up to now. Its newest digest, to be kept elsewhere: {newest}")
