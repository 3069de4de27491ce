"""Closing and counting a wave: the one transaction that touches both sides of the wall.

The key is read, and the ballots are opened, in a child process that ends: no answer and no comment
stays in the memory of a process that serves pages or does the timed work.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from survey.access.service.audit import record
from survey.copies.service import delete_set_aside_copies
from survey.database import empty_write_ahead_log, overwrite_deleted_rows, transaction
from survey.findings.service.documents import freeze_findings, freeze_pool
from survey.invitations.service import invitations
from survey.jobs import long_jobs
from survey.jobs.child_process import run_in_child_process
from survey.jobs.rules import LongJob
from survey.kernel.errors import Refused
from survey.mail import service as mail
from survey.people.service.directory import name_words
from survey.people.service.staff_changes import all_staff_changes
from survey.responses.service import responses
from survey.vault.keys.service import key_files
from survey.vault.rules import ceremony_files, sealing
from survey.waves import service as waves
from survey.waves.rules.checks import check_ceremony, check_closes
from survey.waves.rules.waves import VoidReason, Wave, WaveState

COUNT = "count"  # the kind of long job
# So many ballots; more take their time, and whoever looks sees how far the counting is.
COUNTED_AT_ONCE = 2_000
LEFT = "{wave} is closed. Its {ballots:,} ballots are opened and counted by the timed work"
_ENDED = {WaveState.COUNTED, WaveState.SHARED, WaveState.VOID}
_MOVED = ("comment",)
_SCRUBBED = ("ballot", "token", "invitation", "outbox", "stop_code", "long_job")


def close_wave(
    wave_slug: str,
    now: datetime,
    key_dir: Path | None,
    *,
    actor: str,
    early: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    leave_large: bool = False,
) -> Wave:
    """Closes a wave and counts or voids it; `leave_large` leaves a long count to the timed work.

    Harmless when repeated. Finishes what was begun, destroys the key of a wave that has ended, and
    pools its quarter. `early`: the reason for closing before the date; without one that is refused.
    `progress` is called with the number of opened ballots and of all. `leave_large`: a wave of many
    ballots is only closed here and its counting queued; the timed work counts it. A wave of the
    strict tier waits in `closed` for what its representative opens, unless too few answered to open
    anything.

    Refused without any change: a wave that is not open yet or is void, an early close without a
    reason, a lost or wrong key.
    """
    wave = waves.find_wave(wave_slug)
    check_closes(wave, now, early)
    is_uncounted = wave.state in {WaveState.OPEN, WaveState.CLOSED}
    if is_uncounted:
        key_files.check_key_is_there(key_dir, wave.id)
    is_unfinished = key_files.has_key(key_dir, wave.id) or (wave.is_third and waves.due_to_pool())
    if is_uncounted or is_unfinished:
        task = (wave.slug, now, key_dir, actor, early, leave_large)
        run_in_child_process(_close_wave, *task, progress=progress)
    return waves.find_wave_by_id(wave.id)


def _close_wave(
    wave_slug: str,
    now: datetime,
    key_dir: Path | None,
    actor: str,
    early: str | None,
    leave_large: bool,  # noqa: FBT001 - handed over to the child in order
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """In the child: does what `close_wave` says."""
    wave = waves.find_wave(wave_slug)
    check_closes(wave, now, early)
    if wave.state in {WaveState.OPEN, WaveState.CLOSED}:
        private = _working_key(wave, key_dir)
        closed = _close_for_answers(wave, now, early, actor)
        ballots = responses.number_of_ballots(wave.id)
        if closed.is_strict:
            if ballots < wave.minimum_group:
                _count(closed, responses.OpenedBallots(ballots, ()), actor)
        elif ballots <= COUNTED_AT_ONCE:
            _count(closed, responses.open_ballots(wave.id, private, progress), actor)
        elif not leave_large:
            lease = long_jobs.take_over_job(COUNT, wave.slug, ballots, actor=actor)
            _count_large(closed, private, lease, actor, progress)
    _finish(wave, key_dir, actor)


def continue_count(wave_slug: str, key_dir: Path | None, *, actor: str) -> Wave | None:
    """Counts a wave of many ballots that was closed before; None if another process does it.

    None also when no such count is left to do.
    """
    key_files.check_folder(key_dir)
    is_counted = run_in_child_process(_continue_count, wave_slug, key_dir, actor)
    return waves.find_wave(wave_slug) if is_counted else None


def _continue_count(wave_slug: str, key_dir: Path | None, actor: str) -> bool:
    """In the child: does what `continue_count` says; False if another process does it."""
    lease = long_jobs.lease_job(COUNT, wave_slug)
    if lease is None:
        return False
    with long_jobs.work_under_lease(lease):
        wave = waves.find_wave(wave_slug)
        if wave.state is WaveState.CLOSED and not wave.is_strict:
            _count_large(wave, _working_key(wave, key_dir), lease, actor)
        long_jobs.forget_job(COUNT, wave_slug)
    _finish(wave, key_dir, actor)
    return True


def counting_progress(wave: Wave) -> LongJob | None:
    """How far the counting of a closed wave of many ballots is; None if none is queued."""
    return long_jobs.find_job(COUNT, wave.slug) if wave.state is WaveState.CLOSED else None


def _count_large(
    wave: Wave,
    private: bytes,
    lease: long_jobs.JobLease,
    actor: str,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Opens the ballots of a large wave and counts them, under a lease that shows progress.

    Opening the ballots is reported as it goes; then comes one transaction, of which nothing can be
    reported before its end.
    """

    def report(done: int, total: int) -> None:
        """Passes the progress on to the caller, and to the lease, where others see it."""
        if progress:
            progress(done, total)
        lease.report(done, total)

    with long_jobs.work_under_lease(lease):
        opened = responses.open_ballots(wave.id, private, report)
        lease.expect_silence()
        _count(wave, opened, actor)


