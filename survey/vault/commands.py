"""Spare copies of the waves' keys, and the representative's key, on the command line.

The representative's key is made and used offline, and registered on the server.
What only the server needs is imported by the commands that run there.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.kernel.files import shred, write_new
from survey.vault.rules import ceremony_files, sealing
from survey.vault.rules.passphrases import lock_with_passphrase, unlock_with_passphrase

if TYPE_CHECKING:
    from survey.vault.service import co_keys

ACTOR = "command line"
ELSEWHERE = "Choose another place."
PURPOSE = "key of an employee representative"
PASSPHRASE = click.option(
    "--passphrase-file",
    type=click.File("rb"),
    metavar="FILE",
    help="Read the passphrase from the first line of this file; - is standard input.",
)
PASSPHRASE_STDIN = click.option(
    "--passphrase-stdin",
    is_flag=True,
    help="Read the passphrase from the first line of standard input.",
)


class Offline(click.Command):
    """A command without settings and database: it runs on the representative's own machine."""

    offline = True


@click.group(
    "cokey",
    help=(
        "Strict tier: a second key, held by an employee representative, without which nobody"
        " opens a wave."
    ),
)
def cokey_group() -> None:
    """The commands about the keys of employee representatives."""


@cokey_group.command("make", cls=Offline)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@PASSPHRASE
def make(file: Path, passphrase_file: BinaryIO | None) -> None:
    """Make a key, on the representative's own machine.

    The secret half goes under a passphrase into FILE, the public half is printed. Needs no
    settings, no database and no network. A key is good for one wave.

    Example: candour cokey make rosa-2027-q1.key
    """
    if file.exists():
        raise Refused(
            "file-exists",
            f"{file} is there already. Nothing was changed; choose another name.",
        )
    click.echo(
        "Losing this file or its passphrase loses the wave that is sealed to it: nobody can restore"
        " either.",
        err=True,
    )
    private = X25519PrivateKey.generate().private_bytes_raw()
    passphrase = _passphrase(passphrase_file, fresh=True)
    write_new(file, lock_with_passphrase(private, passphrase, PURPOSE), advice=ELSEWHERE)
    public = sealing.public_key_of(private)
    click.echo(
        f"The key is in {file}. Keep it with you, and a copy in another safe place; never on the"
        " server of the survey."
    )
    click.echo("Hand over this line, the public half:")
    click.echo(f"  {ceremony_files.public_key_as_text(public)}")
    click.echo(
        "Its fingerprint, which the page What happens to your answers must show beside your name:"
    )
    click.echo(f"  {ceremony_files.fingerprint(public)}")


@cokey_group.command("open", cls=Offline)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("keyfile", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@PASSPHRASE
@click.option(
    "--destroy/--keep",
    default=None,
    help="What becomes of the key file afterwards; without either, it is asked.",
)
def open_(
    file: Path, keyfile: Path, out: Path, passphrase_file: BinaryIO | None, *, destroy: bool | None
) -> None:
    """Open the outer layer of a closed wave's ballots, shuffle them, and write them to OUT.

    Offline. OUT is for the server.
    What comes out is still sealed to the wave's own key: neither this command nor whoever runs it
    can read an answer.

    Example: candour cokey open ceremony.bin rosa-2027-q1.key opened.bin
    """
    if out.exists():
        raise Refused(
            "file-exists",
            f"{out} is there already. Nothing was opened; choose another name.",
        )
    content = file.read_bytes()
    outgoing = ceremony_files.read_outgoing(content)
    header = outgoing.header
    click.echo(
        f"{header.name}: {header.count} sealed ballots of {header.invited} invited, closed"
        f" {outgoing.closes_at:%Y-%m-%d %H:%M} UTC."
    )
    click.echo(
        f"Hash of the file: {ceremony_files.file_hash(content)}. The page or command that wrote it"
        " recorded the same one."
    )
    passphrase = _passphrase(passphrase_file)
    private = unlock_with_passphrase(keyfile.read_bytes(), passphrase, PURPOSE)
    returned = ceremony_files.open_layer(outgoing, private, now())
    write_new(out, ceremony_files.write_returned(returned), advice=ELSEWHERE)
    click.echo(
        f"Opened and shuffled: {out}. Give this file back; whoever runs the server counts it with"
        " the wave’s own key."
    )
    if returned.header.unreadable:
        click.echo(
            f"{returned.header.unreadable} of them could not be opened and will be reported as"
            " unreadable."
        )
    if destroy is None:
        question = (
            "Destroy the key file now? Without it, these ballots can never be opened again from any"
            " copy. Keep it until the wave is counted"
        )
        destroy = click.confirm(question, default=False)
    if destroy:
        _destroy(keyfile)
        click.echo(f"{keyfile} is destroyed. Destroy its copies too.")
    else:
        click.echo(
            f"{keyfile} is still there. Destroy it and its copies as soon as the wave is counted."
        )


@cokey_group.command("register")
@click.argument("name")
@click.argument("public")
def register(name: str, public: str) -> None:
    """Register a representative's public key: the next wave to open is sealed to it as well.

    Compare the fingerprint with the representative, by voice. At most two keys; either of the two
    can open.

    Example: candour cokey register "Rosa Marin"
    aaaaaaaa-aaaaaaaa-aaaaaaaa-aaaaaaaa-aaaaaaaa-aaaaaaaa-aaagm2d2
    """
    from survey.vault.service import co_keys

    registered = co_keys.register_co_key(name, public, actor=ACTOR)
    click.echo(
        f"The next wave is sealed to the key of {registered.key.name} as well:"
        f" {registered.fingerprint}"
    )
    click.echo(
        "Losing that key loses the wave; a second representative can be registered, and then either"
        " key opens."
    )


@cokey_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_(*, as_json: bool) -> None:
    """List the registered keys.

    Example: candour cokey list --json
    """
    from survey.vault.service import co_keys

    registered = co_keys.list_co_keys()
    if as_json:
        rows = [_co_key_as_json(co_key) for co_key in registered]
        click.echo(json.dumps({"cokeys": rows}, ensure_ascii=False))
        return
    for co_key in registered:
        if co_key.seals:
            use = f"seals {co_key.seals}"
        elif co_key.ended_at:
            use = "ended unused"
        else:
            use = "for the next wave"
        click.echo(f"{co_key.key.name}  {co_key.fingerprint}  {use}")


@cokey_group.command("end")
@click.argument("name")
def end(name: str) -> None:
    """End a representative's key: waves that open from now on are not sealed to it.

    Waves sealed to it still need it.

    Example: candour cokey end "Rosa Marin"
    """
    from survey.vault.service import co_keys

    ended = co_keys.end_co_key(name, actor=ACTOR)
    still_needed = f" {ended.seals} still needs it." if ended.seals else ""
    click.echo(f"The key of {ended.key.name} is ended.{still_needed}")


def _co_key_as_json(co_key: "co_keys.RegisteredCoKey") -> dict[str, object]:
    """A registered key as `cokey list --json` prints it: `ended` is ISO 8601, or None."""
    return {
        "name": co_key.key.name,
        "fingerprint": co_key.fingerprint,
        "seals": co_key.seals,
        "ended": co_key.ended_at.isoformat() if co_key.ended_at else None,
    }


def _passphrase(file: BinaryIO | None, *, fresh: bool = False) -> str:
    """Reads a passphrase from a file's first line, or asks for it at the terminal.

    A `fresh` one is asked twice. Refuses a file that is not UTF-8.
    """
    if file is None:
        return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=fresh, err=True))
    try:
        return file.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise Refused("passphrase-not-text", "The passphrase file is not text in UTF-8.") from error


