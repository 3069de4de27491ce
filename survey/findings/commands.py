"""Findings on the command line."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from flask import current_app

from survey.findings.exports.rules.csv_file import as_csv
from survey.findings.letters import check_findings_length, findings_letter
from survey.findings.rules import Findings
from survey.findings.service.documents import find_findings
from survey.findings.service.exporting import export_findings
from survey.findings.service.sharing import (
    check_publication,
    preview_sharing,
    share_findings,
    sharing_recipients,
)
from survey.findings.words.rules import wording
from survey.findings.words.rules.staff_list import staff_list_in_words
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.providers.rules import Contact, Provider

ACTOR = "command line"


@click.group("findings")
def findings_group() -> None:
    """Read and share what a wave found."""


@findings_group.command("show")
@click.argument("wave")
@click.option("--json", "as_json", is_flag=True, help="Print the findings document.")
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write one line per published figure.",
)
def show(wave: str, *, as_json: bool, csv_file: Path | None) -> None:
    """Show a wave's findings. With --json or --csv the audit log notes that they were taken out.

    Example: candour findings show latest --json
    """
    forms = [form for form, is_asked in (("CSV", csv_file), ("JSON", as_json)) if is_asked]
    findings = find_findings(wave)
    for form in forms:
        findings = export_findings(wave, form, actor=ACTOR)
    document = findings.document
    if csv_file:
        _write_text(csv_file, as_csv(findings))
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False, indent=1))
        return
    click.echo(f"{document['headline']}.")
    click.echo(
        f"{document['answered']} of {document['invited']} answered"
        f" ({document['response_rate']:.0%})."
    )
    if "thirds" in document:
        click.echo(wording.made_of(document["thirds"]))
    if staff_list := staff_list_in_words(document):
        click.echo(staff_list)
    for measure in document["measures"]:
        if measure["group"] is None:
            click.echo(f"  {_measure_line(measure)}")


@findings_group.command("share")
@click.argument("wave")
@click.option(
    "--to",
    "audience",
    type=click.Choice(["provider"]),
    required=True,
    help="Who gets the findings.",
)
@click.option(
    "--with-comments",
    is_flag=True,
    help="Print the released comments in the mail; the wave needs ten answers.",
)
@click.option("--with-groups", is_flag=True, help="Print the published figures by reporting group.")
@click.option("--dry-run", is_flag=True, help="Print the mail and its recipients; send nothing.")
def share(wave: str, audience: str, *, dry_run: bool, **extra: bool) -> None:  # noqa: ARG001 - one audience so far
    """Mail the findings to the provider's contacts. Sharing again sends nothing twice.

    Company figures only, unless groups or comments are asked for.

    Example: candour findings share it-support-2027-q1 --to provider --dry-run
    """
    findings = find_findings(wave)
    provider, contacts = sharing_recipients(findings.wave)
    if not contacts:
        raise Refused("no-contacts", f"{provider.name} has no contact yet.", provider=provider.name)
    if dry_run:
        _print_mail(findings, provider, contacts, **extra)
        return
    contact_ids = [contact.id for contact in contacts]
    sharings = share_findings(wave, contact_ids, now(), actor=ACTOR, **extra)
    if not sharings:
        click.echo(
            f"Everybody at {provider.name} was sent this version before; nothing is sent twice."
        )
        return
    new_ids = {sharing.contact_id for sharing in sharings}
    addresses = ", ".join(contact.address for contact in contacts if contact.id in new_ids)
    click.echo(
        f"Shared with {len(new_ids)} at {provider.name}: {addresses}. The mail leaves with the next"
        " tick."
    )


def _print_mail(
    findings: Findings, provider: Provider, contacts: Sequence[Contact], **extra: bool
) -> None:
    """Prints the mail and its recipients, sends nothing; refuses what sharing would refuse."""
    sharing = preview_sharing(findings, contacts[0].id, now(), **extra)
    check_publication(findings, with_groups=sharing.groups)
    check_findings_length(sharing, provider, contacts[0])
    letter = findings_letter(sharing, provider, contacts[0], current_app.config["CANDOUR"])
    recipients = ", ".join(f"{contact.name} <{contact.address}>" for contact in contacts)
    click.echo(f"To: {recipients}")
    click.echo(f"Subject: {letter.subject}")
    click.echo()
    click.echo(letter.text)


def _measure_line(measure: Mapping[str, Any]) -> str:
    """One line to print for a company measure: score and range, or the words shown instead."""
    head = f"{measure['question']:<12} {measure['statistic']:<6}"
    if not measure["shown"]:
        return f"{head} {measure['words']}"
    line = (
        f"{head} {measure['estimate']:.4f} ({measure['low']:.4f} to {measure['high']:.4f}),"
        f" {measure['answers']} answers"
    )
    if measure.get("target"):
        line += f", target {measure['target']:.0%}: {measure['verdict']}"
    return line


def _write_text(path: Path, text: str) -> None:
    """Writes a text file (UTF-8), over any old one; refuses a place where it cannot be written."""
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise Refused(
            "file-not-writable",
            f"{path} cannot be written: {error.strerror}. Choose another place.",
        ) from error
