"""The provider's page, as a manager without script meets it."""

from html import unescape

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from survey.providers.service import add_provider, find_provider, list_providers
from tests.outside import Browser, browser, signed_in
from tests.proofs import on_postgresql

OTTO = ("Otto Lindqvist", "otto@brightline.example")


@pytest.fixture
def mira(app: Flask) -> Browser:
    """A manager."""
    visitor = browser(app)
    signed_in(visitor, "manager")
    return visitor


def save(visitor: Browser, name: str, person: str = "", address: str = "") -> TestResponse:
    return visitor.press(
        "/providers",
        "/providers",
        {"name": name, "contact_name": person, "contact_address": address},
    )


def test_a_provider_is_named_and_its_people_added_one_by_one(mira: Browser) -> None:
    assert save(mira, "Brightline IT", *OTTO).status_code == 303
    assert save(mira, " brightline  it ", "Pia", "pia@brightline.example").status_code == 303
    page = mira.get("/providers").text
    assert "Brightline IT is saved." in page
    assert "Otto Lindqvist, otto@brightline.example" in page
    assert len(find_provider("Brightline IT").contacts) == 2


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (("", "", ""), "letter from A to Z or digit"),
        (("Brightline IT", "Otto", "otto@brightline"), "Not a complete address"),
        (("Brightline IT", "Otto", ""), "empty address"),
        (("Known", "", ""), "a provider named Known already"),
        (("Known", "<i>Otto</i>", '"><script>'), "Keep the address alone"),
        (
            ("Brightline IT", "Otto\r\nBcc: x@y.example", "otto@brightline.example"),
            "Remove the line break",
        ),
    ],
)
def test_a_refused_form_says_why_and_keeps_its_input(
    mira: Browser, fields: tuple[str, str, str], message: str
) -> None:
    add_provider("Known", [])
    page = save(mira, *fields)
    assert page.status_code == 400
    assert "<title>Error: " in page.text
    assert message in unescape(page.text)
    assert all(
        f'value="{text.splitlines()[0]}' in page.text for text in fields if text and "<" not in text
    )
    assert "<script>" not in page.text
    assert "<i>Otto" not in page.text
    assert [(provider.name, provider.contacts) for provider in list_providers()] == [("Known", ())]


def test_removing_a_contact_asks_first(mira: Browser) -> None:
    made = add_provider("Brightline IT", [OTTO])
    other = add_provider("Other", [("Olga", "olga@other.example")])
    path = f"/providers/{made.slug}/contacts/{made.contacts[0].id}/remove"
    assert "the links sent there end" in mira.get(path).text
    assert find_provider("Brightline IT").contacts == made.contacts
    assert (
        mira.get(f"/providers/{made.slug}/contacts/{other.contacts[0].id}/remove").status_code
        == 404
    )
    assert mira.press(path, path, {}).status_code == 303
    assert (find_provider("Brightline IT").contacts, find_provider("Other").contacts) == (
        (),
        other.contacts,
    )
    assert "not there any more" in mira.get(path).text


def test_only_a_manager_with_a_fresh_form_may_change_providers(app: Flask, mira: Browser) -> None:
    made = add_provider("Brightline IT", [OTTO])
    remove = f"/providers/{made.slug}/contacts/{made.contacts[0].id}/remove"
    viewer, nils = browser(app), browser(app)
    signed_in(viewer, "viewer")
    for path in ("/providers", remove):
        assert viewer.get(path).status_code == 403
        assert viewer.press("/account", path, {"name": "Mine"}).status_code == 403
        assert nils.get(path).location.startswith("/sign-in")
        assert nils.post(path, data={"name": "Mine"}).status_code in {302, 400}
        assert mira.post(path, data={"name": "Mine"}).status_code == 400
    assert list_providers() == (made,)
