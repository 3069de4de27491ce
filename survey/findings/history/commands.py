"""Past answers from another tool, from the command line."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from survey.findings.commands import ACTOR
from survey.findings.history import rules as reading
from survey.findings.history import service as history
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

    Example: candour responses import it-2026 answers.csv --groups groups.json --survey "IT support" --opened 2026-10-01 --closed 2026-10-15
    """
    invited = reading.read_groups(_json(groups_file))
    mapped = reading.read_mapping(_json(map_file)) if map_file else reading.ColumnMapping()
    base = history.base_questionnaire(wave, options["survey"])
    found = reading.read_history(
        file.read_bytes(), invited, base, mapped, options["scale"], f"history-{wave}"
    )
    if options["dry_run"]:
        history.check_import(
            wave,
            found,
            survey=options["survey"],
            opened=_day(options["opened"]),
            closed=_day(options["closed"]),
        )
        click.echo(
            json.dumps(
                {"responses": len(found.responses), "groups": found.counts()},
                ensure_ascii=False,
                indent=1,
            )
        )
        return
    stored = history.import_history(
        wave,
        found,
        survey=options["survey"],
        opened=_day(options["opened"]),
        closed=_day(options["closed"]),
        actor=ACTOR,
    )
    click.echo(
        f"{stored.wave.slug}: {len(found.responses)} responses imported. Read them: candour"
        f" findings show {stored.wave.slug}"
    )


def _json(path: Path) -> Any:  # noqa: ANN401
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError, RecursionError) as error:
        raise Refused("json-unreadable", f"{path} cannot be read as JSON: {error}") from error


def _day(moment: datetime | None) -> Any:  # noqa: ANN401
    return moment.date() if moment else None
