"""Recording what the provider replied and what both sides commit to."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import select

from survey.access.service.audit import record as log
from survey.accountability.rules.replies import (
    Commitment,
    RecordedReply,
    ReplyStanding,
    Side,
    check_received,
    read_reply,
)
from survey.accountability.tables import ReplyRow
from survey.database import db, flush_or_refuse, transaction
from survey.findings.service.documents import find_findings
from survey.findings.service.sharing import reply_due
from survey.kernel.errors import Refused
from survey.providers.service import provider_by_id
from survey.waves import service as waves
from survey.waves.rules.waves import Wave, to_wall_clock


def reply_standing(wave: Wave, now: datetime) -> ReplyStanding | None:
    """When the provider's reply is due and what is recorded; None before the sharing."""
    due = reply_due(wave)
    if due is None:
        return None
    return ReplyStanding(
        shared=due.shared_on,
        reply_due=due.reply_by,
        today=to_wall_clock(now, wave.timezone).date(),
        record=recorded_reply(wave),
    )


def shared_reply_standing(wave: Wave, now: datetime) -> ReplyStanding:
    """When the provider's reply is due and what is recorded; refuses a wave not shared.

    Refuses a wave that is not counted, not shared yet, or imported.
    """
    find_findings(wave.slug)  # refuses a wave that has none, saying when they come
    if wave.imported:
        raise Refused(
            "wave-imported",
            f"{wave.slug} was imported: nobody was invited to it from here, so there is nobody to"
            " write to.",
        )
    standing = reply_standing(wave, now)
    if standing is None:
        provider = provider_by_id(wave.provider_id).name
        raise Refused(
            "findings-not-shared",
            f"The findings of {wave.slug} have not been shared with {provider} yet. Share them"
            " first.",
            wave=wave.slug,
        )
    return standing


def recorded_reply(wave: Wave) -> RecordedReply | None:
    """The newest recorded version of reply and commitments; None if nothing is recorded."""
    query = (
        select(ReplyRow)
        .where(ReplyRow.wave_id == wave.id)
        .order_by(ReplyRow.version.desc())
        .limit(1)
    )
    row = db.session.scalar(query)
    return _record(row) if row else None


def record_reply(
    wave_slug: str,
    text: str | None,
    received: date | None,
    commitments: Sequence[Commitment],
    now: datetime,
    *,
    actor: str,
) -> RecordedReply:
    """Stores the provider's reply, its day and the commitments as a new version; audits it.

    The reply is kept word for word. A correction is a new version; recording the same again changes
    nothing and gives the version there is. Without a text (None) only the commitments are kept, as
    long as no reply is. Refuses an empty or overlong text, a day to come or before the findings
    were shared, and a wave not shared yet.
    """
    wave = waves.find_wave(wave_slug)
    standing = shared_reply_standing(wave, now)
    if text is None and standing.is_replied:
        raise Refused(
            "reply-recorded-already",
            f"The reply to {wave.slug} is recorded already. A correction holds its whole text.",
        )
    if text is None and not commitments:
        raise Refused(
            "nothing-to-record",
            "There is nothing to record: no reply and no commitment.",
        )
    reply = None if text is None else read_reply(text)
    day = None if reply is None else check_received(received, standing.shared, standing.today)
    with transaction() as session:
        previous = recorded_reply(wave)
        version = previous.version + 1 if previous else 1
        record = RecordedReply(version, reply, day, tuple(commitments))
        if previous and replace(previous, version=version) == record:
            return previous
        session.add(_row(wave, record))
        flush_or_refuse(
            "reply-recorded-meanwhile",
            "Somebody else recorded a reply at this moment. Reload the page and look at it; yours"
            " was not recorded.",
        )
        what = "commitments recorded" if reply is None else "reply recorded"
        log(what, _audit_facts(wave, record), actor)
        return record


def _audit_facts(wave: Wave, record: RecordedReply) -> dict[str, object]:
    """What the audit log keeps: never the reply itself, only its digest."""
    facts: dict[str, object] = {
        "wave": wave.slug,
        "version": record.version,
        "commitments": len(record.commitments),
    }
    if record.text is not None and record.received is not None:
        facts["received"] = record.received.isoformat()
        facts["digest"] = "sha256:" + hashlib.sha256(record.text.encode()).hexdigest()
    return facts


def _row(wave: Wave, record: RecordedReply) -> ReplyRow:
    """The table row of a record."""
    return ReplyRow(
        wave_id=wave.id,
        version=record.version,
        text=record.text,
        received_on=record.received,
        commitments=[
            {
                "side": commitment.side.value,
                "what": commitment.what,
                "owner": commitment.owner,
                "due": commitment.due.isoformat(),
            }
            for commitment in record.commitments
        ],
    )


def _record(row: ReplyRow) -> RecordedReply:
    """The record in a table row."""
    commitments = tuple(
        Commitment(
            side=Side(stored["side"]),
            what=stored["what"],
            owner=stored["owner"],
            due=date.fromisoformat(stored["due"]),
        )
        for stored in row.commitments
    )
    return RecordedReply(row.version, row.text, row.received_on, commitments)
