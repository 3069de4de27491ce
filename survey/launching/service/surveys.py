"""Adds a survey; refuses monthly thirds where too few people would be asked."""

from survey.kernel.errors import Refused
from survey.people.service.directory import people_in
from survey.waves import service as waves
from survey.waves.rules.surveys import Cadence, Survey
from survey.waves.rules.thirds import OFFERED_FROM
from survey.waves.rules.waves import Wave


def add_survey(plan: waves.SurveyPlan) -> tuple[Survey, Wave]:
    """Stores a survey and its first wave, as planned; refuses monthly thirds of too few people.

    With fewer than OFFERED_FROM people a third would tell nothing. Refuses what could never run,
    too.
    """
    if plan.cadence == Cadence.MONTHLY_THIRDS.value:
        size = len(people_in(plan.audience))
        if size < OFFERED_FROM:
            raise Refused(
                "too-few-for-thirds",
                f"Monthly thirds are offered from {OFFERED_FROM} people, and this survey would ask"
                f" {size}. Import the staff first, or choose quarterly or monthly.",
            )
    return waves.store_survey(plan)
