"""One person's data: exported, erased.

Everything is printed, and erasing leaves nothing that leads to the person.
"""

import json
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.access.service import audit
from survey.answering.service import SubmissionOutcome
from survey.config import Config
from survey.database import db
from survey.findings.service.documents import find_findings
from survey.invitations.letters import PersonalSecrets
from survey.invitations.service import letter_types
from survey.invitations.service.invitations import (
    invitations_of,
    is_letter_due,
    store_personal_secrets,
)
from survey.invitations.service.letter_types import invitation_letter_type, reminder_letter_type
from survey.invitations.service.personal_data import erase_personal_data, export_personal_data
from survey.kernel.errors import Refused
from survey.mail.outbox.service.letter_types import LetterType, NotNow, QueuedLetter
from survey.mail.smtp.service.catcher import Catcher
from survey.people.rules.staff_list import trace_of_person
from survey.people.service.directory import list_people, person_at
from survey.people.service.stopping import draw_stop_secret, stop_mails, store_stop_secrets
from survey.waves import service as waves
from tests.answering.today import everything_stored, open_today, sent_letters
from tests.cast import Company, answer, answer_all, close_company, staff_csv
from tests.outside import Candour, command_line
from tests.proofs import on_postgresql

ADA, BOB = "ada@northwind.example", "c2@northwind.example"
NEW = "new@northwind.example"


