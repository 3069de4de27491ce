"""Corrected addresses: nobody takes somebody else's place in an open wave, or learns anything.

The wave's letters go where it was launched to; only an invitation that did not arrive goes to the
new address, whoever has answered. The old address is told, and many corrections need two managers.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.access.service import audit
from survey.answering.service import SubmissionOutcome
from survey.console.service import wave_mail
from survey.database import db, transaction
from survey.findings.service.documents import find_findings
from survey.invitations.rules.codes import reminder_window
from survey.invitations.rules.corrections import AddressCorrection, most_corrected_alone
from survey.invitations.service import corrections
from survey.invitations.service.corrections import (
    confirm_proposal,
    correct_invited_address,
    list_proposals,
    refuse_proposal,
)
from survey.invitations.service.invitations import invitations_of
from survey.invitations.service.letter_types import invitation_letter_type
from survey.invitations.service.notices import NOTICE, STAFF_LIST, forget_sent_notices
from survey.invitations.service.personal_data import erase_personal_data, export_personal_data
from survey.invitations.service.reminders import queue_reminders
from survey.kernel.clock import now
from survey.kernel.errors import NotFound, Refused
from survey.mail import service as mail
from survey.mail.outbox.service.letter_types import QueuedLetter
from survey.mail.smtp.service.sender import Connection
from survey.people.service.directory import import_people, person_at, remove_person
from survey.people.service.stopping import draw_stop_secret, stop_mails, store_stop_secrets
from survey.schedule import tick
from survey.waves import service as waves
from tests.answering.today import everything_stored, open_today
from tests.cast import Company, answer, answer_all, close_company, found_company
from tests.mail.postbox import Postbox, open_postbox
from tests.outside import Candour, browser, command_line
from tests.proofs import on_postgresql

ADA, BOB, CARL, DORA = (
    "ada@northwind.example",
    "c2@northwind.example",
    "c3@northwind.example",
    "c4@northwind.example",
)
NEW, NEWER = "new@northwind.example", "newer@northwind.example"
GONE = "550 5.1.1 nobody here"
MIRA, MAX = "mira@northwind.example", "max@northwind.example"


@pytest.fixture
def box() -> Iterator[Postbox]:
    """A mail server that does not know Ada and Bob."""
    with open_postbox() as box:
        box.refused = {ADA: GONE, BOB: GONE}
        yield box


@pytest.fixture
def company(app: Flask, box: Postbox) -> Company:
    """Northwind with a wave that opened now; all invitations but two have arrived."""
    company = open_today(app, {"Sales": 14, "Service": 8})
    deliver(box)
    assert len(box.kept) == 20
    box.kept.clear()
    return company


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


def deliver(box: Postbox) -> list[tuple[str, str]]:
    """Hands over what is due; gives the letters that came by it, as (address, subject)."""
    before = len(box.kept)
    assert mail.deliver_letters(channel=Connection(box.url)).problem == ""
    return [(address_of(letter), str(letter["Subject"])) for letter in box.letters()[before:]]


def address_of(letter: EmailMessage) -> str:
    return str(letter["To"]).rpartition("<")[2].rstrip(">")


def addresses(letters: list[tuple[str, str]]) -> list[str]:
    return sorted(address for address, _ in letters)


def code_for(box: Postbox, address: str) -> str:
    """The code in the newest letter to an address."""
    letter = next(each for each in reversed(box.letters()) if address_of(each) == address)
    body = letter.get_body(("plain",))
    assert body
    return re.findall(r"#(\w{24})\b", body.get_content())[0]


def code_of(company: Company, email: str) -> str:
    """The code of the person at this address; while nobody's address has been corrected."""
    return company.codes[[p.email for _, p in invitations_of(company.wave.id)].index(email)]


def entries(what: str) -> list[dict[str, object]]:
    return [dict(each.facts) for each in audit.list_entries(what=what)]


@on_postgresql("databases")
def test_where_the_invitation_arrived_only_the_next_wave_goes_to_the_new_address(
    company: Company, box: Postbox
) -> None:
    code = code_of(company, CARL)
    correction = correct_invited_address(CARL, NEW)
    assert (correction.invited_afresh, correction.unchanged) == ((), (company.wave.slug,))
    assert "still go to the address it opened with" in correction.says
    [(told, subject)] = deliver(box)
    assert (told, "staff list" in subject) == (CARL, True)
    queue_reminders(company.wave, reminder_window(company.wave)[0])
    assert [address for address in addresses(deliver(box)) if address in {CARL, NEW}] == [CARL]
    assert answer(company, code, {"OVR1": "4"}).outcome is SubmissionOutcome.SENT
    assert person_at(NEW).name == "Colleague 3"


