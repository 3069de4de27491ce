"""The manager's pages while a wave runs.

Counts in steps, what opening will do, and refusals that say what to do.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from survey.counting.service import void_wave
from survey.mail.outbox.service import pausing
from survey.waves import service as waves
from survey.waves.rules.waves import WaveState
from tests.answering.today import open_today
from tests.cast import answer_all, found_company
from tests.outside import signed_in
from tests.ports import free_port
from tests.proofs import on_postgresql


def said(response: TestResponse) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.text)).split())


def press(
    client: FlaskClient, address: str, data: Mapping[str, str] | None = None, *, page: str = ""
) -> TestResponse:
    """Sends the form of a page with its hidden field, and follows to where it leads."""
    hidden = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', client.get(page or address).text)
    assert hidden
    return client.post(
        address, data={"csrf_token": hidden[1], **(data or {})}, follow_redirects=True
    )


@on_postgresql("databases")
def test_answers_are_counted_in_fives_and_nothing_else_is_shown_while_open(
    app: Flask, client: FlaskClient
) -> None:
    company = open_today(app)
    signed_in(client, "viewer")
    address = f"/waves/{company.wave.slug}/progress"
    seen = []
    for begin, end in ((0, 0), (0, 4), (4, 5), (5, 9)):
        answer_all(company, company.codes[begin:end])
        page = client.get(address)
        assert page.status_code == 200
        seen.append(page)
    shown = [re.search(r"(fewer than|at least) \d+ of 58 invited", said(page)) for page in seen]
    assert [match and match[0] for match in shown] == [
        "fewer than 5 of 58 invited",
        "fewer than 5 of 58 invited",
        "at least 5 of 58 invited",
        "at least 5 of 58 invited",
    ]
    assert re.sub(r"\d\d:\d\d UTC", "", seen[2].text) == re.sub(r"\d\d:\d\d UTC", "", seen[3].text)


def test_opening_by_hand_shows_first_what_will_be_fixed_and_works_once(
    app: Flask, client: FlaskClient
) -> None:
    first = found_company({"Sales": 12, "Legal": 3})
    signed_in(client, "manager")
    address = f"/waves/{first.slug}/open"
    page = client.get(address)
    assert "Open the wave and write to 15 people?" in said(page)
    assert "Legal and Sales: 15 invited" in said(page)
    assert "about 56 times in 100" in said(page)
    assert "40%: 6 of 15 A score would read Too few answers to say" in said(page)
    assert "80%: 12 of 15 A score would read 67% (53 to 74)" in said(page)
    assert "in points: 55 down" in said(page)
    assert "Legal and Sales are counted together" in said(page)
    assert waves.find_wave(first.slug).state is WaveState.PLANNED
    opened = press(client, address)
    assert opened.status_code == 200
    assert "15 invitations are on their way" in said(opened)
    again = client.get(address)
    assert (again.status_code, "opens once" in said(again)) == (409, True)


@on_postgresql("databases")
def test_what_is_wrong_with_mail_is_said_before_a_launch_and_refuses_nothing(
    app: Flask, client: FlaskClient
) -> None:
    first = found_company()
    config = app.config["CANDOUR"]
    url = f"smtp://127.0.0.1:{free_port()}"
    app.config["CANDOUR"] = replace(
        config, mail_url=url, mail_from="Otto <otto@brightline.example>", mail_per_minute=1
    )
    signed_in(client, "manager")
    address = f"/waves/{first.slug}/open"
    told = said(client.get(address))
    assert (
        "cannot be used now: the mail server does not take connections. Your administrator can look"
        " into this." in told
    )
    assert "Mails come from brightline.example, the provider's own domain" in told
    assert "which opens on this machine only" in told
    pausing.pause_sending("the mail server refused our sign-in")
    assert (
        "Sending is paused: the mail server refused our sign-in. No invitation leaves until it is"
        " resumed" in said(client.get(address))
    )
    assert "58 invitations are on their way" in said(press(client, address))


@on_postgresql("databases")
def test_closing_early_asks_for_a_reason_and_a_wave_without_answers_is_void(
    app: Flask, client: FlaskClient
) -> None:
    company = open_today(app)
    signed_in(client, "manager")
    address = f"/waves/{company.wave.slug}/close"
    without = press(client, address, {"reason": "  "})
    assert (without.status_code, "say why" in said(without)) == (400, True)
    assert waves.find_wave(company.wave.slug).state is WaveState.OPEN
    closed = press(client, address, {"reason": "office flooded"})
    assert closed.status_code == 200
    assert "Fewer than 5 people answered" in said(closed)
    assert waves.find_wave(company.wave.slug).state is WaveState.VOID


@on_postgresql("databases")
@pytest.mark.parametrize("state", ["planned", "void"])
def test_a_wave_in_every_state_has_a_page(app: Flask, client: FlaskClient, state: str) -> None:
    first = found_company()
    if state == "void":
        void_wave(
            first.slug, app.config["CANDOUR"].key_dir, reason="wrong staff list", actor="test"
        )
    signed_in(client, "viewer")
    page = client.get(f"/waves/{first.slug}/progress")
    assert page.status_code == 200
    assert (
        "Nothing has been sent" if state == "planned" else "This wave is void: wrong staff list"
    ) in said(page)
    assert first.named in said(client.get("/"))


def test_a_reason_that_somebody_typed_is_never_taken_for_the_programs_own(
    app: Flask, client: FlaskClient
) -> None:
    first = found_company()
    words = "fewer than we hoped for were on the list"
    void_wave(first.slug, app.config["CANDOUR"].key_dir, reason=words, actor="test")
    signed_in(client, "viewer")
    page = client.get(f"/waves/{first.slug}/progress")
    assert f"This wave is void: {words}." in said(page)
    assert f"Void: {words}" in said(client.get("/"))


def test_a_viewer_may_look_and_neither_open_nor_close(app: Flask, client: FlaskClient) -> None:
    first = found_company()
    signed_in(client, "viewer")
    for verb in ("open", "close"):
        assert client.get(f"/waves/{first.slug}/{verb}").status_code == 403
    assert waves.find_wave(first.slug).state is WaveState.PLANNED
