"""Findings are frozen once, read by name, and sent to each contact once."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.access.service.audit import list_entries
from survey.counting.service import void_wave
from survey.database import db, transaction
from survey.findings.service.documents import find_findings
from survey.findings.service.sharing import (
    find_sharing,
    preview_sharing,
    share_findings,
    shared_with,
    sharing_recipients,
)
from survey.invitations.rules.codes import draw_code
from survey.invitations.service.invitations import invitations_of, store_code
from survey.kernel.errors import Refused
from survey.launching.service.opening import open_wave
from survey.mail import service as mail
from survey.mail.smtp.service.catcher import Catcher, CaughtLetter
from survey.providers.rules import Contact
from survey.providers.service import add_contacts, list_providers, remove_contact
from survey.waves import service as waves
from survey.waves.rules.waves import Wave, WaveState
from tests.cast import Company, answer_all, close_company, counted_company, open_company
from tests.proofs import on_postgresql

Sent = Callable[[], list[CaughtLetter]]


def otto(wave: Wave) -> Contact:
    return next(
        contact for contact in sharing_recipients(wave)[1] if contact.name == "Otto Lindqvist"
    )


def share_with(company: Company, *contacts: Contact) -> int:
    """How many were new."""
    moment = company.wave.closes_at + timedelta(days=3)
    return len(
        share_findings(
            company.wave.slug, [contact.id for contact in contacts], moment, actor="test"
        )
    )


@pytest.fixture
def sent(tmp_path: Path) -> Sent:
    """Lets everything leave and gives the findings mails, in the order of addresses."""
    catcher = Catcher(tmp_path / "caught")

    def leave() -> list[CaughtLetter]:
        mail.deliver_letters(seconds=30, channel=catcher)
        return sorted(
            (letter for letter in catcher.letters() if "staff survey" in letter.subject),
            key=lambda letter: letter.to,
        )

    return leave


def stored_document(company: Company) -> str:
    return str(
        db.session.execute(
            text("SELECT document FROM findings WHERE wave_id = :w"), {"w": company.wave.id}
        ).scalar_one()
    )


def number_of_sharings() -> int:
    return int(db.session.execute(text("SELECT count(*) FROM sharing")).scalar_one())


@on_postgresql("databases")
def test_findings_are_neither_read_nor_shared_before_the_count(app: Flask, sent: Sent) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:20])
    for attempt in (
        lambda: find_findings(company.wave.slug),
        lambda: share_with(company, otto(company.wave)),
    ):
        with pytest.raises(
            Refused,
            match=r"appear once it has closed \(2027-01-25 17:00 Europe/London\) and been counted",
        ):
            attempt()
    assert (number_of_sharings(), sent()) == (0, [])


def test_a_void_wave_has_no_findings_and_says_why(app: Flask) -> None:
    company = open_company(app)
    void_wave(company.wave.slug, company.config.key_dir, reason="wrong staff list", actor="test")
    with pytest.raises(Refused, match="void: wrong staff list"):
        share_with(company, otto(company.wave))


@on_postgresql("databases")
def test_sharing_twice_sends_once(app: Flask, sent: Sent) -> None:
    company = counted_company(app)
    assert [share_with(company, otto(company.wave)) for _ in range(2)] == [1, 0]
    assert share_with(company, *[otto(company.wave)] * 2) == 0
    assert [letter.to for letter in sent()] == ["Otto Lindqvist <otto@brightline.example>"]
    assert share_with(company, otto(company.wave)) == 0
    assert len(sent()) == 1
    assert [entry.facts["to"] for entry in list_entries() if entry.what == "findings shared"] == [
        ["otto@brightline.example"]
    ]


def test_two_browsers_that_share_at_once_send_once(app: Flask, sent: Sent) -> None:
    company = counted_company(app)
    contact, begun, go_on = otto(company.wave), threading.Event(), threading.Event()
    new: dict[str, int] = {}
    db.session.rollback()

    def first() -> None:
        with app.app_context(), transaction():
            new["first"] = share_with(company, contact)
            begun.set()
            go_on.wait(20)

    def second() -> None:
        begun.wait(20)
        with app.app_context():
            new["second"] = share_with(company, contact)

    threads = [threading.Thread(target=press) for press in (first, second)]
    for thread in threads:
        thread.start()
    threads[1].join(
        timeout=1
    )  # time enough to look whether it was shared, were it not for the lock
    go_on.set()
    for thread in threads:
        thread.join(timeout=60)
    assert new == {"first": 1, "second": 0}
    assert (number_of_sharings(), len(sent())) == (1, 1)


@on_postgresql("databases")
def test_a_contact_who_came_later_gets_it_and_nobody_else_again(app: Flask, sent: Sent) -> None:
    company = counted_company(app)
    share_with(company, otto(company.wave))
    assert len(sent()) == 1
    add_contacts("Brightline IT", [("Paula", "paula@brightline.example")])
    assert share_with(company, *sharing_recipients(company.wave)[1]) == 1
    assert [letter.to for letter in sent()] == [
        "Otto Lindqvist <otto@brightline.example>",
        "Paula <paula@brightline.example>",
    ]
    assert len(shared_with(find_findings(company.wave.slug))) == 2


@on_postgresql("databases")
@pytest.mark.parametrize("stranger", ["unknown", "another provider's"])
def test_who_is_no_contact_of_this_provider_gets_nothing_and_neither_do_the_others(
    app: Flask, stranger: str, sent: Sent
) -> None:
    company = counted_company(app)
    olga = next(
        provider.contacts[0] for provider in list_providers() if provider.name == "Other Provider"
    )
    chosen = olga if stranger != "unknown" else Contact("0" * 32, "Nils", "nils@nowhere.example")
    with pytest.raises(Refused, match="no contact of this provider any more"):
        share_with(company, otto(company.wave), chosen)
    assert (number_of_sharings(), sent(), waves.find_wave(company.wave.slug).state) == (
        0,
        [],
        WaveState.COUNTED,
    )


@on_postgresql("databases")
def test_nobody_chosen_is_refused(app: Flask) -> None:
    company = counted_company(app)
    with pytest.raises(Refused, match="Tick at least one person"):
        share_with(company)
    assert waves.find_wave(company.wave.slug).state is WaveState.COUNTED


@on_postgresql("databases")
def test_a_contact_removed_before_the_mail_leaves_gets_nothing(app: Flask, sent: Sent) -> None:
    company = counted_company(app)
    add_contacts("Brightline IT", [("Paula", "paula@brightline.example")])
    share_with(company, *sharing_recipients(company.wave)[1])
    remove_contact("Brightline IT", "otto@brightline.example")
    assert [letter.to for letter in sent()] == ["Paula <paula@brightline.example>"]
    assert mail.delivery_status(company.wave.slug).counts("findings") == {"cancelled": 1, "sent": 1}


@on_postgresql("databases")
def test_a_reply_is_due_ten_working_days_after_the_sharing(app: Flask) -> None:
    company = counted_company(app)
    (shared,) = share_findings(
        company.wave.slug,
        [otto(company.wave).id],
        company.wave.closes_at + timedelta(days=3),
        actor="test",
    )
    assert (str(shared.shared_on), str(shared.reply_by)) == ("2027-01-28", "2027-02-11")
    kept = find_sharing(shared.id)
    assert kept
    assert (kept.contact_id, kept.reply_by, kept.findings.digest) == (
        shared.contact_id,
        shared.reply_by,
        shared.findings.digest,
    )
    assert find_sharing("0" * 32) is None


@on_postgresql("databases")
def test_a_preview_stores_nothing(app: Flask) -> None:
    company = counted_company(app)
    findings = find_findings(company.wave.slug)
    preview_sharing(findings, otto(company.wave).id, company.wave.closes_at)
    assert (
        number_of_sharings(),
        shared_with(findings),
        waves.find_wave(company.wave.slug).state,
    ) == (
        0,
        frozenset(),
        WaveState.COUNTED,
    )


@on_postgresql("databases")
def test_sharing_changes_the_state_that_is_shown_and_nothing_else(app: Flask, sent: Sent) -> None:
    company = counted_company(app)
    kept, before = stored_document(company), find_findings(company.wave.slug)
    share_with(company, otto(company.wave))
    sent()
    after = find_findings(company.wave.slug)
    assert (before.document["wave"]["state"], after.document["wave"]["state"]) == (
        "counted",
        "shared",
    )
    before.document["wave"]["state"] = "shared"
    assert json.dumps(after.document) == json.dumps(before.document)
    assert (after.digest, after.version) == (before.digest, 1)
    assert stored_document(company) == kept


@on_postgresql("databases")
def test_a_later_wave_leaves_earlier_findings_as_they_were(app: Flask) -> None:
    company = counted_company(app)
    kept = stored_document(company)
    following = next(
        wave for wave in waves.list_waves("IT support") if wave.state is WaveState.PLANNED
    )
    opened = open_wave(following.slug, following.opens_at, company.config.key_dir, actor="test")
    codes = [draw_code() for _ in invitations_of(opened.id)]
    for (invitation, _), code in zip(invitations_of(opened.id), codes, strict=True):
        store_code(invitation.id, code)
    second = Company(opened, tuple(codes), company.config)
    answer_all(second, codes[:30], seed=2)
    close_company(second)
    assert find_findings("latest").wave.slug == opened.slug
    assert stored_document(company) == kept
