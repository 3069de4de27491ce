"""Survey programmes: add, pause, resume, end, and the targets that the next wave freezes."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select, update

from survey.access.service.audit import record
from survey.database import transaction
from survey.kernel.errors import NotFound, Refused
from survey.kernel.ids import random_id, slug
from survey.providers.service import find_provider
from survey.questionnaires.rules import QuestionId, QuestionnaireSlug
from survey.questionnaires.service import find_questionnaire
from survey.waves.rules import checks, surveys, waves
from survey.waves.rules.ids import SurveyId, SurveySlug
from survey.waves.rules.recurrence import Rule
from survey.waves.rules.surveys import Survey
from survey.waves.rules.waves import Target, VoidReason, Wave, WaveState
from survey.waves.service.planning import plan_row
from survey.waves.service.rows import locked_survey_row, survey_of, survey_row, targets_of, wave_of
from survey.waves.tables import SurveyRow, WaveRow


@dataclass(frozen=True, slots=True)
class SurveyPlan:
    """What a manager enters for a new survey, unchecked; dates are wall-clock in `timezone`."""

    name: str
    provider: str
    questionnaire: str
    cadence: str
    opens: datetime
    days: int
    timezone: str
    audience: str
    closes: datetime | None = None
    baseline_waves: int = surveys.BASELINE_WAVES
    reminders: int = waves.REMINDERS


def store_survey(plan: SurveyPlan) -> tuple[Survey, Wave]:
    """Stores a survey with its first planned wave and audits; refuses all faults at once.

    Faults are what could never run; a name that is taken is refused too.
    """
    name = " ".join(plan.name.split())
    _check_all(
        lambda: _check_name(name),
        lambda: checks.check_zone(plan.timezone),
        lambda: _check_days(plan.days),
        lambda: _check_reminders(plan.reminders),
        lambda: _check_dates(plan),
        lambda: _check_cadence(plan),
        lambda: _check_questions(plan.questionnaire),
        lambda: find_provider(plan.provider),
    )
    provider = find_provider(plan.provider)
    own_slug = SurveySlug(slug(name))
    query = select(SurveyRow.id).where((SurveyRow.slug == own_slug) | (SurveyRow.name == name))
    with transaction() as session:
        if session.scalar(query):
            raise Refused(
                "survey-name-taken",
                f"There is a survey named {name} already. Give this one another name.",
            )
        row = SurveyRow(
            id=SurveyId(random_id()),
            slug=own_slug,
            name=name,
            provider_id=provider.id,
            questionnaire=QuestionnaireSlug(plan.questionnaire),
            cadence=str(surveys.read_cadence(plan.cadence)),
            opens=plan.opens,
            days=plan.days,
            timezone=plan.timezone,
            audience=plan.audience,
            baseline_waves=plan.baseline_waves,
            state="active",
            targets={},
            reminders=plan.reminders,
        )
        session.add(row)
        session.flush()
        closes = plan.closes or waves.closing_time(plan.opens, plan.days)
        first = plan_row(row, surveys.period_key(survey_of(row), 0), plan.opens, closes)
        facts = {"survey": row.slug, "provider": provider.name, "first wave": first.slug}
        record("survey planned", facts)
        return survey_of(row), wave_of(first)


def pause_survey(name: str, *, actor: str | None = None) -> Survey:
    """Pauses a survey, by name or slug, and audits: no wave opens until it is resumed.

    An open one runs to its close. Refuses one that is paused or ended already.
    """
    return _change_survey(name, "paused", "survey paused", actor)


def resume_survey(name: str, *, actor: str | None = None) -> Survey:
    """Makes a paused survey, by name or slug, active again, and audits; refuses any other.

    What it missed is caught up with as after any outage.
    """
    return _change_survey(name, "active", "survey resumed", actor)


def end_survey(name: str, *, actor: str | None = None) -> Survey:
    """Ends a survey, by name or slug, without return, makes its planned waves void, and audits.

    An open one runs to its close, the record stays. Refuses a survey that was ended already.
    """
    return _change_survey(name, "ended", "survey ended", actor)


def _change_survey(name: str, to: str, action: str, actor: str | None) -> Survey:
    """Stores a survey's new state `to` and audits it as `action`; refuses what is not possible.

    Ending makes the planned waves void.
    """
    with transaction() as session:
        row = locked_survey_row(name)
        checks.check_state_change(survey_of(row), to)
        row.state = to
        record(action, {"survey": row.slug}, actor)
        if to == "ended":
            planned = update(WaveRow).where(
                WaveRow.survey_id == row.id,
                WaveRow.state == WaveState.PLANNED.value,
            )
            given_up = {
                "state": WaveState.VOID.value,
                "void_reason": VoidReason.SURVEY_ENDED.value,
                "void_words": waves.SURVEY_WAS_ENDED,
            }
            session.execute(planned.values(given_up))
        session.flush()
        return survey_of(row)


def set_target(survey_name: str, question: str, target: Target) -> None:
    """Stores a question's target for the waves not yet opened, over the last one, and audits.

    Refuses a question that is not the survey's, or whose scale has no best points. Opened waves
    keep theirs.
    """
    with transaction():
        row = survey_row(survey_name)
        questionnaire = find_questionnaire(row.questionnaire)
        may_have_target = [asked.id for asked in questionnaire.questions if asked.scale.top]
        if question not in may_have_target:
            raise NotFound(
                "question",
                f"{question} is not a question of this survey that can have a target. It has:"
                f" {', '.join(may_have_target)}",
            )
        row.targets = {**row.targets, question: asdict(target)}
        record("target set", {"survey": row.slug, "question": question, **asdict(target)})


def list_targets(survey_name: str) -> dict[QuestionId, Target]:
    """The targets by question that the survey's next wave will fix when it opens."""
    return targets_of(survey_row(survey_name).targets)


