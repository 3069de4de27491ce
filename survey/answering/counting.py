"""Closing and counting a wave: the one transaction that touches both sides of the wall."""

from datetime import datetime
from pathlib import Path

from survey.access.audit import record
from survey.database import scrub, transaction
from survey.findings.service import freeze_findings, questions_of
from survey.invitations import service as invitations
from survey.kernel.errors import Refused
from survey.people.service import name_words
from survey.responses import service as responses
from survey.waves import keys, sealing
from survey.waves import service as waves
from survey.waves.rules import Wave, WaveState, check_closes

_SCRUBBED = ("ballot", "token", "invitation")


def close_wave(name: str, now: datetime, key_dir: Path | None, *, actor: str, early: str | None = None) -> Wave:
    """Closes a wave and counts it; before its date only with a reason. Repeating it is harmless and finishes what was begun.

    Refused without any change: a wave that is not open yet, an early close without a reason, a lost or wrong key.
    """
    item = waves.wave(name)
    check_closes(item, now, early)
    if item.state in {WaveState.OPEN, WaveState.CLOSED}:
        private = _working_key(item, key_dir)
        _count(_closed(item, now, early, actor), private, actor)
    finish(item, key_dir)
    return waves.wave(name)


def _closed(item: Wave, now: datetime, early: str | None, actor: str) -> Wave:
    with transaction():
        closed = waves.close(item, now, early)
        if item.state is WaveState.OPEN:
            record("wave closed", {"wave": closed.slug, "early": closed.closed_early}, actor)
    return closed


def void_wave(name: str, key_dir: Path | None, *, reason: str, actor: str) -> Wave:
    """Gives a wave up: its ballots are deleted unread, then its key goes."""
    item = waves.wave(name)
    if not reason.strip():
        raise Refused('Say why: --reason "...". It is shown wherever the wave would be.')
    if item.state not in {WaveState.PLANNED, WaveState.OPEN, WaveState.CLOSED}:
        raise Refused(f"{item.slug} is {item.state}; only a wave that has not been counted can be made void.")
    with transaction():
        _void(item, " ".join(reason.split())[:300], actor)
    finish(item, key_dir)
    return waves.wave(name)


def finish(item: Wave, key_dir: Path | None) -> None:
    """Cleans up after a count and destroys the key; harmless when done already, and taken up again after a crash."""
    if keys.has_key(key_dir, item.id):
        scrub(*_SCRUBBED)
        keys.destroy_key(key_dir, item.id)


def unfinished(key_dir: Path | None) -> tuple[Wave, ...]:
    """Waves that were counted or made void but whose key is still there."""
    ended = {WaveState.COUNTED, WaveState.SHARED, WaveState.VOID}
    return tuple(item for item in waves.list_waves() if item.state in ended and keys.has_key(key_dir, item.id))


def _working_key(item: Wave, key_dir: Path | None) -> bytes:
    private = keys.load_key(key_dir, item.id)
    if not sealing.opens_probe(private, item.id, waves.probe_of(item.id) or b""):
        raise Refused(
            f"The key file in {key_dir} is not the key of {item.slug}, so its answers cannot be opened. Nothing was changed. "
            "Put the right file back from your safe copy, then close the wave again."
        )
    return private


def _count(item: Wave, private: bytes, actor: str) -> None:
    opened = responses.open_ballots(item.id, private)
    with transaction():
        if not waves.hold_for_counting(item):
            return  # another process has counted it meanwhile
        used, ballots = invitations.number_answered(item.id), responses.number_of_ballots(item.id)
        if not used == ballots == opened.ballots:
            raise Refused(
                f"{item.slug} holds {ballots} ballots but {used} used invitations. That must never differ, so nothing was counted and "
                "nothing was changed. Keep the database as it is and ask for help."
            )
        if len(opened.answers) < item.minimum_group:
            _void(item, f"fewer than {item.minimum_group} people answered", actor)
            return
        tally = responses.store_counted(item, questions_of(item), opened)
        invitations.forget_answering(item)
        found = freeze_findings(item, tally, name_words())
        waves.mark(item, WaveState.COUNTED)
        groups = {group.name: group.answered for group in tally.groups}
        facts = {"wave": item.slug, "answered": tally.answered, "groups": groups, "digest": found.digest}
        record("wave counted", facts, actor)


def _void(item: Wave, reason: str, actor: str) -> None:
    responses.forget_ballots(item.id)
    invitations.forget_answering(item)
    waves.mark(item, WaveState.VOID, reason=reason)
    if item.state is WaveState.PLANNED and not item.one_off:
        waves.plan_following(item.survey_id, item.opens)
    record("wave void", {"wave": item.slug, "reason": reason}, actor)