@on_postgresql("databases")
def test_an_invitation_that_did_not_arrive_goes_to_the_new_address_with_a_code(
    company: Company, box: Postbox
) -> None:
    old_code = code_of(company, ADA)
    correction = correct_invited_address(ADA, NEW)
    assert (correction.invited_afresh, correction.unchanged) == ((company.wave.slug,), ())
    box.refused = {}
    assert [address for address, _ in deliver(box)] == [ADA, NEW], "the old address is told first"
    assert answer(company, code_for(box, NEW), {"OVR1": "4"}).outcome is SubmissionOutcome.SENT
    refused = answer(company, old_code, {"OVR1": "5"})
    assert refused.outcome is SubmissionOutcome.CODE_REFUSED, "one right, however many codes"
    answer_all(company, company.codes[3:14])
    close_company(company)
    assert find_findings(company.wave.slug).document["answered"] == 12


@on_postgresql("databases")
@pytest.mark.parametrize("has_answered", [True, False])
def test_at_a_new_address_every_letter_comes_whoever_has_answered(
    company: Company, box: Postbox, *, has_answered: bool
) -> None:
    if has_answered:
        answer(company, code_of(company, ADA), {"OVR1": "4"})
    correct_invited_address(ADA, NEW)
    assert [address for address, _ in deliver(box)] == [NEW]
    moment = reminder_window(company.wave)[0]
    with transaction() as session:
        session.execute(text("UPDATE outbox SET sent_at = NULL"))
    queue_reminders(company.wave, moment)
    reminders = deliver(box)
    assert addresses(reminders).count(NEW) == 1
    assert len(reminders) == 21  # all but Bob, whose address is not known
    outcome = answer(company, code_for(box, NEW), {"OVR1": "4"}).outcome
    assert (outcome is SubmissionOutcome.CODE_REFUSED) is has_answered


@on_postgresql("databases")
def test_what_waits_is_unknown_or_was_cancelled_stays_at_the_address_of_the_launch(
    app: Flask, box: Postbox
) -> None:
    """Else whoever pauses the mail right after the launch could read all the codes."""
    company = open_today(app, {"Sales": 14})
    wave_mail.pause_mail_of_wave(company.wave.slug, now(), actor=MIRA)
    assert correct_invited_address(CARL, NEW).invited_afresh == ()
    with transaction() as session:
        query = "UPDATE outbox SET state = 'unknown' WHERE recipient = :id"
        ids = {p.email: i.id for i, p in invitations_of(company.wave.id)}
        session.execute(text(query), {"id": ids[ADA]})
    assert correct_invited_address(ADA, NEWER).invited_afresh == ()
    assert addresses(deliver(box)) == [CARL], "Ada's old mailbox is not there"
    wave_mail.resume_mail_of_wave(company.wave.slug, actor=MIRA)
    assert not {NEW, NEWER} & set(addresses(deliver(box)))


@on_postgresql("databases")
def test_a_letter_written_for_the_old_address_does_not_leave_any_more(
    app: Flask, company: Company
) -> None:
    held = next(i for i, p in invitations_of(company.wave.id) if p.email == ADA)
    letter = QueuedLetter("", "invitation", company.wave.slug, held.id, 1, 0)
    draft = invitation_letter_type(app.config["CANDOUR"]).writer([letter])(letter)
    assert draft
    correct_invited_address(ADA, NEW)
    before = everything_stored()
    assert not draft.store()
    assert everything_stored() == before


@on_postgresql("databases")
def test_an_address_corrected_before_its_letter_came_back_is_saved_again_to_go_there(
    company: Company, box: Postbox
) -> None:
    correct_invited_address(CARL, NEW)
    deliver(box)
    with transaction() as session:
        ids = {p.email: i.id for i, p in invitations_of(company.wave.id)}
        query = "UPDATE outbox SET state = 'bounced' WHERE recipient = :id"
        session.execute(text(query), {"id": ids[NEW]})
    again = correct_invited_address(NEW, NEW)
    assert again.invited_afresh == (company.wave.slug,)
    assert addresses(deliver(box)) == [CARL, NEW], "the address that it went to is told"
    assert correct_invited_address(NEW, NEW) == AddressCorrection(person_at(NEW))
    assert deliver(box) == []


