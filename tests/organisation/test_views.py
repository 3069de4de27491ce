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
    "mail_domains": "northwind.example, Nw.example",
    "first_reader": "manager@northwind.example",
    "first_reader_name": "Mira Vance",
    "weekend": ["saturday", "sunday"],
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
    saved = mira.get("/organisation").text
    assert 'role="status">Saved.' in saved
    facts = find_organisation(SENDER)
    assert facts.several_zones
    assert facts.mail_domains == ("northwind.example", "nw.example")
    assert [reader.name for reader in facts.readers] == ["Mira Vance"]
    assert (facts.weekend, facts.provider_runs_mail) == ((5, 6), None)
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


def test_suggested_facts_are_marked_until_somebody_saves_them(mira: Browser) -> None:
    first = mira.get("/organisation").text
    assert "These facts are only suggested" in first
    assert first.count("Please confirm") == 6
    assert first.count("Please answer") == first.count("Please choose") == 1
    answered = {**GOOD, "provider_runs_mail": "no"}
    assert mira.press("/organisation", "/organisation", answered).status_code == 303
    after = mira.get("/organisation").text
    assert "A survey that is open keeps what it promised." in after
    for mark in ("only suggested", "Please confirm", "Please answer", "Please choose"):
        assert mark not in after


def test_the_page_wants_a_reader_of_comments(mira: Browser) -> None:
    page = mira.press("/organisation", "/organisation", {**GOOD, "first_reader": ""})
    assert page.status_code == 400
    assert "Choose who reads comments" in page.text
