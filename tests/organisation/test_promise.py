"""What employees are promised.

Every sentence that states a setting states the frozen one, and nothing is promised that is not so.
"""

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.database import db, transaction
from survey.kernel.clock import now
from survey.organisation import service
from survey.organisation.rules.promise import (
    THRESHOLDS,
    PromiseTerms,
    promise_in_mail,
    promise_on_form,
)
from survey.organisation.service import set_organisation
from survey.waves import service as waves
from survey.waves.rules.waves import MINIMUM_DETAIL, MINIMUM_GROUP, printed_time
from tests.answering.today import open_today, sent_letters
from tests.cast import Company, answer
from tests.outside import browser
from tests.proofs import on_postgresql

ATTACK = {
    "id": "A1",
    "what": "Order of rows & times",
    "linked": 7,
    "chance": 20.0,
    "limit": 35,
    "of": 1200,
    "fault_caught": True,
}
REPORT = {
    "written_by": "make attack",
    "attacks": [
        ATTACK,
        {**ATTACK, "id": "A2", "what": "Times", "fault_caught": False},
        {**ATTACK, "id": "A3", "what": "Logs", "linked": 36},
    ],
}
CONTACT = ("Rana Deyes", "rana@northwind.example", "Works council", "servers.example")


def words(page: str) -> str:
    return (
        " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())
        .replace(" ,", ",")
        .replace(" .", ".")
    )


def shown(app: Flask, address: str = "/promise") -> str:
    return words(browser(app).get(address).text)


@pytest.fixture
def company(app: Flask) -> Company:
    """An open wave whose frozen settings are none of the defaults."""
    company = open_today(
        app,
        {"Sales": 20, "Service": 16},
        lambda: set_organisation("Nordwind & Co", *CONTACT, several_zones=True),
    )
    with transaction() as session:
        session.execute(
            text("UPDATE wave SET minimum_group = 7, minimum_detail = 13 WHERE id = :id"),
            {"id": company.wave.id},
        )
    return replace(company, wave=waves.find_wave(company.wave.slug))


def terms_of(company: Company) -> PromiseTerms:
    wave = company.wave
    closes = printed_time(wave.closes, wave.timezone, several_zones=True)
    return PromiseTerms(
        "Nordwind & Co",
        "Brightline IT",
        ("Mira Vance",),
        "Works council",
        "servers.example",
        closes,
        wave.minimum_group,
        wave.minimum_detail,
    )


@on_postgresql("databases")
def test_page_form_and_mail_state_what_is_frozen_for_the_wave(
    app: Flask, company: Company, tmp_path: Path
) -> None:
    sentences = promise_on_form(terms_of(company))
    assert (
        "fewer than 7 answers; averages, detailed distributions and comments need 13"
        in sentences[2]
    )
    for address in ("/promise", f"/s/{company.wave.slug}"):
        page = shown(app, address)
        assert [sentence for sentence in sentences if sentence not in page] == [], address
    groups = {group.name: group.invited for group in company.wave.groups}
    for letter in sent_letters(tmp_path / "out"):
        said = " ".join(letter.text.split())
        assert any(
            promise_in_mail(terms_of(company), name, size) in said for name, size in groups.items()
        )


def test_every_number_and_name_on_the_page_is_a_setting_of_the_wave(
    app: Flask, company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        service, "ATTACKED", tmp_path / "none.json"
    )  # its figures are those of the attacks
    page = shown(app)
    assert "in steps of 7" in page
    assert "Questions: Rana Deyes, rana@northwind.example" in page
    assert "Ask Rana Deyes." in page
    assert "Whoever runs the server: servers.example" in page
    assert "comments only if released by Mira Vance, Works council." in page
    assert "from Nordwind & Co’s staff list" in page
    assert re.findall("Northwind Ltd|Dana Reyes|Head of operations", page) == []
    closes = company.wave.closes
    allowed = {
        str(company.wave.minimum_group),
        str(company.wave.minimum_detail),
        str(closes.day),
        f"{closes:%H}",
        f"{closes:%M}",
    }
    before, _, rest = page.partition("Changes of the staff list")
    staff_list, _, after = rest.partition("What you may do")
    told = (before + after).replace(company.wave.named, "")
    assert set(re.findall(r"\d+", told)) <= allowed
    assert company.wave.named in staff_list


@on_postgresql("databases")
def test_an_extended_wave_states_its_new_date(app: Flask, company: Company) -> None:
    before = printed_time(company.wave.closes, company.wave.timezone, several_zones=True)
    extended = waves.extend_wave(company.wave.slug, 3, now())
    after = printed_time(extended.closes, extended.timezone, several_zones=True)
    assert before not in shown(app)
    assert f"({after})" in shown(app)


