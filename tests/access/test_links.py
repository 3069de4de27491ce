"""Nobody signs in as somebody else without their hearing of it."""

import re

import pytest
from flask import Flask
from sqlalchemy import text

from survey.access.service import audit
from survey.access.service.accounts import add_user, hand_out_link, make_sign_in_link
from survey.access.service.sessions import number_of_sessions
from survey.database import db
from survey.kernel.clock import now
from tests.access import test_lock_out
from tests.access.test_accounts import add, user_id
from tests.access.test_lock_out import Site, set_password, sign_out
from tests.access.test_sign_in import ENDED, MIRA, PASSWORD, sign_in
from tests.outside import Browser, browser

site = test_lock_out.site
NILS = "nils@northwind.example"
ANOTHER = "another violin in the moss"


def secret_of(link: str) -> str:
    return link.partition("#")[2]


def use(client: Browser, secret: str, new: str = ANOTHER, again: str | None = None) -> int:
    """The status of the answer to a one-time link with a new password."""
    data = {"token": secret, "new_password": new, "again": new if again is None else again}
    return client.post("/sign-in/link", data=data).status_code


def test_a_link_sets_a_password_and_signs_in_once(site: Site) -> None:
    secret, client = secret_of(make_sign_in_link(MIRA, site.config)), browser(site.app)
    page = client.get("/sign-in/link").text
    assert "sets a new password for your account and signs you in, once" in page
    assert use(client, secret) == 303
    assert client.get("/account").status_code == 200
    assert use(browser(site.app), secret, PASSWORD) == 410
    assert sign_in(browser(site.app)).status_code == 200, "the one before has ended"
    assert sign_in(browser(site.app), password=ANOTHER).status_code == 302


def test_a_link_alone_signs_nobody_in(site: Site) -> None:
    secret, client = secret_of(make_sign_in_link(MIRA, site.config)), browser(site.app)
    for new, again in (
        ("", ""),
        ("short", "short"),
        (ANOTHER, "other"),
        ("northwind-mira-26",) * 2,
    ):
        refused = client.post(
            "/sign-in/link", data={"token": secret, "new_password": new, "again": again}
        )
        assert refused.status_code == 400
        assert f'value="{secret}"' in refused.text, "the link is not lost"
        assert new == "" or f'value="{new}"' not in refused.text
        assert client.get("/account").status_code == 302
    assert site.mira.get("/account").status_code == 200, "nothing has ended"
    assert use(client, secret) == 303, "and is still good"


def test_whoever_uses_anothers_link_is_noticed(site: Site) -> None:
    """An administrator makes a link for a manager, and takes it up in the own browser."""
    add_user(NILS, "manager")
    nils, administrator = browser(site.app), site.mira
    assert set_password_of(site, nils, NILS) == 303
    nils_id = user_id(NILS)
    status, page = add(administrator, NILS, "manager")
    link = re.search(r"/sign-in/link#(\S+?)<", page)
    assert link
    assert status == 200
    told = [mail for mail in site.mails() if mail.startswith("A link was made")]
    assert len(told) == 1
    assert f"{MIRA} made a one-time link for your account" in told[0]
    assert link[1] not in " ".join(site.mails()), "the link itself is not mailed"
    assert nils.get("/account").status_code == 200, "nothing has happened yet"
    assert use(administrator, link[1]) == 303
    assert nils.get("/account").status_code == 302, "signed out"
    assert number_of_sessions(nils_id, now()) == 1
    assert sign_in(browser(site.app), NILS).status_code == 200, "the own password has ended"
    mails = [mail for mail in site.mails() if mail.startswith("Your account has a new password")]
    assert len(mails) == 3, "Mira's own, the one that Nils set, and this one"
    assert site.postbox.recipients.count(NILS) == 3
    entries = [(entry.what, entry.who) for entry in audit.list_entries(limit=3)]
    assert entries == [
        ("signed in by link", NILS),
        ("password set by link", NILS),
        ("sign-in link made", MIRA),
    ]


def set_password_of(site: Site, client: Browser, email: str) -> int:
    """Takes up a link that its person was given."""
    return use(client, secret_of(make_sign_in_link(email, site.config)), PASSWORD)


def test_the_command_line_tells_the_person_as_well(site: Site) -> None:
    hand_out_link(MIRA, site.config, actor="command line")
    mail = next(mail for mail in site.mails() if mail.startswith("A link was made"))
    assert "Whoever runs the server made a one-time link" in mail


@pytest.mark.parametrize("answer", ["password", "everywhere"])
def test_whoever_hears_of_a_link_can_end_it(site: Site, answer: str) -> None:
    secret = secret_of(hand_out_link(MIRA, site.config, actor="otto"))
    token = re.search(r'name="csrf_token" value="([^"]+)"', site.mira.get("/account").text)
    assert token
    data = {"csrf_token": token[1]}
    if answer == "everywhere":
        assert site.mira.post("/account/sign-out-everywhere", data=data).status_code == 303
    else:
        data |= {"password": PASSWORD, "new_password": ANOTHER, "again": ANOTHER}
        assert site.mira.post("/account/password", data=data).status_code == 303
    refused = browser(site.app).post(
        "/sign-in/link", data={"token": secret, "new_password": ANOTHER, "again": ANOTHER}
    )
    assert (refused.status_code, ENDED in refused.text) == (410, True)


def test_after_a_link_the_password_is_asked_before_it_is_changed(site: Site) -> None:
    assert "Present password" in site.mira.get("/account/password").text


def test_a_mail_about_an_account_that_is_gone_is_not_sent(site: Site) -> None:
    add_user(NILS, "viewer")
    hand_out_link(NILS, site.config)
    db.session.execute(text('DELETE FROM "user" WHERE email = :email'), {"email": NILS})
    db.session.commit()
    site.mails()
    assert NILS not in site.postbox.recipients


def test_a_link_in_use_twice_at_once_counts_once(app: Flask) -> None:
    client = browser(app)
    assert set_password(app, client).status_code == 303
    sign_out(client)
    secret = secret_of(make_sign_in_link(MIRA, app.config["CANDOUR"]))
    statuses = [
        browser(app).post("/sign-in/link", data={"token": secret}).status_code for _ in range(3)
    ]
    assert statuses == [303, 410, 410]