@pytest.fixture
def candour(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Candour:
    """The command line on this test's database."""
    return command_line(app, database_url, tmp_path, monkeypatch, capsys)


@pytest.fixture
def company(app: Flask, tmp_path: Path) -> Company:
    """Northwind with a wave that opened now; the invitations have gone out."""
    company = open_today(app, {"Sales": 14, "Service": 8})
    assert len(sent_letters(tmp_path / "invitations")) == 22
    return company


def code_of(company: Company, email: str) -> str:
    return company.codes[[p.email for _, p in invitations_of(company.wave.id)].index(email)]


def codes_in(folder: Path, email: str) -> list[str]:
    return [
        re.findall(r"#(\w{24})\b", letter.text)[0]
        for letter in Catcher(folder).letters()
        if f"<{email}>" in letter.to
    ]


def queued_letter(company: Company, email: str) -> QueuedLetter:
    held = next(i for i, p in invitations_of(company.wave.id) if p.email == email)
    return QueuedLetter("", "invitation", company.wave.slug, held.id, 1, 0)


@on_postgresql("databases")
@pytest.mark.parametrize("kind", [invitation_letter_type, reminder_letter_type])
def test_a_letter_of_a_wave_that_takes_no_answers_any_more_waits_for_the_close(
    app: Flask,
    company: Company,
    monkeypatch: pytest.MonkeyPatch,
    kind: Callable[[Config], LetterType],
) -> None:
    """Whether its person has answered or not.

    Just before, only reminders are not due any more: past the last working day, and of who has
    answered.
    """
    answer(company, code_of(company, BOB), {"OVR1": "4"})
    letters = [queued_letter(company, email) for email in (ADA, BOB)]
    write = kind(app.config["CANDOUR"]).writer(letters)
    monkeypatch.setattr(letter_types, "now", lambda: company.wave.closes_at - timedelta(seconds=1))
    is_due = kind is not reminder_letter_type
    assert [write(letter) is not None for letter in letters] == [is_due, is_due]
    monkeypatch.setattr(letter_types, "now", lambda: company.wave.closes_at)
    for letter in letters:
        with pytest.raises(NotNow):
            write(letter)


@on_postgresql("databases")
def test_the_print_out_holds_everything_but_whether_somebody_has_answered(
    candour: Candour, company: Company
) -> None:
    secret = draw_stop_secret()
    silent = candour("people", "export", ADA)
    answer(company, code_of(company, ADA), {"OVR1": "4"})
    assert (silent.code, silent.err) == (0, "")
    assert candour("people", "export", ADA).out == silent.out
    assert json.loads(silent.out) == {
        "person": {
            "email": ADA,
            "name": "Ada Berg",
            "department": "Sales",
            "site": "",
            "language": "",
            "leader": False,
        },
        "invitations": [
            {"wave": company.wave.slug, "group": "Sales", "sent_to": ADA, "invitation": "sent"}
        ],
        "thirds": {},
        "survey_mails_stopped": False,
        "proposed_address": None,
    }
    store_stop_secrets([(person_at(ADA).id, secret)])
    stop_mails(secret)
    assert export_personal_data(ADA)["survey_mails_stopped"] is True
    refused = candour("people", "export", "nobody@northwind.example")
    assert (refused.code, refused.out, refused.err.count("\n")) == (1, "", 1)


def holding(marks: Sequence[str]) -> set[str]:
    return {
        table
        for table, rows in everything_stored().items()
        for row in rows
        for mark in marks
        if mark in row
    }


def on_disk(marks: Sequence[str], folder: Path) -> set[str]:
    """The database files that hold one of these."""
    return {
        path.name
        for path in folder.glob("candour.db*")
        for mark in marks
        if mark.encode() in path.read_bytes()
    }


@on_postgresql("databases")
@pytest.mark.parametrize("has_answered", [True, False])
def test_erasing_in_an_open_wave_leaves_the_bare_row_until_the_count(
    candour: Candour, company: Company, tmp_path: Path, *, has_answered: bool
) -> None:
    ada, code = person_at(ADA), code_of(company, ADA)
    held = queued_letter(company, ADA).recipient
    secret = draw_stop_secret()
    store_stop_secrets([(ada.id, secret)])
    stop_mails(secret)
    if has_answered:
        answer(company, code, {"OVR1": "4"})
    said = candour("people", "erase", ADA)
    assert (said.code, said.out) == (0, "Erased. Numbers of those invited stay as they were.\n")
    marks = [ada.id, ADA, "Ada Berg"]
    assert holding(marks) == on_disk(marks, tmp_path) == set()
    assert holding([held]) == {"invitation", "token", "outbox"}
    bare = text("SELECT person_id, sent_to, group_name, answered FROM invitation WHERE id = :id")
    row = db.session.execute(bare, {"id": held}).one()
    assert tuple(row) == (None, None, "Sales", int(has_answered))
    assert answer(company, code, {"OVR1": "4"}).outcome is SubmissionOutcome.CODE_REFUSED
    entry = audit.list_entries()[0]
    assert (entry.what, entry.facts) == ("person erased", {"trace": trace_of_person(ada.id)})
    assert (
        store_personal_secrets(
            company.wave.id,
            {held: PersonalSecrets("x" * 24, "s" * 43, "t" * 43)},
            reminding=False,
        )
        == {}
    )
    assert not is_letter_due(held, ADA, waves.find_wave(company.wave.slug), reminding=False)
    answer_all(company, [one for one in company.codes if one != code][:10])
    close_company(company)
    document = find_findings(company.wave.slug).document
    assert (document["invited"], document["answered"]) == (22, 10 + has_answered)
    assert holding([held]) == {"invitation"}
    row = db.session.execute(text("SELECT * FROM invitation WHERE id = :id"), {"id": held})
    assert tuple(row.one()) == (held, company.wave.id, None, "Sales", 0, None, 0, 0, None, None)


@on_postgresql("databases")
def test_erasing_after_the_count_touches_no_answer_and_blanks_every_reference(
    company: Company,
) -> None:
    answer_all(company, company.codes[:12])
    close_company(company)
    ada, held = person_at(ADA), queued_letter(company, ADA).recipient
    before = everything_stored()
    erase_personal_data(ADA)
    after = everything_stored()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {
        "person",
        "invitation",
        "outbox",
        "stop_code",
        "audit_entry",
        "staff_change",
    }
    assert holding([ada.id, ADA, "Ada Berg"]) == set()
    assert holding([held]) == {"invitation"}
    assert waves.find_wave(company.wave.slug).invited == 22
    assert len(list_people()) == 21
    with pytest.raises(Refused, match="Nobody in the directory"):
        erase_personal_data(ADA)
    assert audit.verify_chain() is None


@on_postgresql("databases")
def test_who_comes_back_after_being_erased_has_the_right_they_had_and_no_wish(
    company: Company,
) -> None:
    from survey.people.service.directory import import_people

    secret, code = draw_stop_secret(), code_of(company, ADA)
    store_stop_secrets([(person_at(ADA).id, secret)])
    stop_mails(secret)
    erase_personal_data(ADA)
    assert answer(company, code, {"OVR1": "4"}).outcome is SubmissionOutcome.CODE_REFUSED
    import_people(staff_csv({"Sales": 14, "Service": 8}))
    assert export_personal_data(ADA)["survey_mails_stopped"] is False
    assert answer(company, code, {"OVR1": "4"}).outcome is SubmissionOutcome.SENT


def test_who_comes_back_after_the_count_is_somebody_new(company: Company) -> None:
    from survey.people.service.directory import import_people

    answer_all(company, company.codes[:12])
    close_company(company)
    erase_personal_data(ADA)
    import_people(staff_csv({"Sales": 14, "Service": 8}))
    assert export_personal_data(ADA)["invitations"] == []
