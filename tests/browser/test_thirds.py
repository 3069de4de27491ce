"""A third and its quarter in a real browser, narrow and wide.

Nothing runs out of the page, and the trend can be read.
"""

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page
from werkzeug.serving import make_server

from survey.access.service.accounts import add_user, make_sign_in_link
from survey.database import db
from tests.browser.conftest import Open
from tests.findings.quarter import WITH_A_VOID_THIRD, counted_quarter, planned_thirds
from tests.proofs import proof

pytestmark = pytest.mark.browser
WIDTHS = (360, 1280)


@pytest.fixture
def quarters(app: Flask) -> None:
    """Three quarters in thirds, the last with a void third."""
    planned_thirds()
    counted_quarter(app, comment="Answer the phone ")
    counted_quarter(app)
    counted_quarter(app, WITH_A_VOID_THIRD)


@pytest.fixture
def server(app: Flask, quarters: None) -> Iterator[str]:
    """The application on a port of its own."""
    serving = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    yield f"http://localhost:{serving.server_port}"
    serving.shutdown()
    thread.join(timeout=20)
    serving.server_close()


def overflow(page: Page) -> int:
    return int(
        page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    )


@proof("looks")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_thirds_and_quarters_fit_a_phone_and_a_desk(app: Flask, server: str, visit: Open) -> None:
    user = add_user("manager@northwind.example", "manager")
    link = make_sign_in_link(user.email, app.config["CANDOUR"]).partition("#")[2]
    db.session.rollback()
    first = visit(f"{server}/sign-in/link#{link}")
    first.get_by_role("button", name="Sign in").click()
    first.wait_for_url(f"{server}/")
    state = first.context.storage_state()
    for width in WIDTHS:
        for name in ("", "waves/desk-2027-05", "waves/desk-2027-q2", "waves/desk-2027-q3"):
            page = visit(f"{server}/{name}", width=width, state=state)
            assert overflow(page) <= 0, (name, width)
        third = visit(f"{server}/waves/desk-2027-02", width=width, state=state)
        assert third.get_by_text("this is a score and no judgement").is_visible()
        assert third.locator(".tag").count() == 0
        assert third.locator("#trend").is_visible()
        quarter = visit(f"{server}/waves/desk-2027-q2", width=width, state=state)
        assert quarter.locator(".c-line").count() == 1
        assert quarter.get_by_text("A third of the people was asked each month").is_visible()
        assert quarter.locator(".tag").count() > 0
