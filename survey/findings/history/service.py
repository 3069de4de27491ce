"""History from another tool: one file is one past wave, one row is one response."""

import re
from datetime import date, datetime, time

from sqlalchemy import select

from survey.access.service.audit import record
from survey.database import db, transaction
from survey.findings.history.rules import History
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
from survey.waves.rules.waves import CLOSING_TIME, MINIMUM_GROUP, WaveState

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")


def check_import(
    name: str, history: History, *, survey: str | None, opened: date | None, closed: date | None
) -> None:
    """Refuses whatever could not be stored: a known file, a known or unusable wave name, missing dates, too few people."""
    earlier = db.session.scalar(select(ImportRow.wave_id).where(ImportRow.digest == history.digest))
    if earlier:
        raise Refused(
            "history-imported-already",
            f"This file was imported before, as {waves.find_wave_by_id(earlier).slug}. Nothing was"
            " changed.",
        )
    _check_name(name)
    if not (survey and opened and closed):
        raise Refused(
            "history-without-dates",
            f"There is no wave {name} yet, and history makes one only when its survey and the "
            "days on which it opened and closed are given.",
        )
    check_wave_length(datetime.combine(opened, time.min), datetime.combine(closed, CLOSING_TIME))
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


def import_history(
    name: str,
    history: History,
    *,
    survey: str | None,
    opened: date | None,
    closed: date | None,
    actor: str,
) -> Findings:
    """Stores a past wave: shuffled, merged and hidden like one of our own, marked as imported everywhere."""
    with transaction() as session:
        check_import(name, history, survey=survey, opened=opened, closed=closed)
        assert survey and opened and closed  # noqa: PT018 - or it was refused just now
        groups = history.partition
        item = waves.freeze_import(
            waves.plan_past_wave(survey, name, opened, closed),
            freeze_questionnaire(history.questionnaire),
            groups,
        )
        name_of = {member: group.name for group in groups for member in group.members}
        opened_ballots = OpenedBallots(
            len(history.responses), tuple((name_of[g], a) for g, a in history.responses)
        )
        tally = store_counted(item, history.questionnaire, opened_ballots)
        session.add(ImportRow(wave_id=item.id, digest=history.digest))
        found = freeze_findings(item, tally)
        record(
            "history imported",
            {"wave": item.slug, "responses": tally.answered, "digest": found.digest},
            actor,
        )
    return found


def base_questionnaire(name: str, survey: str | None) -> Questionnaire:
    """The questionnaire that the columns are matched with: that of the survey named, or of the wave that exists."""
    if survey:
        return find_questionnaire(waves.find_survey(survey).questionnaire)
    known = [item for item in waves.list_waves() if item.slug == name]
    return find_questionnaire(
        waves.find_survey(known[0].survey).questionnaire if known else "quarterly_8"
    )


def _check_name(name: str) -> None:
    known = [item for item in waves.list_waves() if item.slug == name]
    if known and known[0].state is not WaveState.PLANNED:
        raise Refused(
            "wave-in-use",
            f"{name} is {known[0].state} already; history goes into a wave of its own.",
        )
    if known:
        raise Refused(
            "wave-yet-to-be-asked",
            f"{name} is planned and will be asked. Give the history another wave name, with its"
            " survey and its days.",
        )
    if not _NAME.fullmatch(name) or name == "latest":
        raise Refused(
            "wave-name-unfit",
            f"{name[:60]!r} cannot name a wave. Use letters, digits, - and _, for example"
            " it-support-2026-q1.",
        )
