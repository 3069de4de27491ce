"""An attacker who tries for hours keeps no owner out, and learns nothing of which accounts exist.

The application on a clock that tests set forward, and a real mail server.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from survey.access.service.accounts import add_user, end_sessions, make_sign_in_link
from survey.access.service.limits import sign_in_limit
from survey.access.views import known_browser, pages
from survey.app import create_app
from survey.config import Config
from survey.database import db
from survey.kernel.clock import now
from survey.mail.service import deliver_letters
from tests.access.test_sign_in import MIRA, PASSWORD, csrf, sign_in
from tests.conftest import QUICK, settings
from tests.mail.postbox import Postbox, open_postbox
from tests.outside import Browser, browser

SECRET = re.compile(r"#(\S+)")


@dataclass
class Site:
    """An installation that mails to real people, with Mira's account and her known browser."""

    app: Flask
    postbox: Postbox
    mira: Browser
    seconds: float = 1_000_000.0

    @property
    def config(self) -> Config:
        config: Config = self.app.config["CANDOUR"]
        return config

    def set_forward(self, seconds: float) -> None:
        self.seconds += seconds

    def guess(self, address: str, email: str = MIRA) -> TestResponse:
        """A try with a wrong password from this address, in a browser of its own."""
        return sign_in(self.browser(address), email, "a guess of an attacker")

    def browser(self, address: str) -> Browser:
        client = browser(self.app)
        client.environ_base["REMOTE_ADDR"] = address
        return client

    def mails(self) -> list[str]:
        """The texts of all letters that have arrived by now, each with its subject."""
        deliver_letters(seconds=60)
        bodies = [(letter, letter.get_body(("plain",))) for letter in self.postbox.letters()]
        return [f"{letter['Subject']}\n{body.get_content()}" for letter, body in bodies if body]


def set_password(site_app: Flask, client: Browser, email: str = MIRA) -> TestResponse:
    """Takes up a fresh one-time link with a new password."""
    link = make_sign_in_link(add_user(email, "admin").email, site_app.config["CANDOUR"])
    data = {"token": link.partition("#")[2], "new_password": PASSWORD, "again": PASSWORD}
    return client.post("/sign-in/link", data=data)


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    with open_postbox() as postbox:
        app = create_app(settings(database_url, tmp_path, CANDOUR_MAIL_URL=postbox.url))
        app.extensions["security"].pwd_context.update(**QUICK)
        with app.app_context():
            mira = browser(app)
            assert set_password(app, mira).status_code == 303
            found = Site(app, postbox, mira)
            sign_in_limit().clock = lambda: found.seconds
            yield found
            db.session.remove()
            db.engine.dispose()


def sign_out(client: Browser) -> None:
    client.post("/sign-out", data={"csrf_token": csrf(client, "/account")})


def test_from_one_address_for_hours_the_owner_gets_in_from_everywhere_else(site: Site) -> None:
    sign_out(site.mira)
    for _ in range(100):
        site.guess("203.0.113.66")
        site.set_forward(180)
    assert site.guess("203.0.113.66").status_code == 200
    assert "Too many failed tries" in site.guess("203.0.113.66").text
    site.mira.environ_base["REMOTE_ADDR"] = "203.0.113.66"
    assert sign_in(site.mira).status_code == 302, "known, from the attacker's own address"
    assert sign_in(site.browser("198.51.100.1")).status_code == 302, "new, from elsewhere"


def test_from_a_thousand_addresses_a_known_browser_gets_in_and_a_new_one_by_mail(
    site: Site,
) -> None:
    sign_out(site.mira)
    limit = sign_in_limit()
    for minutes in range(0, 5 * 60, 10):
        for number in range(1000):
            limit.attempt(MIRA, f"10.1.{number >> 8}.{number & 255}")
        site.set_forward(600)
        del minutes
    assert "Too many failed tries" in site.guess("10.1.0.1").text
    assert sign_in(site.mira).status_code == 302, "at once"
    new = site.browser("198.51.100.1")
    refused = sign_in(new)
    assert "Too many failed tries. Try again in" in refused.text
    assert "a link was mailed to it today" in refused.text
    mailed = [mail for mail in site.mails() if mail.startswith("Many failed tries")]
    assert len(mailed) == 1
    assert set(site.postbox.recipients) == {MIRA}
    secret = SECRET.search(mailed[0])
    assert secret
    told = new.post("/sign-in/browser", data={"token": secret[1]})
    assert (told.status_code, told.headers["Location"]) == (303, "/sign-in")
    assert "This browser is known now" in new.get("/sign-in").text
    assert new.get("/account").status_code == 302, "it signs nobody in"
    assert sign_in(new, password="a guess of an attacker").status_code == 200
    assert sign_in(new).status_code == 302


def test_a_link_from_the_command_line_works_whatever_others_try(site: Site) -> None:
    for number in range(300):
        site.browser("203.0.113.66").post("/sign-in/link", data={"token": f"made up {number}"})
        sign_in_limit().attempt(MIRA, f"10.1.{number >> 8}.{number & 255}")
    here = site.browser("203.0.113.66")
    assert set_password(site.app, here).status_code == 303
    assert here.get("/account").status_code == 200


