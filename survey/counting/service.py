"""Closing and counting a wave: the one transaction that touches both sides of the wall."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from survey.access.service.audit import record
from survey.database import overwrite_deleted_rows, transaction
from survey.findings.service.documents import freeze_findings, freeze_pool
from survey.invitations.service import invitations
from survey.jobs import long_jobs
from survey.jobs.rules import LongJob
from survey.kernel.errors import Refused
from survey.mail import service as mail
from survey.people.service.directory import name_words
from survey.responses.service import responses
from survey.vault.keys.service import key_files
from survey.vault.rules import ceremony_files, sealing
from survey.waves import service as waves
from survey.waves.rules.checks import check_ceremony, check_closes
from survey.waves.rules.waves import VoidReason, Wave, WaveState

COUNT = "count"  # the kind of work
COUNTED_AT_ONCE = (
    2_000  # ballots; what is more takes its time, and whoever looks is told how far it is
)
LEFT = "{wave} is closed. Its {ballots:,} ballots are opened and counted by the timed work"
_ENDED = {WaveState.COUNTED, WaveState.SHARED, WaveState.VOID}
_MOVED = ("comment",)
_SCRUBBED = ("ballot", "token", "invitation", "outbox", "stop_code", "long_job")


def close_wave(
    name: str,
    now: datetime,
    key_dir: Path | None,
    *,
    actor: str,
    early: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    leave_large: bool = False,
) -> Wave:
    """Closes a wave and counts it; before its date only with a reason. Repeating it is harmless and finishes what was begun.

    `leave_large`: a wave of many ballots is only closed here, and counted by whatever does the timed work. A wave of the strict
    tier waits in `closed` for what its representative opens, unless too few answered to open anything.
    Refused without any change: a wave that is not open yet, an early close without a reason, a lost or wrong key.
    """
    item = waves.find_wave(name)
    check_closes(item, now, early)
    if item.state in {WaveState.OPEN, WaveState.CLOSED}:
        private = _working_key(item, key_dir)
        closed = _closed(item, now, early, actor)
        ballots = responses.number_of_ballots(item.id)
        if closed.is_strict:
            if ballots < item.minimum_group:
                _count(closed, responses.OpenedBallots(ballots, ()), actor)
        elif ballots <= COUNTED_AT_ONCE:
            _count(closed, responses.open_ballots(item.id, private, progress), actor)
        elif not leave_large:
            _count_large(
                closed,
                private,
                long_jobs.take_over_job(COUNT, item.slug, ballots, actor=actor),
                actor,
                progress,
            )
    return _after(item, key_dir, actor)


def continue_count(name: str, key_dir: Path | None, *, actor: str) -> Wave | None:
    """Counts a wave of many ballots that was closed before, unless another process does it: None then."""
    hold = long_jobs.lease_job(COUNT, name)
    if hold is None:
        return None
    with long_jobs.work_under_lease(hold):
        item = waves.find_wave(name)
        if item.state is WaveState.CLOSED and not item.is_strict:
            _count_large(item, _working_key(item, key_dir), hold, actor)
        long_jobs.forget_job(COUNT, name)
    return _after(item, key_dir, actor)


def counting_progress(item: Wave) -> LongJob | None:
    """How far the counting of a closed wave of many ballots is."""
    return long_jobs.find_job(COUNT, item.slug) if item.state is WaveState.CLOSED else None


def _count_large(
    item: Wave,
    private: bytes,
    hold: long_jobs.JobLease,
    actor: str,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """In steps that others see: opening is reported as it goes; then one transaction, which cannot be."""

    def report(done: int, total: int) -> None:
        if progress:
            progress(done, total)
        hold.report(done, total)

    with long_jobs.work_under_lease(hold):
        opened = responses.open_ballots(item.id, private, report)
        hold.falls_silent()
        _count(item, opened, actor)


def _after(item: Wave, key_dir: Path | None, actor: str) -> Wave:
    destroy_key_of_ended(item, key_dir)
    if item.is_third:
        pool_thirds(actor=actor)
    return waves.find_wave_by_id(item.id)


def pool_thirds(*, actor: str) -> tuple[Wave, ...]:
    """Adds up every quarter whose thirds have all ended, once; done when a third has ended, and taken up again after a crash."""
    return tuple(
        pool for thirds in waves.due_to_pool() if (pool := pool_quarter(thirds, actor=actor))
    )


def pool_quarter(thirds: Sequence[Wave], *, actor: str) -> Wave | None:
    """Adds up one quarter whose thirds have all ended; None when another process was first."""
    found = freeze_pool(thirds, name_words(), actor=actor)
    overwrite_deleted_rows(*_MOVED)
    return found.wave if found else None


def _closed(item: Wave, now: datetime, early: str | None, actor: str) -> Wave:
    with transaction():
        closed = waves.close_for_answers(item, now, early)
        # here, not at the count: a wave of the strict tier may wait for that, and tells who was not reached
        for kind in invitations.TO_STAFF:
            mail.cancel_letters(closed.slug, kind)
        if item.state is WaveState.OPEN:
            record("wave closed", {"wave": closed.slug, "early": closed.closed_early}, actor)
        ballots = responses.number_of_ballots(item.id)
        if not closed.is_strict and closed.state is WaveState.CLOSED and ballots > COUNTED_AT_ONCE:
            long_jobs.queue_job(COUNT, closed.slug, ballots, actor=actor)
    return closed


def export_sealed_ballots(name: str, *, actor: str) -> bytes:
    """The file for the representative of a closed wave: every ballot as it lies there, shuffled; the audit log keeps its hash."""
    item = waves.find_wave(name)
    check_ceremony(item)
    layers = responses.list_sealed_ballots(item.id)
    if (
        not layers
        or {len(layer) for layer in layers} != {len(layers[0])}
        or len(layers) != len(item.co_keys)
    ):
        raise Refused(
            "ballots-not-whole",
            f"The ballots of {item.slug} are not whole, so nothing was written. Keep the database"
            " as it is and ask for help.",
        )
    keys_of = tuple(ceremony_files.fingerprint(key.public) for key in item.co_keys)
    closed = item.closes_at.isoformat()
    header = ceremony_files.CeremonyHeader(
        item.id, item.named, closed, item.minimum_group, item.invited, len(layers[0]), keys_of
    )
    content = ceremony_files.write_outgoing(ceremony_files.OutgoingFile(header, layers))
    with transaction():
        record(
            "ballots handed over",
            {"wave": item.slug, "ballots": header.count, "hash": ceremony_files.file_hash(content)},
            actor,
        )
    return content


def count_returned(name: str, content: bytes, key_dir: Path | None, *, actor: str) -> Wave:
    """Counts a closed wave from the file that its representative gives back; whatever is wrong with it, nothing is changed."""
    item = waves.find_wave(name)
    check_ceremony(item)
    private = _working_key(item, key_dir)
    returned = ceremony_files.read_returned(content)
    _check_returned(item, returned.header, responses.number_of_ballots(item.id))
    opened = responses.open_given_ballots(item.id, private, returned.ballots)
    if opened.unreadable > returned.header.unreadable or len(opened.answers) < item.minimum_group:
        raise Refused(
            "ballots-of-other-wave",
            f"{opened.unreadable} of the {opened.ballots} ballots in this file were not sealed for "
            f"{item.slug}, so nothing was counted and nothing was changed. "
            "Ask the representative for the file that they wrote with their key.",
        )
    _count(item, opened, actor, returned.header.keys[0])
    return _after(item, key_dir, actor)


def _check_returned(item: Wave, header: ceremony_files.CeremonyHeader, ballots: int) -> None:
    if header.wave != item.id:
        raise Refused(
            "ceremony-file-of-other-wave",
            f"This file belongs to another wave ({header.name}), not to {item.named}. Nothing was"
            " changed. Take the right one.",
        )
    if len(header.keys) != 1 or header.keys[0] not in {
        ceremony_files.fingerprint(key.public) for key in item.co_keys
    }:
        raise Refused(
            "opened-with-other-key",
            f"This file was opened with a key that {item.slug} is not sealed to. Nothing was"
            " changed. Take the right one.",
        )
    if header.count != ballots:
        raise Refused(
            "ballots-missing",
            f"This file holds {header.count} ballots, but {item.slug} has {ballots}. "
            "Nothing was changed. Hand the sealed file over once more.",
            wave=item.slug,
        )


def void_wave(name: str, key_dir: Path | None, *, reason: str, actor: str) -> Wave:
    """Gives a wave up: its ballots are deleted unread, then its key goes. Works without the key, which may be why it is given up."""
    item = waves.find_wave(name)
    if not reason.strip():
        raise Refused(
            "reason-missing",
            "Say why, in a line. It is shown wherever the wave would be.",
        )
    if item.state not in {WaveState.PLANNED, WaveState.OPEN, WaveState.CLOSED}:
        raise Refused(
            "wave-ended",
            f"{item.slug} is {item.state}; only a wave that has not been counted can be made void.",
        )
    with transaction():
        _void(item, VoidReason.GIVEN_UP, " ".join(reason.split())[:300], actor)
    if not key_files.has_key(
        key_dir, item.id
    ):  # whose presence tells finish() that there is something to clean
        overwrite_deleted_rows(*_SCRUBBED)
    return _after(item, key_dir, actor)


def destroy_key_of_ended(item: Wave, key_dir: Path | None) -> None:
    """Cleans up after a wave has ended and destroys its key; harmless when done already or too early, and taken up again after a crash."""
    if key_files.has_key(key_dir, item.id) and waves.find_wave_by_id(item.id).state in _ENDED:
        overwrite_deleted_rows(*_SCRUBBED)
        key_files.destroy_key(key_dir, item.id)


def waves_with_leftover_keys(key_dir: Path | None) -> tuple[Wave, ...]:
    """Waves that were counted or made void but whose key is still there."""
    return tuple(
        item
        for item in waves.list_waves()
        if item.state in _ENDED and key_files.has_key(key_dir, item.id)
    )


def _working_key(item: Wave, key_dir: Path | None) -> bytes:
    private = key_files.load_key(key_dir, item.id)
    if not sealing.opens_probe(private, item.id, waves.probe_of(item.id) or b""):
        raise Refused(
            "key-of-other-wave",
            f"The key file in the key folder is not the key of {item.slug}, so its answers cannot "
            "be opened. Nothing was changed. The right file has to be put back from the safe copy; "
            "then close the wave again.",
            folder=str(key_dir),
        )
    return private


def _count(
    item: Wave, opened: responses.OpenedBallots, actor: str, co_key: str | None = None
) -> None:
    with transaction():
        if not waves.hold_for_counting(item):
            return  # another process has counted it meanwhile
        long_jobs.forget_job(COUNT, item.slug)
        used, ballots = invitations.number_answered(item.id), responses.number_of_ballots(item.id)
        if not used == ballots == opened.ballots:
            raise Refused(
                "ballots-not-matched",
                f"{item.slug} holds {ballots} ballots but {used} used invitations. That must never "
                "differ, so nothing was counted and nothing was changed. "
                "Keep the database as it is and ask for help.",
            )
        if len(opened.answers) < item.minimum_group:
            words = f"fewer than {item.minimum_group} people answered"
            _void(item, VoidReason.TOO_FEW_ANSWERS, words, actor)
            return
        tally = responses.store_counted(item, waves.questions_of(item), opened)
        invitations.forget_answering(item, sum_up=True)
        found = freeze_findings(item, tally, name_words())
        waves.set_wave_state(item, WaveState.COUNTED)
        groups = {group.name: group.answered for group in tally.groups}
        facts = {
            "wave": item.slug,
            "answered": tally.answered,
            "groups": groups,
            "digest": found.digest,
        }
        record("wave counted", facts | ({"co-key": co_key} if co_key else {}), actor)


def _void(item: Wave, reason: VoidReason, words: str, actor: str) -> None:
    long_jobs.forget_job(COUNT, item.slug)
    responses.forget_ballots(item.id)
    invitations.forget_answering(item)
    waves.mark_wave_void(item, reason, words)
    if item.state is WaveState.PLANNED and not item.one_off:
        waves.plan_following(item.survey_id, item.opens)
    record("wave void", {"wave": item.slug, "reason": words}, actor)
