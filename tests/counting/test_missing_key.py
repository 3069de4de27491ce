"""A key that is gone is noticed by the next probe.

From then on nothing is taken that could never be opened, and nothing is lost.
"""

import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from survey import schedule
from survey.access.service import audit
from survey.database import db
from survey.invitations.rules.codes import draw_code
from survey.invitations.service.invitations import number_answered
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.launching.service.opening import open_wave
from survey.responses.service.responses import number_of_ballots
from survey.schedule import NO_KEYS, tick
from survey.vault.rules import sealing
from survey.waves import service as waves
from survey.waves.rules.waves import WaveState
from tests.answering.today import everything_stored, open_today
from tests.cast import Company, close_company, found_company
from tests.outside import browser
from tests.proofs import on_postgresql

ANSWERS = {"OVR1": "4", "OPN1": "Call <b>before</b> you connect."}
DAY = timedelta(days=1)


@pytest.fixture
def company(app: Flask) -> Company:
    return open_today(app)


@pytest.fixture(autouse=True)
def newly_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this process remembers of its probes."""
    monkeypatch.setattr(schedule, "_last_probes", {})


def key_file(company: Company) -> Path:
    assert company.config.key_dir
    return company.config.key_dir / f"{company.wave.id}.key"


def missing_since(company: Company) -> object:
    return waves.find_wave(company.wave.slug).key_missing_since


def probe(company: Company, after: timedelta = timedelta(0)) -> list[str]:
    return [
        line for line in tick(company.config, now() + after, seconds=0) if line.startswith("ALARM")
    ]


def send(
    client: FlaskClient, company: Company, code: str, answers: dict[str, str] = ANSWERS
) -> tuple[int, str]:
    page = client.post(f"/s/{company.wave.slug}", data={"token": code, **answers})
    return page.status_code, page.text


@on_postgresql("databases")
@pytest.mark.parametrize("fault", ["lost", "damaged", "another's"])
def test_every_post_gets_503_with_its_answers_until_the_key_is_back(
    company: Company, client: FlaskClient, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert send(client, company, company.codes[0])[0] == 303
    good = key_file(company).read_bytes()
    key_file(company).unlink()
    if fault != "lost":
        key_file(company).write_bytes(good[:9] if fault == "damaged" else bytes(range(32)))
    with caplog.at_level(logging.ERROR, "survey.schedule"):
        [alarm] = probe(company)
    assert alarm in caplog.messages
    assert f"candour keys import {company.wave.slug} FILE" in alarm
    assert missing_since(company)
    spent, unknown = company.codes[0], draw_code()
    pages = {
        send(client, company, code)[1].replace(code, "")
        for code in (company.codes[1], spent, unknown)
    }
    status, page = send(client, company, company.codes[1])
    assert (status, len(pages)) == (503, 1)
    assert "We cannot take answers right now" in page
    assert "Nothing you wrote is lost" in page
    assert 'value="4" checked' in page
    assert "Call &lt;b&gt;before&lt;/b&gt; you connect." in page
    assert company.codes[1] in page
    assert [send(client, company, "", {})[0], send(client, company, "x", {"OVR1": "9"})[0]] == [
        503,
        503,
    ]
    assert (number_of_ballots(company.wave.id), number_answered(company.wave.id)) == (1, 1)
    assert (
        "so no answer is taken until it is back"
        in browser(client.application, "manager").get(f"/waves/{company.wave.slug}/progress").text
    )
    key_file(company).write_bytes(good)
    assert probe(company) == []
    assert missing_since(company) is None
    assert send(client, company, company.codes[1])[0] == 303
    noted = [
        (entry.who, entry.what) for entry in audit.list_entries() if entry.what.startswith("key ")
    ]
    assert noted == [("timetable", "key found"), ("timetable", "key missing")]


@on_postgresql("databases")
def test_a_probe_comes_at_the_start_and_then_once_a_day(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert probe(company) == []
    key_file(company).rename(key_file(company).with_suffix(".away"))
    assert probe(company, DAY - timedelta(seconds=60)) == []
    assert missing_since(company) is None
    assert len(probe(company, DAY)) == 1
    assert missing_since(company)
    key_file(company).with_suffix(".away").rename(key_file(company))
    monkeypatch.setattr(schedule, "_last_probes", {})
    key_file(company).write_bytes(b"x")
    assert len(probe(company)) == 1, "a process that has just started probes at once"


@on_postgresql("databases")
def test_the_rhythm_of_the_probes_is_stored_nowhere(company: Company) -> None:
    probe(company)
    before = everything_stored()
    for days in range(1, 4):
        assert probe(company, days * DAY) == []
    assert everything_stored() == before
    key_file(company).unlink()
    assert len(probe(company, 4 * DAY)) == 1
    before = everything_stored()
    assert len(probe(company, 5 * DAY)) == 1
    assert everything_stored() == before


@on_postgresql("databases")
def test_the_alarm_is_logged_once_a_day_and_not_with_every_pass(
    company: Company, caplog: pytest.LogCaptureFixture
) -> None:
    key_file(company).unlink()
    with caplog.at_level(logging.ERROR, "survey.schedule"):
        for minutes in (0, 1, 2, 24 * 60):
            assert len(probe(company, timedelta(minutes=minutes))) == 1
    assert len(caplog.messages) == 2


@on_postgresql("databases")
def test_a_process_without_a_key_folder_leaves_a_healthy_wave_alone_and_says_so(
    company: Company,
) -> None:
    without = replace(company.config, key_dir=None)
    before = everything_stored()
    assert NO_KEYS in tick(without, now(), seconds=0)
    assert everything_stored() == before
    said = tick(without, company.wave.closes_at, seconds=0)
    assert any("CANDOUR_KEY_DIR" in line for line in said)
    assert waves.find_wave(company.wave.slug).state is WaveState.OPEN


def test_the_page_of_such_a_process_says_that_it_cannot_open_a_wave(app: Flask) -> None:
    first = found_company()
    app.config["CANDOUR"] = replace(app.config["CANDOUR"], key_dir=None)
    mira = browser(app, "manager")
    assert "it cannot open a wave" in mira.get(f"/waves/{first.slug}/open").text
    said = mira.press(f"/waves/{first.slug}/open", f"/waves/{first.slug}/open", {})
    assert "has no key folder" in said.text
    assert "Your administrator can do this." in said.text
    assert waves.find_wave(first.slug).state is WaveState.PLANNED


@on_postgresql("databases")
def test_after_the_close_a_missing_key_asks_nobody_to_try_again(
    company: Company, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_file(company).unlink()
    probe(company)
    monkeypatch.setattr("survey.answering.views.now", lambda: company.wave.closes_at)
    assert send(client, company, company.codes[0])[0] == 410


def test_a_probe_that_fails_at_the_launch_opens_nothing_and_sends_nothing(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, config = found_company(), app.config["CANDOUR"]
    before = everything_stored()
    monkeypatch.setattr(sealing, "make_probe", lambda public, wave_id: bytes(sealing.SEALED))
    with pytest.raises(Refused, match=r"does not open what it sealed\. Nothing was sent"):
        open_wave(first.slug, first.opens_at, config.key_dir, actor="test")
    assert everything_stored() == before
    assert db.session.scalar(text("SELECT count(*) FROM outbox")) == 0
    monkeypatch.undo()
    assert (
        open_wave(first.slug, first.opens_at, config.key_dir, actor="test").state is WaveState.OPEN
    )


@on_postgresql("databases")
def test_destroying_the_key_again_is_harmless(company: Company, client: FlaskClient) -> None:
    for code in company.codes[:6]:
        send(client, company, code)
    good = key_file(company).read_bytes()
    close_company(company)
    before = everything_stored()
    for _ in range(2):
        close_company(company)
        tick(company.config, company.wave.closes_at, seconds=0)
    key_file(company).write_bytes(good)
    tick(company.config, company.wave.closes_at, seconds=0)
    assert not key_file(company).exists()
    after = everything_stored()
    destroyed = after.pop("audit_entry")[len(before.pop("audit_entry")) :]
    assert len(destroyed) == 1
    assert "key destroyed" in destroyed[0]
    assert after | {"outbox": before["outbox"]} == before
