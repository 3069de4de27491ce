"""The worked example of monthly thirds: 61 people, assigned as 20, 20 and 21, and counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Flask

from survey.invitations.rules.codes import draw_code
from survey.invitations.service.invitations import invitations_of, store_code
from survey.launching.service.opening import open_wave
from survey.waves import service as waves
from survey.waves.rules.waves import Target, Wave
from tests.cast import OPENS, Company, answer, close_company, found_company

DEPARTMENTS = {"Sales": 22, "Service": 20, "Warehouse": 12, "Legal": 7}
THIRDS = "Desk"
# Satisfied and answers of each third; the one that comes last here has 21 people, whichever month
# that is.
EXAMPLE = ((9, 13), (11, 14), (8, 12))
WITH_A_VOID_THIRD = ((9, 13), (11, 14), (2, 4))


@dataclass(frozen=True)
class Quarter:
    """The waves of a quarter of monthly thirds, in the order of their months."""

    thirds: tuple[Wave, ...]

    @property
    def pool(self) -> Wave:
        pool = waves.pool_of(self.thirds[0])
        assert pool
        return pool


def planned_thirds(
    opens: datetime = OPENS,
    departments: Mapping[str, int] = DEPARTMENTS,
    questionnaire: str = "monthly_3",
) -> Wave:
    """A survey in monthly thirds of Northwind, with a target; its first wave."""
    found_company(departments)
    _, first = waves.store_survey(
        waves.SurveyPlan(
            THIRDS,
            "Brightline IT",
            questionnaire,
            "monthly-thirds",
            opens,
            14,
            "Europe/London",
            "all",
        )
    )
    waves.set_target(THIRDS, "OVR1", Target(0.5))
    return first


def opened(app: Flask, planned: Wave) -> Company:
    """A wave, open, with a code for everybody in it."""
    config = app.config["CANDOUR"]
    wave = open_wave(planned.slug, planned.opens_at, config.key_dir, actor="test")
    codes = []
    for invitation, _ in invitations_of(wave.id):
        codes.append(draw_code())
        store_code(invitation.id, codes[-1])
    return Company(wave, tuple(codes), config)


def answered(company: Company, satisfied: int, answers: int, comment: str = "") -> None:
    """So many answer, the first of them satisfied; all but one say how much time they lost."""
    for number, code in enumerate(company.codes[:answers]):
        answers_given = {
            "OVR1": "4" if number < satisfied else str(1 + number % 3),
            "EFF2": str(1 + number % 6) if number else "",
        }
        if comment:
            answers_given["OPN1"] = f"{comment}{number}"
        assert answer(company, code, answers_given).outcome.value == "sent"


def next_planned() -> Wave:
    return next(
        wave for wave in waves.list_waves(THIRDS) if wave.state == "planned" and wave.is_third
    )


def counted_quarter(
    app: Flask, script: tuple[tuple[int, int], ...] = EXAMPLE, comment: str = ""
) -> Quarter:
    """A whole quarter, each third opened, answered and counted in its month.

    The third of 21 people gets the script's last line.
    """
    of_others, thirds = list(script[:-1]), []
    for month in range(3):
        company = opened(app, next_planned())
        is_largest = company.wave.invited == 21
        satisfied, answers = script[-1] if is_largest else of_others.pop(0)
        answered(company, satisfied, answers, f"{comment}{month}-" if comment else "")
        thirds.append(close_company(company))
    return Quarter(tuple(thirds))


def a_day_later(wave: Wave) -> datetime:
    return wave.closes_at + timedelta(days=1)
