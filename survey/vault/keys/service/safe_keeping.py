"""Looking after wave keys: spare copies out and back, and whether each open wave's key is there."""

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


def export_key(
    typed: str, file: Path, passphrase: str, key_dir: Path | None, *, actor: str
) -> Wave:
    """Writes a spare copy of a wave's key to a new file, under a passphrase, and audits that.

    Refuses a wave whose key is destroyed already, a key that does not open the wave's probe, a
    short passphrase, a place inside the key folder, and a file that is there already. `typed` names
    the wave as `find_wave` takes it; its owner alone may read `file`. For a planned wave the key is
    made now and used when the wave opens, so that the copy can be in safety before any mail goes
    out.
    """
    wave = waves.find_wave(typed)
    if wave.state in ENDED:
        raise Refused(
            "key-destroyed",
            f"{wave.slug} is {wave.state}: its key is destroyed, and nothing needs it any more.",
        )
    if wave.state is WaveState.PLANNED:
        private = key_files.make_key(key_dir, wave.id)
    else:
        private = _usable_key(wave, key_dir)
    if key_dir is not None and file.resolve().is_relative_to(key_dir.resolve()):
        raise Refused(
            "copy-in-key-folder",
            f"{file} lies in the key folder, so one accident would take both. Nothing was written."
            " Choose a place on another disk.",
        )
    content = lock_with_passphrase(private, passphrase, _purpose(wave))
    facts = {"wave": wave.slug, "file": str(file.resolve()), "key": _fingerprint_of(private)}
    with transaction():
        record(EXPORTED, facts, actor)
        write_new(file, content, advice="Nothing was exported. Choose another name or place.")
    return wave


def import_key(
    typed: str, file: Path, passphrase: str, key_dir: Path | None, *, actor: str
) -> Wave:
    """Writes a wave's key back from its spare copy, so that answers are taken again; audits that.

    Refuses a planned or ended wave, a wrong passphrase, and a copy that does not open the wave's
    probe; the probe is opened before anything is written.
    """
    wave = waves.find_wave(typed)
    if wave.state is WaveState.PLANNED:
        raise Refused(
            "key-not-used-yet",
            f"{wave.slug} is not open yet, so nothing is sealed to its key. Opening makes a key by"
            " itself.",
        )
    if wave.state in ENDED:
        raise Refused(
            "key-not-needed",
            f"{wave.slug} is {wave.state}: nothing needs its key any more. Destroy this copy.",
        )
    private = unlock_with_passphrase(_content(file), passphrase, _purpose(wave))
    if not _opens_probe(private, wave):
        raise Refused(
            "copy-of-other-key",
            f"The key in {file} does not open what was sealed for {wave.slug}. Nothing was changed."
            " Take another copy.",
        )
    key_files.restore_key(key_dir, wave.id, private)
    with transaction():
        waves.note_missing_key(wave, None)
        record("key imported", {"wave": wave.slug, "key": _fingerprint_of(private)}, actor)
    return waves.find_wave(typed)


def key_fault(wave: Wave, key_dir: Path | None) -> str | None:
    """A sentence on why the wave's key is of no use now; None when it opens the wave's probe.

    Only looks. Refuses a process without a key folder.
    """
    try:
        private = key_files.load_key(key_dir, wave.id)
    except Refused:
        if key_dir is None:
            raise
        return f"It is not in {key_dir}, cannot be read, or is damaged."
    if not _opens_probe(private, wave):
        return f"The file in {key_dir} is another key."
    return None


def probe_key(wave: Wave, key_dir: Path | None, now: datetime, *, actor: str) -> str | None:
    """Tests an open wave's key; stores and audits when it went missing or came back.

    Gives the sentence of the alarm, or None when the key opens the wave's probe. Without the key no
    answer is taken from now on, with it they are taken again.
    """
    fault = key_fault(wave, key_dir)
    alarm = None
    if fault:
        alarm = f"ALARM: the key of {wave.slug} cannot be read, so no answer is taken. {fault}"
    was_missing = wave.key_missing_since is not None
    if was_missing == (fault is not None):
        return alarm
    with transaction():
        if waves.note_missing_key(wave, now if fault else None):
            record("key missing" if fault else "key found", {"wave": wave.slug}, actor)
    return alarm


def _usable_key(wave: Wave, key_dir: Path | None) -> bytes:
    """The private half of a wave's key; refuses one that is missing or does not open the probe."""
    if fault := key_fault(wave, key_dir):
        raise Refused(
            "key-not-copied",
            f"The key of {wave.slug} cannot be copied. {fault}",
            wave=wave.slug,
        )
    return key_files.load_key(key_dir, wave.id)


def _opens_probe(private: bytes, wave: Wave) -> bool:
    """Whether this private half opens the wave's stored probe; False where it has none."""
    return sealing.opens_probe(private, wave.id, waves.probe_of(wave.id) or b"")


def _fingerprint_of(private: bytes) -> str:
    """The fingerprint of the public half that belongs to a private half."""
    return fingerprint(key_files.wave_public_key(private))


def _purpose(wave: Wave) -> str:
    """The words that a spare copy of this wave's key carries; a copy with others is refused."""
    return f"key of the wave {wave.slug}"


def _content(file: Path) -> bytes:
    """Reads a spare copy, at most 10,000 octets of it; refuses a file that cannot be read."""
    try:
        with file.open("rb") as copy:
            return copy.read(_LARGEST_COPY)
    except OSError as error:
        raise Refused(
            "copy-unreadable",
            f"{file} cannot be read ({error.strerror}). Nothing was changed. Name the file that"
            " holds the spare copy.",
        ) from error