def _finish(wave: Wave, key_dir: Path | None, actor: str) -> None:
    """Ends what an ended wave leaves behind, and pools its quarter.

    Destroys its key, and the copies of the database that a restore set aside while it was open.
    """
    delete_set_aside_copies(actor=actor)
    destroy_key_of_ended(wave, key_dir, actor=actor)
    if wave.is_third:
        pool_thirds(actor=actor)


def pool_thirds(*, actor: str) -> tuple[Wave, ...]:
    """Adds up every quarter whose thirds have all ended; gives the quarters added up now.

    Each is added up once. Done when a third has ended, and taken up again after a crash.
    """
    quarters = []
    for thirds in waves.due_to_pool():
        quarter = pool_quarter(thirds, actor=actor)
        if quarter is not None:
            quarters.append(quarter)
    return tuple(quarters)


def pool_quarter(thirds: Sequence[Wave], *, actor: str) -> Wave | None:
    """Adds up one quarter whose thirds have all ended; None when another process was first.

    Freezes its findings, and overwrites the deleted rows of the comments that moved to it.
    """
    pool_id = run_in_child_process(_pool_quarter, tuple(thirds), actor)
    return waves.find_wave_by_id(pool_id) if pool_id else None


def _pool_quarter(thirds: Sequence[Wave], actor: str) -> str | None:
    """In the child, for it reads the comments: the id of the quarter that is added up now."""
    findings = freeze_pool(thirds, name_words(), actor=actor)
    overwrite_deleted_rows(*_MOVED)
    return findings.wave.id if findings else None


def _close_for_answers(wave: Wave, now: datetime, early: str | None, actor: str) -> Wave:
    """Closes a wave, cancels what waits of its mail to staff, and queues its counting if large.

    The closing is audited.
    """
    with transaction():
        closed = waves.close_for_answers(wave, now, early)
        # Here and not at the count: a wave of the strict tier may wait for that, and its page says
        # who was not reached.
        for kind in invitations.TO_STAFF:
            mail.cancel_letters(closed.slug, kind)
        if wave.state is WaveState.OPEN:
            record("wave closed", {"wave": closed.slug, "early": closed.closed_early}, actor)
        ballots = responses.number_of_ballots(wave.id)
        is_counted_here = closed.state is WaveState.CLOSED and not closed.is_strict
        if is_counted_here and ballots > COUNTED_AT_ONCE:
            long_jobs.queue_job(COUNT, closed.slug, ballots, actor=actor)
    return closed


