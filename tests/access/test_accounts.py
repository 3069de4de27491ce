"""Who may sign in, as what; the last administrator stays."""

import re
import threading
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.access.service import audit
from survey.access.service.accounts import (
    add_user,
    change_role,
    find_user,
    list_users,
    make_sign_in_link,
    remove_user,
)
from survey.database import db
from survey.kernel.errors import NotFound, Refused
from survey.kernel.hints import words_for_command
from tests.outside import Browser, browser, command_line
from tests.proofs import on_postgresql

ADMIN = "admin@northwind.example"
LAST = "is the last administrator. Make somebody else one first."


def add(client: Browser, email: str, role: str, **more: str) -> tuple[int, str]:
    """What the users page answers to its form."""
    page = client.get("/users").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    data = {"csrf_token": token[1], "email": email, "role": role, **more}
    response = client.post("/users", data=data)
    return response.status_code, response.text


def roles() -> dict[str, str]:
    return {account.email: account.role for account in list_users()}


@on_postgresql("databases")
def test_an_administrator_adds_somebody_and_hands_over_their_link(
    app: Flask, mira: Browser
) -> None:
    status, page = add(mira, " Nils@Northwind.example ", "viewer")
    link = re.search(r"http://localhost/sign-in/link#(\S+?)<", page)
    assert link
    assert (status, roles()["nils@northwind.example"]) == (200, "viewer")
    assert link[1] not in mira.get("/users").text, "shown once"
    nils = browser(app)
    arrived = nils.post("/sign-in/link", data={"token": link[1]})
    assert arrived.status_code == 303
    assert "nils@northwind.example" in nils.get("/account").text
    assert nils.get("/users").status_code == 403


@on_postgresql("databases")
def test_a_known_address_gets_another_role_only_if_that_is_said(mira: Browser) -> None:
    nils = "nils@northwind.example"
    add(mira, nils, "viewer")
    status, page = add(mira, nils, "manager")
    assert (status, roles()[nils]) == (400, "viewer")
    assert f"{nils} may sign in already, as viewer. Nothing was changed." in page
    assert f"Change the role of {nils} to manager" in page
    assert "One-time link" not in page
    status, page = add(mira, nils, "manager", change_role="y")
    assert (status, roles()) == (200, {ADMIN: "admin", nils: "manager"})
    assert "Change the role" not in page
    assert add(mira, nils, "manager")[0] == 200, "a new link"


def test_a_command_changes_a_role_only_if_that_is_said(
    app: Flask, database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    monkeypatch, capsys = (request.getfixturevalue(name) for name in ("monkeypatch", "capsys"))
    candour = command_line(app, database_url, tmp_path, monkeypatch, capsys)
    nils = "nils@northwind.example"
    assert candour("users", "add", nils, "--role", "viewer").code == 0
    refused = candour("users", "add", nils, "--role", "manager")
    assert (refused.code, roles()) == (1, {nils: "viewer"})
    assert "may sign in already, as viewer. Nothing was changed." in refused.err
    assert f"By: candour users role {nils} manager" in refused.err
    changed = candour("users", "role", nils, "manager")
    assert (changed.code, changed.out) == (0, f"{nils} may sign in as manager.\n")
    assert roles() == {nils: "manager"}
    assert candour("users", "role", "nobody@northwind.example", "viewer").code == 1


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("email", "role", "says"),
    [("nils", "viewer", "Not a mail address"), ("nils@x.example", "owner", "is no role")],
)
def test_a_form_that_cannot_be_taken_comes_back_filled_in(
    mira: Browser, email: str, role: str, says: str
) -> None:
    status, page = add(mira, email, role)
    assert status == 400
    assert says in page
    assert f'value="{email}"' in page
    assert "One-time link" not in page
    assert list(roles()) == [ADMIN]


@on_postgresql("databases")
def test_an_address_is_shown_as_text_whatever_it_holds(mira: Browser) -> None:
    _, page = add(mira, '"><script>alert(1)</script>', "viewer")
    assert "<script" not in page


