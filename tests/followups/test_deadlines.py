"""The dates that employees read are those to which everybody is held."""

from datetime import date

import pytest
from flask import Flask

from survey.answering.service import build_survey_page, next_steps
from survey.findings.service.sharing import reply_due, share_findings, sharing_recipients
from survey.followups.service.follow_ups import follow_up_standing
from survey.waves import service as waves
from survey.waves.rules.deadlines import follow_up_by, reply_by, share_by
from survey.waves.rules.holidays import Holiday
from survey.waves.service.holidays import add_holidays
from tests.findings.company import small_company
from tests.followups.company import ACTOR, at_noon
from tests.proofs import on_postgresql

SENDER = "Dana Reyes <dana@northwind.example>"
LISTED = (Holiday(date(2027, 1, 27), "Works outing"), Holiday(date(2027, 2, 4)))


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("holidays", "shared_on", "reply_due_on", "follow_up_due_on"),
    [
        ((), date(2027, 1, 28), date(2027, 2, 11), date(2027, 2, 18)),
        (LISTED, date(2027, 1, 29), date(2027, 2, 15), date(2027, 2, 22)),
    ],
)
def test_what_employees_read_is_what_the_provider_is_held_to(
    app: Flask,
    holidays: tuple[Holiday, ...],
    shared_on: date,
    reply_due_on: date,
    follow_up_due_on: date,
) -> None:
    wave = small_company(app).wave
    add_holidays(holidays, wave.closes_at, actor=ACTOR)
    wave = waves.find_wave(wave.slug)
    _, (gets, _), (replies, _) = next_steps(wave, build_survey_page(wave, SENDER))
    assert gets == f"By {shared_on.day} {shared_on:%B}"
    assert replies == f"By {reply_due_on.day} {reply_due_on:%B}"

    contacts = [contact.id for contact in sharing_recipients(wave)[1]]
    share_findings(wave.slug, contacts, at_noon(shared_on), actor=ACTOR)
    due = reply_due(wave)
    assert due is not None
    assert (due.shared_on, due.reply_by) == (shared_on, reply_due_on)
    assert follow_up_standing(wave, at_noon(shared_on)).due == follow_up_due_on


def test_of_thirds_the_provider_gets_more_time_for_the_totals_but_not_for_the_reply() -> None:
    closed, none = date(2027, 3, 25), frozenset[date]()
    shared = share_by(closed, none, in_thirds=True)
    assert (share_by(closed, none), shared) == (date(2027, 3, 30), date(2027, 4, 1))
    assert (reply_by(shared, none), follow_up_by(reply_by(shared, none), none)) == (
        date(2027, 4, 15),
        date(2027, 4, 22),
    )
