"""The closing mail to staff: write it, look at it, send it once to everybody who was invited."""

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
    """How far the loop of a wave has come; None before its findings were shared."""
    due = reply_due(wave)
    if due is None:
        return None
    return FollowUpStanding(
        due.shared_on,
        due.reply_by,
        to_wall_clock(now, wave.timezone).date(),
        recorded_reply(wave),
        _newest(wave),
        wave.holidays,
    )


def list_standings(now: datetime) -> tuple[tuple[Wave, FollowUpStanding], ...]:
    """Every shared wave with how far its loop has come, oldest first."""
    shared = [
        wave for wave in waves.list_waves() if wave.state is WaveState.SHARED and not wave.imported
    ]
    return tuple((wave, standing) for wave in shared if (standing := follow_up_standing(wave, now)))


def waves_awaiting_follow_up(now: datetime) -> tuple[tuple[Wave, FollowUpStanding], ...]:
    """The newest shared wave of each survey, where staff have not heard yet what was answered and what changes."""
    newest = {wave.survey_id: (wave, standing) for wave, standing in list_standings(now)}
    return tuple((wave, standing) for wave, standing in newest.values() if standing.edition is None)


def draft_of(wave: Wave) -> FollowUpDraft:
    """What a manager has written so far; empty at first."""
    row = db.session.get(DraftRow, wave.id)
    return (
        FollowUpDraft(
            row.opening, row.changes, tuple(row.strengths), tuple(row.problems), row.correction
        )
        if row
        else FollowUpDraft()
    )


def save_draft(wave_slug: str, draft: FollowUpDraft) -> None:
    """Keeps what a manager has written; refuses a chosen measure that the findings do not show, or whose verdict says the opposite."""
    wave = waves.find_wave(wave_slug)
    check_choice(find_findings(wave.slug), draft)
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
    """The follow-up as it would go out now, without storing it; refuses a wave that is not shared, or that nobody was invited to."""
    wave = waves.find_wave(wave_slug)
    occasion, draft = _occasion(wave, _shared(wave, now)), draft_of(wave)
    document = compose_follow_up(
        occasion, draft if correction is None else replace(draft, correction=correction)
    )
    return FollowUpEdition(wave.id, occasion.version, document["digest"], document)


def why_not_yet(wave: Wave, standing: FollowUpStanding) -> str | None:
    """Why the follow-up may not go yet, with the day from which it may; None where it may."""
    if standing.may_send:
        return None
    provider = provider_by_id(wave.provider_id).name
    return (
        f"{provider} has until {named_day(standing.reply_due, with_weekday=True)} to reply. The mail"
        " may go once a reply is recorded, or without one from"
        f" {named_day(standing.from_day, with_weekday=True)}."
    )


def follow_up_readers(wave: Wave) -> tuple[str, ...]:
    """The invitations of everybody who was invited and is still in the directory; to a quarter of thirds, by its thirds."""
    asked = waves.thirds_of(wave) if wave.is_pool else (wave,)
    return invitations_to_waves(*(one.id for one in asked))


def send_follow_up(
    wave_slug: str, now: datetime, *, actor: str, seen: str | None = None, correction: str | None = None
) -> FollowUpEdition:
    """Freezes the follow-up and queues it to everybody who was invited, whether they answered or not; once for each wave.

    Again only as a correction with its reason (the draft's when none is given), a new version. `seen` is the digest of what
    was looked at: anything that has changed since is refused. Who stopped survey mails, leaves or gets another address
    meanwhile is left out at the moment of sending.
    """
    wave = waves.find_wave(wave_slug)
    _check(wave, _shared(wave, now), correction)
    to = follow_up_readers(wave)
    if not to:
        raise Refused(
            "nobody-to-write-to",
            f"Nobody who was invited to {wave.slug} is in the directory any more. Nothing was"
            " sent.",
        )
    with transaction() as session:
        locked_row(
            wave.id
        )  # whoever sends at the same moment waits here, and then finds this edition
        _check(wave, _shared(wave, now), correction)
        edition = preview_follow_up(wave_slug, now, correction=correction)
        if seen is not None and seen != edition.digest:
            raise Refused(
                "mail-changed-since-seen",
                "The mail has changed since you looked at it. Look at it again and send it then;"
                " nothing was sent.",
            )
        check_follow_up_length(edition)
        document = json.dumps(
            edition.document, ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )
        session.add(
            EditionRow(
                wave_id=wave.id, version=edition.version, digest=edition.digest, document=document
            )
        )
        flush_or_refuse(
            "follow-up-sent-meanwhile",
            f"The follow-up of {wave.slug} was sent by somebody else at this moment. Nothing was"
            " sent twice.",
        )
        mail.queue_letters(
            FOLLOW_UP, wave.slug, to, number=edition.version, letter_version=edition.version
        )
        save_draft(wave_slug, replace(draft_of(wave), correction=""))
        reply, corrects = edition.document["reply"], edition.document["corrects"]
        facts = {
            "wave": wave.slug,
            "version": edition.version,
            "digest": edition.digest,
            "letters": len(to),
        }
        facts |= {"reply": reply["version"]} if reply else {}
        log("follow-up sent", facts | ({"corrects": corrects["why"]} if corrects else {}), actor)
    return edition


