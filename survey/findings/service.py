"""Findings: freeze them once, read them, share them with the provider."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from survey.access.audit import record
from survey.database import db, transaction
from survey.findings.compute import compute
from survey.findings.rules import Findings, Sharing
from survey.findings.tables import FindingsRow, SharingRow
from survey.kernel.errors import Refused
from survey.kernel.ids import random_id
from survey.kernel.workdays import add_working_days
from survey.mail import service as mail
from survey.providers.rules import Contact, Provider
from survey.providers.service import provider_by_id
from survey.questionnaires.rules import Questionnaire
from survey.questionnaires.service import frozen
from survey.responses.rules import Tally
from survey.responses.service import comments
from survey.waves import service as waves
from survey.waves.rules import Wave, WaveState, wall_clock

FINDINGS = "findings"
DAYS_TO_REPLY = 10


def freeze_findings(item: Wave, tally: Tally) -> Findings:
    """Computes and keeps the document of a wave, inside the transaction that counts it."""
    document = compute(item, provider_by_id(item.provider_id).name, questions_of(item), tally)
    with transaction() as session:
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        session.add(FindingsRow(wave_id=item.id, version=1, digest=document["digest"], document=text))
        session.flush()
    return Findings(item, 1, document["digest"], document)


def findings(name: str) -> Findings:
    """The newest findings of a wave; refuses a wave that has none, saying when they come."""
    item = waves.wave(name)
    if item.state is WaveState.VOID:
        raise Refused(f"{item.slug} is void: {item.void_reason}. Nothing is shown and nothing was kept.")
    if not item.is_published:
        raise Refused(f"Scores of {item.slug} appear once it has closed ({item.closes:%Y-%m-%d %H:%M} {item.timezone}) and been counted.")
    query = select(FindingsRow).where(FindingsRow.wave_id == item.id).order_by(FindingsRow.version.desc())
    return _findings(item, db.session.scalars(query.limit(1)).one())


def earlier_findings(item: Wave) -> tuple[dict[str, Any], ...]:
    """The documents of the same survey's earlier published waves, oldest first."""
    before = [w for w in waves.list_waves() if w.survey_id == item.survey_id and w.opens < item.opens and w.is_published]
    return tuple(findings(w.slug).document for w in before)


def questions_of(item: Wave) -> Questionnaire:
    """The questionnaire that the wave froze."""
    if item.questionnaire_version is None:
        raise Refused(f"{item.slug} has not been opened, so it has no questionnaire yet.")
    return frozen(item.questionnaire_version)


def recipients(item: Wave) -> tuple[Provider, tuple[Contact, ...]]:
    """The provider that a wave is about, and whom its findings can be sent to."""
    provider = provider_by_id(item.provider_id)
    return provider, tuple(provider.contacts)


def share(name: str, contact_ids: Sequence[str], now: datetime, *, actor: str) -> tuple[Sharing, ...]:
    """Queues the findings mail to these contacts; sharing again with the same contact sends nothing twice."""
    found = findings(name)
    _, contacts = recipients(found.wave)
    known = {contact.id: contact for contact in contacts}
    if not contact_ids:
        raise Refused("Nobody was chosen, so nothing was sent. Tick at least one person.")
    if set(contact_ids) - set(known):
        raise Refused("One of the people chosen is no contact of this provider any more. Nothing was sent; choose again.")
    today = wall_clock(now, found.wave.timezone).date()
    with transaction() as session:
        shared = [_share_with(found, contact_id, today) for contact_id in dict.fromkeys(contact_ids)]
        session.flush()
        mail.queue(FINDINGS, found.wave.slug, [row.id for row in shared], number=found.version, letter_version=found.version)
        waves.mark(found.wave, WaveState.SHARED)
        record("findings shared", {"wave": found.wave.slug, "digest": found.digest, "to": [known[c].address for c in contact_ids]}, actor)
        return tuple(_sharing(found, row) for row in shared)


def preview_sharing(found: Findings, contact_id: str, now: datetime) -> Sharing:
    """What sharing now would send, without storing it."""
    today = wall_clock(now, found.wave.timezone).date()
    return Sharing("", found, contact_id, today, add_working_days(today, DAYS_TO_REPLY))


def shared_with(found: Findings) -> frozenset[str]:
    """The contacts that were sent this version."""
    query = select(SharingRow.contact_id).where(SharingRow.wave_id == found.wave.id, SharingRow.version == found.version)
    return frozenset(db.session.scalars(query))


def comments_of(found: Findings) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What people wrote, by question, in random order; nothing where fewer than ten answered."""
    texts = [q for q in found.document["questions"] if q["kind"] == "text"]
    pairs = [(q["text"].replace("{provider}", found.document["provider"]), comments(found.wave, q["id"])) for q in texts]
    return tuple(pair for pair in pairs if pair[1])


def sharing(sharing_id: str) -> Sharing | None:
    """A version on its way, by the reference that its letter carries."""
    row = db.session.get(SharingRow, sharing_id)
    if row is None:
        return None
    item = waves.wave_by_id(row.wave_id)
    stored = db.session.get_one(FindingsRow, (row.wave_id, row.version))
    return _sharing(_findings(item, stored), row)


def _share_with(found: Findings, contact_id: str, today: date) -> SharingRow:
    query = select(SharingRow).where(
        SharingRow.wave_id == found.wave.id, SharingRow.version == found.version, SharingRow.contact_id == contact_id
    )
    row = db.session.scalar(query)
    if row is None:
        row = SharingRow(
            id=random_id(),
            wave_id=found.wave.id,
            version=found.version,
            contact_id=contact_id,
            shared_on=today,
            reply_by=add_working_days(today, DAYS_TO_REPLY),
        )
        db.session.add(row)
    return row


def _findings(item: Wave, row: FindingsRow) -> Findings:
    document = json.loads(row.document)
    document["wave"]["state"] = item.state.value
    return Findings(item, row.version, row.digest, document)


def _sharing(found: Findings, row: SharingRow) -> Sharing:
    return Sharing(row.id, found, row.contact_id, row.shared_on, row.reply_by)
