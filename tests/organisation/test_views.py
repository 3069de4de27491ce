"""The organisation's page, as a manager without script meets it."""

import pytest
from flask import Flask

from survey.organisation.rules.organisation import organisation_from_sender
from survey.organisation.service import find_organisation
from tests.outside import Browser, browser, signed_in

SENDER = "Dana Reyes <feedback@northwind.example>"
GOOD = {
    "name": "Northwind Ltd",
    "contact_name": "Dana Reyes",
    "contact_email": "dana@northwind.example",
    "comments_read_by": "Head of operations",
    "host": "northwind.example",
}


@pytest.fixture
def mira(app: Flask) -> Browser:
    """A manager."""
    visitor = browser(app)
    signed_in(visitor, "manager")
    return visitor


def test_the_page_suggests_what_the_sender_tells_and_saves_what_is_better(mira: Browser) -> None:
    first = mira.get("/organisation").text
    assert all(
        f'value="{text}"' in first
        for text in ("Northwind", "Dana Reyes", "feedback@northwind.example")
    )
    assert find_organisation(SENDER) == organisation_from_sender(SENDER)
    assert (
        mira.press("/organisation", "/organisation", {**GOOD, "several_zones": "y"}).status_code
        == 303
    )
    assert 'role="status">Saved.' in mira.get("/organisation").text
    assert find_organisation(SENDER).several_zones
    mira.press("/organisation", "/organisation", GOOD)
    assert not find_organisation(SENDER).several_zones


def test_a_refused_form_lists_all_faults_and_keeps_its_input(mira: Browser) -> None:
    page = mira.press(
        "/organisation",
        "/organisation",
        {**GOOD, "name": "", "contact_email": '"><script>', "host": "kept.example"},
    )
    assert page.status_code == 400
    assert "<title>Error: " in page.text
    assert "Say the organisation&#39;s name." in page.text
    assert "Keep the address alone" in page.text
    assert 'value="kept.example"' in page.text
    assert "<script>" not in page.text
    assert find_organisation(SENDER) == organisation_from_sender(SENDER)


def test_only_a_manager_with_a_fresh_form_may_change_the_facts(app: Flask, mira: Browser) -> None:
    viewer, nils = browser(app), browser(app)
    signed_in(viewer, "viewer")
    assert viewer.get("/organisation").status_code == 403
    assert viewer.press("/account", "/organisation", GOOD).status_code == 403
    assert nils.get("/organisation").location.startswith("/sign-in")
    assert nils.post("/organisation", data=GOOD).status_code in {302, 400}
    assert mira.post("/organisation", data=GOOD).status_code == 400
    assert find_organisation(SENDER) == organisation_from_sender(SENDER)
