"""One right to answer per person and wave, whatever happens to their row in the directory."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.answering.service import SubmissionOutcome
from survey.database import db, transaction
from survey.findings.service.documents import find_findings
from survey.invitations.rules.codes import reminder_window
from survey.invitations.service.corrections import correct_invited_address
from survey.invitations.service.invitations import invitations_of
from survey.invitations.service.personal_data import erase_personal_data, export_personal_data
from survey.invitations.service.reminders import queue_reminders
from survey.kernel.errors import NotFound
from survey.people.service import changes
from survey.people.service.directory import import_people, list_people, person_at, remove_person
from survey.people.service.stopping import draw_stop_secret, stop_mails, store_stop_secrets
from survey.waves import service as waves
from tests.answering.today import everything_stored, open_today, sent_letters
from tests.cast import Company, answer, answer_all, close_company, replace_staff_list, staff_csv
from tests.outside import Candour, browser, command_line
from tests.proofs import on_postgresql

STAFF = {"Sales": 12, "Service": 10}
ADA, BOB, CARL = "ada@northwind.example", "c2@northwind.example", "c3@northwind.example"
NEW = "new@northwind.example"
ALL = staff_csv(STAFF)


@pytest.fixture
def company(app: Flask, tmp_path: Path) -> Company:
    """Northwind with a wave that opened now; the invitations have gone out."""
    company = open_today(app, STAFF)
    assert len(sent_letters(tmp_path / "invitations")) == 22
    return company


@pytest.fixture
def codes(company: Company) -> dict[str, str]:
    """Everybody's code, by the address that the wave opened with."""
    people = [person.email for _, person in invitations_of(company.wave.id)]
    return dict(zip(people, company.codes, strict=True))


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


def outcome(company: Company, code: str) -> SubmissionOutcome:
    return answer(company, code, {"OVR1": "4"}).outcome


def is_good(company: Company, code: str) -> bool:
    return outcome(company, code) is SubmissionOutcome.SENT


def without(*emails: str) -> bytes:
    """The staff list without these people."""
    lines = ALL.decode().splitlines()
    return "\n".join(line for line in lines if line.partition(",")[0] not in emails).encode()


def imported_without(email: str) -> None:
    replace_staff_list(without(email))


