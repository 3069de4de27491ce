"""Past answers from another tool, from the command line."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from survey.findings.commands import ACTOR
from survey.findings.history import service as history
from survey.findings.history.rules.column_mapping import (
    ColumnMapping,
    read_groups,
    read_mapping,
)
from survey.findings.history.rules.history import read_history
from survey.kernel.errors import Refused

READABLE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("responses")
def responses_group() -> None:
    """Bring in answers that another tool collected."""


@responses_group.command("import")
@click.argument("wave")
@click.argument("file", type=READABLE)
@click.option(
    "--groups", "groups_file", type=READABLE, required=True, help="JSON: number invited per group."
)
@click.option("--map", "map_file", type=READABLE, help="JSON: columns, values, ignore.")
@click.option(
    "--scale",
    type=click.IntRange(2, 11),
    help="Points of the scale of columns that the questionnaire lacks.",
)
@click.option(
    "--survey", help="The survey that the wave belongs to, when the wave does not exist yet."
)
@click.option("--opened", type=click.DateTime(["%Y-%m-%d"]))
@click.option("--closed", type=click.DateTime(["%Y-%m-%d"]))
@click.option("--dry-run", is_flag=True, help="Print what would be stored; store nothing.")
def import_responses(
    wave: str,
    file: Path,
    groups_file: Path,
    map_file: Path | None,
    **options: Any,  # noqa: ANN401
) -> None:
    """Import one past wave.

    Example: candour responses import it-2026 answers.csv --groups groups.json
    --survey "IT support" --opened 2026-10-01 --closed 2026-10-15
    """
    invited = read_groups(_read_json(groups_file))
    mapping = ColumnMapping()
    if map_file:
        mapping = read_mapping(_read_json(map_file))
    past_wave = {
        "survey": options["survey"],
        "opened": _day(options["opened"]),
        "closed": _day(options["closed"]),
    }
    responses = read_history(
        file.read_bytes(),
        invited,
        history.base_questionnaire(wave, options["survey"]),
        mapping,
        options["scale"],
        f"history-{wave}",
    )
    if options["dry_run"]:
        history.check_import(wave, responses, **past_wave)
        counts = {"responses": len(responses.responses), "groups": responses.counts()}
        click.echo(json.dumps(counts, ensure_ascii=False, indent=1))
        return
    findings = history.import_history(wave, responses, **past_wave, actor=ACTOR)
    slug = findings.wave.slug
    click.echo(
        f"{slug}: {len(responses.responses)} responses imported. Read them: candour findings show"
        f" {slug}"
    )


def _read_json(path: Path) -> Any:  # noqa: ANN401
    """The content of a JSON file; refuses a file that cannot be read as JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError, RecursionError) as error:
        raise Refused("json-unreadable", f"{path} cannot be read as JSON: {error}") from error


def _day(midnight: datetime | None) -> Any:  # noqa: ANN401
    """The date of a typed day, or None where none was typed.

    Click reads a day as the midnight at its beginning.
    """
    return midnight.date() if midnight else None
