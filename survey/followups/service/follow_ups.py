"""The follow-up mail to staff: write it, look at it, send it once to everybody who was invited."""

import json
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select

from survey.access.service.audit import record as log
from survey.accountability.rules.replies import named_day
from survey.accountability.service import recorded_reply, shared_reply_standing
from survey.database import db, flush_or_refuse, transaction
from survey.findings.service.documents import find_findings
from survey.findings.service.sharing import reply_due
from survey.followups.letters import check_follow_up_length, client_name
from survey.followups.rules.composition import (
    FollowUpOccasion,
    check_choice,
    compose_follow_up,
    follow_up_digest,
)
from survey.followups.rules.follow_up import FollowUpDraft, FollowUpEdition, FollowUpStanding
from survey.followups.tables import DraftRow, EditionRow
from survey.invitations.service.recipients import invitations_to_waves
from survey.kernel.errors import Refused
from survey.mail import service as mail
from survey.providers.service import provider_by_id
from survey.waves import service as waves
from survey.waves.rules.waves import Wave, WaveState, to_wall_clock
from survey.waves.service.rows import locked_row

FOLLOW_UP = "follow-up"


def follow_up_standing(wave: Wave, now: datetime) -> FollowUpStanding | None:
    """How far reply and follow-up mail of a wave are; None before its findings were shared."""
    due = reply_due(wave)
    if due is None:
        return None
    return FollowUpStanding(
        shared=due.shared_on,
        reply_due=due.reply_by,
        today=to_wall_clock(now, wave.timezone).date(),
        record=recorded_reply(wave),
        edition=_stored_edition(wave),
        holidays=wave.holidays,
    )


def list_standings(now: datetime) -> tuple[tuple[Wave, FollowUpStanding], ...]:
    """Every shared wave and how far its follow-up is, oldest first; imported ones left out."""
    standings = []
    for wave in waves.list_waves():
        if wave.state is not WaveState.SHARED or wave.imported:
            continue
        standing = follow_up_standing(wave, now)
        if standing is not None:
            standings.append((wave, standing))
    return tuple(standings)


def waves_awaiting_follow_up(now: datetime) -> tuple[tuple[Wave, FollowUpStanding], ...]:
    """The newest shared wave of each survey, if its follow-up mail has not gone out yet."""
    newest = {wave.survey_id: (wave, standing) for wave, standing in list_standings(now)}
    return tuple((wave, standing) for wave, standing in newest.values() if not standing.edition)


def draft_of(wave: Wave) -> FollowUpDraft:
    """The stored draft of a wave's follow-up mail; an empty one if none is stored."""
    row = db.session.get(DraftRow, wave.id)
    if row is None:
        return FollowUpDraft()
    return FollowUpDraft(
        opening=row.opening,
        changes=row.changes,
        strengths=tuple(row.strengths),
        problems=tuple(row.problems),
        correction=row.correction,
    )


def save_draft(wave_slug: str, draft: FollowUpDraft) -> None:
    """Stores and audits a draft over the last one; refuses measures that contradict the findings.

    That is a chosen measure that the findings do not show, or whose verdict says the opposite. The
    same draft again changes nothing and is not audited.
    """
    wave = waves.find_wave(wave_slug)
    check_choice(find_findings(wave.slug), draft)
    with transaction():
        if draft != draft_of(wave):
            _store_draft(wave, draft)
            log("follow-up draft saved", {"wave": wave.slug})


def _store_draft(wave: Wave, draft: FollowUpDraft) -> None:
    """Stores a draft over the last one, inside the caller's transaction."""
    with transaction() as session:
        session.merge(
            DraftRow(
                wave_id=wave.id,
                opening=draft.opening,
                changes=draft.changes,
                strengths=list(draft.strengths),
                problems=list(draft.problems),
                correction=draft.correction,
            )
        )