def test_without_an_open_wave_the_page_states_the_floors(app: Flask) -> None:
    assert THRESHOLDS == (MINIMUM_GROUP, MINIMUM_DETAIL)
    page = shown(app)
    assert "nothing is shown for fewer than 5 answers" in page
    assert "comments need 10" in page
    assert "in steps of 5" in page


TOLD = (
    "Taking part is up to you",
    "Nobody is told who did not answer",
    "It stops the mails of all surveys",
    "the same link takes them up again",
    "What is stored about you can be printed",
    "all of it erased",
    "nothing leads from you to them",
    "Until the answers are counted.",
    "that a reminder went to you",
    "Until you leave the staff list, or ask to be erased",
)
NEVER = ("100 %", "100%", "impossible", "guarantee", "nobody can", "anonymous")


@on_postgresql("databases")
def test_the_page_tells_what_an_employee_may_refuse_and_learn_and_promises_nothing_beyond(
    app: Flask, company: Company
) -> None:
    page = shown(app)
    assert [told for told in TOLD if told not in page] == []
    assert [never for never in NEVER if never in page.lower()] == []


def test_nothing_is_stored_about_a_person_that_the_page_does_not_name(
    app: Flask, company: Company
) -> None:
    """The page's table of what is stored names everything that the staff side has columns for."""
    columns = {
        "person": {"id", "email", "name", "department", "site", "language", "leader"},
        "invitation": {
            "id",
            "wave_id",
            "person_id",
            "group_name",
            "answered",
            "sent_to",
            "readdressed",
            "corrected",
            "sent_to_hash",
            "left_as_hash",
        },
        "address_notice": {"id", "person_id", "address", "language", "queued_at"},
        "address_proposal": {"id", "person_id", "address", "proposed_by", "proposed_at"},
        "token": {"hash", "invitation_id"},
        "stop": {"person_id"},
        "stop_code": {"hash", "person_id"},
    }
    for table, named in columns.items():
        columns_there = db.metadata.tables[table].columns.keys()
        assert set(columns_there) == named, (
            f"{table}: say on /promise what is stored, and for how long"
        )


@on_postgresql("databases")
def test_invitation_reminder_survey_and_thanks_lead_to_the_page(
    app: Flask, company: Company, tmp_path: Path
) -> None:
    for letter in sent_letters(tmp_path / "out")[:2]:
        assert f"http://localhost/promise/{company.wave.slug}" in letter.text.splitlines()
        assert f'href="http://localhost/promise/{company.wave.slug}"' in letter.html
    answer(company, company.codes[0], {"OVR1": "4"})
    for address in (
        f"/s/{company.wave.slug}",
        f"/s/{company.wave.slug}/thanks",
        f"/stop/{company.wave.slug}",
    ):
        assert f'href="/promise/{company.wave.slug}"' in browser(app).get(address).text


def test_the_latest_attacks_are_shown_as_they_were_written(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "ATTACKED", tmp_path / "attacked.json")
    service.ATTACKED.write_text(json.dumps(REPORT))
    page = shown(app)
    assert "This version passed 1 of 3 attacks." in page
    assert "Order of rows & times Passed: the attack did no better than guessing." in page
    assert "Times Not passed: the attack missed the fault put in on purpose" in page
    assert "Logs Not passed: the attack did better than guessing." in page
    numbers = "answers matched to the right person. By guessing: about 20. Limit: 35."
    assert f"Order of rows & times 7 of 1,200 {numbers}" in page
    assert f"Logs 36 of 1,200 {numbers}" in page


@pytest.mark.parametrize(
    ("linked", "said"), [(0, "Passed: nothing was found."), (1, "Not passed: something was found.")]
)
def test_where_nothing_may_be_found_the_page_says_whether_something_was(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: int, said: str
) -> None:
    monkeypatch.setattr(service, "ATTACKED", tmp_path / "attacked.json")
    strict = {**ATTACK, "linked": linked, "chance": 0, "limit": 0, "of": 0}
    service.ATTACKED.write_text(json.dumps({"attacks": [strict]}))
    page = shown(app)
    assert f"Order of rows & times {said}" in page
    assert f"This version passed {1 - linked} of 1 attacks." in page
    assert ("None did better than guessing." in page) == (linked == 0)
    assert "The numbers" not in page


@on_postgresql("databases")
@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "{",
        "[]",
        "null",
        '{"attacks": 1}',
        '{"attacks": []}',
        '{"attacks": [1]}',
        '{"attacks": [{"what": "x"}]}',
        '{"attacks": [{"what": "x", "linked": "0", "chance": 0, "limit": 0, "fault_caught": 1}]}',
        "\ud800",
    ],
)
def test_without_a_whole_report_no_table_is_shown(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    monkeypatch.setattr(service, "ATTACKED", tmp_path / "attacked.json")
    if content is not None:
        service.ATTACKED.write_bytes(content.encode("utf-8", "surrogatepass"))
    assert "Attacks on the stored answers" not in browser(app).get("/promise").text
