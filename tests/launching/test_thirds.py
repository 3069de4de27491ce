"""Planning a survey in monthly thirds, by command and on the page; what employees read."""

import json

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from survey.answering.service import build_survey_page, next_steps
from survey.database import db
from survey.invitations.service import letter_types
from survey.invitations.service.invitations import invitations_of
from survey.kernel.errors import Refused
from survey.mail import service as mail
from survey.mail.smtp.service.catcher import Catcher
from survey.schedule import tick
from survey.waves import service as waves
from survey.waves.commands import surveys_group, waves_group
from tests.cast import close_company, found_company
from tests.console.test_waves import said
from tests.findings.quarter import EXAMPLE, answered, next_planned, opened, planned_thirds
from tests.launching.test_commands import run
from tests.launching.test_views import GOOD, plan
from tests.outside import browser, signed_in
from tests.proofs import on_postgresql

NINETY = {"Sales": 40, "Service": 30, "Legal": 20}
ADD = [
    "add",
    "Desk",
    "--provider",
    "Brightline IT",
    "--opens",
    "2027-01-11T09:00",
    "--timezone",
    "Europe/London",
]
ADD += ["--cadence", "monthly-thirds"]
REFUSED = (
    "Monthly thirds are offered from 90 people, and this survey would ask 58. Import the staff"
    " first, or choose quarterly or monthly."
)


def test_from_ninety_people_a_survey_is_planned_in_thirds_with_three_questions(app: Flask) -> None:
    found_company(NINETY)
    added = run(surveys_group, *ADD)
    assert (
        added.output
        == "Desk added. First wave: desk-2027-01  planned  2027-01-11 09:00 to 2027-01-25 17:00  0"
        " invited\n"
    )
    assert "Desk: monthly-thirds, monthly_3, all, active" in run(surveys_group, "list").output
    (first,) = waves.list_waves("Desk")
    assert (first.quarter, first.third, first.is_third, first.is_pool) == (
        "2027-q1",
        1,
        True,
        False,
    )
    listed = json.loads(run(surveys_group, "list", "--json").output)["surveys"]
    assert ("desk", "monthly-thirds", "active") in [
        (one["slug"], one["cadence"], one["state"]) for one in listed
    ]


def test_a_questionnaire_that_was_chosen_is_kept(app: Flask) -> None:
    found_company(NINETY)
    run(surveys_group, *ADD, "--questionnaire", "quarterly_8")
    assert waves.find_survey("Desk").questionnaire == "quarterly_8"
    run(
        surveys_group,
        "add",
        "Other",
        "--provider",
        "Brightline IT",
        "--opens",
        "2027-02-01T09:00",
        "--timezone",
        "UTC",
    )
    assert waves.find_survey("Other").questionnaire == "quarterly_8"


def test_fewer_people_are_refused_with_what_to_do_and_nothing_is_planned(app: Flask) -> None:
    found_company()
    with pytest.raises(Refused, match=REFUSED):
        run(surveys_group, *ADD)
    with pytest.raises(Refused, match="would ask 40"):
        found_more_and_ask_sales(app)
    assert [survey.slug for survey in waves.list_surveys()] == ["it-support", "noise"]


def found_more_and_ask_sales(app: Flask) -> None:
    from survey.people.service.directory import import_people
    from tests.cast import staff_csv

    import_people(staff_csv(NINETY))
    run(surveys_group, *ADD, "--audience", "Sales")


@on_postgresql("databases")
def test_the_page_offers_thirds_with_their_usual_questionnaire(
    app: Flask, client: FlaskClient
) -> None:
    found_company(NINETY)
    signed_in(client, "manager")
    assert "every month, one third of them each time (from 90 people)" in said(
        client.get("/surveys")
    )
    form = GOOD | {"cadence": "monthly-thirds", "questionnaire": "", "audience": "all"}
    assert plan(client, form).status_code == 303
    assert waves.find_survey("Second").questionnaire == "monthly_3"
    assert "Every month one third of the people, 7 days" in said(client.get("/surveys"))
    assert plan(client, form | {"name": "Third", "cadence": "quarterly"}).status_code == 303
    assert waves.find_survey("Third").questionnaire == "quarterly_8"


def test_the_page_refuses_fewer_people_and_keeps_what_was_typed(
    app: Flask, client: FlaskClient
) -> None:
    found_company()
    page = plan(
        signed_in(client, "manager"),
        GOOD | {"cadence": "monthly-thirds", "questionnaire": "", "audience": "all"},
    )
    assert page.status_code == 400
    assert REFUSED in said(page)
    assert 'value="Second"' in page.text
    assert 'selected value="monthly-thirds"' in page.text


@on_postgresql("databases")
def test_opening_says_that_a_third_is_asked_and_invites_no_more(app: Flask) -> None:
    first = planned_thirds()
    reader = browser(app, "manager")
    page = reader.get(f"/waves/{first.slug}/open").text
    assert "This wave asks one third:" in page
    assert "mails one third of “all”" in said(reader.get(f"/waves/{first.slug}/progress"))
    done = run(waves_group, "open", first.slug).output
    opened = waves.find_wave(first.slug)
    assert opened.invited in {20, 21}
    assert f"{opened.invited} invitations are queued." in done
    assert f"one third of all those asked: {opened.invited} invited" in done
    assert mail.delivery_status(first.slug).counts("invitation") == {"ready": opened.invited}


@on_postgresql("databases")
def test_the_invitation_names_the_third_as_the_group_that_an_answer_is_counted_under(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = planned_thirds()
    monkeypatch.setattr(letter_types, "now", lambda: first.opens_at)
    tick(app.config["CANDOUR"], first.opens_at)
    opened = waves.find_wave(first.slug)
    letters = [
        one
        for one in Catcher(app.config["CANDOUR"].folder / "mail").letters()
        if f"/s/{opened.slug}#" in one.text
    ]
    assert len(letters) == opened.invited
    assert (
        f"They are counted under one third of all those asked ({opened.invited} people invited)."
        in " ".join(letters[0].text.split())
    )


@on_postgresql("databases")
def test_who_has_answered_reads_that_the_provider_hears_of_the_quarter(app: Flask) -> None:
    planned_thirds()
    said_ = []
    for satisfied, answers in EXAMPLE:
        company = opened(app, next_planned())
        page = build_survey_page(company.wave, "Dana <dana@northwind.example>")
        assert page
        said_.append(next_steps(company.wave, page)[1:])
        answered(company, satisfied, answers)
        close_company(company)
    assert [steps[0][0] for steps in said_] == ["By the end of April"] * 3
    assert [steps[1][0] for steps in said_] == ["By the end of April"] * 3
    assert (
        said_[0][0][1]
        == "everybody has been asked once, and Brightline IT gets the totals, good and bad."
    )
    page = browser(app).get("/s/desk-2027-01")
    assert "everybody once in three months" in page.text


@on_postgresql("databases")
def test_a_one_off_wave_of_such_a_survey_asks_everybody(app: Flask) -> None:
    first = planned_thirds()
    one_off = waves.plan_wave(
        "Desk", first.opens.replace(year=2026, month=12), first.closes.replace(year=2026, month=12)
    )
    assert (one_off.quarter, one_off.third) == (None, None)
    company = opened(app, one_off)
    assert (company.wave.invited, len(company.wave.groups)) == (61, 3)
    assert db.session.execute(text("SELECT count(*) FROM assigned_third")).scalar_one() == 0
    assert len(invitations_of(company.wave.id)) == 61
