"""Planning a survey on its page: what is wrong is said at once, and nothing typed is lost."""

import re

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from survey.waves import service as waves
from tests.cast import found_company
from tests.console.test_waves import said
from tests.outside import signed_in
from tests.proofs import on_postgresql

GOOD = {
    "name": "Second",
    "provider": "other-provider",
    "questionnaire": "monthly_3",
    "cadence": "monthly",
    "opens": "2027-02-01T09:00",
    "days": "7",
    "timezone": "Europe/Paris",
    "audience": "Sales, Legal",
}


def plan(client: FlaskClient, form: dict[str, str]) -> TestResponse:
    hidden = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', client.get("/surveys").text)
    assert hidden
    return client.post("/surveys", data={"csrf_token": hidden[1], **form})


def test_a_good_plan_is_kept_with_its_first_wave(app: Flask, client: FlaskClient) -> None:
    found_company()
    assert plan(signed_in(client, "manager"), GOOD).status_code == 303
    [first] = waves.list_waves("Second")
    assert (first.slug, f"{first.opens:%Y-%m-%d %H:%M}", f"{first.closes:%Y-%m-%d %H:%M}") == (
        "second-2027-02",
        "2027-02-01 09:00",
        "2027-02-08 17:00",
    )
    assert (first.timezone, first.audience, first.invited) == ("Europe/Paris", "Sales, Legal", 0)


FAULTS = [
    ("name", "", "This is missing."),
    ("name", "***", "at least one letter"),
    ("name", "IT support", "already"),
    ("name", "x" * 81, "80 characters"),
    ("opens", "", "This is missing."),
    ("opens", "soon", "Not a valid datetime"),
    ("opens", "0001-01-01T00:00", "year 1"),
    ("opens", "9999-12-31T23:59", "year 9999"),
    ("days", "", "This is missing."),
    ("days", "many", "Not a valid integer"),
    ("days", "-3", "1 to 92 days"),
    ("days", "9" * 30, "1 to 92 days"),
    ("timezone", "Mars/Olympus", "is not a time zone"),
    ("audience", "Nowhere", "no department"),
    ("provider", "nobody", "Not a valid choice"),
    ("cadence", "hourly", "Not a valid choice"),
]


@on_postgresql("databases")
def test_a_faulty_plan_comes_back_with_a_sentence_and_loses_nothing(
    app: Flask, client: FlaskClient
) -> None:
    found_company()
    signed_in(client, "manager")
    for field, value, says in FAULTS:
        page = plan(client, {**GOOD, field: value})
        assert page.status_code == 400, field
        assert says in said(page), (field, value)
        assert "<title>Error: " in page.text
        kept = [GOOD[name] for name in ("name", "timezone", "audience", "opens") if name != field]
        assert all(f'value="{typed}"' in page.text for typed in kept), (field, value)
    assert len(waves.list_surveys()) == 2


@on_postgresql("databases")
def test_a_plan_that_lacks_a_field_is_no_fault_of_ours(app: Flask, client: FlaskClient) -> None:
    found_company()
    signed_in(client, "manager")
    for field in ("name", "provider", "opens", "days", "audience"):
        assert (
            plan(client, {name: value for name, value in GOOD.items() if name != field}).status_code
            == 400
        ), field
    assert len(waves.list_surveys()) == 2