def export_sealed_ballots(wave_slug: str, *, actor: str) -> bytes:
    """The file with all sealed ballots of a closed wave, shuffled, for its representative.

    The audit log keeps the hash of the file. Refuses a wave that needs no ceremony or not now, and
    ballots that are not whole.
    """
    wave = waves.find_wave(wave_slug)
    check_ceremony(wave)
    layers = responses.list_sealed_ballots(wave.id)
    if not _are_whole(layers, number_of_keys=len(wave.co_keys)):
        raise Refused(
            "ballots-not-whole",
            f"The ballots of {wave.slug} are not whole, so nothing was written. Keep the database"
            " as it is and ask for help.",
        )
    header = ceremony_files.CeremonyHeader(
        wave.id,
        wave.named,
        wave.closes_at.isoformat(),
        wave.minimum_group,
        wave.invited,
        len(layers[0]),
        tuple(ceremony_files.fingerprint(key.public) for key in wave.co_keys),
    )
    content = ceremony_files.write_outgoing(ceremony_files.OutgoingFile(header, layers))
    facts = {
        "wave": wave.slug,
        "ballots": header.count,
        "hash": ceremony_files.file_hash(content),
    }
    with transaction():
        record("ballots handed over", facts, actor)
    return content


def _are_whole(layers: Sequence[Sequence[bytes]], *, number_of_keys: int) -> bool:
    """Whether there is one layer of ballots for each key, all with the same number of ballots."""
    if not layers or len(layers) != number_of_keys:
        return False
    return len({len(layer) for layer in layers}) == 1


def count_returned(wave_slug: str, content: bytes, key_dir: Path | None, *, actor: str) -> Wave:
    """Counts a closed wave from the opened file of its representative; refuses a wrong one.

    Whatever is wrong with the file, nothing is changed.
    """
    wave = waves.find_wave(wave_slug)
    check_ceremony(wave)
    key_files.check_key_is_there(key_dir, wave.id)
    run_in_child_process(_count_returned, wave.slug, content, key_dir, actor)
    return waves.find_wave_by_id(wave.id)


def _count_returned(wave_slug: str, content: bytes, key_dir: Path | None, actor: str) -> None:
    """In the child: does what `count_returned` says."""
    wave = waves.find_wave(wave_slug)
    check_ceremony(wave)
    private = _working_key(wave, key_dir)
    returned = ceremony_files.read_returned(content)
    _check_returned(wave, returned.header, responses.number_of_ballots(wave.id))
    opened = responses.open_given_ballots(wave.id, private, returned.ballots)
    has_foreign_ballots = opened.unreadable > returned.header.unreadable
    if has_foreign_ballots or len(opened.answers) < wave.minimum_group:
        raise Refused(
            "ballots-of-other-wave",
            f"{opened.unreadable} of the {opened.ballots} ballots in this file were not sealed for "
            f"{wave.slug}, so nothing was counted and nothing was changed. "
            "Ask the representative for the file that they wrote with their key.",
        )
    _count(wave, opened, actor, returned.header.keys[0])
    _finish(wave, key_dir, actor)


def _check_returned(wave: Wave, header: ceremony_files.CeremonyHeader, ballots: int) -> None:
    """Refuses a file of another wave, of another key, or with another number of ballots."""
    if header.wave != wave.id:
        raise Refused(
            "ceremony-file-of-other-wave",
            f"This file belongs to another wave ({header.name}), not to {wave.named}. Nothing was"
            " changed. Take the right one.",
        )
    fingerprints = {ceremony_files.fingerprint(key.public) for key in wave.co_keys}
    if len(header.keys) != 1 or header.keys[0] not in fingerprints:
        raise Refused(
            "opened-with-other-key",
            f"This file was opened with a key that {wave.slug} is not sealed to. Nothing was"
            " changed. Take the right one.",
        )
    if header.count != ballots:
        raise Refused(
            "ballots-missing",
            f"This file holds {header.count} ballots, but {wave.slug} has {ballots}. "
            "Nothing was changed. Hand the sealed file over once more.",
            wave=wave.slug,
        )


def void_wave(wave_slug: str, key_dir: Path | None, *, reason: str, actor: str) -> Wave:
    """Makes an uncounted wave void: deletes its ballots unread, then destroys its key.

    Works without the key, which may be why it is given up. Refuses an empty reason, and a wave that
    has been counted or is void already.
    """
    wave = waves.find_wave(wave_slug)
    if not reason.strip():
        raise Refused(
            "reason-missing",
            "Say why, in a line. It is shown wherever the wave would be.",
        )
    if wave.state not in {WaveState.PLANNED, WaveState.OPEN, WaveState.CLOSED}:
        raise Refused(
            "wave-ended",
            f"{wave.slug} is {wave.state}; only a wave that has not been counted can be made void.",
        )
    with transaction():
        _void(wave, VoidReason.GIVEN_UP, " ".join(reason.split())[:300], actor)
    # A key that is there is destroyed below, where the deleted rows are overwritten as well.
    if not key_files.has_key(key_dir, wave.id):
        overwrite_deleted_rows(*_SCRUBBED)
    _finish(wave, key_dir, actor)
    return waves.find_wave_by_id(wave.id)


