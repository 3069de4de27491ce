"""How long a session lasts, and everything that ends it."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import text

from survey.access.rules.accounts import IDLE_LASTS, SESSION_LASTS
from survey.access.service.accounts import (
    add_user,
    change_role,
    end_sessions,
    list_users,
    make_sign_in_link,
    remove_user,
)
from survey.access.service.sessions import number_of_sessions
from survey.database import db
from survey.kernel.clock import now
from tests.outside import Browser, browser
from tests.proofs import on_postgresql

Later = Callable[[timedelta], None]
ADMIN = "admin@northwind.example"


def is_signed_in(client: Browser) -> bool:
    response = client.get("/account")
    assert response.status_code == 200 or response.headers["Location"] == "/sign-in?next=/account"
    return response.status_code == 200


def id_of(email: str = ADMIN) -> str:
    return next(user.id for user in list_users() if user.email == email)


def post(client: Browser, address: str, **data: str) -> int:
    """The status of a form sent from the account page."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/account").text)
    assert token
    return client.post(address, data={"csrf_token": token[1], **data}).status_code


@pytest.mark.parametrize(
    ("idle", "lasts"),
    [(IDLE_LASTS - timedelta(seconds=5), True), (IDLE_LASTS + timedelta(seconds=5), False)],
)
def test_a_session_left_idle_for_half_an_hour_ends(
    mira: Browser, later: Later, idle: timedelta, *, lasts: bool
) -> None:
    later(idle)
    assert is_signed_in(mira) == lasts
    later(timedelta())
    assert is_signed_in(mira) == lasts, "and does not come back"


def test_a_session_in_use_lasts_twelve_hours_and_no_longer(mira: Browser, later: Later) -> None:
    for minutes in range(0, 12 * 60, 20):
        later(timedelta(minutes=minutes))
        assert is_signed_in(mira), f"after {minutes} minutes"
    later(SESSION_LASTS - timedelta(seconds=5))
    assert is_signed_in(mira)
    later(SESSION_LASTS + timedelta(seconds=5))
    assert not is_signed_in(mira)


def test_the_old_cookie_is_worth_nothing_after_signing_out(app: Flask, mira: Browser) -> None:
    thief = browser(app)
    cookie = mira.get_cookie("candour")
    assert cookie
    thief.set_cookie("candour", cookie.value)
    assert is_signed_in(thief)
    assert post(mira, "/sign-out") == 302
    assert (is_signed_in(mira), is_signed_in(thief)) == (False, False)
    assert db.session.execute(text("SELECT count(*) FROM session")).scalar() == 0


def test_signing_out_is_a_button_and_no_link(mira: Browser) -> None:
    assert mira.get("/sign-out").status_code == 405
    assert is_signed_in(mira)


@on_postgresql("databases")
@pytest.mark.parametrize("deed", ["role", "removed", "ended"])
def test_what_an_administrator_does_ends_the_sessions_of_that_account_everywhere(
    app: Flask, mira: Browser, deed: str
) -> None:
    phone, desk = browser(app, "manager"), browser(app, "manager")
    manager = id_of("manager@northwind.example")
    assert number_of_sessions(manager, now()) == 2
    match deed:
        case "role":
            change_role(manager, "viewer")
        case "removed":
            remove_user("manager@northwind.example")
        case "ended":
            end_sessions(manager)
    assert [is_signed_in(client) for client in (phone, desk, mira)] == [False, False, True]


def test_the_same_role_again_ends_nothing(mira: Browser) -> None:
    add_user(ADMIN, "admin")
    assert is_signed_in(mira)


def test_one_button_signs_out_in_every_browser_and_nobody_else(app: Flask, mira: Browser) -> None:
    phone, other = browser(app, "admin"), browser(app, "viewer")
    assert "Sign out in every browser" in mira.get("/account").text
    assert post(mira, "/account/sign-out-everywhere") == 303
    assert [is_signed_in(client) for client in (mira, phone, other)] == [False, False, True]


def test_a_new_password_ends_the_sessions_in_other_browsers(app: Flask, mira: Browser) -> None:
    phone = browser(app, "admin")
    new = "violin gravel 7 teacup moss"
    assert post(mira, "/account/password", new_password=new, again=new) == 303
    assert [is_signed_in(client) for client in (mira, phone)] == [True, False]


def test_each_sign_in_has_a_secret_of_its_own_and_the_table_its_hash(
    app: Flask, mira: Browser
) -> None:
    seen = set()
    for _ in range(3):
        with mira.session_transaction() as session:
            seen.add(session["secret"])
        link = make_sign_in_link(ADMIN, app.config["CANDOUR"])
        mira.post("/sign-in/link", data={"token": link.partition("#")[2]})
    assert len(seen) == 3
    assert min(len(secret) for secret in seen) >= 43, "256 bits"
    stored = [bytes(row.hash) for row in db.session.execute(text("SELECT hash FROM session"))]
    assert len(stored) == 1, "the one before has ended"
    assert not any(secret.encode() in hashed for secret in seen for hashed in stored)


def test_a_form_from_before_the_sign_in_is_stale_after_it(app: Flask) -> None:
    client = browser(app)
    before = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/sign-in").text)
    assert before
    link = make_sign_in_link(add_user(ADMIN, "admin").email, app.config["CANDOUR"])
    client.post("/sign-in/link", data={"token": link.partition("#")[2]})
    assert is_signed_in(client)
    stale = client.post("/account/sign-out-everywhere", data={"csrf_token": before[1]})
    assert (stale.status_code, is_signed_in(client)) == (400, True)
    assert post(client, "/account/sign-out-everywhere") == 303


def test_a_cookie_that_was_tampered_with_signs_nobody_in(app: Flask, mira: Browser) -> None:
    cookie = mira.get_cookie("candour")
    assert cookie
    value = cookie.value
    for spoilt in (
        value[:-5] + ("A" if value[-5] == "B" else "B") + value[-4:],
        "x" + value,
        value.rpartition(".")[0],
        "",
    ):
        thief = browser(app)
        thief.set_cookie("candour", spoilt)
        assert not is_signed_in(thief)


def test_the_session_of_one_account_is_none_of_anothers(app: Flask, mira: Browser) -> None:
    viewer = browser(app, "viewer")
    with mira.session_transaction() as own, viewer.session_transaction() as other:
        other["secret"] = own["secret"]
    assert not is_signed_in(viewer)
