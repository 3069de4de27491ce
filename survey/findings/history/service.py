"""History from another tool: one file is one past wave, one row is one response."""

import re
from datetime import date, datetime, time

from sqlalchemy import select

from survey.access.service.audit import record
from survey.database import db, transaction
from survey.findings.history.rules.history import History
from survey.findings.rules import Findings
from survey.findings.service.documents import freeze_findings
from survey.findings.tables import ImportRow
from survey.kernel.errors import Refused
from survey.kernel.plurals import choose_form, how_many
from survey.questionnaires.rules import Questionnaire
from survey.questionnaires.service import find_questionnaire, freeze_questionnaire
from survey.responses.service.responses import OpenedBallots, store_counted
from survey.waves import service as waves
from survey.waves.rules.checks import MINIMUM_INVITED, check_wave_length
from survey.waves.rules.waves import CLOSING_TIME, MINIMUM_GROUP, Wave, WaveState

_WAVE_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
_USUAL_QUESTIONNAIRE = "quarterly_8"


def check_import(
    wave_slug: str,
    history: History,
    *,
    survey: str | None,
    opened: date | None,
    closed: date | None,
) -> None:
    """Refuses a past wave that could not be stored; stores nothing.

    Refused are a known file, a known or unusable name of the wave, a missing survey or missing
    dates, a wave of wrong length, and too few people or responses. `survey` is the name of a
    survey.
    """
    earlier = db.session.scalar(select(ImportRow.wave_id).where(ImportRow.digest == history.digest))
    if earlier:
        raise Refused(
            "history-imported-already",
            f"This file was imported before, as {waves.find_wave_by_id(earlier).slug}. Nothing was"
            " changed.",
        )
    _check_wave_slug(wave_slug)
    if not (survey and opened and closed):
        raise Refused(
            "history-without-dates",
            f"There is no wave {wave_slug} yet, and history makes one only when its survey and the "
            "days on which it opened and closed are given.",
        )
    check_wave_length(datetime.combine(opened, time.min), datetime.combine(closed, CLOSING_TIME))
    _check_numbers(history)


def import_history(
    wave_slug: str,
    history: History,
    *,
    survey: str | None,
    opened: date | None,
    closed: date | None,
    actor: str,
) -> Findings:
    """Stores a past wave and its responses, freezes its findings and audits that.

    Its responses are shuffled, merged and hidden like those of one of our own waves, and it is
    marked as imported everywhere. Refuses what `check_import` refuses.
    """
    with transaction() as session:
        check_import(wave_slug, history, survey=survey, opened=opened, closed=closed)
        assert survey and opened and closed  # noqa: PT018 - or it was refused just now
        wave = waves.freeze_import(
            waves.plan_past_wave(survey, wave_slug, opened, closed),
            freeze_questionnaire(history.questionnaire),
            history.partition,
        )
        tally = store_counted(wave, history.questionnaire, _as_opened_ballots(history))
        session.add(ImportRow(wave_id=wave.id, digest=history.digest))
        findings = freeze_findings(wave, tally)
        record(
            "history imported",
            {"wave": wave.slug, "responses": tally.answered, "digest": findings.digest},
            actor,
        )
    return findings


def base_questionnaire(wave_slug: str, survey: str | None) -> Questionnaire:
    """The questionnaire whose questions a file's columns are matched with.

    That of the survey named, else of the wave that exists, else the usual one.
    """
    if survey:
        return find_questionnaire(waves.find_survey(survey).questionnaire)
    wave = _find_wave(wave_slug)
    if wave is None:
        return find_questionnaire(_USUAL_QUESTIONNAIRE)
    return find_questionnaire(waves.find_survey(wave.survey).questionnaire)


def _find_wave(wave_slug: str) -> Wave | None:
    """The wave with exactly this name, or None."""
    return next((wave for wave in waves.list_waves() if wave.slug == wave_slug), None)


def _check_wave_slug(wave_slug: str) -> None:
    """Refuses the name of an existing wave, and one that is unfit for web addresses."""
    wave = _find_wave(wave_slug)
    if wave and wave.state is not WaveState.PLANNED:
        raise Refused(
            "wave-in-use",
            f"{wave_slug} is {wave.state} already; history goes into a wave of its own.",
        )
    if wave:
        raise Refused(
            "wave-yet-to-be-asked",
            f"{wave_slug} is planned and will be asked. Give the history another wave name, with"
            " its survey and its days.",
        )
    if not _WAVE_SLUG.fullmatch(wave_slug) or wave_slug == "latest":
        raise Refused(
            "wave-name-unfit",
            f"{wave_slug[:60]!r} cannot name a wave. Use letters, digits, - and _, for example"
            " it-support-2026-q1.",
        )


def _check_numbers(history: History) -> None:
    """Refuses a file with too few people invited, or with too few responses.

    Nothing of it could ever be shown.
    """
    invited, answered = sum(history.invited.values()), len(history.responses)
    if invited < MINIMUM_INVITED:
        raise Refused(
            "too-few-invited",
            f"Only {how_many(invited, 'person')} {choose_form(invited, 'was', 'were')} invited; "
            f"of fewer than {MINIMUM_INVITED} nothing is ever shown. Nothing was stored.",
        )
    if answered < MINIMUM_GROUP:
        raise Refused(
            "too-few-responses",
            f"The file holds {how_many(answered, 'response')}; fewer than {MINIMUM_GROUP} are never"
            " shown. Nothing was stored.",
        )


def _as_opened_ballots(history: History) -> OpenedBallots:
    """The responses, each under the reporting group into which its own group was merged."""
    name_of = {member: group.name for group in history.partition for member in group.members}
    responses = tuple((name_of[group], answers) for group, answers in history.responses)
    return OpenedBallots(len(responses), responses)