def preview_follow_up(
    wave_slug: str, now: datetime, *, correction: str | None = None
) -> FollowUpEdition:
    """The follow-up mail as it would go now, not stored; refuses a wave that is not shared.

    `correction`: what it corrects, in place of what the draft says. Refuses a wave that is not
    shared, or that nobody was invited to.
    """
    wave = waves.find_wave(wave_slug)
    occasion = _occasion(wave, _shared_standing(wave, now))
    draft = draft_of(wave)
    if correction is not None:
        draft = replace(draft, correction=correction)
    document = compose_follow_up(occasion, draft)
    return FollowUpEdition(wave.id, occasion.version, document["digest"], document)


def why_not_yet(wave: Wave, standing: FollowUpStanding) -> str | None:
    """Why the mail may not go yet, with the day from which it may; None where it may."""
    if standing.may_send:
        return None
    provider = provider_by_id(wave.provider_id).name
    due = named_day(standing.reply_due, with_weekday=True)
    from_day = named_day(standing.from_day, with_weekday=True)
    return (
        f"{provider} has until {due} to reply. The mail may go once a reply is recorded, or without"
        f" one from {from_day}."
    )


def follow_up_readers(wave: Wave) -> tuple[str, ...]:
    """The invitation ids of everybody who was invited and is still in the directory.

    To a quarter of thirds people were invited by its thirds.
    """
    invited_by = waves.thirds_of(wave) if wave.is_pool else (wave,)
    return invitations_to_waves(*(each.id for each in invited_by))


def send_follow_up(
    wave_slug: str,
    now: datetime,
    *,
    actor: str,
    seen: str | None = None,
    correction: str | None = None,
) -> FollowUpEdition:
    """Freezes the follow-up mail, queues it to everybody invited, audits it; once for each wave.

    Whether somebody answered makes no difference. Again only as a correction with its reason (the
    draft's when none is given), a new version; the draft's reason is then cleared. `seen` is the
    digest of what was looked at: anything that has changed since is refused. So is sending before
    the mail may go, and to nobody. Who stopped survey mails, leaves or gets another address
    meanwhile is left out at the moment of sending.
    """
    wave = waves.find_wave(wave_slug)
    _check_sendable(wave, _shared_standing(wave, now), correction)
    readers = follow_up_readers(wave)
    if not readers:
        raise Refused(
            "nobody-to-write-to",
            f"Nobody who was invited to {wave.slug} is in the directory any more. Nothing was"
            " sent.",
        )
    with transaction():
        # Whoever sends at the same moment waits here, and then finds this edition.
        locked_row(wave.id)
        _check_sendable(wave, _shared_standing(wave, now), correction)
        edition = preview_follow_up(wave_slug, now, correction=correction)
        if seen is not None and seen != edition.digest:
            raise Refused(
                "mail-changed-since-seen",
                "The mail has changed since you looked at it. Look at it again and send it then;"
                " nothing was sent.",
            )
        check_follow_up_length(edition)
        _store_edition(wave, edition)
        mail.queue_letters(
            FOLLOW_UP,
            wave.slug,
            readers,
            number=edition.version,
            letter_version=edition.version,
        )
        _store_draft(wave, replace(draft_of(wave), correction=""))
        log("follow-up sent", _audit_facts(wave, edition, letters=len(readers)), actor)
    return edition


def find_edition(wave: Wave, version: int | None = None) -> FollowUpEdition | None:
    """A version of the mail as sent (None: the newest), its digest checked; None if none.

    Refuses a document that is not what its digest says, for nobody may be shown something else than
    what was sent.
    """
    edition = _stored_edition(wave, version)
    if edition is None:
        return None
    computed = follow_up_digest(edition.document)
    if not computed == edition.document["digest"] == edition.digest:
        raise Refused(
            "follow-up-changed-in-database",
            f"The follow-up of {wave.slug} was changed in the database after it was sent. Restore"
            " it from a backup.",
        )
    return edition


def list_editions(wave: Wave) -> tuple[int, ...]:
    """The numbers of the versions that went out, lowest first."""
    query = (
        select(EditionRow.version).where(EditionRow.wave_id == wave.id).order_by(EditionRow.version)
    )
    return tuple(db.session.scalars(query))


