"""Findings and imported history on the command line."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from flask import current_app

from survey.findings import history, reading, wording
from survey.findings.export import as_csv
from survey.findings.letters import check_length, findings_letter
from survey.findings.service import check_publication, findings, preview_sharing, recipients, share
from survey.kernel.clock import now
from survey.kernel.errors import Refused

ACTOR = "command line"
READABLE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("findings")
def findings_group() -> None:
    """Read and share what a wave found."""


@findings_group.command("show")
@click.argument("wave")
@click.option("--json", "as_json", is_flag=True, help="Print the findings document.")
@click.option("--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), help="Write one line per published figure.")
def show(wave: str, *, as_json: bool, csv_file: Path | None) -> None:
    """Show a wave's findings.

    Example: candour findings show latest --json
    """
    found = findings(wave)
    if csv_file:
        _write(csv_file, as_csv(found))
    if as_json:
        click.echo(json.dumps(found.document, ensure_ascii=False, indent=1))
        return
    document = found.document
    click.echo(f"{document['headline']}.")
    click.echo(f"{document['answered']} of {document['invited']} answered ({document['response_rate']:.0%}).")
    if "thirds" in document:
        click.echo(wording.made_of(document["thirds"]))
    for measure in document["measures"]:
        if measure["group"] is None:
            click.echo("  " + _line(measure))


@findings_group.command("share")
@click.argument("wave")
@click.option("--to", "audience", type=click.Choice(["provider"]), required=True, help="Who gets the findings.")
@click.option("--with-comments", is_flag=True, help="Print the released comments in the mail; the wave needs ten answers.")
@click.option("--with-groups", is_flag=True, help="Print the published figures by reporting group.")
@click.option("--dry-run", is_flag=True, help="Print the mail and its recipients; send nothing.")
def share_findings(wave: str, audience: str, *, dry_run: bool, **extra: bool) -> None:  # noqa: ARG001 - one audience so far
    """Mail the findings to the provider's contacts. Sharing again sends nothing twice.

    Company figures only, unless groups or comments are asked for.

    Example: candour findings share it-support-2027-q1 --to provider --dry-run
    """
    found = findings(wave)
    provider, contacts = recipients(found.wave)
    if not contacts:
        raise Refused(f'{provider.name} has no contact yet. Add one: candour providers add "{provider.name}" --contact "Name <mail>"')
    if dry_run:
        shared = preview_sharing(found, contacts[0].id, now(), **extra)
        check_publication(found, with_groups=shared.groups)
        check_length(shared, provider, contacts[0])
        letter = findings_letter(shared, provider, contacts[0], current_app.config["CANDOUR"])
        click.echo(f"To: {', '.join(f'{c.name} <{c.address}>' for c in contacts)}\nSubject: {letter.subject}\n\n{letter.text}")
        return
    new = {shared.contact_id for shared in share(wave, [contact.id for contact in contacts], now(), actor=ACTOR, **extra)}
    if not new:
        click.echo(f"Everybody at {provider.name} was sent this version before; nothing is sent twice.")
        return
    addresses = ", ".join(contact.address for contact in contacts if contact.id in new)
    click.echo(f"Shared with {len(new)} at {provider.name}: {addresses}. The mail leaves with the next tick.")


@click.group("responses")
def responses_group() -> None:
    """Bring in answers that another tool collected."""


@responses_group.command("import")
@click.argument("wave")
@click.argument("file", type=READABLE)
@click.option("--groups", "groups_file", type=READABLE, required=True, help="JSON: number invited per group.")
@click.option("--map", "map_file", type=READABLE, help="JSON: columns, values, ignore.")
@click.option("--scale", type=click.IntRange(2, 11), help="Points of the scale of columns that the questionnaire lacks.")
@click.option("--survey", help="The survey that the wave belongs to, when the wave does not exist yet.")
@click.option("--opened", type=click.DateTime(["%Y-%m-%d"]))
@click.option("--closed", type=click.DateTime(["%Y-%m-%d"]))
@click.option("--dry-run", is_flag=True, help="Print what would be stored; store nothing.")
def import_responses(wave: str, file: Path, groups_file: Path, map_file: Path | None, **options: Any) -> None:  # noqa: ANN401
    """Import one past wave.

    Example: candour responses import it-2026 answers.csv --groups groups.json --survey "IT support" --opened 2026-10-01 --closed 2026-10-15
    """
    invited = reading.read_groups(_json(groups_file))
    mapped = reading.read_mapping(_json(map_file)) if map_file else reading.Mapped()
    base = history.base_questionnaire(wave, options["survey"])
    found = reading.read_history(file.read_bytes(), invited, base, mapped, options["scale"], f"history-{wave}")
    if options["dry_run"]:
        history.check_import(wave, found, survey=options["survey"], opened=_day(options["opened"]), closed=_day(options["closed"]))
        click.echo(json.dumps({"responses": len(found.responses), "groups": found.counts()}, ensure_ascii=False, indent=1))
        return
    stored = history.import_history(
        wave, found, survey=options["survey"], opened=_day(options["opened"]), closed=_day(options["closed"]), actor=ACTOR
    )
    click.echo(f"{stored.wave.slug}: {len(found.responses)} responses imported. Read them: candour findings show {stored.wave.slug}")


def _line(measure: dict[str, Any]) -> str:
    head = f"{measure['question']:<12} {measure['statistic']:<6}"
    if not measure["shown"]:
        return f"{head} {measure['words']}"
    target = f", target {measure['target']:.0%}: {measure['verdict']}" if measure.get("target") else ""
    return f"{head} {measure['estimate']:.4f} ({measure['low']:.4f} to {measure['high']:.4f}), {measure['answers']} answers{target}"


def _json(path: Path) -> Any:  # noqa: ANN401
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError, RecursionError) as error:
        raise Refused(f"{path} cannot be read as JSON: {error}") from error


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}. Choose another place.") from error


def _day(moment: datetime | None) -> Any:  # noqa: ANN401
    return moment.date() if moment else None


COMMANDS = (findings_group, responses_group)
