"""Findings: freeze them once, read them, share them with the provider."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from survey.access.audit import record
from survey.database import db, transaction
from survey.findings.comparisons import YEAR
from survey.findings.compute import canonical, compute
from survey.findings.letters import check_length
from survey.findings.pooling import add_up
from survey.findings.publication import check, hidden_further, leaks
from survey.findings.rules import Earlier, Evidence, Findings, ReplyDue, Sharing, Third, Withheld
from survey.findings.tables import FindingsRow, SharingRow
from survey.kernel.errors import Refused
from survey.kernel.ids import random_id
from survey.mail import service as mail
from survey.providers.rules import Contact, Provider
from survey.providers.service import provider_by_id
from survey.questionnaires.rules import Questionnaire, ScaleKind
from survey.questionnaires.service import frozen
from survey.responses import service as responses
from survey.responses.comments import released
from survey.responses.rules import PublishedGroup, Tally
from survey.responses.service import comments
from survey.waves import service as waves
from survey.waves.rules import Wave, WaveState, reply_by, wall_clock

FINDINGS = "findings"
ALWAYS_REMEMBERED = 2  # waves that are compared with, however long ago


def freeze_findings(item: Wave, tally: Tally, names: frozenset[str] = frozenset()) -> Findings:
    """Computes and keeps the document of a wave, inside the transaction that counts it; `names` are words that no theme may hold."""
    questionnaire = questions_of(item)
    document = _audited(item, questionnaire, tally, _evidence(item, questionnaire, names))
    with transaction() as session:
        session.add(FindingsRow(wave_id=item.id, version=1, digest=document["digest"], document=canonical(document)))
        session.flush()
    return Findings(item, 1, document["digest"], document)


def freeze_pool(thirds: Sequence[Wave], names: frozenset[str] = frozenset(), *, actor: str) -> Findings | None:
    """Adds up the thirds of a quarter and keeps the document; what people wrote moves there, shuffled. None when somebody was faster."""
    with transaction():
        pool = waves.add_pool(thirds)
        if pool is None:
            return None
        written = responses.move_comments(thirds, pool)
        found = freeze_findings(pool, _added_up(pool, questions_of(pool), written), names)
        document = found.document
        facts = {"wave": pool.slug, "answered": document["answered"], "invited": document["invited"], "digest": found.digest}
        record("thirds added up", facts | {"thirds": [third.slug for third in thirds]}, actor)
        return found


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
    return tuple(findings(w.slug).document for w in _before(item))


def questions_of(item: Wave) -> Questionnaire:
    """The questionnaire that the wave froze."""
    if item.questionnaire_version is None:
        raise Refused(f"{item.slug} has not been opened, so it has no questionnaire yet.")
    return frozen(item.questionnaire_version)


def recipients(item: Wave) -> tuple[Provider, tuple[Contact, ...]]:
    """The provider that a wave is about, and whom its findings can be sent to; refuses a third, for it carries no verdict."""
    if item.is_third:
        pool = waves.pool_of(item)
        instead = f"Share the quarter: {pool.slug}" if pool else "The quarter is, once its three thirds have been counted."
        raise Refused(f"{item.slug} asked one third of the people and carries no verdict, so it is not shared. {instead}")
    provider = provider_by_id(item.provider_id)
    return provider, tuple(provider.contacts)


def share(
    name: str, contact_ids: Sequence[str], now: datetime, *, actor: str, with_comments: bool = False, with_groups: bool = False
) -> tuple[Sharing, ...]:
    """Queues the findings mail to these contacts, but to nobody who was sent this version before; returns what is new.

    `with_comments` adds what is released at this moment, `with_groups` the published cells of the reporting groups.
    """
    found = findings(name)
    check_publication(found, with_groups=with_groups)
    provider, contacts = recipients(found.wave)
    known = {contact.id: contact for contact in contacts}
    if not contact_ids:
        raise Refused("Nobody was chosen, so nothing was sent. Tick at least one person.")
    if set(contact_ids) - set(known):
        raise Refused("One of the people chosen is no contact of this provider any more. Nothing was sent; choose again.")
    with transaction() as session:
        session.get_one(FindingsRow, (found.wave.id, found.version), with_for_update=True)  # one sharing at a time, or two send twice
        already = shared_with(found)
        new = [contact_id for contact_id in dict.fromkeys(contact_ids) if contact_id not in already]
        if not new:
            return ()
        extra = preview_sharing(found, new[0], now, with_comments=with_comments, with_groups=with_groups)
        check_length(extra, provider, known[new[0]])
        shared = [_share_with(extra, contact_id) for contact_id in new]
        session.add_all(shared)
        session.flush()
        mail.queue(FINDINGS, found.wave.slug, [row.id for row in shared], number=found.version, letter_version=found.version)
        waves.mark(found.wave, WaveState.SHARED)
        to = [known[row.contact_id].address for row in shared]
        facts = {"wave": found.wave.slug, "digest": found.digest, "to": to, "comments": len(extra.comments), "groups": extra.groups}
        record("findings shared", facts, actor)
        return tuple(_sharing(found, row) for row in shared)


def preview_sharing(found: Findings, contact_id: str, now: datetime, *, with_comments: bool = False, with_groups: bool = False) -> Sharing:
    """What sharing now would send, without storing it; refuses comments or groups that there are none of."""
    today = wall_clock(now, found.wave.timezone).date()
    texts = released(found.wave) if with_comments else ()
    if with_comments and not texts:
        raise Refused(
            f"No comment of {found.wave.slug} can be sent: comments go from {found.wave.minimum_detail} answers, each released by a "
            f"manager. Review them at /findings/{found.wave.slug}/comments, or share without comments."
        )
    if with_groups and not has_groups(found):
        raise Refused(f"{found.wave.slug} has no reporting groups to compare. Share without groups.")
    return Sharing("", found, contact_id, today, reply_by(today, waves.listed_holidays()), with_groups, texts)


def has_groups(found: Findings) -> bool:
    """Whether more than one reporting group was published, so that there is something to compare."""
    return sum(bool(group["shown"]) for group in found.document["groups"]) > 1


def number_released(found: Findings) -> int:
    """How many comments could be sent now."""
    return len(released(found.wave))


def shared_with(found: Findings) -> frozenset[str]:
    """The contacts that were sent this version."""
    query = select(SharingRow.contact_id).where(SharingRow.wave_id == found.wave.id, SharingRow.version == found.version)
    return frozenset(db.session.scalars(query))


def reply_due(item: Wave) -> ReplyDue | None:
    """By when the provider's reply to this wave is due, counted from the first sharing of the newest shared version; None before that."""
    query = select(SharingRow.shared_on, SharingRow.reply_by).where(SharingRow.wave_id == item.id)
    first = db.session.execute(query.order_by(SharingRow.version.desc(), SharingRow.shared_on, SharingRow.reply_by).limit(1)).first()
    return ReplyDue(first.shared_on, first.reply_by) if first else None


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