def _stored_edition(wave: Wave, version: int | None = None) -> FollowUpEdition | None:
    """A version as stored (None: the newest), its digest not checked; None if none.

    A page that only asks whether there is one must open even where the digest does not fit.
    """
    query = select(EditionRow).where(EditionRow.wave_id == wave.id)
    if version is not None:
        query = query.where(EditionRow.version == version)
    row = db.session.scalar(query.order_by(EditionRow.version.desc()).limit(1))
    if row is None:
        return None
    return FollowUpEdition(row.wave_id, row.version, row.digest, json.loads(row.document))


def _store_edition(wave: Wave, edition: FollowUpEdition) -> None:
    """Stores what goes out, inside the caller's transaction; refused when somebody was faster."""
    document = json.dumps(
        edition.document, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    db.session.add(
        EditionRow(
            wave_id=wave.id,
            version=edition.version,
            digest=edition.digest,
            document=document,
        )
    )
    flush_or_refuse(
        "follow-up-sent-meanwhile",
        f"The follow-up of {wave.slug} was sent by somebody else at this moment. Nothing was"
        " sent twice.",
    )


def _audit_facts(wave: Wave, edition: FollowUpEdition, *, letters: int) -> dict[str, object]:
    """What the audit log keeps of a sending: versions, digest, number of letters, reason."""
    facts: dict[str, object] = {
        "wave": wave.slug,
        "version": edition.version,
        "digest": edition.digest,
        "letters": letters,
    }
    reply, corrects = edition.document["reply"], edition.document["corrects"]
    if reply:
        facts["reply"] = reply["version"]
    if corrects:
        facts["corrects"] = corrects["why"]
    return facts


def _shared_standing(wave: Wave, now: datetime) -> FollowUpStanding:
    """How far a wave's follow-up is; refuses a wave not counted, not shared, or imported."""
    shared_reply_standing(wave, now)
    standing = follow_up_standing(wave, now)
    if standing is None:
        raise AssertionError(wave.slug)  # it was shared a line before
    return standing


def _check_sendable(wave: Wave, standing: FollowUpStanding, correction: str | None) -> None:
    """Refuses to send too early, again without a reason, or a correction of nothing."""
    reason_to_wait = why_not_yet(wave, standing)
    if reason_to_wait:
        raise Refused("follow-up-must-wait", f"Nothing was sent. {reason_to_wait}")
    sent = standing.edition
    if sent is None:
        if correction is not None:
            raise Refused(
                "nothing-to-correct",
                f"No follow-up of {wave.slug} was sent yet, so there is nothing to correct. Send it"
                " without a reason.",
            )
        return
    reason = draft_of(wave).correction if correction is None else correction
    if not reason:
        raise Refused(
            "follow-up-sent-already",
            f"The follow-up of {wave.slug} was sent on {named_day(sent.sent)}; it goes "
            "out once. To send another, say in one line what it corrects: then it goes as a "
            f"correction, version {sent.version + 1}, and its readers see the line.",
        )


def _occasion(wave: Wave, standing: FollowUpStanding) -> FollowUpOccasion:
    """Gathers what the next version of the mail is composed from."""
    client = client_name()
    return FollowUpOccasion(
        findings=find_findings(wave.slug),
        client=client.name,
        contact=client.contact_name,
        provider=provider_by_id(wave.provider_id).name,
        standing=standing,
        following=_following_wave(wave),
        version=standing.edition.version + 1 if standing.edition else 1,
    )


def _following_wave(wave: Wave) -> Wave | None:
    """The survey's next wave that asks staff and opens after this one closes; None if none.

    Not one that was declared void, nor a quarter, which only adds up its thirds.
    """
    for other in waves.list_waves():
        is_of_survey = other.survey_id == wave.survey_id
        asks_staff = not other.is_pool and other.state is not WaveState.VOID
        if is_of_survey and asks_staff and other.opens >= wave.closes:
            return other
    return None