def _check_all(*checks: Callable[[], object]) -> None:
    """Runs all checks, then refuses what any of them refused, all at once, in their words."""
    refused: list[Refused] = []
    for check in checks:
        try:
            check()
        except Refused as refusal:
            refused.append(refusal)
    if len(refused) == 1:
        raise refused[0]
    if refused:
        lines = tuple(line for fault in refused for line in fault.details or (fault.sentence,))
        raise Refused("survey-not-planned", "The survey was not planned.", details=lines)


def _check_name(name: str) -> None:
    """Refuses a survey's name that is not printable or has no letter or digit."""
    if not name.isprintable() or not slug(name):
        raise Refused(
            "survey-name-missing",
            "Give the survey a name with at least one letter or digit, for example: IT support",
        )


def _check_days(days: int) -> None:
    """Refuses a length of a wave outside 1 to 92 days."""
    if not 1 <= days <= 92:
        raise Refused(
            "days-out-of-range",
            f"A wave of {days} days is not possible. Give 1 to 92 days; 14 is usual.",
        )


def _check_reminders(number: int) -> None:
    """Refuses a number of reminders other than 0, 1 or 2."""
    if not 0 <= number <= waves.MOST_REMINDERS:
        raise Refused(
            "reminders-out-of-range",
            f"{number} reminders are not possible. Give 0, 1 or 2; 1 is usual.",
        )


def _check_dates(plan: SurveyPlan) -> None:
    """Refuses an implausible year of opening, and a first closing that is too early or late."""
    checks.check_year(plan.opens)
    if plan.closes:
        checks.check_wave_length(plan.opens, plan.closes)


def _check_cadence(plan: SurveyPlan) -> None:
    """Refuses an unknown cadence, and a rule that does not fit its first opening and days."""
    cadence = surveys.read_cadence(plan.cadence)
    if not isinstance(cadence, Rule):
        return
    # A rule is looked at only where its zone and its year are possible; other checks refuse those.
    year_is_possible = checks.FIRST_YEAR <= plan.opens.year <= checks.LAST_YEAR
    if checks.is_zone(plan.timezone) and year_is_possible:
        cadence.check(plan.opens, plan.timezone, plan.days)


def _check_questions(slug: str) -> None:
    """Refuses an unknown questionnaire, and one without a question answered by a tap."""
    if find_questionnaire(slug).scale_questions < 1:
        raise Refused(
            "questionnaire-without-scores",
            f"The questionnaire {slug} has no question that can be scored. Choose another.",
        )
