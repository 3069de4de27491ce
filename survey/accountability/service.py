"""Recording what the provider replied and what both sides commit to."""

import hashlib
from collections.abc import Sequence
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
    """When the reply to a wave's findings is due and what is recorded of it; None before they were shared."""
    due = reply_due(wave)
    if due is None:
        return None
    return ReplyStanding(
        due.shared_on, due.reply_by, to_wall_clock(now, wave.timezone).date(), recorded_reply(wave)
    )


def shared_reply_standing(wave: Wave, now: datetime) -> ReplyStanding:
    """The same of a wave that must be shared; refuses one that is not counted, not shared yet, or imported."""
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
    """The newest version of what is known of the provider's reply."""
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
    """Keeps the provider's reply word for word, with the day it came and what both sides commit to; a correction is a new version.

    Without a text (None) only the commitments are kept, as long as no reply is. What is recorded already changes nothing.
    Refuses an empty or overlong text, a day to come or before the findings were shared, and a wave not shared yet.
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
    words = None if text is None else read_reply(text)
    day = None if words is None else check_received(received, standing.shared, standing.today)
    with transaction() as session:
        before = recorded_reply(wave)
        if before and (before.text, before.received, before.commitments) == (
            words,
            day,
            tuple(commitments),
        ):
            return before
        row = ReplyRow(
            wave_id=wave.id,
            version=before.version + 1 if before else 1,
            text=words,
            received_on=day,
            commitments=[
                {"side": c.side.value, "what": c.what, "owner": c.owner, "due": c.due.isoformat()}
                for c in commitments
            ],
        )
        session.add(row)
        flush_or_refuse(
            "reply-recorded-meanwhile",
            "Somebody else recorded a reply at this moment. Reload the page and look at it; yours"
            " was not recorded.",
        )
        facts = {"wave": wave.slug, "version": row.version, "commitments": len(commitments)}
        if words is not None and day is not None:
            facts |= {
                "received": day.isoformat(),
                "digest": "sha256:" + hashlib.sha256(words.encode()).hexdigest(),
            }
        log("reply recorded" if words is not None else "commitments recorded", facts, actor)
        return _record(row)


def _record(row: ReplyRow) -> RecordedReply:
    lines = tuple(
        Commitment(Side(c["side"]), c["what"], c["owner"], date.fromisoformat(c["due"]))
        for c in row.commitments
    )
    return RecordedReply(row.version, row.text, row.received_on, lines)