@on_postgresql("databases")
def test_no_mailbox_gets_the_codes_of_two_people(company: Company, box: Postbox) -> None:
    """Not even when the first of the two has left, or was erased."""
    with pytest.raises(Refused, match="somebody else's address already"):
        correct_invited_address(ADA, CARL)
    code = code_of(company, CARL)
    remove_person(CARL)
    assert correct_invited_address(ADA, CARL).invited_afresh == ()
    erase_personal_data(DORA)
    assert correct_invited_address(BOB, DORA).invited_afresh == ()
    assert not {CARL, DORA} & set(addresses(deliver(box)))
    assert answer(company, code, {"OVR1": "4"}).outcome is SubmissionOutcome.CODE_REFUSED


@on_postgresql("databases")
def test_an_address_that_does_not_change_does_nothing_and_a_wrong_one_neither(
    company: Company,
) -> None:
    before = everything_stored()
    assert correct_invited_address(CARL, CARL.upper()).says == f"Colleague 3 is now {CARL}."
    for wrong in ("ada", BOB):
        with pytest.raises(Refused, match="address"):
            correct_invited_address(CARL, wrong)
    with pytest.raises(NotFound):
        correct_invited_address("nobody@northwind.example", NEW)
    assert everything_stored() == before


@on_postgresql("databases")
def test_the_audit_log_has_the_waves_and_a_keyed_hash_and_no_name(
    app: Flask, company: Company
) -> None:
    marks = {name: person_at(name).id for name in (ADA, CARL)}
    correct_invited_address(ADA, NEW, actor=MIRA)
    correct_invited_address(CARL, NEWER, actor=MIRA)
    carl, ada = entries("address corrected")
    assert set(ada) == {"waves", "person", "invited afresh"}
    assert set(carl) == {"waves", "person"}
    assert ada["waves"] == ada["invited afresh"] == carl["waves"] == [company.wave.slug]
    assert re.fullmatch("hmac-sha256:[0-9a-f]{32}", str(ada["person"]))
    assert ada["person"] != carl["person"]
    written = " ".join(everything_stored()["audit_entry"])
    assert not [mark for mark in (*marks, *marks.values(), NEW, "Ada") if mark in written]
    app.config["CANDOUR"] = replace(app.config["CANDOUR"], secret_key="another" * 8)
    correct_invited_address(NEW, ADA, actor=MIRA)
    assert entries("address corrected")[0]["person"] != ada["person"], "only the key leads to it"


# The notice to the old address


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("language", "subject", "contact"),
    [
        ("", "Your mail address in the staff list of Northwind Ltd was changed", "please tell"),
        (
            "de-AT",
            "Ihre Mailadresse in der Personalliste von Northwind Ltd wurde geändert",
            "sagen Sie es bitte",
        ),
    ],
)
def test_the_old_address_is_told_in_its_language_and_learns_nothing_else(
    app: Flask, box: Postbox, language: str, subject: str, contact: str
) -> None:
    found_company({"Sales": 8})
    rows = f"email,name,department,language\n{CARL},Colleague 3,Sales,{language}\n"
    import_people(rows.encode())
    correct_invited_address(CARL, NEW)
    assert deliver(box) == [(CARL, subject)]
    [letter] = box.letters()
    parts = [letter.get_body((kind,)) for kind in ("plain", "html")]
    for part in parts:
        assert part
        said = " ".join(part.get_content().split())
        assert subject in said
        assert f"{contact} Dana Reyes (dana@northwind.example)" in said
        assert not re.search(r"new@|survey|umfrage|support|brightline|http", said.lower())
    assert letter["Reply-To"] == "dana@northwind.example"
    assert letter["List-Unsubscribe"] is None


@on_postgresql("databases")
def test_the_notice_leaves_whatever_a_manager_pauses_cancels_or_removes(
    company: Company, box: Postbox
) -> None:
    secret = draw_stop_secret()
    store_stop_secrets([(person_at(CARL).id, secret)])
    stop_mails(secret)  # survey mails; this is none
    correct_invited_address(CARL, NEW, actor=MIRA)
    wave_mail.pause_mail_of_wave(company.wave.slug, now(), actor=MIRA)
    wave_mail.cancel_waiting_letters(company.wave.slug, now(), actor=MIRA)
    with pytest.raises(NotFound):
        wave_mail.pause_mail_of_wave(STAFF_LIST, now(), actor=MIRA)
    with pytest.raises(NotFound):
        wave_mail.cancel_waiting_letters(STAFF_LIST, now(), actor=MIRA)
    remove_person(NEW)
    assert addresses(deliver(box)) == [CARL]