def _destroy(path: Path) -> None:
    """Overwrites and deletes a key file; refuses, saying what to do, where that fails."""
    try:
        shred(path)
    except OSError as error:
        raise Refused(
            "key-file-not-destroyed",
            f"The key file {path} could not be destroyed ({error.strerror}). The opened file is"
            " written; destroy the key yourself.",
        ) from error


@click.group("keys")
def keys_group() -> None:
    """Look after the wave keys: spare copies, kept apart from the database and from the server."""


@keys_group.command("export")
@click.argument("slug", metavar="WAVE")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@PASSPHRASE_STDIN
def export_key(slug: str, file: Path, *, passphrase_stdin: bool) -> None:
    """Write a spare copy of a wave's key to FILE, under a passphrase that is asked twice.

    Best before the wave opens.

    Take FILE to a place that neither the server nor a backup of its database reaches, and the
    passphrase to another.

    Example: candour keys export it-support-2027-q1 /media/stick/it-support-2027-q1.key
    """
    from flask import current_app

    from survey.vault.keys.service import safe_keeping
    from survey.waves import service as waves

    config = current_app.config["CANDOUR"]
    wave = waves.find_wave(slug)
    passphrase = _passphrase(sys.stdin.buffer if passphrase_stdin else None, fresh=True)
    safe_keeping.export_key(slug, file, passphrase, config.key_dir, actor=ACTOR)
    if config.database_file and file.resolve().is_relative_to(config.database_file.parent):
        click.echo(
            "Note: this file lies in the database's folder, so a backup of one would hold both."
            " Take it elsewhere.",
            err=True,
        )
    click.echo(
        f"A spare copy of the key of {wave.slug} is in {file}. Without the passphrase nobody can"
        " use it."
    )
    click.echo(
        "When the wave has been counted, destroy it and say so: candour keys confirm-destroyed"
        f" {wave.slug}"
    )


@keys_group.command("import")
@click.argument("slug", metavar="WAVE")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@PASSPHRASE_STDIN
def import_key(slug: str, file: Path, *, passphrase_stdin: bool) -> None:
    """Put a wave's key back from a spare copy. Answers are taken again at once.

    Example: candour keys import it-support-2027-q1 /media/stick/it-support-2027-q1.key
    """
    from flask import current_app

    from survey.vault.keys.service import safe_keeping
    from survey.waves import service as waves

    key_dir = current_app.config["CANDOUR"].key_dir
    wave = waves.find_wave(slug)
    passphrase = _passphrase(sys.stdin.buffer if passphrase_stdin else None)
    safe_keeping.import_key(slug, file, passphrase, key_dir, actor=ACTOR)
    click.echo(
        f"The key of {wave.slug} is back in {key_dir}, and it opens what was sealed. The wave"
        " goes on."
    )


@keys_group.command("confirm-destroyed")
@click.argument("slug", metavar="WAVE")
def confirm_destroyed(slug: str) -> None:
    """Say that every exported copy of a counted or void wave's key is destroyed. Safe to repeat.

    A copy of the key and an old backup of the database together open all ballots of that wave.

    Example: candour keys confirm-destroyed it-support-2027-q1
    """
    from survey.vault.service import spare_copies
    from survey.waves import service as waves

    wave = waves.find_wave(slug)
    confirmed = spare_copies.confirm_copies_destroyed(wave, actor=ACTOR)
    for copy in confirmed:
        click.echo(
            f"Confirmed as destroyed: {copy.file} (exported {copy.at:%Y-%m-%d %H:%M} UTC by"
            f" {copy.by})"
        )
    if not confirmed:
        click.echo(f"No exported copy of the key of {wave.slug} waits to be confirmed.")