def destroy_key_of_ended(wave: Wave, key_dir: Path | None, *, actor: str) -> None:
    """Overwrites the deleted rows of a wave that has ended, then destroys its key and audits that.

    Harmless when done already or too early, and taken up again after a crash.
    """
    if not key_files.has_key(key_dir, wave.id):
        return
    if waves.find_wave_by_id(wave.id).state in _ENDED:
        overwrite_deleted_rows(*_SCRUBBED)
        with transaction():
            record("key destroyed", {"wave": wave.slug}, actor)
            key_files.destroy_key(key_dir, wave.id)
        empty_write_ahead_log()


def waves_with_leftover_keys(key_dir: Path | None) -> tuple[Wave, ...]:
    """Waves that were counted or made void but whose key is still there."""
    return tuple(
        wave
        for wave in waves.list_waves()
        if wave.state in _ENDED and key_files.has_key(key_dir, wave.id)
    )


def _working_key(wave: Wave, key_dir: Path | None) -> bytes:
    """The private key of a wave; refuses one that does not open what is sealed for this wave."""
    private = key_files.load_key(key_dir, wave.id)
    probe = waves.probe_of(wave.id) or b""
    if not sealing.opens_probe(private, wave.id, probe):
        raise Refused(
            "key-of-other-wave",
            f"The key file in the key folder is not the key of {wave.slug}, so its answers cannot "
            "be opened. Nothing was changed. The right file has to be put back from the safe copy; "
            "then close the wave again.",
            folder=str(key_dir),
        )
    return private


def _count(
    wave: Wave, opened: responses.OpenedBallots, actor: str, co_key: str | None = None
) -> None:
    """Counts opened ballots in one transaction, or makes the wave void where too few answered.

    Deletes the ballots, freezes the findings and audits it. Refuses when ballots and used
    invitations differ in number. `co_key`: the fingerprint of the representative's key that opened
    them, if one did. Does nothing when another process has counted the wave meanwhile.
    """
    with transaction():
        if not waves.hold_for_counting(wave):
            return
        long_jobs.forget_job(COUNT, wave.slug)
        used = invitations.number_answered(wave.id)
        ballots = responses.number_of_ballots(wave.id)
        if not used == ballots == opened.ballots:
            raise Refused(
                "ballots-not-matched",
                f"{wave.slug} holds {ballots} ballots but {used} used invitations. That must never "
                "differ, so nothing was counted and nothing was changed. "
                "Keep the database as it is and ask for help.",
            )
        if len(opened.answers) < wave.minimum_group:
            words = f"fewer than {wave.minimum_group} people answered"
            _void(wave, VoidReason.TOO_FEW_ANSWERS, words, actor)
            return
        tally = responses.store_counted(wave, waves.questions_of(wave), opened)
        invitations.forget_answering(wave, sum_up=True)
        wave = waves.complete_roster_record(wave, all_staff_changes())
        findings = freeze_findings(wave, tally, name_words())
        waves.set_wave_state(wave, WaveState.COUNTED)
        facts: dict[str, object] = {
            "wave": wave.slug,
            "answered": tally.answered,
            "groups": {group.name: group.answered for group in tally.groups},
            "digest": findings.digest,
        }
        if wave.roster and wave.roster.while_open:
            facts["staff list while open"] = wave.roster.while_open.as_numbers()
        if co_key:
            facts["co-key"] = co_key
        record("wave counted", facts, actor)


def _void(wave: Wave, reason: VoidReason, words: str, actor: str) -> None:
    """Marks a wave void, deletes its ballots and who answered, and audits it.

    A planned wave of a cadence is followed by the next one.
    """
    long_jobs.forget_job(COUNT, wave.slug)
    responses.forget_ballots(wave.id)
    invitations.forget_answering(wave)
    waves.mark_wave_void(wave, reason, words)
    if wave.state is WaveState.PLANNED and not wave.one_off:
        waves.plan_following(wave.survey_id, wave.opens)
    record("wave void", {"wave": wave.slug, "reason": words}, actor)
