"""Closing, voiding and the ceremony of the strict tier, from the command line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from flask import current_app

from survey.copies.service import copies_made_elsewhere, due_set_aside_copies
from survey.counting.service import close_wave, count_returned, export_sealed_ballots, void_wave
from survey.findings.service.documents import find_findings
from survey.kernel.clock import now
from survey.kernel.errors import Refused, refuse_on_ctrl_c
from survey.kernel.hints import HAND_OVER
from survey.kernel.progress import Progress
from survey.vault.rules.ceremony_files import file_hash
from survey.waves import service as waves
from survey.waves.commands import waves_group
from survey.waves.rules.waves import WAITS, Wave, WaveState

ACTOR = "command line"


@waves_group.command("close")
@click.argument("slug", metavar="WAVE")
@click.option(
    "--early",
    metavar="REASON",
    help="Close before the planned date, for this reason; it is printed in the findings.",
)
def close(slug: str, early: str | None) -> None:
    """Close a wave and count it. Safe to repeat.

    Example: candour waves close it-support-2027-q1 --early "office closed by flood"
    """
    key_dir = current_app.config["CANDOUR"].key_dir
    progress = Progress("Opening ballots")
    with refuse_on_ctrl_c(
        f"Stopped. Nothing half counted was kept. To finish: candour waves close {slug}"
    ):
        wave = close_wave(slug, now(), key_dir, actor=ACTOR, early=early, progress=progress)
    if wave.state is WaveState.CLOSED:
        click.echo(f"{WAITS}: {HAND_OVER}".format(wave=wave.slug))
        return
    _say_counted(wave)


def _say_counted(wave: Wave) -> None:
    """Prints what became of a wave that was closed: void, or counted with its headline."""
    _say_copies(wave)
    if wave.state is WaveState.VOID:
        click.echo(
            f"{wave.slug} is void: {wave.void_words}. Nothing was read and nothing was kept."
        )
        _say_pooled(wave)
        return
    document = find_findings(wave.slug).document
    click.echo(f"{wave.slug} is counted: {_result_in_words(document)}")
    click.echo(f"Read it: candour findings show {wave.slug}")
    _say_pooled(wave)


def _say_copies(wave: Wave) -> None:
    """Prints which copies of the database still name who answered and must go; else nothing."""
    for copy in due_set_aside_copies():
        click.echo(f"Delete {copy.file}, because {copy.because}. Candour could not.", err=True)
    for file in copies_made_elsewhere(wave.opens_at):
        click.echo(f"Delete {file}, a copy that still names who answered.", err=True)


def _say_pooled(wave: Wave) -> None:
    """Prints the result of the quarter whose last third this wave is; else nothing."""
    quarter = waves.pool_of(wave) if wave.is_third else None
    if quarter:
        result = _result_in_words(find_findings(quarter.slug).document)
        click.echo(
            f"The quarter is complete: {result} Read it: candour findings show {quarter.slug}"
        )


def _result_in_words(document: Mapping[str, Any]) -> str:
    """How many answered of how many invited, and the headline."""
    answered = f"{document['answered']} of {document['invited']} answered"
    return f"{answered}. {document['headline']}."


@waves_group.command("void")
@click.argument("slug", metavar="WAVE")
@click.option("--reason", required=True, help="Shown wherever the wave would be.")
def void(slug: str, reason: str) -> None:
    """Give a wave up: its answers are deleted unread.

    Example: candour waves void it-support-2027-q1 --reason "wrong staff list"
    """
    wave = void_wave(slug, current_app.config["CANDOUR"].key_dir, reason=reason, actor=ACTOR)
    _say_copies(wave)
    click.echo(f"{wave.slug} is void: {wave.void_words}.")


@click.group("ceremony")
def ceremony_group() -> None:
    """Strict tier: sealed ballots out to the representative, once opened ones back."""


@ceremony_group.command("export")
@click.argument("slug", metavar="WAVE")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export(slug: str, file: Path) -> None:
    """Write the sealed ballots of a closed wave to FILE, shuffled, for its representative.

    Safe to repeat.

    Example: candour ceremony export it-support-2027-q1 ceremony.sealed
    """
    content = export_sealed_ballots(slug, actor=ACTOR)
    try:
        file.write_bytes(content)
    except OSError as error:
        raise Refused(
            "file-not-written",
            f"{file} cannot be written ({error.strerror}). Choose another place.",
        ) from error
    click.echo(f"{file} holds the sealed ballots of {slug}; its hash is {file_hash(content)}.")
    click.echo(
        f"The representative runs: candour cokey open {file} KEYFILE OUT. Then: candour ceremony"
        f" import {slug} OUT"
    )


@ceremony_group.command("import")
@click.argument("slug", metavar="WAVE")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_(slug: str, file: Path) -> None:
    """Take back what the representative opened, and count it.

    Whatever is wrong with the file, nothing is changed.

    Example: candour ceremony import it-support-2027-q1 ceremony.opened
    """
    key_dir = current_app.config["CANDOUR"].key_dir
    _say_counted(count_returned(slug, file.read_bytes(), key_dir, actor=ACTOR))