def test_one_mail_a_day_is_all_that_a_stranger_can_bring_about(site: Site) -> None:
    for _ in range(60):
        site.guess("203.0.113.66")
        site.set_forward(120)
    assert len([mail for mail in site.mails() if mail.startswith("Many failed tries")]) == 1
    assert site.postbox.recipients.count(MIRA) == 2, "and one about the password she has set"


def test_unknown_accounts_meet_the_same_answers(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_user("nils@northwind.example", "viewer")  # has no password
    hashed, seen = [], {}
    context = type(site.app.extensions["security"].pwd_context)
    for name in ("hash", "verify"):
        real = getattr(context, name)

        def counted(*words: object, _real: Callable[..., object] = real, **more: object) -> object:
            hashed.append(1)
            return _real(*words, **more)

        monkeypatch.setattr(context, name, counted)
    for number, email in enumerate((MIRA, "nils@northwind.example", "nobody@northwind.example")):
        seen[email] = []
        for _ in range(12):
            before = len(hashed)
            answer = site.guess(f"203.0.113.{number}", email)
            words = re.sub(r'value="[^"]*"', "", answer.text)
            seen[email].append((answer.status_code, len(hashed) - before, words))
            site.set_forward(5)
    assert seen[MIRA] == seen["nils@northwind.example"] == seen["nobody@northwind.example"]
    assert {works for _, works, _ in seen[MIRA]} == {0, 1}, "one slow hash, none while blocked"


@pytest.mark.parametrize("ended_by", ["password", "everywhere", "age", "secret", "account"])
def test_what_makes_a_browser_unknown(
    site: Site, ended_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_known() -> bool:
        cookie = site.mira.get_cookie("candour-browser")
        assert cookie
        with site.app.test_request_context(headers={"Cookie": f"candour-browser={cookie.value}"}):
            return known_browser.browser_known_to(MIRA) is not None

    assert is_known()
    match ended_by:
        case "password":
            other = browser(site.app)
            assert set_password(site.app, other).status_code == 303
        case "everywhere":
            end_sessions(db.session.execute(text('SELECT id FROM "user"')).scalar_one())
        case "age":
            later = now() + timedelta(days=181)
            monkeypatch.setattr(known_browser, "now", lambda: later)
        case "secret":
            object.__setattr__(site.config, "secret_key", "another" * 6)
        case "account":
            cookie = site.mira.get_cookie("candour-browser")
            assert cookie
            add_user("otto@northwind.example", "admin")
            with site.app.test_request_context(
                headers={"Cookie": f"candour-browser={cookie.value}"}
            ):
                assert known_browser.browser_known_to("otto@northwind.example") is None
            return
    assert not is_known()


def test_an_own_new_password_leaves_the_own_browser_known(site: Site) -> None:
    new = "another violin in the moss"
    page = {"csrf_token": csrf(site.mira, "/account/password"), "password": PASSWORD}
    sent = site.mira.post("/account/password", data=page | {"new_password": new, "again": new})
    assert sent.status_code == 303
    for number in range(300):
        sign_in_limit().attempt(MIRA, f"10.1.{number >> 8}.{number & 255}")
    sign_out(site.mira)
    assert sign_in(site.mira, password=new).status_code == 302


@pytest.mark.parametrize("days", [2, 3])
def test_a_mailed_link_makes_a_browser_known_for_two_days(
    site: Site, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(20):
        site.guess("203.0.113.66")
        site.set_forward(10)
    mail = next(mail for mail in site.mails() if mail.startswith("Many failed tries"))
    secret = SECRET.search(mail)
    assert secret
    later = now() + timedelta(days=days)
    monkeypatch.setattr(pages, "now", lambda: later)
    client = site.browser("198.51.100.1")
    before = client.get("/sign-in/browser")
    assert (before.status_code, "Set-Cookie" in before.headers) == (200, False)
    answer = client.post("/sign-in/browser", data={"token": secret[1]})
    assert answer.status_code == (303 if days == 2 else 410)
    assert (client.get_cookie("candour-browser") is not None) == (days == 2)


@pytest.mark.parametrize("spoilt", ["", "x", "a.b.c.d", "ü.1.2.3", "{}.x", "~~~", "....", "\0"])
def test_a_made_up_proof_makes_no_browser_known(site: Site, spoilt: str) -> None:
    mira = db.session.execute(text('SELECT id FROM "user"')).scalar_one()
    cookie = site.mira.get_cookie("candour-browser")
    assert cookie
    for made_up in (spoilt.format(mira), f"{mira}.{spoilt}", cookie.value):
        answer = site.browser("198.51.100.1").post("/sign-in/browser", data={"token": made_up})
        assert answer.status_code == 410, "nor does one that was made for a cookie"
    with site.app.test_request_context():
        from survey.access.service.known_browsers import known_browser as service

        for made_up in (spoilt, cookie.value[:-1], cookie.value.upper(), f"{mira}.x.1.{spoilt}"):
            assert service(MIRA, made_up, now().date()) is None
