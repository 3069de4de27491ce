"""Signing in: by a one-time link, by password, never to another host, and with which cookie."""

import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from werkzeug.test import TestResponse

from survey.access.rules.accounts import LINK_LASTS, checked_address
from survey.access.rules.passwords import password_fault
from survey.access.service import audit
from survey.access.service.accounts import add_user, make_sign_in_link
from survey.access.service.limits import LINKS_PER_ADDRESS
from survey.app import create_app
from survey.config import Config
from survey.database import db
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.people.service.directory import import_people
from tests.cast import found_company
from tests.conftest import settings
from tests.outside import PASSWORD, Browser, browser
from tests.proofs import on_postgresql

MIRA = "mira@northwind.example"
ENDED = "This link has been used or is too old"


def config(app: Flask) -> Config:
    config: Config = app.config["CANDOUR"]
    return config


def secret_for(app: Flask, email: str = MIRA, role: str = "admin") -> str:
    """The secret of a fresh one-time link."""
    return make_sign_in_link(add_user(email, role).email, config(app)).partition("#")[2]


def csrf(client: Browser, page: str) -> str:
    """The token of the form on this page."""
    match = re.search(r'name="csrf_token" value="([^"]+)"', client.get(page).text)
    assert match, f"{page} shows no form"
    return match[1]


def is_signed_in(client: Browser) -> bool:
    return client.get("/account").status_code == 200


def sign_in(
    client: Browser, email: str = MIRA, password: str = PASSWORD, query: str = "", **more: str
) -> TestResponse:
    """What the sign-in form answers."""
    data = {"csrf_token": csrf(client, "/sign-in"), "email": email, "password": password, **more}
    return client.post(f"/sign-in{query}", data=data)


def choose(client: Browser, new: str, again: str | None = None, **more: str) -> TestResponse:
    """What the form for a new password answers."""
    data = {
        "csrf_token": csrf(client, "/account/password"),
        "new_password": new,
        "again": new if again is None else again,
        **more,
    }
    return client.post("/account/password", data=data)


@pytest.fixture
def with_password(app: Flask) -> None:
    """Mira has an account with a password."""
    client = browser(app)
    client.post("/sign-in/link", data={"token": secret_for(app)})
    assert choose(client, PASSWORD).status_code == 303


def test_a_link_signs_in_once(app: Flask, stranger: Browser) -> None:
    secret = secret_for(app)
    assert stranger.post("/sign-in/link", data={"token": f" {secret}\n"}).status_code == 303
    assert is_signed_in(stranger)
    second = browser(app)
    refused = second.post("/sign-in/link", data={"token": secret})
    assert (refused.status_code, ENDED in refused.text) == (410, True)
    assert not is_signed_in(second)


def test_opening_a_link_changes_nothing_however_often(app: Flask, stranger: Browser) -> None:
    secret = secret_for(app)
    entries = audit.number_of_entries()
    for _ in range(20):
        for method in ("GET", "HEAD"):
            response = stranger.open("/sign-in/link", method=method)
            assert (response.status_code, response.headers.get("Set-Cookie")) == (200, None)
    assert audit.number_of_entries() == entries
    assert stranger.post("/sign-in/link", data={"token": secret}).status_code == 303


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("age", "status"),
    [(LINK_LASTS - timedelta(minutes=1), 303), (LINK_LASTS + timedelta(seconds=1), 410)],
)
def test_a_link_is_good_for_a_day(
    app: Flask, stranger: Browser, age: timedelta, status: int
) -> None:
    email = add_user(MIRA, "admin").email
    secret = make_sign_in_link(email, config(app), now() - age).partition("#")[2]
    assert stranger.post("/sign-in/link", data={"token": secret}).status_code == status
    assert is_signed_in(stranger) == (status == 303)


def test_a_new_link_ends_the_one_before_and_that_of_nobody_else(app: Flask) -> None:
    first, other, second = (
        secret_for(app),
        secret_for(app, "otto@northwind.example", "viewer"),
        secret_for(app),
    )
    assert [
        browser(app).post("/sign-in/link", data={"token": secret}).status_code
        for secret in (first, other, second)
    ] == [410, 303, 303]


def test_the_secret_of_a_link_is_kept_nowhere_and_shown_in_no_address(
    app: Flask, stranger: Browser
) -> None:
    secret = secret_for(app)
    response = stranger.post("/sign-in/link", data={"token": secret})
    assert secret not in response.headers.get("Location", "") + response.text
    for table in ("sign_in_link", "audit_entry"):
        assert (
            secret.encode()
            not in repr(db.session.execute(text(f"SELECT * FROM {table}")).all()).encode()
        )
    assert {
        len(bytes(row.hash)) for row in db.session.execute(text("SELECT hash FROM sign_in_link"))
    } == {32}


