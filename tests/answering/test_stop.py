"""Stopping survey mails by a button or one click, for good and for all surveys.

The same link undoes it, and nobody is told.
"""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.access.service.audit import list_entries
from survey.answering.service import SubmissionOutcome
from survey.database import db
from survey.invitations.service.invitations import invitations_of
from survey.kernel.clock import now
from survey.launching.service.opening import open_wave
from survey.mail import service as mail
from survey.people.service.stopping import has_stopped
from survey.waves import service as waves
from tests.answering.today import everything_stored, open_today, sent_letters
from tests.cast import DEPARTMENTS, Company, answer
from tests.outside import browser, command_line
from tests.proofs import on_postgresql

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
LINK = re.compile(r"http://localhost(/[^\s<>\"']+)")


def letters_of(folder: Path) -> list[EmailMessage]:
    """What went out, headers and all, in the order of the addresses."""
    sent_letters(folder)
    letters = [
        message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in folder.glob("*.eml")
    ]
    return sorted(
        (one for one in letters if isinstance(one, EmailMessage)), key=lambda one: str(one["To"])
    )


def words_of(letter: EmailMessage, part: str = "plain") -> str:
    body = letter.get_body((part,))
    assert body
    return str(body.get_content())


def stop_link(letter: EmailMessage) -> tuple[str, str]:
    """The address without the secret, and the secret."""
    [(path, secret)] = set(re.findall(r"http://localhost(/stop/[\w-]+)#([\w-]+)", words_of(letter)))
    return path, secret


def one_click(letter: EmailMessage) -> str:
    link = re.fullmatch(
        r"<http://localhost(/stop/[\w-]+/[\w-]{43})>", str(letter["List-Unsubscribe"])
    )
    assert link
    return link[1]


def whose(company: Company, letter: EmailMessage) -> str:
    return next(p.id for _, p in invitations_of(company.wave.id) if p.email in str(letter["To"]))


@pytest.fixture
def company(app: Flask) -> Company:
    """Northwind with a wave that is open now and whose invitations wait."""
    return open_today(app, {"Sales": 14, "Service": 8})


@on_postgresql("databases")
def test_every_letter_has_ways_out_of_its_own_and_no_answer_code_in_a_header(
    company: Company, tmp_path: Path
) -> None:
    letters = letters_of(tmp_path / "out")
    assert len(letters) == 22
    secrets = [stop_link(letter)[1] for letter in letters] + [
        one_click(letter).rpartition("/")[2] for letter in letters
    ]
    assert len(set(secrets)) == 44
    assert {len(secret) for secret in secrets} == {43}
    stored = str(everything_stored())
    for letter in letters:
        assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert stop_link(letter)[1] in words_of(letter, "html")
        [code] = set(re.findall(r"/s/[\w-]+#(\w{24})", words_of(letter)))
        assert code not in str(letter.items())
        assert stop_link(letter)[1] not in str(letter.items())
    assert [
        secret for secret in secrets if secret in stored or secret.encode().hex() in stored
    ] == []


@on_postgresql("databases")
def test_no_get_or_head_of_any_address_in_a_letter_changes_anything(
    app: Flask, company: Company, tmp_path: Path
) -> None:
    letters, client = letters_of(tmp_path / "out"), browser(app)
    mailed = {
        path
        for letter in letters[:3]
        for path in LINK.findall(words_of(letter) + words_of(letter, "html"))
    }
    paths = (
        {path.partition("#")[0] for path in mailed}
        | {path.replace("#", "%23") for path in mailed}
        | set(map(one_click, letters[:3]))
    )
    assert len(paths) == 12
    before = everything_stored()
    for path in paths | {f"{stop_link(letters[0])[0]}/again"}:
        for method in ("GET", "HEAD") * 20:
            reply = client.open(path, method=method)
            assert (reply.status_code, reply.headers.get("Set-Cookie")) == (200, None), path
    assert everything_stored() == before


@on_postgresql("databases")
@pytest.mark.parametrize(
    "typed",
    [
        "{secret}",
        " {secret}\n",
        "http://localhost{path}#{secret}",
        "http://localhost{path}%23{secret}",
    ],
)
def test_a_button_stops_and_the_same_link_takes_up_again(
    app: Flask, company: Company, tmp_path: Path, typed: str
) -> None:
    ada = letters_of(tmp_path / "out")[0]
    (path, secret), person = stop_link(ada), whose(company, ada)
    pasted = typed.format(path=path, secret=secret)
    client = browser(app)
    page = client.get(path)
    assert page.text.count("<button") == 1
    assert "mails of all surveys" in page.text
    for _ in range(2):
        assert client.post(path, data={"token": pasted}).status_code == 200
        assert has_stopped(person)
    for _ in range(2):
        assert client.post(f"{path}/again", data={"token": pasted}).status_code == 200
        assert not has_stopped(person)
    client.post(path, data={"token": pasted})
    assert has_stopped(person)