def imported_in_steps(email: str) -> None:
    """As a long list is, of which each step is a transaction of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "AT_ONCE", 5)
        replace_staff_list(without(email))


WAYS_OUT: dict[str, Callable[[str], object]] = {
    "removed": remove_person,
    "not in a file": imported_without,
    "not in a long file": imported_in_steps,
    "erased": erase_personal_data,
}


def back_in_capitals() -> None:
    import_people(ALL.replace(ADA.encode(), b"Ada@NorthWind.Example"))


def back_with_the_file() -> None:
    import_people(ALL)


def back_in_a_new_department() -> None:
    import_people(f"email,name,department\n{ADA},Ada Berg-Lind,Legal".encode())


def back_with_a_long_file() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "AT_ONCE", 5)
        import_people(ALL)


WAYS_BACK: Sequence[Callable[[], None]] = (
    back_with_the_file,
    back_in_capitals,
    back_in_a_new_department,
    back_with_a_long_file,
)


@on_postgresql("databases")
@pytest.mark.parametrize("way_out", WAYS_OUT)
def test_who_leaves_and_comes_back_has_the_same_invitation_and_the_codes_work(
    company: Company, codes: dict[str, str], way_out: str
) -> None:
    ids = {p.email: i.id for i, p in invitations_of(company.wave.id)}
    for back in WAYS_BACK:
        WAYS_OUT[way_out](ADA)
        assert outcome(company, codes[ADA]) is SubmissionOutcome.CODE_REFUSED
        assert waves.find_wave(company.wave.slug).invited == 22
        back()
        assert {p.email: i.id for i, p in invitations_of(company.wave.id)} == ids
        assert len(list_people()) == 22
    assert is_good(company, codes[ADA])
    answer_all(company, [code for email, code in codes.items() if email != ADA][:12])
    close_company(company)
    document = find_findings(company.wave.slug).document
    assert (document["invited"], document["answered"]) == (22, 13)


@on_postgresql("databases")
def test_the_pages_and_commands_do_it_too(
    app: Flask, company: Company, codes: dict[str, str], candour: Candour, tmp_path: Path
) -> None:
    mira = browser(app, "manager")
    page = f"/people/{person_at(ADA).id}/remove"
    assert "work again" in mira.get(page).text
    assert mira.press(page, page, {}).status_code == 303
    assert outcome(company, codes[ADA]) is SubmissionOutcome.CODE_REFUSED
    (tmp_path / "staff.csv").write_bytes(ALL)
    assert candour("people", "import", tmp_path / "staff.csv").code == 0
    assert candour("people", "remove", BOB).code == 0
    assert candour("people", "import", tmp_path / "staff.csv").code == 0
    assert is_good(company, codes[ADA])
    assert is_good(company, codes[BOB])


@on_postgresql("databases")
@pytest.mark.parametrize("way_out", WAYS_OUT)
def test_letters_that_had_not_left_are_cancelled_and_leave_when_the_person_is_back(
    app: Flask, tmp_path: Path, way_out: str
) -> None:
    open_today(app, STAFF)
    WAYS_OUT[way_out](ADA)
    state = text("SELECT state, count(*) FROM outbox GROUP BY state ORDER BY state")
    assert dict(map(tuple, db.session.execute(state))) == {"cancelled": 1, "ready": 21}
    assert len(sent_letters(tmp_path / "out")) == 21
    import_people(ALL)
    letters = sent_letters(tmp_path / "out")
    assert [letter.to for letter in letters].count(f"Ada Berg <{ADA}>") == 1


@on_postgresql("databases")
@pytest.mark.parametrize("way_out", WAYS_OUT)
def test_a_reminder_that_had_not_left_leaves_when_the_person_is_back(
    company: Company, tmp_path: Path, way_out: str
) -> None:
    with transaction() as session:
        session.execute(text("UPDATE outbox SET sent_at = NULL"))
    queue_reminders(company.wave, reminder_window(company.wave)[0])
    WAYS_OUT[way_out](ADA)
    assert len(sent_letters(tmp_path / "out")) == 21
    import_people(ALL)
    letters = sent_letters(tmp_path / "out")
    assert [letter.to for letter in letters].count(f"Ada Berg <{ADA}>") == 1


@on_postgresql("databases")
def test_a_cut_off_file_shuts_nobody_out_for_good(company: Company, codes: dict[str, str]) -> None:
    replace_staff_list(b"\n".join(ALL.splitlines()[:4]))
    assert len(list_people()) == 3
    assert outcome(company, codes["c20@northwind.example"]) is SubmissionOutcome.CODE_REFUSED
    import_people(ALL)
    assert all(is_good(company, code) for code in codes.values())


@on_postgresql("databases")
def test_an_address_that_is_corrected_and_added_again_gives_no_second_right(
    company: Company, codes: dict[str, str], tmp_path: Path
) -> None:
    correct_invited_address(ADA, NEW)
    import_people(ALL)
    assert len(list_people()) == 23
    assert [p.email for _, p in invitations_of(company.wave.id)].count(NEW) == 1
    queue_reminders(company.wave, reminder_window(company.wave)[0])
    with transaction() as session:
        session.execute(text("UPDATE outbox SET sent_at = NULL"))
    letters = sent_letters(tmp_path / "later")
    assert [letter.to for letter in letters if NEW in letter.to] == []
    assert is_good(company, codes[ADA])
    assert outcome(company, codes[ADA]) is SubmissionOutcome.CODE_REFUSED


@on_postgresql("databases")
def test_of_two_rows_of_one_person_either_may_be_removed(
    company: Company, codes: dict[str, str]
) -> None:
    """Corrected by mistake, added again by the next file, and then one of the two removed."""
    correct_invited_address(ADA, NEW)
    correct_invited_address(BOB, "bob@northwind.example")
    import_people(ALL)
    remove_person(NEW)
    remove_person(BOB)
    assert is_good(company, codes[ADA])
    assert is_good(company, codes[BOB])
    assert len(list_people()) == len(invitations_of(company.wave.id)) == 22


@on_postgresql("databases")
def test_two_people_who_swap_addresses_keep_the_right_that_their_mailbox_had(
    company: Company, codes: dict[str, str]
) -> None:
    for old, new in ((ADA, NEW), (BOB, ADA), (NEW, BOB)):
        correct_invited_address(old, new)
    assert (person_at(ADA).name, person_at(BOB).name) == ("Colleague 2", "Ada Berg")
    remove_person(ADA)
    remove_person(BOB)
    import_people(ALL)
    assert is_good(company, codes[ADA])
    assert is_good(company, codes[BOB])
    assert not is_good(company, codes[ADA])


@on_postgresql("databases")
def test_whoever_gets_the_address_of_somebody_who_left_has_one_right(
    company: Company, codes: dict[str, str]
) -> None:
    remove_person(ADA)
    correct_invited_address(BOB, ADA)
    assert outcome(company, codes[ADA]) is SubmissionOutcome.CODE_REFUSED
    import_people(ALL)
    assert is_good(company, codes[BOB])
    assert outcome(company, codes[ADA]) is SubmissionOutcome.CODE_REFUSED
    assert outcome(company, codes[BOB]) is SubmissionOutcome.CODE_REFUSED


@on_postgresql("databases")
def test_a_newcomer_is_asked_in_the_next_wave(company: Company) -> None:
    import_people(ALL + b"\nnew@northwind.example,Newcomer,Sales")
    assert export_personal_data(NEW)["invitations"] == []
    remove_person(ADA)
    correct_invited_address(NEW, "newer@northwind.example")
    assert len(invitations_of(company.wave.id)) == 21


@on_postgresql("databases")
def test_the_wish_for_no_mails_and_the_third_stay_with_who_comes_back(company: Company) -> None:
    secret = draw_stop_secret()
    person_id = person_at(ADA).id
    store_stop_secrets([(person_id, secret)])
    stop_mails(secret)
    with transaction() as session:
        third = "INSERT INTO assigned_third VALUES (:survey, :person, 2)"
        values = {"survey": company.wave.survey_id, "person": person_id}
        session.execute(text(third), values)
    remove_person(ADA)
    remove_person(BOB)
    import_people(ALL)
    mine = export_personal_data(ADA)
    assert (mine["survey_mails_stopped"], mine["thirds"]) == (True, {"it-support": 2})
    remove_person(ADA)
    answer_all(company, company.codes[2:14])
    close_company(company)
    assert db.session.scalar(text("SELECT count(*) FROM stop")) == 0


@on_postgresql("databases")
def test_who_has_left_can_be_erased_and_still_comes_back_to_the_one_right(
    company: Company, codes: dict[str, str]
) -> None:
    remove_person(ADA)
    erase_personal_data(ADA.upper())
    rows = [row for rows in everything_stored().values() for row in rows]
    assert not [row for row in rows if ADA in row or "Ada Berg" in row]
    with pytest.raises(NotFound):
        erase_personal_data("nobody@northwind.example")
    import_people(ALL)
    assert is_good(company, codes[ADA])


@on_postgresql("databases")
def test_who_comes_back_as_somebody_already_asked_elsewhere_keeps_their_own_wish_and_third(
    company: Company,
) -> None:
    """Two rows of one person, each with a wish and a third, of which one is removed."""
    correct_invited_address(ADA, NEW)
    import_people(ALL)
    with transaction() as session:
        for email, third in ((ADA, 1), (NEW, 2)):
            values = {"survey": company.wave.survey_id, "person": person_at(email).id}
            statement = f"INSERT INTO assigned_third VALUES (:survey, :person, {third})"
            session.execute(text(statement), values)
            session.execute(text("INSERT INTO stop VALUES (:person)"), values)
    remove_person(NEW)
    mine = export_personal_data(ADA)
    assert (mine["survey_mails_stopped"], mine["thirds"]) == (True, {"it-support": 1})
    assert len(invitations_of(company.wave.id)) == 22


@on_postgresql("databases")
def test_a_department_that_is_renamed_changes_no_group_of_an_open_wave(
    company: Company, codes: dict[str, str]
) -> None:
    groups = {i.id: i.group for i, _ in invitations_of(company.wave.id)}
    import_people(ALL.replace(b",Sales", b",Selling"))
    remove_person(ADA)
    import_people(ALL.replace(b",Sales", b",Selling").replace(b",Service", b",Selling"))
    assert {i.id: i.group for i, _ in invitations_of(company.wave.id)} == groups
    answer_all(company, list(codes.values())[:14])
    close_company(company)
    document = find_findings(company.wave.slug).document
    names = {group["name"] for group in document["groups"]}
    assert "Sales" in names
    assert not any("Selling" in name for name in names)