@pytest.mark.parametrize("rubbish", ["", "x", "ü" * 300, "0" * 43, "\0"])
def test_a_made_up_link_gets_the_same_answer_as_a_used_one(stranger: Browser, rubbish: str) -> None:
    response = stranger.post("/sign-in/link", data={"token": rubbish})
    assert (response.status_code, ENDED in response.text) == (410, True)
    assert "Set-Cookie" not in response.headers


def test_made_up_links_are_limited_and_a_good_one_of_the_same_office_never(
    app: Flask, stranger: Browser
) -> None:
    for number in range(LINKS_PER_ADDRESS):
        made_up = stranger.post("/sign-in/link", data={"token": f"made up {number}"})
        assert made_up.status_code == 410
    limited = stranger.post("/sign-in/link", data={"token": "another"})
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "60")
    assert "Try again in 60 seconds." in limited.text
    again = stranger.post("/sign-in/link", data={"token": "made up 0"})
    assert again.status_code == 410, "the same once more"
    for number in range(2 * LINKS_PER_ADDRESS):
        secret = secret_for(app, f"colleague{number}@northwind.example", "viewer")
        assert browser(app).post("/sign-in/link", data={"token": secret}).status_code == 303


def test_a_password_is_kept_as_argon2id_only(app: Flask, with_password: None) -> None:
    stored = db.session.execute(text('SELECT password FROM "user"')).scalar_one()
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in repr(
        [
            db.session.execute(text(f'SELECT * FROM "{table}"')).all()
            for table in ("user", "audit_entry", "session")
        ]
    )


def test_the_right_password_signs_in(app: Flask, with_password: None, stranger: Browser) -> None:
    assert sign_in(stranger, " Mira@Northwind.example").status_code == 302
    assert is_signed_in(stranger)
    assert audit.list_entries(limit=1)[0].what == "signed in"


def plain(response: TestResponse) -> str:
    """A page without what differs by chance."""
    return re.sub(r'value="[^"]*"', "", response.text)


@pytest.mark.usefixtures("with_password")
def test_a_wrong_password_and_an_unknown_account_get_the_same_page(app: Flask) -> None:
    add_user("new@northwind.example", "viewer")
    tries = [
        (MIRA, "wrong"),
        ("nobody@northwind.example", PASSWORD),
        ("new@northwind.example", PASSWORD),
        (MIRA, PASSWORD + " "),
    ]
    replies = [sign_in(browser(app), email, password) for email, password in tries]
    assert {reply.status_code for reply in replies} == {200}
    assert len({plain(reply) for reply in replies}) == 1
    assert "That did not work" in replies[0].text
    assert not re.search("nobody|unknown|disabled", plain(replies[1]), re.IGNORECASE)


@pytest.mark.usefixtures("with_password")
def test_the_sixth_failed_try_is_told_when_to_try_again_and_the_right_one_waits_too(
    app: Flask,
) -> None:
    for account in (MIRA, "nobody@northwind.example"):
        for _ in range(5):
            assert "Try again" not in sign_in(browser(app), account, "wrong").text
        assert re.search(
            r"Too many failed tries\. Try again in \d+ seconds\.",
            sign_in(browser(app), account.upper(), PASSWORD).text,
        )


@pytest.mark.usefixtures("with_password")
def test_a_form_without_a_password_leaves_the_address_filled_in(stranger: Browser) -> None:
    response = sign_in(stranger, MIRA, "")
    assert f'value="{MIRA}"' in response.text
    assert "<title>Error:" in response.text


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"new": "four words only"[:14]}, "at least 15 characters"),
        ({"new": "x" * 257}, "at most 256 characters"),
        ({"new": "Password1234567!"}, "among the first that are tried"),
        ({"new": PASSWORD, "again": PASSWORD + "s"}, "differ"),
        ({"new": PASSWORD + " two", "password": "wrong"}, "present password is not right"),
        ({"new": PASSWORD + " two", "password": ""}, "present password is not right"),
    ],
)
@pytest.mark.usefixtures("with_password")
def test_a_new_password_is_refused_with_its_reason_and_the_old_one_stays(
    app: Flask, stranger: Browser, fields: dict[str, str], says: str
) -> None:
    sign_in(stranger)
    response = choose(stranger, **{"password": PASSWORD, **fields})
    assert response.status_code == 400
    assert says in response.text
    assert sign_in(browser(app)).status_code == 302


@pytest.mark.usefixtures("with_password")
def test_a_password_is_changed_by_whoever_knows_it(app: Flask, stranger: Browser) -> None:
    sign_in(stranger)
    assert choose(stranger, "another violin in the moss", password=PASSWORD).status_code == 303
    assert "Your new password is set." in stranger.get("/account").text
    assert sign_in(browser(app)).status_code == 200
    assert sign_in(browser(app), password="another violin in the moss").status_code == 302


