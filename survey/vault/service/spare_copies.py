"""Spare copies of wave keys outside the key folder. What the audit log says of them is the only record there is."""

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
    """One exported copy: the file it was written to, when, by whom, and the fingerprint of the key it holds."""

    file: str
    at: datetime
    by: str
    key: str


def spare_copies(item: Wave) -> tuple[SpareCopy, ...]:
    """The exported copies of this wave's key that nobody has confirmed as destroyed, oldest first; of a key made anew, no older ones."""
    confirmed = max(
        (
            one.number
            for one in audit.list_entries(what=DESTROYED, limit=None)
            if one.facts["wave"] == item.slug
        ),
        default=0,
    )
    found = [
        one
        for one in audit.list_entries(what=EXPORTED, limit=None)
        if one.facts["wave"] == item.slug and one.number > confirmed
    ]
    copies = (
        SpareCopy(one.facts["file"], one.at, one.who, one.facts["key"]) for one in reversed(found)
    )
    ours = fingerprint(item.public_key) if item.public_key and item.state not in ENDED else None
    return tuple(copy for copy in copies if ours in {None, copy.key})


def copies_to_destroy(item: Wave) -> tuple[SpareCopy, ...]:
    """The exported copies that nothing needs any more: each opens all ballots of its wave in an old backup of the database."""
    return spare_copies(item) if item.state in ENDED else ()


def confirm_copies_destroyed(item: Wave, *, actor: str) -> tuple[SpareCopy, ...]:
    """Records that every exported copy of an ended wave's key is destroyed; harmless when repeated. Gives the copies it was about."""
    if item.state not in ENDED:
        raise Refused(
            "spare-key-needed",
            f"{item.slug} is {item.state}: its spare key may still be needed. Destroy the copies"
            " when it has been counted.",
        )
    copies = copies_to_destroy(item)
    if copies:
        audit.record(DESTROYED, {"wave": item.slug, "files": [copy.file for copy in copies]}, actor)
    return copies