@on_postgresql("databases")
@pytest.mark.parametrize("role", ["viewer", "manager"])
def test_the_last_administrator_cannot_be_demoted_even_by_themselves(
    mira: Browser, role: str
) -> None:
    status, page = add(mira, ADMIN, role, change_role="y")
    assert (status, LAST in page) == (400, True)
    with pytest.raises(Refused, match="last administrator"):
        change_role(user_id(ADMIN), role)
    assert roles() == {ADMIN: "admin"}
    assert mira.get("/users").status_code == 200, "and stays signed in"


def user_id(email: str) -> str:
    return next(account.id for account in list_users() if account.email == email)


def test_the_last_administrator_cannot_be_removed_and_the_one_before_can(mira: Browser) -> None:
    add_user("otto@northwind.example", "admin")
    remove_user("OTTO@northwind.example")
    add_user("nils@northwind.example", "manager")
    with pytest.raises(Refused, match="last administrator"):
        remove_user(ADMIN)
    assert roles() == {ADMIN: "admin", "nils@northwind.example": "manager"}


def test_two_administrators_who_remove_each_other_at_once_do_not_both_succeed(app: Flask) -> None:
    names, start, refused = ["a@northwind.example", "b@northwind.example"], threading.Barrier(2), []

    def remove(name: str) -> None:
        with app.app_context():
            start.wait(timeout=30)
            try:
                remove_user(name)
            except Refused as refusal:
                refused.append(refusal.sentence)

    for round_ in range(1, 6):
        for name in names:
            add_user(name, "admin")
        threads = [threading.Thread(target=remove, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        db.session.rollback()
        assert (len(refused), len(roles())) == (round_, 1)


@on_postgresql("databases")
def test_whoever_is_removed_leaves_nothing_that_signs_in(app: Flask, mira: Browser) -> None:
    browser(app, "viewer")
    link = make_sign_in_link("viewer@northwind.example", app.config["CANDOUR"])
    remove_user("viewer@northwind.example")
    assert (
        browser(app).post("/sign-in/link", data={"token": link.partition("#")[2]}).status_code
        == 410
    )
    counts = [
        db.session.execute(text(f"SELECT count(*) FROM {table}")).scalar()
        for table in ("session", "sign_in_link", "user_role")
    ]
    assert counts == [1, 1, 1], "the administrator's own"


def test_what_happens_to_accounts_is_recorded_with_who_did_it(mira: Browser) -> None:
    add(mira, "nils@northwind.example", "viewer")
    add(mira, "nils@northwind.example", "manager", change_role="y")
    remove_user("nils@northwind.example", actor="command line")
    entries = [(entry.what, entry.who, dict(entry.facts)) for entry in audit.list_entries(limit=5)]
    nils = {"user": "nils@northwind.example"}
    assert entries == [
        ("user removed", "command line", nils),
        ("sign-in link made", ADMIN, nils),
        ("role changed", ADMIN, nils | {"from": "viewer", "to": "manager"}),
        ("sign-in link made", ADMIN, nils),
        ("user added", ADMIN, nils | {"role": "viewer"}),
    ]


@pytest.mark.parametrize("role", ["viewer", "manager", "admin"])
def test_the_account_page_says_who_one_is_and_offers_what_the_role_reaches(
    app: Flask, role: str
) -> None:
    page = browser(app, role).get("/account").text
    assert f"<b>{role}@northwind.example</b>, {role}" in page
    assert "You have no password yet" in page
    offered = {
        link
        for link in ("/organisation", "/audit", "/users", "/people", "/surveys")
        if f'href="{link}"' in page
    }
    assert (
        offered
        == {
            "viewer": set(),
            "manager": {"/organisation", "/audit", "/people", "/surveys"},
            "admin": {"/organisation", "/audit", "/users", "/people", "/surveys"},
        }[role]
    )


def test_an_account_that_is_gone_is_refused_in_words(app: Flask) -> None:
    with pytest.raises(Refused, match="removed meanwhile"):
        find_user("nobody")
    with pytest.raises(NotFound, match="may sign in") as unknown:
        make_sign_in_link("nobody@x.example", app.config["CANDOUR"])
    assert words_for_command(unknown.value).endswith("See who may: candour users list")