@on_postgresql("databases")
def test_the_old_address_is_kept_until_its_notice_has_left_or_30_days(
    company: Company, box: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = text("SELECT count(*) FROM address_notice")
    correct_invited_address(CARL, NEW)
    forget_sent_notices()
    assert db.session.scalar(kept) == 1
    deliver(box)
    tick(company.config, now(), seconds=0)
    assert db.session.scalar(kept) == 0
    correct_invited_address(DORA, NEWER)
    later = now() + timedelta(days=31)
    monkeypatch.setattr("survey.invitations.service.notices.now", lambda: later)
    assert deliver(box) == []
    forget_sent_notices()
    assert db.session.scalar(kept) == 0
    assert mail.letter_counts(STAFF_LIST).of(NOTICE).waiting == 0


@on_postgresql("databases")
def test_who_is_erased_leaves_no_old_address_behind(company: Company) -> None:
    correct_invited_address(CARL, NEW)
    erase_personal_data(NEW)
    assert not [row for rows in everything_stored().values() for row in rows if CARL in row]


# A second manager


def test_one_manager_corrects_two_people_or_two_in_a_hundred() -> None:
    assert [most_corrected_alone(n) for n in (8, 58, 149, 150, 1000)] == [2, 2, 2, 3, 20]


@on_postgresql("databases")
def test_the_third_person_in_one_wave_waits_for_a_second_manager(
    company: Company, box: Postbox
) -> None:
    correct_invited_address(ADA, NEW, actor=MIRA)
    correct_invited_address(CARL, NEWER, actor=MIRA)
    deliver(box)
    correct_invited_address(NEWER, "newest@northwind.example", actor=MIRA)  # one of the two
    deliver(box)
    box.kept.clear()
    third = "bob@northwind.example"
    before = {name: rows for name, rows in everything_stored().items() if name != "audit_entry"}
    proposed = correct_invited_address(BOB, third, actor=MIRA)
    assert (proposed.is_proposed, proposed.person.email) == (True, BOB)
    assert "Nothing was sent" in proposed.says
    after = everything_stored()
    assert {name for name in before if before[name] != after[name]} == {"address_proposal"}
    assert deliver(box) == []
    [waiting] = list_proposals()
    assert (waiting.address, waiting.proposed_by) == (third, MIRA)
    with pytest.raises(Refused, match="Another manager has to confirm"):
        confirm_proposal(waiting.id, actor=MIRA)
    confirmed = confirm_proposal(waiting.id, actor=MAX)
    assert confirmed.invited_afresh == (company.wave.slug,)
    assert addresses(deliver(box)) == [third]
    assert entries("address corrected")[0]["proposed by"] == MIRA
    assert audit.list_entries(what="address corrected")[0].who == MAX
    assert list_proposals() == ()
    with pytest.raises(NotFound, match="does not wait any more"):
        confirm_proposal(waiting.id, actor=MAX)
    assert audit.verify_chain() is None


@on_postgresql("databases")
def test_a_proposal_is_refused_replaced_or_goes_with_its_person(
    company: Company, box: Postbox
) -> None:
    for email in (ADA, CARL):
        correct_invited_address(email, f"x{email}", actor=MIRA)
    correct_invited_address(BOB, NEW, actor=MIRA)
    first = list_proposals()[0]
    correct_invited_address(BOB, NEWER, actor=MIRA)
    [second] = list_proposals()
    assert second.address == NEWER
    with pytest.raises(NotFound):
        confirm_proposal(first.id, actor=MAX)
    assert export_personal_data(BOB)["proposed_address"] == NEWER
    assert refuse_proposal(second.id, actor=MAX).person.email == BOB
    assert (list_proposals(), person_at(BOB).email) == ((), BOB)
    assert set(entries("address correction refused")[0]) == {"waves", "person"}
    correct_invited_address(DORA, NEW, actor=MIRA)
    remove_person(DORA)
    assert db.session.scalar(text("SELECT count(*) FROM address_proposal")) == 0


@on_postgresql("databases")
def test_an_administrator_and_the_command_line_need_no_second_and_the_log_says_so(
    company: Company, candour: Candour
) -> None:
    for email in (ADA, CARL):
        correct_invited_address(email, f"x{email}", actor=MIRA)
    correct_invited_address(BOB, NEW, actor=MAX, is_administrator=True)
    assert entries("address corrected")[0]["beyond what one manager may"] is True
    assert candour("people", "correct", DORA, NEWER).code == 0
    newest = audit.list_entries(what="address corrected")[0]
    assert (newest.who, newest.facts["beyond what one manager may"]) == ("command line", True)
    assert "beyond what one manager may" not in entries("address corrected")[-1]


def test_without_an_open_wave_no_second_manager_is_needed(app: Flask, box: Postbox) -> None:
    found_company({"Sales": 14})
    for number in range(2, 9):
        correction = correct_invited_address(
            f"c{number}@northwind.example", f"n{number}@northwind.example", actor=MIRA
        )
        assert not correction.is_proposed
    assert len(deliver(box)) == 6  # Bob's old mailbox is not there


@on_postgresql("databases")
def test_the_pages_propose_confirm_and_refuse(
    app: Flask, company: Company, box: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    mira, otto = browser(app, "manager"), browser(app, "admin")

    def correct(email: str, new: str) -> str:
        page = f"/people/{person_at(email).id}/address"
        reply = mira.press(page, page, {"email": new})
        assert reply.status_code == 303
        return mira.get(reply.location).text

    assert "still go to the address it opened with" in correct(CARL, NEW)
    assert "goes there" in correct(ADA, NEWER)
    page = mira.get(f"/people/{person_at(BOB).id}/address").text
    assert "did not arrive" in page
    assert "waits until another manager" in " ".join(page.split())
    assert "is not changed yet" in correct(BOB, "bob@northwind.example")
    listed = mira.get("/people/addresses").text
    assert "somebody else has to confirm" in listed
    assert 'value="confirm"' not in listed
    [waiting] = list_proposals()
    address = f"/people/addresses/{waiting.id}"
    own = mira.press("/people/addresses", address, {"decision": "confirm"})
    assert (own.status_code, "Another manager has to confirm" in own.text) == (400, True)
    reply = otto.press("/people/addresses", address, {"decision": "confirm"})
    assert reply.status_code == 303
    assert "Colleague 2 is now bob@northwind.example" in otto.get(reply.location).text
    assert otto.press("/people/addresses", address, {"decision": "refuse"}).status_code == 404
    correct(DORA, "d@northwind.example")
    [waiting] = list_proposals()
    reply = mira.press(
        "/people/addresses", f"/people/addresses/{waiting.id}", {"decision": "refuse"}
    )
    assert f"stays {DORA}" in mira.get(reply.location).text


def test_the_commands_list_confirm_and_refuse(candour: Candour, company: Company) -> None:
    for email in (ADA, CARL):
        correct_invited_address(email, f"x{email}", actor=MIRA)
    assert candour("people", "proposals").out == "No address waits.\n"
    correct_invited_address(BOB, NEW, actor=MIRA)
    correct_invited_address(DORA, NEWER, actor=MIRA)
    listed = json.loads(candour("people", "proposals", "--json").out)["proposals"]
    assert [(each["email"], each["new"]) for each in listed] == [(BOB, NEW), (DORA, NEWER)]
    assert f"{BOB} to {NEW}, proposed by {MIRA}" in candour("people", "proposals").out
    assert f"is now {NEW}" in candour("people", "confirm", BOB).out
    assert f"stays {DORA}" in candour("people", "refuse", DORA).out
    gone = candour("people", "confirm", DORA)
    assert (gone.code, "candour people proposals" in gone.err) == (1, True)


@on_postgresql("databases")
def test_the_count_forgets_where_letters_went_and_who_was_corrected(company: Company) -> None:
    correct_invited_address(ADA, NEW)
    remove_person(CARL)
    answer_all(company, company.codes[3:14])
    close_company(company)
    kept = "sent_to, readdressed, corrected, sent_to_hash, left_as_hash"
    rows = db.session.execute(text(f"SELECT DISTINCT {kept} FROM invitation")).all()
    assert [tuple(row) for row in rows] == [(None, 0, 0, None, None)]
    assert corrections.open_invitations(person_at(NEW).id) == ()
    assert waves.find_wave(company.wave.slug).invited == 22
