"""Sharing findings with the provider: recipients, versions, when the reply is due."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from survey.access.service.audit import record
from survey.database import db, transaction
from survey.findings.document.rules.publication import publication_faults
from survey.findings.letters import check_findings_length
from survey.findings.rules import Findings, ReplyDue, Sharing
from survey.findings.service.documents import _findings, earlier_findings, find_findings
from survey.findings.tables import FindingsRow, SharingRow
from survey.kernel.errors import NotFound, Refused
from survey.kernel.ids import random_id
from survey.mail import service as mail
from survey.providers.rules import Contact, Provider
from survey.providers.service import provider_by_id
from survey.responses.service.comments import released_comments
from survey.waves import service as waves
from survey.waves.rules.deadlines import reply_by
from survey.waves.rules.waves import Wave, WaveState, to_wall_clock

FINDINGS = "findings"


def sharing_recipients(item: Wave) -> tuple[Provider, tuple[Contact, ...]]:
    """The provider that a wave is about, and whom its findings can be sent to; refuses a third, for it carries no verdict."""
    if item.is_third:
        pool = waves.pool_of(item)
        instead = (
            f"Share the quarter: {pool.slug}"
            if pool
            else "The quarter is, once its three thirds have been counted."
        )
        raise Refused(
            "third-not-shared",
            f"{item.slug} asked one third of the people and carries no verdict, so it is not"
            f" shared. {instead}",
        )
    provider = provider_by_id(item.provider_id)
    return provider, tuple(provider.contacts)


def share_findings(
    name: str,
    contact_ids: Sequence[str],
    now: datetime,
    *,
    actor: str,
    with_comments: bool = False,
    with_groups: bool = False,
) -> tuple[Sharing, ...]:
    """Queues the findings mail to these contacts, but to nobody who was sent this version before; returns what is new.

    `with_comments` adds what is released at this moment, `with_groups` the published cells of the reporting groups.
    """
    found = find_findings(name)
    check_publication(found, with_groups=with_groups)
    provider, contacts = sharing_recipients(found.wave)
    known = {contact.id: contact for contact in contacts}
    if not contact_ids:
        raise Refused(
            "nobody-chosen",
            "Nobody was chosen, so nothing was sent. Tick at least one person.",
        )
    if set(contact_ids) - set(known):
        raise NotFound(
            "contact",
            "One of the people chosen is no contact of this provider any more. Nothing was sent;"
            " choose again.",
        )
    with transaction() as session:
        session.get_one(
            FindingsRow, (found.wave.id, found.version), with_for_update=True
        )  # one sharing at a time, or two send twice
        already = shared_with(found)
        new = [contact_id for contact_id in dict.fromkeys(contact_ids) if contact_id not in already]
        if not new:
            return ()
        extra = preview_sharing(
            found, new[0], now, with_comments=with_comments, with_groups=with_groups
        )
        check_findings_length(extra, provider, known[new[0]])
        shared = [_share_with(extra, contact_id) for contact_id in new]
        session.add_all(shared)
        session.flush()
        mail.queue_letters(
            FINDINGS,
            found.wave.slug,
            [row.id for row in shared],
            number=found.version,
            letter_version=found.version,
        )
        waves.set_wave_state(found.wave, WaveState.SHARED)
        to = [known[row.contact_id].address for row in shared]
        facts = {
            "wave": found.wave.slug,
            "digest": found.digest,
            "to": to,
            "comments": len(extra.comments),
            "groups": extra.groups,
        }
        record("findings shared", facts, actor)
        return tuple(_sharing(found, row) for row in shared)


def preview_sharing(
    found: Findings,
    contact_id: str,
    now: datetime,
    *,
    with_comments: bool = False,
    with_groups: bool = False,
) -> Sharing:
    """What sharing now would send, without storing it; refuses comments or groups that there are none of."""
    today = to_wall_clock(now, found.wave.timezone).date()
    texts = released_comments(found.wave) if with_comments else ()
    if with_comments and not texts:
        raise Refused(
            "no-comments-released",
            f"No comment of {found.wave.slug} can be sent: comments go from "
            f"{found.wave.minimum_detail} answers, each released by a manager. Review them, or "
            "share without comments.",
            wave=found.wave.slug,
        )
    if with_groups and not has_groups(found):
        raise Refused(
            "no-groups-to-compare",
            f"{found.wave.slug} has no reporting groups to compare. Share without groups.",
        )
    return Sharing(
        "", found, contact_id, today, reply_by(today, waves.listed_holidays()), with_groups, texts
    )


def has_groups(found: Findings) -> bool:
    """Whether more than one reporting group was published, so that there is something to compare."""
    return sum(bool(group["shown"]) for group in found.document["groups"]) > 1


def number_of_released_comments(found: Findings) -> int:
    """How many comments could be sent now."""
    return len(released_comments(found.wave))


def shared_with(found: Findings) -> frozenset[str]:
    """The contacts that were sent this version."""
    query = select(SharingRow.contact_id).where(
        SharingRow.wave_id == found.wave.id, SharingRow.version == found.version
    )
    return frozenset(db.session.scalars(query))


def reply_due(item: Wave) -> ReplyDue | None:
    """By when the provider's reply to this wave is due, counted from the first sharing of the newest shared version; None before that."""
    query = select(SharingRow.shared_on, SharingRow.reply_by).where(SharingRow.wave_id == item.id)
    first = db.session.execute(
        query.order_by(SharingRow.version.desc(), SharingRow.shared_on, SharingRow.reply_by).limit(
            1
        )
    ).first()
    return ReplyDue(first.shared_on, first.reply_by) if first else None


def find_sharing(sharing_id: str) -> Sharing | None:
    """A version on its way, by the reference that its letter carries."""
    row = db.session.get(SharingRow, sharing_id)
    if row is None:
        return None
    item = waves.find_wave_by_id(row.wave_id)
    stored = db.session.get_one(FindingsRow, (row.wave_id, row.version))
    return _sharing(_findings(item, stored), row)


def check_publication(found: Findings, *, with_groups: bool) -> None:
    """Refuses to hand out a version from which something that is not shown could be worked out."""
    reasons = publication_faults(
        found.document, earlier_findings(found.wave), with_groups=with_groups
    )
    if reasons:
        instead = " Share it without groups." if with_groups else ""
        raise Refused(
            "sharing-would-reveal",
            f"Hidden answers of {found.wave.slug} could be worked out, so nothing was"
            f" sent.{instead}",
            details=reasons,
        )


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


def _sharing(found: Findings, row: SharingRow) -> Sharing:
    return Sharing(
        row.id, found, row.contact_id, row.shared_on, row.reply_by, row.groups, tuple(row.comments)
    )