def check_publication(found: Findings, *, with_groups: bool) -> None:
    """Refuses to hand out a version from which something that is not shown could be worked out."""
    reasons = check(found.document, earlier_findings(found.wave), with_groups=with_groups)
    if reasons:
        instead = " Share it without groups." if with_groups else ""
        raise Refused(f"Hidden answers of {found.wave.slug} could be worked out, so nothing was sent.{instead}", details=reasons)


def _audited(item: Wave, questionnaire: Questionnaire, tally: Tally, evidence: Evidence) -> dict[str, Any]:
    """The document of a wave, with as much hidden on top of the rules as it takes to give nothing away."""
    provider, earlier, withheld = provider_by_id(item.provider_id).name, earlier_findings(item), Withheld()
    for _ in range(len(tally.groups) + 2):
        document = compute(item, provider, questionnaire, tally, evidence, withheld)
        found = leaks(document, earlier)
        if not found:
            return document
        withheld = hidden_further(withheld, found)
    raise Refused(f"Hidden answers of {item.slug} could be worked out, so nothing was counted. Keep the database and ask for help.")


def _evidence(item: Wave, questionnaire: Questionnaire, names: frozenset[str]) -> Evidence:
    """What the findings of a wave are made of beside its own cells; a third is compared with nothing."""
    if item.is_third:
        return Evidence()
    before, thirds = [w for w in _before(item) if not w.is_third], waves.thirds_of(item)
    remembered = [w for at, w in enumerate(reversed(before)) if at < ALWAYS_REMEMBERED or item.opens - w.opens <= 2 * YEAR]
    texts = {q.id: comments(item, q.id) for q in questionnaire.questions if q.scale.kind is ScaleKind.TEXT}
    return Evidence(tuple(map(_earlier, remembered)), responses.score_strings(item), texts, names, tuple(map(_third, thirds)))


def _earlier(item: Wave) -> Earlier:
    """An earlier wave with its cells, counted again from its responses in the groups that were published."""
    document, asked = findings(item.slug).document, questions_of(item)
    tally = _added_up(item, asked) if item.is_pool else _counted_again(item, document)
    minimums = document["minimum_group"], document["minimum_detail"]
    return Earlier(item.slug, item.opens.date(), item.imported, asked, tally, *minimums, document.get("hidden_further", {}), item.quarter)


def _before(item: Wave) -> list[Wave]:
    """The same survey's earlier published waves, oldest first."""
    return [w for w in waves.list_waves() if w.survey_id == item.survey_id and w.stands_at < item.stands_at and w.is_published]


def _counted_again(item: Wave, document: dict[str, Any]) -> Tally:
    groups = [
        PublishedGroup(g["name"], tuple(g["members"]), g["invited"], g["answered"], tuple(g["departments"]))
        for g in document["groups"]
        if g["shown"]
    ]
    return responses.tally(item, questions_of(item), groups, document["unreadable"])


def _added_up(pool: Wave, asked: Questionnaire, comments: int = 0) -> Tally:
    counted = [third for third in waves.thirds_of(pool) if third.is_published]
    return add_up(pool, asked, [_counted_again(third, findings(third.slug).document) for third in counted], comments)


def _third(item: Wave) -> Third:
    answered = findings(item.slug).document["answered"] if item.is_published else None
    return Third(item.slug, item.period, item.opens.date(), item.invited, answered, item.void_reason)


def _share_with(extra: Sharing, contact_id: str) -> SharingRow:
    return SharingRow(
        id=random_id(),
        wave_id=extra.findings.wave.id,
        version=extra.findings.version,
        contact_id=contact_id,
        shared_on=extra.shared_on,
        reply_by=extra.reply_by,
        groups=extra.groups,
        comments=list(extra.comments),
    )


def _findings(item: Wave, row: FindingsRow) -> Findings:
    document = json.loads(row.document)
    document["wave"]["state"] = item.state.value
    return Findings(item, row.version, row.digest, document)


def _sharing(found: Findings, row: SharingRow) -> Sharing:
    return Sharing(row.id, found, row.contact_id, row.shared_on, row.reply_by, row.groups, tuple(row.comments))
