"""What a wave promised, and who reads its comments."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime

from survey.access.service.audit import record
from survey.database import transaction
from survey.kernel.errors import Refused
from survey.organisation.rules.frozen_promise import FrozenPromise
from survey.organisation.rules.organisation import (
    CommentReader,
    named_readers,
    organisation_from_sender,
)
from survey.organisation.service import check_readers, find_organisation, with_accounts
from survey.providers.service import provider_by_id
from survey.waves.rules.waves import Wave, WaveState, to_wall_clock
from survey.waves.service.reading import find_wave
from survey.waves.service.rows import locked_row, wave_of

LONGEST_REASON = 300


def promise_of(wave: Wave, sender: str) -> FrozenPromise:
    """What a wave promised at its opening; of a planned one, what it would promise now.

    A wave that an older version opened before anybody had confirmed the facts keeps what its mails
    said then: what the address of the `sender` suggests.
    """
    if wave.promise:
        return wave.promise
    was_opened = wave.questionnaire_version is not None and not wave.imported
    facts = organisation_from_sender(sender) if was_opened else find_organisation(sender)
    return FrozenPromise(facts, provider_by_id(wave.provider_id).name)


def name_readers(
    typed_wave: str,
    readers: Sequence[CommentReader],
    role: str,
    reason: str,
    now: datetime,
    *,
    actor: str | None = None,
) -> Wave:
    """Names who reads the comments of a wave from now on, and audits it: "reviewer replaced".

    One or two accounts of managers. It is printed in the promise and in the findings. Refuses
    accounts that may not read, a missing reason, a wave that has not opened, and a void one.
    """
    with transaction() as session:
        wave = find_wave(typed_wave)
        row = locked_row(wave.id)
        wave = wave_of(row)
        _check_has_comments(wave)
        reason = _checked_reason(reason)
        check_readers(readers)
        named = with_accounts(readers)
        before = readers_in_words(wave)
        change = {
            "on": _day(wave, now).isoformat(),
            "readers": [asdict(reader) for reader in named],
            "role": " ".join(role.split())[:LONGEST_REASON],
            "instead_of": before,
        }
        row.reader_changes = [*row.reader_changes, change]
        facts = {
            "wave": wave.slug,
            "from": before,
            "to": [reader.email for reader in named],
            "because": reason,
        }
        record("reviewer replaced", facts, actor)
        session.flush()
        return wave_of(row)


def readers_in_words(wave: Wave) -> str:
    """Who reads the comments of a wave, by name and role; "nobody named" where nobody is."""
    if wave.reader_changes:
        newest = wave.reader_changes[-1]
        return named_readers(newest.readers, newest.role)
    if wave.promise is None:
        return "nobody named"
    organisation = wave.promise.organisation
    if organisation.readers:
        return organisation.readers_in_words
    return f"{organisation.comments_read_by} (nobody by name)"


def _check_has_comments(wave: Wave) -> None:
    """Refuses to name readers for a wave that has not opened, and for a void one."""
    if wave.state is WaveState.PLANNED:
        raise Refused(
            "wave-not-open-yet",
            f"{wave.slug} is not open yet. It takes the readers of comments from the facts about"
            " your organisation when it opens.",
            wave=wave.slug,
        )
    if wave.state is WaveState.VOID:
        raise Refused("wave-void", f"{wave.slug} is void; there are no comments to read.")
    if wave.is_third:
        raise Refused(
            "comments-read-with-quarter",
            f"What people wrote in {wave.slug} is read with the quarter, when its three thirds"
            " have been counted. Name readers there.",
        )


def _checked_reason(reason: str) -> str:
    """The reason on one line; refuses none, and cuts off what is too long."""
    on_one_line = " ".join(reason.split())
    if not on_one_line.isprintable() or not on_one_line:
        raise Refused(
            "reason-missing", "Say why other people read the comments. It is kept in the log."
        )
    return on_one_line[:LONGEST_REASON]


def _day(wave: Wave, now: datetime) -> date:
    """The day of this moment on the wave's wall clock."""
    return to_wall_clock(now, wave.timezone).date()