@pytest.mark.usefixtures("with_password")
def test_a_forgotten_password_is_replaced_after_a_sign_in_by_link(
    app: Flask, stranger: Browser
) -> None:
    stranger.post("/sign-in/link", data={"token": secret_for(app)})
    assert "Present password" not in stranger.get("/account/password").text
    assert choose(stranger, "another violin in the moss").status_code == 303
    assert sign_in(browser(app), password="another violin in the moss").status_code == 302


@pytest.mark.parametrize("composed", ["Zürich gravel 7 teacup", "Zu\u0308rich gravel 7 teacup"])
def test_a_password_is_the_same_however_the_keyboard_composes_it(app: Flask, composed: str) -> None:
    client = browser(app)
    client.post("/sign-in/link", data={"token": secret_for(app)})
    choose(client, "Zu\u0308rich gravel 7 teacup")
    assert sign_in(browser(app), password=composed).status_code == 302


NAMES = (
    *("Northwind Ltd", "Dana Reyes", "northwind.example", "Brightline IT", "Otto Lindqvist"),
    *("brightline.example", "IT support", "Candour", "Mira Holm"),
)
EASY = (
    *("Brightline-IT-2026", "br1ght1ine-1t-2026", "enilthgirB-2026-IT!", "BRIGHTLINE 12.03.2026"),
    *("B.r.i.g.h.t.l.i.n.e.99", "B!r!i!g!h!t!l!i!n!e!", "Briiightliiine-2026!"),
    *(
        "2026.Northwind.2026",
        "N0rthw1nd+Br1ghtl1ne",
        "NorthwindSummer2026!",
        "N\u00f6rthwind-it-2026",
    ),
    *("Brightline#8274919", "Brightline-teacup-26", "brightlinehelpdesk2026"),
    *("otto-lindqvist-1984", "Mira.Holm.1979.Mira", "Candour-IT-Support-1"),
    "passwordpassword",
    "qwertyuiop12345",
    "aaaaaaaaaaaaaaaa",
    "abcabcabcabcabcabc",
    "P@ssw0rdP@ssw0rd",
    "mira.northwind.mira",
    "123456789012345",
    "Candour-Admin-2027",
)


@pytest.mark.parametrize("password", EASY)
def test_an_easy_password_is_refused(password: str) -> None:
    assert "among the first" in (password_fault(password, MIRA, NAMES) or "")


@given(st.text(st.characters(codec="utf-8"), max_size=14))
def test_no_short_password_is_taken(password: str) -> None:
    assert password_fault(password, MIRA)


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        "correct horse battery moss gravel",
        "жёлтый чемодан над рекой",
        "k9#Vt2!pQz7&mW4x",
        "our brightline printer ate my violin",
        "Northwind gravel 7 teacup",
        "mira plays the violin in moss",
        "brightlin3 moss teacup violin 1984",
    ],
)
def test_a_good_password_is_taken_even_if_it_holds_a_name(password: str) -> None:
    assert password_fault(password, MIRA, NAMES) is None


def test_the_names_that_are_refused_are_those_of_this_installation(app: Flask) -> None:
    found_company()
    import_people(b"email,name,department\nmira@northwind.example,Mira Quastenberg,Legal\n")
    client = browser(app)
    client.post("/sign-in/link", data={"token": secret_for(app)})
    for easy in (
        *("Brightline-IT-2026", "Lindqvist-2026-Otto", "Northwind.Ltd.2027", "Dana.Reyes-1984-x"),
        *("Noise-Noise-2027!!", "Quastenberg-1984-!", "localhost-admin-26", "Other-Provider-2026"),
    ):
        refused = choose(client, easy)
        assert (refused.status_code, "names that everybody here knows" in refused.text) == (
            400,
            True,
        ), easy
    assert choose(client, "our brightline printer ate my violin").status_code == 303


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("", "Fill in the address"),
        ("mira", "it has no “@”"),
        ("@x.example", "Not a mail address"),
        ("a@b", "Not a complete address"),
        ("a b@x.example", "Remove the space"),
        ("a@x..example", "no domain name"),
        ("a@x.example\nBcc: b@x.example", "Remove the line break"),
        ("a@b@x.example", "More than one address"),
    ],
)
def test_what_is_no_address_gets_no_account(address: str, says: str) -> None:
    with pytest.raises(Refused, match=says) as refused:
        checked_address(address)
    assert refused.value.sentence.isprintable()


