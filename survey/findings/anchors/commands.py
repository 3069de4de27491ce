"""Checking the audit log on the command line."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from survey.access.commands import ACTOR, audit_group
from survey.access.rules.audit_log import LogVerdict
from survey.findings.anchors.service import check_audit_log, record_restore_by_hand
from survey.kernel.errors import Refused


@audit_group.command("verify")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option(
    "--against",
    "files",
    type=click.Path(dir_okay=False, path_type=Path),
    multiple=True,
    help="Findings as JSON, a findings mail or its text, or an export of the log. May be repeated.",
)
def verify(*, as_json: bool, files: tuple[Path, ...]) -> None:
    """Check that no entry of the log was changed or taken out.

    Computes the chain of digests anew, and holds it against every head that was published: in the
    findings and findings mails of this installation, and in the files named with --against. The
    last matter most, for whoever changes this database can change what it says of its own heads.

    Example: candour audit verify --against findings.eml
    """
    verdict = check_audit_log(files)
    if as_json:
        click.echo(json.dumps(_as_document(verdict), ensure_ascii=False))
    if not verdict.is_whole:
        first, *others = verdict.faults
        details = (*others, *verdict.notes)
        if verdict.broken is not None:
            raise Refused("audit-chain-broken", f"{first} Compare with a backup.", details=details)
        raise Refused("audit-log-not-whole", first, details=details)
    if not as_json:
        for line in (verdict.summary, f"Its head: {verdict.head}", *verdict.notes):
            click.echo(line)


@audit_group.command("record-restore")
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
)
@click.option("--reason", required=True, help="Why an older copy of the database was put back.")
def record_restore(files: tuple[Path, ...], reason: str) -> None:
    """Record that an older copy of the database was put back, and entries were lost by it.

    `candour restore` records that itself; this is for copies that another tool put back, as
    pg_restore does. FILE is the newest findings, findings mail or export of the log from before;
    older ones beside it prove how far this log is still the old one. The gap stays visible: every
    check names it, who recorded it, and why.

    Example: candour audit record-restore findings.eml --reason "the disk failed"
    """
    restore = record_restore_by_hand(files, reason, actor=ACTOR)
    click.echo(f"Recorded. {restore.words}")


def _as_document(verdict: LogVerdict) -> dict[str, Any]:
    """The verdict for programs."""
    return {
        "whole": verdict.is_whole,
        "unbroken": verdict.broken is None,
        "first_broken": verdict.broken,
        "head": verdict.head,
        "length": verdict.length,
        "published": {
            "fitting": [asdict(head) for head in verdict.fitting],
            "missing": [asdict(head) for head in verdict.missing],
            "explained": [asdict(head) for head in verdict.explained],
        },
        "restores": [
            asdict(restore) | {"at": restore.at.isoformat()} for restore in verdict.restores
        ],
        "faults": list(verdict.faults),
    }
