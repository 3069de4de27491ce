"""Looking after wave keys: a spare copy out and back, and the question whether each open wave's key is still there."""

from datetime import datetime
from pathlib import Path

from survey.access.service.audit import record
from survey.database import transaction
from survey.kernel.errors import Refused
from survey.kernel.files import write_new
from survey.vault.keys.service import key_files
from survey.vault.rules import sealing
from survey.vault.rules.ceremony_files import fingerprint
from survey.vault.rules.passphrases import lock_with_passphrase, unlock_with_passphrase
from survey.vault.service.spare_copies import ENDED, EXPORTED
from survey.waves import service as waves
from survey.waves.rules.waves import Wave, WaveState

_LARGEST_COPY = 10_000


def export_key(name: str, file: Path, passphrase: str, key_dir: Path | None, *, actor: str) -> Wave:
    """Writes a spare copy of a wave's key under a passphrase, for its owner alone, and lists it in the audit log.

    For a planned wave the key is made now and used when the wave opens, so that the copy can be in safety before any mail goes out.
    """
    item = waves.find_wave(name)
    if item.state in ENDED:
        raise Refused(
            "key-destroyed",
            f"{item.slug} is {item.state}: its key is destroyed, and nothing needs it any more.",
        )
    if item.state is not WaveState.PLANNED and (fault := key_fault(item, key_dir)):
        raise Refused(
            "key-not-copied",
            f"The key of {item.slug} cannot be copied. {fault}",
            wave=item.slug,
        )
    private = (key_files.make_key if item.state is WaveState.PLANNED else key_files.load_key)(
        key_dir, item.id
    )
    if key_dir is not None and file.resolve().is_relative_to(key_dir.resolve()):
        raise Refused(
            "copy-in-key-folder",
            f"{file} lies in the key folder, so one accident would take both. Nothing was written."
            " Choose a place on another disk.",
        )
    content = lock_with_passphrase(private, passphrase, _purpose(item))
    with transaction():
        record(
            EXPORTED,
            {
                "wave": item.slug,
                "file": str(file.resolve()),
                "key": fingerprint(key_files.wave_public_key(private)),
            },
            actor,
        )
        write_new(file, content, advice="Nothing was exported. Choose another name or place.")
    return item


def import_key(name: str, file: Path, passphrase: str, key_dir: Path | None, *, actor: str) -> Wave:
    """Puts a wave's key back from its spare copy; its probe is opened with it before anything is written. Answers are taken at once."""
    item = waves.find_wave(name)
    if item.state is WaveState.PLANNED:
        raise Refused(
            "key-not-used-yet",
            f"{item.slug} is not open yet, so nothing is sealed to its key. Opening makes a key by"
            " itself.",
        )
    if item.state in ENDED:
        raise Refused(
            "key-not-needed",
            f"{item.slug} is {item.state}: nothing needs its key any more. Destroy this copy.",
        )
    private = unlock_with_passphrase(_content(file), passphrase, _purpose(item))
    if not sealing.opens_probe(private, item.id, waves.probe_of(item.id) or b""):
        raise Refused(
            "copy-of-other-key",
            f"The key in {file} does not open what was sealed for {item.slug}. Nothing was changed."
            " Take another copy.",
        )
    key_files.restore_key(key_dir, item.id, private)
    with transaction():
        waves.note_missing_key(item, None)
        record(
            "key imported",
            {"wave": item.slug, "key": fingerprint(key_files.wave_public_key(private))},
            actor,
        )
    return waves.find_wave(name)


def key_fault(item: Wave, key_dir: Path | None) -> str | None:
    """Why this wave's answers could not be opened now; None when its key opens its probe."""
    try:
        private = key_files.load_key(key_dir, item.id)
    except Refused:
        if key_dir is None:
            raise
        return f"It is not in {key_dir}, cannot be read, or is damaged."
    return (
        None
        if sealing.opens_probe(private, item.id, waves.probe_of(item.id) or b"")
        else f"The file in {key_dir} is another key."
    )


def probe_key(item: Wave, key_dir: Path | None, moment: datetime, *, actor: str) -> str | None:
    """Opens an open wave's probe; without its key no answer is taken from now on, with it they are again. Gives the alarm, if any."""
    fault = key_fault(item, key_dir)
    said = f"ALARM: the key of {item.slug} cannot be read, so no answer is taken. {fault}"
    alarm = said if fault else None
    if (fault is None) is (item.key_missing_since is None):
        return alarm
    with transaction():
        if waves.note_missing_key(item, moment if fault else None):
            record("key missing" if fault else "key found", {"wave": item.slug}, actor)
    return alarm


def _purpose(item: Wave) -> str:
    return f"key of the wave {item.slug}"


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as copy:
            return copy.read(_LARGEST_COPY)
    except OSError as error:
        raise Refused(
            "copy-unreadable",
            f"{file} cannot be read ({error.strerror}). Nothing was changed. Name the file that"
            " holds the spare copy.",
        ) from error
