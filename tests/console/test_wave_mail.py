"""The mail of an open wave as its manager sees and steers it; a real mail server refuses some."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from survey.access.service import audit
from survey.answering.service import SubmissionOutcome
from survey.console import commands
from survey.console.service import wave_mail
from survey.console.views import wave_mail as wave_mail_pages
from survey.console.views import waves as wave_pages
from survey.counting import service as counting
from survey.counting.service import close_wave, void_wave
from survey.database import db, transaction
from survey.findings.service.sharing import share_findings, sharing_recipients
from survey.followups.service.follow_ups import FOLLOW_UP
from survey.invitations.rules.codes import reminder_window
from survey.invitations.service.corrections import correct_invited_address
from survey.invitations.service.invitations import INVITATION, invitations_of
from survey.invitations.service.reminders import queue_reminders
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.mail import service as mail
from survey.mail.outbox.service import pausing, progress
from survey.mail.outbox.service.delivery import DeliveryReport
from survey.mail.rules.wording import StateCounts
from survey.mail.smtp.service.sender import Connection, Limits
from survey.people.service.directory import person_at, remove_person
from survey.people.service.stopping import draw_stop_secret, stop_mails, store_stop_secrets
from survey.waves import service as waves
from survey.waves.rules.waves import WaveState
from tests.answering.today import open_today
from tests.cast import Company, answer, answer_all, close_company
from tests.mail.postbox import DROP, Postbox, open_postbox
from tests.outside import Browser, Candour, browser, command_line
from tests.proofs import on_postgresql

STAFF = {"Sales": 12, "Service": 10}
ADA, BOB = "ada@northwind.example", "c2@northwind.example"
NEW = ("ada.berg@northwind.example", "bob@northwind.example")
GONE, FULL = "550 5.1.1 <ada@northwind.example> unknown", "552 5.2.2 over quota"


@pytest.fixture
def company(app: Flask) -> Company:
    return open_today(app, STAFF)


@pytest.fixture
def box() -> Iterator[Postbox]:
    with open_postbox() as postbox:
        postbox.refused = {ADA: GONE, BOB: FULL}
        yield postbox


@pytest.fixture
def candour(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Candour:
    return command_line(app, database_url, tmp_path, monkeypatch, capsys)


@pytest.fixture
def mira(app: Flask, company: Company) -> Browser:
    return browser(app, "manager")


def deliver(box: Postbox) -> DeliveryReport:
    return mail.deliver_letters(channel=Connection(box.url, None, Limits(2.0, 4.0)))


def said(response: TestResponse) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.text)).split())


def seen(mira: Browser, company: Company) -> str:
    return said(mira.get(f"/waves/{company.wave.slug}/progress"))


def press(mira: Browser, company: Company, verb: str, **fields: str) -> str:
    """Presses a button of the wave's mail and gives what the next pages say.

    The hidden field is taken from the page that shows the button.
    """
    address = f"/waves/{company.wave.slug}/mail/{verb}"
    reply = mira.press(
        f"/waves/{company.wave.slug}/progress" if verb == "retry" else address, address, fields
    )
    for _ in range(3):
        if reply.status_code not in {302, 303}:
            break
        reply = mira.get(reply.location)
    return said(reply)


def letter_of(email: str, company: Company) -> str:
    """The row of somebody's invitation."""
    [invitation] = [one for one, person in invitations_of(company.wave.id) if person.email == email]
    query = text("SELECT id FROM outbox WHERE recipient = :one AND kind = 'invitation'")
    return str(db.session.execute(query, {"one": invitation.id}).scalar())


def code_of(email: str, company: Company) -> str:
    return company.codes[
        [person.email for _, person in invitations_of(company.wave.id)].index(email)
    ]


def counts(company: Company) -> StateCounts:
    db.session.rollback()
    return progress.letter_counts(company.wave.slug).of(INVITATION)


def audited() -> list[str]:
    return [entry.what for entry in audit.list_entries() if "mail" in entry.what]


# What is shown


