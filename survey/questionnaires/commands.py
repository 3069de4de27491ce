"""Questionnaires on the command line."""

import json
from pathlib import Path

import click

from survey.kernel.errors import Refused
from survey.questionnaires import service


@click.group("questionnaires")
def questionnaires_group() -> None:
    """List, show, export and import what is asked."""


@questionnaires_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_(*, as_json: bool) -> None:
    """List the questionnaires.

    Example: candour questionnaires list
    """
    questionnaires = service.list_questionnaires()
    if as_json:
        rows = [
            {
                "slug": questionnaire.slug,
                "title": questionnaire.title,
                "questions": len(questionnaire.questions),
                "minutes": questionnaire.minutes,
            }
            for questionnaire in questionnaires
        ]
        click.echo(json.dumps({"questionnaires": rows}, ensure_ascii=False))
        return
    for questionnaire in questionnaires:
        number = len(questionnaire.questions)
        click.echo(
            f"{questionnaire.slug}: {questionnaire.title}, {number} questions, about"
            f" {questionnaire.minutes} min"
        )


@questionnaires_group.command("show")
@click.argument("slug", metavar="QUESTIONNAIRE")
def show(slug: str) -> None:
    """Show the questions of one questionnaire.

    Example: candour questionnaires show quarterly_8
    """
    for question in service.find_questionnaire(slug).questions:
        click.echo(f"{question.id} (revision {question.revision}) {question.text}")
        labels = " / ".join(question.scale.labels) or "text"
        opt_out = f" / {question.scale.opt_out}" if question.scale.opt_out else ""
        click.echo(f"    {labels}{opt_out}")


@questionnaires_group.command("export")
@click.argument("slug", metavar="QUESTIONNAIRE")
@click.option(
    "--format", "form", type=click.Choice(["json", "yaml"]), default="json", show_default=True
)
def export(slug: str, form: str) -> None:
    """Print one questionnaire as JSON or YAML.

    Example: candour questionnaires export quarterly_8 --format yaml > ours.yaml
    """
    questionnaire = service.find_questionnaire(slug)
    click.echo(service.write_questionnaire(questionnaire, form).rstrip())


@questionnaires_group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_(file: Path) -> None:
    """Take a questionnaire from a JSON or YAML file as the newest version of its name.

    Example: candour questionnaires import ours.yaml
    """
    if file.stat().st_size > service.LARGEST_IMPORT:
        raise Refused(
            "questionnaire-too-large",
            f"{file} is larger than 1 MiB, which no questionnaire is.",
        )
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise Refused("text-unreadable", f"{file} is not a text file in UTF-8.") from error
    saved = service.save_questionnaire(service.read_questionnaire(text))
    click.echo(
        f"{saved.slug}: {len(saved.questions)} questions saved. Waves opened from now on ask them."
    )