def landing(response: TestResponse) -> str:
    """Where a browser ends up: it drops tabs and line ends, and takes backslashes for slashes."""
    said = re.sub(r"[\t\r\n]", "", response.headers["Location"]).strip("\0 ").replace("\\", "/")
    return urljoin("http://localhost/sign-in", re.sub(r"^//+", "//", said))


ELSEWHERE = (
    *(
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        "////evil.example",
        "/\\evil.example",
        "\\\\evil.example",
    ),
    *(
        "http:evil.example",
        "http:///evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://localhost.evil.example",
    ),
    *(
        "//localhost@evil.example",
        "http://localhost:80@evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        " //evil.example",
    ),
    *("\n/\\evil.example", "/%09/evil.example"),
)


@on_postgresql("databases")
@pytest.mark.usefixtures("with_password")
def test_no_sign_in_leads_to_another_host(app: Flask) -> None:
    for number, target in enumerate(ELSEWHERE):
        client, data = browser(app), {"email": MIRA, "password": PASSWORD}
        data["csrf_token"] = csrf(client, "/sign-in")
        if number % 2:
            sent = client.post("/sign-in", query_string={"next": target}, data=data)
        else:
            sent = client.post("/sign-in", data=data | {"next": target})
        again = client.get("/sign-in", query_string={"next": target})
        out = client.post(
            "/sign-out", data={"csrf_token": csrf(client, "/account"), "next": target}
        )
        for reply in (sent, again, out):
            parts = urlsplit(landing(reply))
            assert (parts.scheme, parts.netloc) == (
                "http",
                "localhost",
            ), f"{target!r} leads to {reply.headers['Location']}"


@pytest.mark.usefixtures("with_password")
def test_whoever_came_for_a_page_finds_it_after_the_sign_in(stranger: Browser) -> None:
    asked = stranger.get("/audit?what=signed+in")
    assert asked.status_code == 302
    form = stranger.get(asked.headers["Location"]).text
    action = re.search(r'action="([^"]+)"', form)
    assert action
    data = {"csrf_token": csrf(stranger, "/sign-in"), "email": MIRA, "password": PASSWORD}
    assert urlsplit(landing(stranger.post(action[1].replace("&amp;", "&"), data=data)))[2:4] == (
        "/audit",
        "what=signed+in",
    )


def attributes(cookie: str) -> tuple[str, set[str]]:
    """A cookie's name, and what the browser is told about it; its end is told twice."""
    pair, *rest = cookie.split("; ")
    return pair.partition("=")[0], {part for part in rest if not part.startswith("Expires=")}


def test_the_cookie_on_a_server_is_bound_to_it_and_to_encryption(
    database_url: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = "https://feedback.northwind.example"
    place = {
        "CANDOUR_BASE_URL": base,
        "CANDOUR_MAIL_URL": "smtp+starttls://u:p@mail.northwind.example:587",
    }
    app = create_app(settings(database_url, tmp_path_factory.mktemp("keys"), **place))
    with app.app_context():
        client = browser(app)
        data = {"token": secret_for(app), "new_password": PASSWORD, "again": PASSWORD}
        response = client.post("/sign-in/link", data=data, base_url=base)
        told = {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}
        assert dict(map(attributes, response.headers.getlist("Set-Cookie"))) == {
            "__Host-candour": told,
            "__Host-candour-browser": {*told, "Max-Age=15552000"},
        }
        assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert client.get("/account", base_url=base).status_code == 200
        assert client.get("/account", base_url="https://localhost").status_code == 400, (
            "its own name only"
        )
        db.session.remove()
        db.engine.dispose()


@pytest.mark.usefixtures("with_password")
def test_on_loopback_the_session_ends_with_the_browser_which_stays_known(
    stranger: Browser,
) -> None:
    response = sign_in(stranger, remember="y")
    told = {"HttpOnly", "Path=/", "SameSite=Lax"}
    assert dict(map(attributes, response.headers.getlist("Set-Cookie"))) == {
        "candour": told,
        "candour-browser": {*told, "Max-Age=15552000"},
    }


@pytest.mark.usefixtures("with_password")
def test_programs_get_no_token_that_signs_in(app: Flask, stranger: Browser) -> None:
    data = {"email": MIRA, "password": PASSWORD}
    token = csrf(stranger, "/sign-in")
    reply = stranger.post(
        "/sign-in?include_auth_token",
        json=data,
        headers={"X-CSRFToken": token, "Accept": "application/json"},
    )
    assert (reply.status_code, "token" in reply.text) == (415, False)
    with app.test_request_context():
        from survey.access.tables import UserRow

        made = db.session.query(UserRow).one().get_auth_token()
    for headers, query in (({"Authentication-Token": made}, {}), ({}, {"auth_token": made})):
        assert browser(app).get("/account", headers=headers, query_string=query).status_code == 302