@on_postgresql("databases")
def test_the_page_says_how_far_how_fast_and_how_long_and_that_it_does_not_update_itself(
    app: Flask, company: Company, mira: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    object.__setattr__(app.config["CANDOUR"], "mail_per_minute", 5)
    page = mira.get(f"/waves/{company.wave.slug}/progress")
    assert "0 of 22 invitations handed over, 5 a minute, about 4 minutes left" in said(page)
    assert '<progress max="22" value="0" aria-labelledby="sending">0 of 22</progress>' in page.text
    assert "22 waiting, 0 sent, 0 failed, 0 bounced." in said(page)
    assert "At most 5 a minute, as your settings say" in said(page)
    assert re.search(
        r"As of \d\d:\d\d UTC\. Leave or close this page: sending goes on\. Update", said(page)
    )
    assert not re.search(r"<script|http-equiv|refresh", page.text, re.IGNORECASE)
    with open_postbox() as box:  # no turn is waited for; somebody stops us after three letters
        monkeypatch.setattr(
            "survey.mail.outbox.service.delivery._wait", lambda _: len(box.kept) < 3
        )
        assert deliver(box).sent == 3
    assert "3 of 22 invitations handed over, 5 a minute, about 4 minutes left" in seen(
        mira, company
    )


@on_postgresql("databases")
def test_failed_and_bounced_ones_stand_by_name_with_the_reason_in_our_words_and_what_to_do(
    company: Company, box: Postbox, mira: Browser
) -> None:
    assert deliver(box) == DeliveryReport(sent=20, failed=2)
    with transaction() as session:
        session.execute(
            text(
                "UPDATE outbox SET state = 'bounced', last_code = '5.1.1', last_reason = 'this"
                " mailbox does not exist' WHERE id = :id"
            ),
            {"id": letter_of("c3@northwind.example", company)},
        )
    page = seen(mira, company)
    assert "20 of 22 invitations handed over" in page
    assert "0 waiting, 19 sent, 2 failed, 1 bounced. Which did not arrive" in page
    assert "Ada Berg ada@northwind.example This mailbox does not exist (550 5.1.1)" in page
    assert "Ask how the address is spelled, then correct it" in page
    assert (
        "c2@northwind.example This mailbox is full (552 5.2.2) Ask the person to make room, then"
        " retry." in page
    )
    assert "c3@northwind.example This mailbox does not exist (5.1.1), came back" in page
    assert "unknown" not in page
    assert "over quota" not in page
    assert "c4@northwind.example" not in page
    assert "3 invitations did not arrive" in said(mira.get("/"))
    viewer = browser(mira.application, "viewer")
    assert "2 failed, 1 bounced." in said(viewer.get(f"/waves/{company.wave.slug}/progress"))
    assert ADA not in viewer.get(f"/waves/{company.wave.slug}/progress").text


@on_postgresql("databases")
def test_a_letter_that_cannot_be_written_fails_alone_and_says_what_to_correct(
    company: Company, mira: Browser
) -> None:
    with transaction() as session:
        session.execute(
            text("UPDATE invitation SET sent_to = 'ada at northwind.example' WHERE sent_to = :ada"),
            {"ada": ADA},
        )
    with open_postbox() as box:
        assert deliver(box) == DeliveryReport(sent=21, failed=1)
    page = seen(mira, company)
    assert "ada at northwind.example The letter was not written: " in page
    assert "Correct what the reason names, then retry." in page
    assert "0 x" not in page


@on_postgresql("databases")
def test_the_same_words_on_the_command_line_without_a_name(
    company: Company, box: Postbox, candour: Candour
) -> None:
    deliver(box)
    slug = company.wave.slug
    plain = candour("mail", "status", slug)
    assert (
        plain.out == "invitation: waiting 0, sent 20, failed 2, bounced 0\n  1 x"
        f" {progress.not_arrived(slug, INVITATION)[0].why}\n  1 x"
        f" {progress.not_arrived(slug, INVITATION)[1].why}\n"
    )
    assert "This mailbox does not exist (550 5.1.1)" in plain.out
    document = json.loads(candour("mail", "status", slug, "--json").out)
    assert document["letters"] == {
        "invitation": {"waiting": 0, "sent": 20, "failed": 2, "bounced": 0}
    }
    assert document["not_arrived_because"]["invitation"]["This mailbox is full (552 5.2.2)"] == 1
    assert json.loads(candour("waves", "status", slug, "--json").out)["mail"] == document["letters"]
    assert (
        "invitation: waiting 0, sent 20, failed 2, bounced 0"
        in candour("waves", "status", slug).out
    )
    assert "northwind.example" not in plain.out
    assert (
        candour("mail", "status", "no-such-wave").code,
        candour("mail", "retry", "no-such-wave").code,
    ) == (1, 1)


@on_postgresql("databases")
def test_a_kind_that_this_version_does_not_know_is_named_and_never_counted(
    company: Company, mira: Browser, candour: Candour
) -> None:
    with transaction() as session:
        session.execute(
            text("UPDATE outbox SET kind = 'telegram' WHERE id = :id"),
            {"id": letter_of(ADA, company)},
        )
    with open_postbox() as box:
        assert deliver(box).sent == 21
    assert counts(company) == StateCounts(sent=21)
    plain = candour("mail", "status", company.wave.slug).out
    assert "telegram: this version does not know this kind of letter, so it waits" in plain
    assert json.loads(candour("mail", "status", "--json").out)["unknown_kinds"] == ["telegram"]
    assert (
        db.session.execute(text("SELECT state FROM outbox WHERE kind = 'telegram'")).scalar()
        == "ready"
    )


# Retry


@on_postgresql("databases")
def test_retry_of_one_sends_that_one_once_however_often_it_is_pressed(
    company: Company, box: Postbox, mira: Browser
) -> None:
    deliver(box)
    box.refused, before = {}, len(box.kept)
    ada = letter_of(ADA, company)
    assert "1 letter is queued again." in press(mira, company, "retry", letter=ada)
    assert "Nothing was left to retry" in press(mira, company, "retry", letter=ada)
    assert counts(company) == StateCounts(waiting=1, sent=20, failed=1)
    deliver(box)
    assert (box.recipients[before:], counts(company)) == ([ADA], StateCounts(sent=21, failed=1))
    assert "Nothing was left to retry" in press(mira, company, "retry", letter=ada)
    assert audited() == ["mail queued again"]


@on_postgresql("databases")
def test_retry_of_all_sends_each_again_and_one_that_fails_again_is_back_on_the_list(
    company: Company, box: Postbox, mira: Browser, candour: Candour
) -> None:
    deliver(box)
    box.refused.pop(BOB)
    assert "2 letters are queued again." in press(mira, company, "retry")
    assert deliver(box) == DeliveryReport(sent=1, failed=1)
    page = seen(mira, company)
    assert ("Ada Berg ada@northwind.example" in page, BOB in page) == (True, False)
    assert candour("mail", "retry", company.wave.slug).out == "1 letter queued again.\n"
    assert candour("mail", "retry", company.wave.slug).out == "0 letters queued again.\n"


@on_postgresql("databases")
def test_somebody_elses_letter_cannot_be_retried_as_if_it_were_an_invitation_of_this_wave(
    company: Company, box: Postbox, mira: Browser
) -> None:
    deliver(box)
    queue_reminders(company.wave, reminder_window(company.wave)[0])
    deliver(box)
    [reminder, _] = db.session.execute(
        text("SELECT id FROM outbox WHERE kind = 'reminder' AND state = 'failed'")
    ).scalars()
    for letter in (reminder, "no-such-letter", "'; DROP TABLE outbox; --"):
        assert "Nothing was left to retry" in press(mira, company, "retry", letter=letter)


@on_postgresql("databases")
def test_retry_after_the_close_is_refused_and_sends_nothing(
    company: Company, box: Postbox, mira: Browser, candour: Candour, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(box)
    before = counts(company)
    with monkeypatch.context() as later:
        for module in (wave_pages, wave_mail_pages):
            later.setattr(module, "now", lambda: company.wave.closes_at)
        for fields in ({}, {"letter": letter_of(ADA, company)}):
            assert "takes no answers any more, so its invitations are not sent again" in press(
                mira, company, "retry", **fields
            )
    answer_all(company, company.codes[:9])
    close_company(company)
    said = candour("mail", "retry", company.wave.slug)
    assert (said.code, said.out) == (1, "")
    assert "are not sent again. Correct the addresses for the next wave." in said.err
    assert counts(company) == before


@on_postgresql("databases")
def test_who_answered_or_stopped_meanwhile_leaves_the_list_as_if_sent_and_nobody_can_tell(
    app: Flask, company: Company, mira: Browser, candour: Candour
) -> None:
    """The same three letters come back.

    Then one person has answered, one has stopped these mails, of one nothing is known.
    """
    addresses = ["c3@northwind.example", "c4@northwind.example", "c5@northwind.example"]
    with open_postbox() as box:
        deliver(box)

        def told() -> list[object]:
            db.session.rollback()
            page = re.sub(
                r"As of .* UTC|name=\"csrf_token\" value=\"[^\"]*\"",
                "",
                mira.get(f"/waves/{company.wave.slug}/progress").text,
            )
            export = json.loads(candour("people", "export", email).out)["invitations"]
            return [
                page,
                candour("mail", "status", company.wave.slug, "--json").out,
                candour("waves", "status", company.wave.slug).out,
                export,
            ]

        answer(company, code_of(addresses[0], company), {"OVR1": "4"})
        secret = draw_stop_secret()
        store_stop_secrets([(person_at(addresses[1]).id, secret)])
        stop_mails(secret)
        looks = []
        for email in addresses:
            with transaction() as session:
                session.execute(
                    text("UPDATE outbox SET state = 'bounced' WHERE id = :id"),
                    {"id": letter_of(email, company)},
                )
            name, person_id, letter = (
                person_at(email).name,
                person_at(email).id,
                letter_of(email, company),
            )
            look = [
                told(),
                press(mira, company, "retry", letter=letter),
                told(),
                deliver(box).lines(),
                told(),
            ]
            looks.append(
                re.sub(rf"{name}|{email}|{person_id}|{letter}|As of \d\d:\d\d", "-", repr(look))
            )
        assert box.recipients[22:] == [addresses[0], addresses[2]], "not who has stopped them"
    assert looks[0] == looks[1] == looks[2]
    assert "1 bounced" in looks[0]


@on_postgresql("databases")
def test_after_the_count_no_row_tells_whose_retried_letter_was_needless(company: Company) -> None:
    with open_postbox() as box:
        deliver(box)
        answer_all(company, company.codes[:9])
        emails = [person.email for _, person in invitations_of(company.wave.id)]
        secret = draw_stop_secret()
        store_stop_secrets([(person_at(emails[0]).id, secret)])
        stop_mails(secret)
        ids = {email: letter_of(email, company) for email in emails}
        with transaction() as session:
            for email in (emails[0], emails[20]):  # one has stopped these mails, one has not
                session.execute(
                    text("UPDATE outbox SET state = 'bounced' WHERE id = :id"), {"id": ids[email]}
                )
        wave_mail.retry_wave_letters(company.wave.slug, now(), actor="test")
        deliver(box)
    query = text(
        "SELECT state, attempts, sent_at, date_header, last_code, last_reason, bounced_at FROM"
        " outbox WHERE id = :id"
    )
    before = {email: db.session.execute(query, {"id": ids[email]}).one() for email in emails}
    assert (before[emails[0]].state, before[emails[20]].state) == ("cancelled", "sent")
    close_company(company)
    after = {tuple(db.session.execute(query, {"id": ids[email]}).one()) for email in emails}
    assert after == {("sent", 1, None, None, None, None, None)}


@on_postgresql("databases")
def test_a_corrected_address_leaves_the_list_whether_its_person_has_answered_or_not(
    company: Company, box: Postbox, mira: Browser
) -> None:
    deliver(box)
    answer(company, code_of(BOB, company), {"OVR1": "4"})
    for old, new in zip((ADA, BOB), NEW, strict=True):
        reply = mira.press(
            f"/people/{person_at(old).id}/address",
            f"/people/{person_at(old).id}/address",
            {"email": new},
        )
        assert f"is now {new}" in said(mira.get(reply.location))
        assert new not in seen(mira, company)
    assert counts(company) == StateCounts(waiting=2, sent=20)
    box.refused = {}
    deliver(box)
    assert box.recipients[20:] == [
        *sorted([ADA, BOB], key=box.recipients[20:].index),
        *sorted(NEW, key=box.recipients[20:].index),
    ], "the old addresses are told first; both invitations leave, whoever has answered"


@on_postgresql("databases")
def test_somebody_who_has_left_is_counted_but_not_named(
    company: Company, box: Postbox, mira: Browser
) -> None:
    deliver(box)
    remove_person(ADA)
    page = seen(mira, company)
    assert ("2 failed" in page, "Ada Berg" in page) == (True, False)
    assert "1 of those that did not arrive was for people who have left the directory" in page


# Reminders


@on_postgresql("databases")
def test_reminders_are_words_while_open_and_numbers_only_once_counted(
    company: Company, mira: Browser, candour: Candour, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_all(company, company.codes[:9])
    first, last = reminder_window(company.wave)
    moment = first + timedelta(hours=12)
    assert "one reminder to those who have not answered" in seen(mira, company)
    with open_postbox() as box:
        deliver(box)
        queue_reminders(company.wave, moment)
        monkeypatch.setattr(wave_pages, "now", lambda: moment)
        assert "Reminders: going out." in seen(mira, company)
        box.answers = {"DATA": [DROP], "RCPT": ["250 ok", "550 5.1.1 gone"]}
        deliver(box)
    assert "Reminders: going out." in seen(mira, company)
    for module in (wave_pages, commands):
        monkeypatch.setattr(module, "now", lambda: last)
    page = seen(mira, company)
    assert "Reminders: done." in page
    assert not re.search(
        r"\b1[123]\b", page.partition("Sending the invitations")[2].partition("As of")[0]
    )
    assert (
        candour("mail", "status", company.wave.slug).out
        == "invitation: waiting 0, sent 22, failed 0, bounced 0\nreminder: done\n"
    )
    close_company(company)
    assert "Reminders 1 failed, 11 sent, 1 unknown." in said(
        mira.get(f"/waves/{company.wave.slug}/mail")
    )
    assert "Everybody was written to" in said(mira.get(f"/waves/{company.wave.slug}/mail"))
    assert "Retry" not in said(mira.get(f"/waves/{company.wave.slug}/mail"))
    assert wave_mail.mail_of_wave(waves.find_wave(company.wave.slug), now()).others == {}
    assert wave_mail.retry_wave_letters(company.wave.slug, now(), actor="test") == 0


@on_postgresql("databases")
def test_of_a_void_wave_no_number_is_told_and_none_is_kept(
    company: Company, box: Postbox, mira: Browser, candour: Candour
) -> None:
    deliver(box)
    queue_reminders(company.wave, reminder_window(company.wave)[0])
    deliver(box)
    void_wave(company.wave.slug, company.config.key_dir, reason="wrong list", actor="test")
    page = said(mira.get(f"/waves/{company.wave.slug}/mail"))
    assert "This wave is void, so nothing is shown about its mail." in page
    assert not re.search(r"\d", page.partition("The mail of this wave")[2])
    assert (
        candour("mail", "status", company.wave.slug).out
        == "A void wave tells nothing about its letters.\n"
    )
    assert json.loads(candour("mail", "status", company.wave.slug, "--json").out)["letters"] == {}
    assert [entry.facts for entry in audit.list_entries() if "reminders" in entry.facts] == []


@on_postgresql("databases")
def test_that_nobody_is_left_to_remind_looks_like_reminders_that_go_out(
    company: Company, mira: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_postbox() as box:
        deliver(box)
    answer_all(company, company.codes)
    moment = reminder_window(company.wave)[0]
    assert queue_reminders(company.wave, moment)
    assert not queue_reminders(company.wave, moment)
    monkeypatch.setattr(wave_pages, "now", lambda: moment)
    assert "Reminders: going out." in seen(mira, company)
    with open_postbox() as box:
        assert (deliver(box).lines(), box.kept) == ((), [])
    assert "Reminders: going out." in seen(mira, company)


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("reminders", "expected"),
    [
        (0, ["Nobody is reminded; the survey was planned so."]),
        (1, ["one reminder to those who have not answered"]),
        (
            2,
            [
                "the first reminder to those who have not answered",
                "the second reminder to those who have not answered",
            ],
        ),
    ],
)
def test_the_page_says_how_often_the_silent_are_reminded(
    company: Company, mira: Browser, reminders: int, expected: list[str]
) -> None:
    with transaction() as session:
        session.execute(
            text("UPDATE wave SET reminders = :number WHERE id = :id"),
            {"number": reminders, "id": company.wave.id},
        )
    page = seen(mira, company)
    assert [one for one in expected if one not in page] == []
    assert page.count("How many they are is told nowhere") == reminders
    wave = waves.find_wave(company.wave.slug)
    assert len(wave_mail.coming_reminders(wave, now())) == reminders
    assert len(wave_mail.coming_reminders(wave, reminder_window(wave)[0])) == max(0, reminders - 1)
    assert wave_mail.confidential_progress(wave, reminder_window(wave)[0]) == (
        {"reminder": "going out"} if reminders else {}
    )


# Pause, resume, cancel


@on_postgresql("databases")
def test_a_paused_wave_waits_says_so_and_goes_on_while_other_mail_leaves(
    company: Company, mira: Browser, candour: Candour, app: Flask
) -> None:
    assert (
        "22 invitations wait. Nothing more about this wave leaves until somebody resumes it"
        in said(mira.get(f"/waves/{company.wave.slug}/mail/pause"))
    )
    assert audited() == []
    page = press(mira, company, "pause")
    assert "The mail of this wave is paused: paused by hand. Nothing is lost." in page
    assert re.search(
        r"Nothing about it leaves since \d\d:\d\d UTC on \d+ \w+, and its dates do not move", page
    )
    assert "its mail is paused" in said(mira.get("/"))
    with open_postbox() as box:
        assert deliver(box) == DeliveryReport()
        assert (
            f"The mail of {company.wave.slug} is paused: paused by hand"
            in candour("mail", "status", company.wave.slug).out
        )
        assert (
            json.loads(candour("mail", "status", company.wave.slug, "--json").out)[
                "wave_paused_because"
            ]
            == "paused by hand"
        )
        press(mira, company, "pause")
        page = press(mira, company, "resume")
        assert ("The mail of this wave goes on." in page, "is paused" in page) == (True, False)
        assert deliver(box).sent == 22
    assert sorted(audited()) == ["mail of a wave paused", "mail of a wave resumed"]
    assert waves.find_wave(company.wave.slug).closes_at == company.wave.closes_at


@on_postgresql("databases")
def test_retrying_in_a_paused_wave_does_not_get_round_the_pause(
    company: Company, box: Postbox, mira: Browser
) -> None:
    deliver(box)
    press(mira, company, "pause")
    press(mira, company, "retry")
    assert deliver(box) == DeliveryReport()
    box.refused = {}
    press(mira, company, "resume")
    assert deliver(box).sent == 2


def test_the_command_line_pauses_and_resumes_one_wave(company: Company, candour: Candour) -> None:
    slug = company.wave.slug
    assert (
        candour("mail", "pause", slug).out
        == f"The mail of {slug} is paused. To let it go on: candour mail resume {slug}\n"
    )
    with open_postbox() as box:
        assert deliver(box) == DeliveryReport()
        assert (
            candour("mail", "resume", slug).out
            == f"The mail of {slug} goes on with the next tick.\n"
        )
        assert deliver(box).sent == 22
    assert {entry.who for entry in audit.list_entries() if "mail" in entry.what} == {"command line"}


@on_postgresql("databases")
def test_cancelling_says_how_many_first_and_they_are_neither_sent_nor_reminded(
    company: Company, mira: Browser
) -> None:
    with open_postbox() as box:
        box.answers = {"RCPT": ["250 ok"] * 10 + ["451 4.3.0 later"] * 12}
        deliver(box)
        assert "Cancel 12 invitations that wait?" in said(
            mira.get(f"/waves/{company.wave.slug}/mail/cancel")
        )
        assert "12 of them put off by the mail server" in seen(mira, company)
        page = press(mira, company, "cancel")
        assert "12 letters are cancelled." in page
        assert "12 cancelled" in page
        assert "No invitation waits" in said(mira.get(f"/waves/{company.wave.slug}/mail/cancel"))
        assert "No invitation waited" in press(mira, company, "cancel")
        queue_reminders(company.wave, reminder_window(company.wave)[0])
        deliver(box)
        assert len(box.kept) == 20
        assert len(set(box.recipients)) == 10
    answer_all(company, company.codes[:9])
    close_company(company)
    assert "12 of 22 were not reached" in said(mira.get("/"))
    assert "12 had not left when the wave closed, or were cancelled" in said(
        mira.get(f"/waves/{company.wave.slug}/mail")
    )


@on_postgresql("databases")
def test_cancelling_takes_waiting_reminders_too_and_says_no_number(
    company: Company, mira: Browser
) -> None:
    with open_postbox() as box:
        deliver(box)
        queue_reminders(company.wave, reminder_window(company.wave)[0])
        assert "No invitation waited." in press(mira, company, "cancel")
        deliver(box)
        assert len(box.kept) == 22
    assert [
        entry.facts["letters"] for entry in audit.list_entries(what="waiting mail cancelled")
    ] == [0]


@on_postgresql("databases")
def test_what_waits_at_the_close_is_shown_as_not_reached(
    company: Company, box: Postbox, mira: Browser
) -> None:
    box.answers = {"RCPT": ["250 ok"] * 15 + ["451 4.3.0 later"] * 5}
    deliver(box)
    answer_all(company, company.codes[:9])
    close_company(company)
    page = said(mira.get(f"/waves/{company.wave.slug}/mail"))
    assert "7 of 22 were not reached" in page
    assert "15 of 22 were handed over and did not come back" in page
    assert "2 failed" in page
    assert "Ada Berg" in page
    assert "Retry" not in page


@on_postgresql("databases")
def test_what_waits_is_taken_back_by_the_close_itself(
    company: Company, box: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is in a wave that waits long for its count."""
    box.answers = {"RCPT": ["250 ok"] * 15 + ["451 4.3.0 later"] * 5}
    deliver(box)
    answer_all(company, company.codes[:9])
    monkeypatch.setattr(counting, "_count", lambda *_: None)
    wave = close_wave(
        company.wave.slug, now(), company.config.key_dir, actor="test", early="a flood"
    )
    assert (wave.state, counts(company)) == (
        WaveState.CLOSED,
        StateCounts(sent=15, failed=2, cancelled=5),
    )
    assert wave_mail.unreached_in_words(wave) == "7 of 22 were not reached"
    assert deliver(box) == DeliveryReport()
    monkeypatch.undo()
    wave = close_wave(company.wave.slug, now(), company.config.key_dir, actor="test")
    assert (wave.state, wave_mail.unreached_in_words(wave)) == (
        WaveState.COUNTED,
        "7 of 22 were not reached",
    )


@on_postgresql("databases")
@pytest.mark.parametrize("is_void", [True, False])
def test_a_pause_ends_with_its_wave(company: Company, mira: Browser, *, is_void: bool) -> None:
    with open_postbox() as box:
        deliver(box)
    wave_mail.pause_mail_of_wave(company.wave.slug, now(), actor="test")
    answer_all(company, company.codes[: 2 if is_void else 9])
    close_company(company)
    assert mail.paused_waves() == {}
    assert "paused" not in said(mira.get("/"))


@on_postgresql("databases")
def test_the_pause_of_a_wave_that_is_not_open_any_more_is_shown_and_ended(
    company: Company, mira: Browser, candour: Candour
) -> None:
    with open_postbox() as box:
        deliver(box)
    answer_all(company, company.codes[:9])
    close_company(company)
    pausing.pause_wave(company.wave.slug, "five letters in a row could not be written: no address")
    assert "its mail is paused" in said(mira.get("/"))
    page = said(mira.get(f"/waves/{company.wave.slug}/mail"))
    assert (
        "The mail of this wave is paused: five letters in a row could not be written: no address."
        " Nothing is lost." in page
    )
    assert ("its dates do not move" in page, "Resume the mail of this wave" in page) == (
        False,
        True,
    )
    assert f"The mail of {company.wave.slug} is paused: five letters" in candour("doctor").out
    press(mira, company, "resume")
    assert mail.paused_waves() == {}


@on_postgresql("databases")
@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_steering_the_mail_of_a_wave_that_is_not_open_is_refused(
    company: Company, mira: Browser, verb: str
) -> None:
    other = waves.list_waves("Noise")[0]
    page = mira.get(f"/waves/{other.slug}/mail/{verb}")
    assert (
        page.status_code,
        "is not open, and nothing about it waits to leave." in said(page),
    ) == (409, True)
    with pytest.raises(Refused, match="is not open, and nothing about it waits to leave"):
        wave_mail.cancel_waiting_letters(other.slug, now(), actor="test")


@on_postgresql("databases")
def test_other_letters_of_a_wave_that_has_ended_are_paused_and_taken_back(
    company: Company, mira: Browser, candour: Candour
) -> None:
    """Whoever sees a mistake in the mail to staff after sending it can stop what has not left."""
    with open_postbox() as box:
        deliver(box)
    answer_all(company, company.codes[:9])
    close_company(company)
    slug = company.wave.slug
    mail.queue_letters(
        FOLLOW_UP, slug, [invitation.id for invitation, _ in invitations_of(company.wave.id)]
    )
    page = said(mira.get(f"/waves/{slug}/mail"))
    assert ("Pause the mail of this wave" in page, "Cancel what waits" in page) == (True, True)
    assert "22 letters wait. Nothing more about this wave leaves" in said(
        mira.get(f"/waves/{slug}/mail/pause")
    )
    press(mira, company, "pause")
    with open_postbox() as box:
        assert deliver(box) == DeliveryReport()
    assert candour("mail", "resume", slug).code == 0
    page = said(mira.get(f"/waves/{slug}/mail/cancel"))
    assert "Cancel 22 letters that wait?" in page
    assert "not asked in this wave" not in page
    assert "22 letters are cancelled." in press(mira, company, "cancel")
    with open_postbox() as box:
        assert deliver(box) == DeliveryReport()
    assert mira.get(f"/waves/{slug}/mail/cancel").status_code == 409


@on_postgresql("databases")
@pytest.mark.parametrize("role", ["viewer", None])
def test_only_managers_steer(app: Flask, company: Company, role: str | None) -> None:
    client = browser(app, role)
    for verb in ("pause", "resume", "cancel"):
        assert client.get(f"/waves/{company.wave.slug}/mail/{verb}").status_code in {302, 403}
    assert client.get("/sending/resume").status_code in {302, 403}


# The channel


def test_a_channel_that_the_server_refuses_is_shown_at_once_with_why_since_when_and_how_to_mend_it(
    company: Company, mira: Browser, candour: Candour
) -> None:
    with open_postbox(sign_in=True) as server:
        server.password = b"another"
        mail.deliver_letters(
            channel=Connection(f"smtp://dana:wrong@127.0.0.1:{server.port}", None, Limits(2.0, 4.0))
        )
    for page in (said(mira.get("/")), seen(mira, company)):
        assert (
            "Sending is paused: the mail server refused our sign-in (535 5.7.8). Nothing is lost."
            in page
        )
        assert re.search(
            r"Nothing leaves since \d\d:\d\d UTC on \d+ \w+\. Your administrator can correct the"
            r" sign-in and try it\.",
            page,
        )
        assert "Resume sending" in page
    assert (
        "left"
        not in seen(mira, company).partition("Sending the invitations")[2].partition(" waiting")[0]
    )
    told = candour("mail", "status").out
    assert told.startswith(
        "Sending is paused: the mail server refused our sign-in (535 5.7.8). Nothing is lost. Check"
        " user and password"
    )
    document = json.loads(candour("mail", "status", "--json").out)
    assert document["paused_because"] == "the mail server refused our sign-in (535 5.7.8)"
    assert document["paused_since"]
    assert "Sending is paused" in candour("doctor").out
    assert "Resume sending" not in said(browser(mira.application, "viewer").get("/"))
    assert "Paused since" in said(mira.get("/sending/resume"))
    assert mira.press("/sending/resume", "/sending/resume", {}).status_code == 303
    assert "Sending is paused" not in said(mira.get("/"))
    with open_postbox() as box:
        assert deliver(box).sent == 22
    assert audited() == ["mail resumed", "mail paused"]
    assert [entry.who for entry in audit.list_entries(what="mail paused")] == [
        "mail"
    ]  # nobody did it by hand


@on_postgresql("databases")
def test_the_channel_is_paused_by_hand_and_a_better_reason_is_not_overwritten(
    app: Flask, company: Company, mira: Browser
) -> None:
    mira.press("/sending/pause", "/sending/pause", {})
    assert "Sending is paused: paused by hand. Nothing is lost." in said(mira.get("/"))
    pausing.pause_sending("the mail server refused our sign-in (535)")
    mira.press("/sending/pause", "/sending/pause", {})
    assert "the mail server refused our sign-in (535)" in said(mira.get("/"))
    assert audited() == ["mail paused"]


def test_a_server_that_is_away_is_said_with_the_time_of_the_next_try(
    company: Company, mira: Browser, candour: Candour
) -> None:
    with open_postbox() as box:
        closed = box.url
    mail.deliver_letters(channel=Connection(closed, None, Limits(2.0, 4.0)))
    page = seen(mira, company)
    assert re.search(
        r"The mail server takes nothing at the moment\. Nothing is lost; the next try is at"
        r" \d\d:\d\d UTC, by itself\.",
        page,
    )
    assert "The mail server takes nothing at the moment" in candour("mail", "status").out


@on_postgresql("databases")
def test_answering_is_as_good_as_before_while_all_this_is_looked_at(
    company: Company, box: Postbox, mira: Browser
) -> None:
    deliver(box)
    seen(mira, company)
    assert answer(company, company.codes[0], {"OVR1": "4"}).outcome is SubmissionOutcome.SENT
    assert (
        answer(company, company.codes[0], {"OVR1": "4"}).outcome is SubmissionOutcome.CODE_REFUSED
    )
    correct_invited_address(ADA, "ada.berg@northwind.example")
    assert answer(company, company.codes[1], {"OVR1": "4"}).outcome is SubmissionOutcome.SENT


@on_postgresql("databases")
def test_a_findings_mail_that_was_refused_is_on_the_first_page_and_can_be_sent_again(
    company: Company, mira: Browser
) -> None:
    with open_postbox() as box:
        deliver(box)
        answer_all(company, company.codes[:9])
        close_company(company)
        [otto] = sharing_recipients(company.wave)[1]
        share_findings(company.wave.slug, [otto.id], now(), actor="test")
        box.refused = {"otto@brightline.example": "550 5.7.1 blocked"}
        assert deliver(box).failed == 1
        assert "Letters of the kind “findings” did not arrive: 1." in said(mira.get("/"))
        ended = waves.find_wave(company.wave.slug).closes_at
        assert [len(wave_mail.mail_notices(ended + timedelta(days=days))) for days in (29, 30)] == [
            1,
            0,
        ]
        page = f"/waves/{company.wave.slug}/mail"
        assert (
            "findings: waiting 0, sent 0, failed 1, bounced 0 1 × The mail server refuses this"
            " address (550 5.7.1)" in said(mira.get(page))
        )
        box.refused = {}
        assert mira.press(page, f"{page}/retry", {}).status_code == 303
        assert deliver(box).sent == 1
        assert (box.recipients[-1], "did not arrive" in said(mira.get("/"))) == (
            "otto@brightline.example",
            False,
        )