def find_edition(wave: Wave, version: int | None = None) -> FollowUpEdition | None:
    """A version of the follow-up as it went out, the newest by default; None where there is none.

    Refuses a document that is not what its digest says, for nobody may be shown something else than what was sent.
    """
    found = _newest(wave, version)
    if found and not follow_up_digest(found.document) == found.document["digest"] == found.digest:
        raise Refused(
            "follow-up-changed-in-database",
            f"The follow-up of {wave.slug} was changed in the database after it was sent. Restore"
            " it from a backup.",
        )
    return found


def list_editions(wave: Wave) -> tuple[int, ...]:
    """The numbers of the versions that went out."""
    query = (
        select(EditionRow.version).where(EditionRow.wave_id == wave.id).order_by(EditionRow.version)
    )
    return tuple(db.session.scalars(query))


def _newest(wave: Wave, version: int | None = None) -> FollowUpEdition | None:
    """As it is stored: who only asks whether there is one must not be kept from the page."""
    query = (
        select(EditionRow)
        .where(EditionRow.wave_id == wave.id)
        .order_by(EditionRow.version.desc())
        .limit(1)
    )
    row = db.session.scalar(
        query if version is None else query.where(EditionRow.version == version)
    )
    return (
        FollowUpEdition(row.wave_id, row.version, row.digest, json.loads(row.document))
        if row
        else None
    )


def _shared(wave: Wave, now: datetime) -> FollowUpStanding:
    shared_reply_standing(wave, now)
    standing = follow_up_standing(wave, now)
    if standing is None:
        raise AssertionError(wave.slug)  # it was shared a line before
    return standing


def _check(wave: Wave, standing: FollowUpStanding, correction: str | None) -> None:
    if reason := why_not_yet(wave, standing):
        raise Refused("follow-up-must-wait", f"Nothing was sent. {reason}")
    if standing.edition is None:
        if correction is not None:
            raise Refused(
                "nothing-to-correct",
                f"No follow-up of {wave.slug} was sent yet, so there is nothing to correct. Send it"
                " without a reason.",
            )
    elif not (draft_of(wave).correction if correction is None else correction):
        raise Refused(
            "follow-up-sent-already",
            f"The follow-up of {wave.slug} was sent on {named_day(standing.edition.sent)}; it goes "
            "out once. To send another, say in one line what it corrects: then it goes as a "
            f"correction, version {standing.edition.version + 1}, and its readers see the line.",
        )


def _occasion(wave: Wave, standing: FollowUpStanding) -> FollowUpOccasion:
    asks, provider = client_name(), provider_by_id(wave.provider_id)
    version = standing.edition.version + 1 if standing.edition else 1
    return FollowUpOccasion(
        find_findings(wave.slug),
        asks.name,
        asks.contact_name,
        provider.name,
        standing,
        _following(wave),
        version,
    )


def _following(wave: Wave) -> Wave | None:
    """The next wave of the same survey that asks staff: none that was declared void, nor what thirds add up to."""
    ours = (
        w
        for w in waves.list_waves()
        if w.survey_id == wave.survey_id and not w.is_pool and w.state is not WaveState.VOID
    )
    return next((w for w in ours if w.opens >= wave.closes), None)
