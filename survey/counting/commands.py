"""Closing, voiding and the ceremony of the strict tier, from the command line."""

from pathlib import Path

import click
from flask import current_app

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
@click.argument("wave")
@click.option(
    "--early",
    metavar="REASON",
    help="Close before the planned date, for this reason; it is printed in the findings.",
)
def close(wave: str, early: str | None) -> None:
    """Close a wave and count it. Safe to repeat.

    Example: candour waves close it-support-2027-q1 --early "office closed by flood"
    """
    key_dir, progress = current_app.config["CANDOUR"].key_dir, Progress("Opening ballots")
    with refuse_on_ctrl_c(
        f"Stopped. Nothing half counted was kept. To finish: candour waves close {wave}"
    ):
        item = close_wave(wave, now(), key_dir, actor=ACTOR, early=early, progress=progress)
    if item.state is WaveState.CLOSED:
        click.echo(f"{WAITS}: {HAND_OVER}".format(wave=item.slug))
        return
    _say_counted(item)


def _say_counted(wave: Wave) -> None:
    if wave.state is WaveState.VOID:
        click.echo(
            f"{wave.slug} is void: {wave.void_reason}. Nothing was read and nothing was kept."
        )
        _say_pooled(wave)
        return
    document = find_findings(wave.slug).document
    click.echo(
        f"{wave.slug} is counted: {document['answered']} of {document['invited']} answered."
        f" {document['headline']}."
    )
    click.echo(f"Read it: candour findings show {wave.slug}")
    _say_pooled(wave)


def _say_pooled(wave: Wave) -> None:
    pool = waves.pool_of(wave) if wave.is_third else None
    if pool:
        document = find_findings(pool.slug).document
        said = f"{document['answered']} of {document['invited']} answered. {document['headline']}."
        click.echo(f"The quarter is complete: {said} Read it: candour findings show {pool.slug}")


@waves_group.command("void")
@click.argument("wave")
@click.option("--reason", required=True, help="Shown wherever the wave would be.")
def void(wave: str, reason: str) -> None:
    """Give a wave up: its answers are deleted unread.

    Example: candour waves void it-support-2027-q1 --reason "wrong staff list"
    """
    item = void_wave(wave, current_app.config["CANDOUR"].key_dir, reason=reason, actor=ACTOR)
    click.echo(f"{item.slug} is void: {item.void_reason}.")


@click.group("ceremony")
def ceremony_group() -> None:
    """Strict tier: sealed ballots out to the representative, once opened ones back."""


@ceremony_group.command("export")
@click.argument("wave")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export(wave: str, file: Path) -> None:
    """Write the sealed ballots of a closed wave to FILE, shuffled, for its representative. Safe to repeat.

    Example: candour ceremony export it-support-2027-q1 ceremony.sealed
    """
    content = export_sealed_ballots(wave, actor=ACTOR)
    try:
        file.write_bytes(content)
    except OSError as error:
        raise Refused(
            "file-not-written",
            f"{file} cannot be written ({error.strerror}). Choose another place.",
        ) from error
    click.echo(f"{file} holds the sealed ballots of {wave}; its hash is {file_hash(content)}.")
    click.echo(
        f"The representative runs: candour cokey open {file} KEYFILE OUT. Then: candour ceremony"
        f" import {wave} OUT"
    )


@ceremony_group.command("import")
@click.argument("wave")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_(wave: str, file: Path) -> None:
    """Take back what the representative opened, and count it. Whatever is wrong with the file, nothing is changed.

    Example: candour ceremony import it-support-2027-q1 ceremony.opened
    """
    _say_counted(
        count_returned(wave, file.read_bytes(), current_app.config["CANDOUR"].key_dir, actor=ACTOR)
    )
