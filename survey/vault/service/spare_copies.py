"""Spare copies of wave keys outside the key folder.

What the audit log says of them is the only record there is.
"""

from dataclasses import dataclass
from datetime import datetime

from survey.access.service import audit
from survey.kernel.errors import Refused
from survey.vault.rules.ceremony_files import fingerprint
from survey.waves.rules.waves import Wave, WaveState

EXPORTED, DESTROYED = "key exported", "key copies destroyed"
ENDED = frozenset({WaveState.COUNTED, WaveState.SHARED, WaveState.VOID})


@dataclass(frozen=True, slots=True)
class SpareCopy:
    """One exported copy of a wave's key: file, time, who exported it, and the key's fingerprint."""

    file: str
    at: datetime
    by: str
    key: str


def spare_copies(wave: Wave) -> tuple[SpareCopy, ...]:
    """The exported copies of this wave's key that nobody confirmed as destroyed, oldest first.

    Read from the audit log. Once the wave has opened with a key that was made anew, no copies of an
    older one.
    """
    destroyed = [
        entry.number
        for entry in audit.list_entries(what=DESTROYED, limit=None)
        if entry.facts["wave"] == wave.slug
    ]
    confirmed = max(destroyed, default=0)
    copies = [
        SpareCopy(entry.facts["file"], entry.at, entry.who, entry.facts["key"])
        for entry in audit.list_entries(what=EXPORTED, limit=None)
        if entry.facts["wave"] == wave.slug and entry.number > confirmed
    ]
    copies.reverse()
    if wave.public_key and wave.state not in ENDED:
        its_key = fingerprint(wave.public_key)
        copies = [copy for copy in copies if copy.key == its_key]
    return tuple(copies)


def copies_to_destroy(wave: Wave) -> tuple[SpareCopy, ...]:
    """The copies, not confirmed as destroyed, of an ended wave's key; none before it has ended.

    Ended is counted, shared or void: nothing needs them any more, and each opens all ballots of its
    wave in an old backup of the database.
    """
    return spare_copies(wave) if wave.state in ENDED else ()


def confirm_copies_destroyed(wave: Wave, *, actor: str) -> tuple[SpareCopy, ...]:
    """Audits that all copies of an ended wave's key are said to be destroyed; gives those copies.

    Destroys nothing itself. Refuses a wave that is not counted, shared or void. Harmless when
    repeated: then it gives none and audits nothing.
    """
    if wave.state not in ENDED:
        raise Refused(
            "spare-key-needed",
            f"{wave.slug} is {wave.state}: its spare key may still be needed. Destroy the copies"
            " when it has been counted.",
        )
    copies = copies_to_destroy(wave)
    if copies:
        files = [copy.file for copy in copies]
        audit.record(DESTROYED, {"wave": wave.slug, "files": files}, actor)
    return copies