@on_postgresql("databases")
def test_one_click_stops_without_a_cookie_and_nothing_else_at_its_address_does(
    app: Flask, company: Company, tmp_path: Path
) -> None:
    ada, bob = letters_of(tmp_path / "out")[:2]
    client = browser(app)
    for data in ({}, {"List-Unsubscribe": ""}, {"token": one_click(ada).rpartition("/")[2]}):
        assert client.post(one_click(ada), data=data).status_code == 200
        assert not has_stopped(whose(company, ada))
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        letter = ada if kind.endswith("urlencoded") else bob
        reply = client.post(one_click(letter), data=ONE_CLICK, content_type=kind)
        assert (reply.status_code, reply.headers.get("Set-Cookie")) == (200, None)
        assert "No more survey mails" in reply.text
        assert has_stopped(whose(company, letter))


@on_postgresql("databases")
def test_unknown_and_used_secrets_get_the_page_of_a_good_one_and_change_nothing(
    app: Flask, company: Company, tmp_path: Path
) -> None:
    path, good = stop_link(letters_of(tmp_path / "out")[0])
    client, bad = browser(app), "x" * 43
    for address in (path, f"{path}/again"):
        first = client.post(address, data={"token": good})
        before = everything_stored()
        replies = [
            client.post(address, data={"token": token})
            for token in (good, bad, "", "\0", "é" * 900, company.codes[0])
        ]
        assert {reply.status_code for reply in replies} == {200}
        assert replies[1].text == first.text.replace(good, bad)
        assert everything_stored() == before
    assert client.get(f"{path}/{bad}").text == client.get(f"{path}/{good}").text.replace(good, bad)
    assert "No more survey mails" in client.post(f"/stop/no-such-wave/{bad}", data=ONE_CLICK).text


def test_a_stop_page_sets_no_cookie_and_loads_one_script_of_our_own(
    app: Flask, company: Company
) -> None:
    address = f"/stop/{company.wave.slug}"
    client = browser(app, "manager")
    for reply in (
        client.get(address),
        client.get(f"{address}/again"),
        client.post(address, data={"token": "x"}),
    ):
        assert re.findall(r"<script[^>]*>", reply.text) == [
            '<script src="/static/fragment.js" defer>'
        ]
        assert "script-src 'self'" in reply.headers["Content-Security-Policy"]
        assert (reply.headers["Referrer-Policy"], reply.headers["Cache-Control"]) == (
            "no-referrer",
            "no-store",
        )
        assert "Set-Cookie" not in reply.headers
        assert re.search(r'<form method="post" action="/stop/[\w/-]+"', reply.text)
        assert 'id="code"' in reply.text
        assert 'name="token"' in reply.text


@on_postgresql("databases")
def test_whoever_stopped_is_invited_but_gets_no_letter_of_any_survey_until_taking_up_again(
    app: Flask, company: Company
) -> None:
    folder = Path(app.config["CANDOUR"].folder)
    path, secret = stop_link(letters_of(folder / "first")[0])
    client = browser(app)
    client.post(path, data={"token": secret})
    noise = next(w for w in waves.list_waves() if w.survey == "Noise")
    other = open_wave(noise.slug, now(), company.config.key_dir, actor="test")
    assert other.invited == 22
    assert {str(letter["To"]) for letter in letters_of(folder / "second")} == {
        str(letter["To"]) for letter in letters_of(folder / "first")[1:]
    }
    rows = db.session.execute(
        text("SELECT state, last_reason, last_code FROM outbox WHERE wave = :w"), {"w": other.slug}
    ).all()
    assert sorted(map(tuple, rows), key=str) == sorted(
        [("cancelled", None, None), *[("sent", None, "250")] * 21], key=str
    )
    assert answer(company, company.codes[0], {"OVR1": "4"}).outcome is SubmissionOutcome.SENT
    client.post(f"{path}/again", data={"token": secret})
    third = found_again(app)
    assert any(letter["To"] == "Ada Berg <ada@northwind.example>" for letter in third)


def found_again(app: Flask) -> list[EmailMessage]:
    """The letters of one more survey."""
    moment = now().replace(tzinfo=None)
    plan = waves.SurveyPlan(
        "Third", "Other Provider", "monthly_3", "monthly", moment, 14, "UTC", "all"
    )
    _, first = waves.store_survey(plan)
    open_wave(first.slug, now(), app.config["CANDOUR"].key_dir, actor="test")
    return letters_of(Path(app.config["CANDOUR"].folder) / "third")


@on_postgresql("databases")
def test_nobody_learns_who_has_stopped(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    company = open_today(app, DEPARTMENTS)
    letters = letters_of(tmp_path / "out")
    mira = browser(app, "manager")
    pages = [
        "/",
        "/people",
        "/people?department=Sales",
        "/surveys",
        f"/waves/{company.wave.slug}/progress",
    ]
    candour = command_line(app, database_url, tmp_path, monkeypatch, capsys)
    lines = [
        ("people", "list", "--json"),
        ("waves", "status", company.wave.slug),
        ("mail", "status"),
        ("waves", "list"),
    ]

    def seen() -> list[str]:
        told = [re.sub(r"As of \d\d:\d\d", "", mira.get(page).text) for page in pages]
        return [re.sub(r"<input[^>]*csrf_token[^>]*>", "", page) for page in told] + [
            candour(*line).out for line in lines
        ]

    before, logged = seen(), len(list_entries())
    for letter in letters[:5]:
        mira.post(one_click(letter), data=ONE_CLICK)
    assert seen() == before
    assert len(list_entries()) == logged
    assert mail.delivery_status().failures == ()
