"""Sharing findings with the provider: recipients, versions, when the reply is due."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select

from survey.access.rules.audit_log import LogHead
from survey.access.service.audit import log_head, record
from survey.database import db, transaction
from survey.findings.document.rules.publication import publication_faults
from survey.findings.letters import check_findings_length
from survey.findings.rules import Findings, ReplyDue, Sharing, SharingId
from survey.findings.service.documents import earlier_findings, find_findings, findings_of_row
from survey.findings.tables import FindingsRow, SharingRow
from survey.kernel.errors import NotFound, Refused
from survey.kernel.ids import random_id
from survey.mail import service as mail
from survey.organisation.service import confirmed_organisation
from survey.providers.rules import Contact, ContactId, Provider
from survey.providers.service import provider_by_id
from survey.responses.service.comments import released_comments
from survey.waves import service as waves
from survey.waves.rules.deadlines import reply_by
from survey.waves.rules.waves import Wave, WaveState, to_wall_clock

FINDINGS = "findings"


def sharing_recipients(wave: Wave) -> tuple[Provider, tuple[Contact, ...]]:
    """The wave's provider, and its contacts, who may get the findings; refuses a third.

    A third carries no verdict.
    """
    if wave.is_third:
        pool = waves.pool_of(wave)
        instead = (
            f"Share the quarter: {pool.slug}"
            if pool
            else "The quarter is, once its three thirds have been counted."
        )
        raise Refused(
            "third-not-shared",
            f"{wave.slug} asked one third of the people and carries no verdict, so it is not"
            f" shared. {instead}",
        )
    provider = provider_by_id(wave.provider_id)
    return provider, tuple(provider.contacts)


def share_findings(
    slug: str,
    contact_ids: Sequence[ContactId],
    now: datetime,
    *,
    actor: str,
    with_comments: bool = False,
    with_groups: bool = False,
) -> tuple[Sharing, ...]:
    """Queues and audits the findings mail to contacts; marks the wave shared; gives new sharings.

    The result is empty where all had this version: nobody who was sent it before gets it again.
    `with_comments` adds what is released at this moment, `with_groups` the published cells of the
    reporting groups. Refuses an empty or outdated choice, a mail that is too long, findings that
    would reveal hidden answers, facts about the organisation that nobody has confirmed, and what
    `preview_sharing` refuses.
    """
    findings = find_findings(slug)
    confirmed_organisation()
    check_publication(findings, with_groups=with_groups)
    provider, contacts = sharing_recipients(findings.wave)
    contacts_by_id = {contact.id: contact for contact in contacts}
    if not contact_ids:
        raise Refused(
            "nobody-chosen",
            "Nobody was chosen, so nothing was sent. Tick at least one person.",
        )
    if set(contact_ids) - set(contacts_by_id):
        raise NotFound(
            "contact",
            "One of the people chosen is no contact of this provider any more. Nothing was sent;"
            " choose again.",
        )
    with transaction() as session:
        # One sharing at a time, or two send twice.
        version = findings.wave.id, findings.version
        session.get_one(FindingsRow, version, with_for_update=True)
        already = shared_with(findings)
        new = [contact_id for contact_id in dict.fromkeys(contact_ids) if contact_id not in already]
        if not new:
            return ()
        preview = preview_sharing(
            findings, new[0], now, with_comments=with_comments, with_groups=with_groups
        )
        check_findings_length(preview, provider, contacts_by_id[new[0]])
        details = {
            "wave": findings.wave.slug,
            "digest": findings.digest,
            "to": [contacts_by_id[contact_id].address for contact_id in new],
            "comments": len(preview.comments),
            "groups": preview.groups,
        }
        record("findings shared", details, actor)
        # The mail tells the log with its own sharing in it.
        shared = replace(preview, log=log_head())
        rows = [_row_of(shared, contact_id) for contact_id in new]
        session.add_all(rows)
        session.flush()
        mail.queue_letters(
            FINDINGS,
            findings.wave.slug,
            [row.id for row in rows],
            number=findings.version,
            letter_version=findings.version,
        )
        waves.set_wave_state(findings.wave, WaveState.SHARED)
        return tuple(_sharing_of(findings, row) for row in rows)


def preview_sharing(
    findings: Findings,
    contact_id: ContactId,
    now: datetime,
    *,
    with_comments: bool = False,
    with_groups: bool = False,
) -> Sharing:
    """What sharing now would send to one contact; stores and sends nothing.

    Refuses comments where none is released, and groups where there is nothing to compare.
    """
    wave = findings.wave
    today = to_wall_clock(now, wave.timezone).date()
    comments = released_comments(wave) if with_comments else ()
    if with_comments and not comments:
        raise Refused(
            "no-comments-released",
            f"No comment of {wave.slug} can be sent: comments go from "
            f"{wave.minimum_detail} answers, each released by who reads them. Review them, or "
            "share without comments.",
            wave=wave.slug,
        )
    if with_groups and not has_groups(findings):
        raise Refused(
            "no-groups-to-compare",
            f"{wave.slug} has no reporting groups to compare. Share without groups.",
        )
    due = reply_by(today, waves.listed_holidays())
    return Sharing(
        SharingId(""), findings, contact_id, today, due, log_head(), with_groups, comments
    )


def has_groups(findings: Findings) -> bool:
    """Whether more than one reporting group was published, so that something can be compared."""
    return sum(group["shown"] for group in findings.document["groups"]) > 1


def number_of_released_comments(findings: Findings) -> int:
    """How many comments of the wave are released, so that they could be sent now."""
    return len(released_comments(findings.wave))


def shared_with(findings: Findings) -> frozenset[str]:
    """The ids of the contacts that this version was sent to, or is queued for."""
    query = select(SharingRow.contact_id).where(
        SharingRow.wave_id == findings.wave.id, SharingRow.version == findings.version
    )
    return frozenset(db.session.scalars(query))


def reply_due(wave: Wave) -> ReplyDue | None:
    """When findings of this wave were shared, and the reply's due day; None if not shared.

    Both are of the first sharing of the newest shared version.
    """
    query = select(SharingRow.shared_on, SharingRow.reply_by).where(SharingRow.wave_id == wave.id)
    order = SharingRow.version.desc(), SharingRow.shared_on, SharingRow.reply_by
    first = db.session.execute(query.order_by(*order).limit(1)).first()
    return ReplyDue(first.shared_on, first.reply_by) if first else None


def find_sharing(sharing_id: SharingId) -> Sharing | None:
    """The stored sharing with this id, which its letter carries as reference; None if unknown."""
    row = db.session.get(SharingRow, sharing_id)
    if row is None:
        return None
    wave = waves.find_wave_by_id(row.wave_id)
    version = db.session.get_one(FindingsRow, (row.wave_id, row.version))
    return _sharing_of(findings_of_row(wave, version), row)


def check_publication(findings: Findings, *, with_groups: bool) -> None:
    """Refuses findings from which, with earlier ones, something hidden could be worked out."""
    earlier = earlier_findings(findings.wave)
    reasons = publication_faults(findings.document, earlier, with_groups=with_groups)
    if reasons:
        instead = " Share it without groups." if with_groups else ""
        raise Refused(
            "sharing-would-reveal",
            f"Hidden answers of {findings.wave.slug} could be worked out, so nothing was"
            f" sent.{instead}",
            details=reasons,
        )


def _row_of(preview: Sharing, contact_id: ContactId) -> SharingRow:
    """A new row, not yet stored, that sends what a preview holds to one contact."""
    return SharingRow(
        id=random_id(),
        wave_id=preview.findings.wave.id,
        version=preview.findings.version,
        contact_id=contact_id,
        shared_on=preview.shared_on,
        reply_by=preview.reply_by,
        groups=preview.groups,
        comments=list(preview.comments),
        log_length=preview.log.length,
        log_head=preview.log.head,
    )


def _sharing_of(findings: Findings, row: SharingRow) -> Sharing:
    """The sharing in a row; where an older version queued it, the log is told as of now."""
    log = log_head()
    if row.log_length is not None and row.log_head is not None:
        log = LogHead(row.log_length, row.log_head)
    return Sharing(
        row.id,
        findings,
        row.contact_id,
        row.shared_on,
        row.reply_by,
        log,
        row.groups,
        tuple(row.comments),
    )
