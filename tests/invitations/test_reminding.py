"""Reminding: once, halfway, only the silent; and how many they are is told nowhere."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey.answering.service import Outcome
from survey.database import db, transaction
from survey.invitations import kinds
from survey.invitations.reminding import due_to_remind, remind
from survey.invitations.rules import reminder_window
from survey.invitations.service import invitations_of, open_wave
from survey.kernel.clock import now
from survey.mail import service as mail
from survey.mail.sender import Connection, Limits
from survey.people.service import remove_person
from survey.people.stopping import draw_stop_secret, stop_mails, store_stop_secrets
from survey.schedule import tick
from survey.waves import service as waves
from survey.waves.rules import Wave
from tests.answering.today import open_today, sent_letters
from tests.cast import Company, answer, answer_all, close_company, found_company
from tests.mail.postbox import DROP, Postbox, open_postbox
from tests.outside import Candour, browser, command_line

CROSSED = "If you have already answered, thank you; this mail crossed yours."


@pytest.fixture
def candour(app: Flask, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Candour:
    """The command line on this test's database."""
    return command_line(app, database_url, tmp_path, monkeypatch, capsys)


@pytest.fixture
def box() -> Iterator[Postbox]:
    with open_postbox() as found:
        yield found


@pytest.fixture
def company(app: Flask, tmp_path: Path) -> Company:
    """Northwind with a wave that opened now; the invitations have gone out."""
    found = open_today(app, {"Sales": 14, "Service": 8})
    assert len(sent_letters(tmp_path / "invitations")) == 22
    return found


def halfway(item: Wave) -> datetime:
    return reminder_window(item)[0]


def reminders(state: str = "%") -> int:
    query = text("SELECT count(*) FROM outbox WHERE kind = 'reminder' AND state LIKE :state")
    return int(db.session.execute(query, {"state": state}).scalar() or 0)


@pytest.mark.parametrize(
    ("opens", "closes", "first", "last"),
    [
        ("2027-01-11T09:00", "2027-01-25T17:00", "2027-01-18T13:00+00:00", "2027-01-22T17:00+00:00"),  # ends on a Monday
        ("2027-01-11T09:00", "2027-01-21T17:00", "2027-01-16T13:00+00:00", "2027-01-20T17:00+00:00"),
        ("2027-03-22T09:00", "2027-03-29T17:00", "2027-03-26T00:30+00:00", "2027-03-26T17:00+00:00"),  # over a change of the clock
        ("2027-01-11T09:00", "2027-01-12T17:00", "2027-01-12T01:00+00:00", "2027-01-11T17:00+00:00"),  # too short for one
    ],
)
def test_the_reminder_has_its_window(app: Flask, opens: str, closes: str, first: str, last: str) -> None:
    found_company()
    item = waves.plan_wave("IT support", datetime.fromisoformat(opens), datetime.fromisoformat(closes))
    assert reminder_window(item) == (datetime.fromisoformat(first), datetime.fromisoformat(last))


def test_only_the_silent_get_it_with_a_new_code_and_the_old_one_stays_good(company: Company, tmp_path: Path) -> None:
    answer_all(company, company.codes[:9])
    [stopped, gone] = [person for _, person in invitations_of(company.wave.id)][9:11]
    secret = draw_stop_secret()
    store_stop_secrets(stopped.id, [secret])
    assert remind(company.wave, halfway(company.wave))
    stop_mails(secret)
    remove_person(gone.email)
    assert answer(company, company.codes[11], {"OVR1": "4"}).outcome is Outcome.SENT  # after it was queued, before it leaves
    letters = sent_letters(tmp_path / "reminders")
    expected = {f"{p.name} <{p.email}>" for _, p in invitations_of(company.wave.id)[9:]} - {f"{stopped.name} <{stopped.email}>"}
    assert len(letters) == len(expected) - 1 == 10
    assert {letter.to for letter in letters} < expected
    for letter in letters:
        assert letter.text.startswith(CROSSED)
        assert CROSSED in letter.html
        assert letter.subject.startswith("Reminder: eight questions on our IT support, by ")
    [last] = [letter for letter in letters if letter.to.startswith("Colleague 9 ")]
    code = re.findall(r"#(\w{24})\b", last.text)[0]
    number = [p.name for _, p in sorted(invitations_of(company.wave.id), key=lambda pair: pair[1].email)].index("Colleague 9")
    assert answer(company, company.codes[number + 1], {"OVR1": "4"}).outcome is Outcome.SENT  # one person before has left
    assert answer(company, code, {"OVR1": "4"}).outcome is Outcome.CODE_REFUSED


def test_a_reminders_own_code_is_good(company: Company, tmp_path: Path) -> None:
    remind(company.wave, halfway(company.wave))
    letter = sent_letters(tmp_path / "reminders")[0]
    assert answer(company, re.findall(r"#(\w{24})\b", letter.text)[0], {"OVR1": "4"}).outcome is Outcome.SENT


def test_it_is_queued_once_at_its_time_and_not_on_the_last_working_day(company: Company) -> None:
    first, last = reminder_window(company.wave)
    assert [bool(due_to_remind(moment)) for moment in (first - timedelta(seconds=1), last, company.wave.closes_at)] == [False] * 3
    assert due_to_remind(last - timedelta(seconds=1)) == due_to_remind(first) == (company.wave,)
    assert remind(company.wave, first)
    assert due_to_remind(first) == ()
    assert not remind(company.wave, last - timedelta(seconds=1))
    assert reminders() == 22


def test_one_that_still_waits_on_the_last_working_day_is_dropped(company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remind(company.wave, halfway(company.wave))
    monkeypatch.setattr(kinds, "now", lambda: reminder_window(company.wave)[1])
    assert sent_letters(tmp_path / "reminders") == []
    assert reminders("cancelled") == 22


def test_whoever_got_the_invitation_lately_or_not_yet_is_left_alone(company: Company) -> None:
    moment = halfway(company.wave)
    ids = [invitation.id for invitation, _ in invitations_of(company.wave.id)]
    with transaction() as session:
        lately = [(ids[0], moment - timedelta(hours=47)), (ids[1], moment - timedelta(hours=49))]
        for one, sent_at in lately:
            stored = sent_at.replace(tzinfo=None).isoformat(" ") if db.engine.dialect.name == "sqlite" else sent_at
            session.execute(text("UPDATE outbox SET sent_at = :at WHERE recipient = :one"), {"at": stored, "one": one})
        session.execute(text("UPDATE outbox SET state = 'ready', sent_at = NULL WHERE recipient = :one"), {"one": ids[2]})
    remind(company.wave, moment)
    reminded = set(db.session.execute(text("SELECT recipient FROM outbox WHERE kind = 'reminder'")).scalars())
    assert set(ids) - reminded == {ids[0], ids[2]}


def test_one_of_which_nobody_knows_whether_it_arrived_is_not_sent_again(company: Company, box: Postbox) -> None:
    remind(company.wave, halfway(company.wave))
    box.answers = {"DATA": [DROP]}
    for _ in range(3):
        mail.deliver(channel=Connection(box.url, None, Limits(2.0, 4.0)))
    assert (reminders("unknown"), reminders("sent"), len(box.kept)) == (1, 21, 21)
    assert len(set(box.recipients)) == 21


@pytest.mark.parametrize("answers", [3, 19])
def test_no_page_and_no_command_tells_how_many_are_reminded(app: Flask, candour: Candour, company: Company, answers: int) -> None:
    answer_all(company, company.codes[:answers])
    moment, slug, mira = halfway(company.wave), company.wave.slug, browser(app, "manager")

    def seen() -> str:
        told = [candour(*line.split()).out for line in (f"mail status {slug}", f"mail status {slug} --json", "mail status")]
        told += [re.sub("answer.*", "", candour("waves", "status", slug).out, flags=re.IGNORECASE)]
        page = mira.get(f"/waves/{slug}/progress").text
        return " ".join(told) + page[page.index("Sending the inv") : page.index("As of")]

    before = seen()
    mail.pause("a test")
    assert [line for line in tick(app.config["CANDOUR"], moment) if "paused" not in line] == [f"{slug}: reminders are queued"]
    mail.resume()
    waiting = seen()
    for words in ("reminder: going out\n", "<p>Reminders: going out.</p>"):
        assert words in waiting
    without = waiting.replace("reminder: going out\n", "").replace("<p>Reminders: going out.</p>", "")
    assert without.replace('{"reminder": "going out"}', "{}") == before
    with open_postbox() as server:
        server.answers = {"RCPT": ["550 5.1.1 unknown"]}
        report = mail.deliver(channel=Connection(server.url, None, Limits(2.0, 4.0)))
    assert report.lines() == ("reminder: going out",)
    assert seen() == waiting.replace("going out", "done")
    assert mail.status(slug).failures == ()
    assert candour("mail", "retry", slug).out == "0 letters queued again.\n"


def test_counting_leaves_no_trace_of_who_was_reminded(company: Company, tmp_path: Path) -> None:
    answer_all(company, company.codes[:12])
    remind(company.wave, halfway(company.wave))
    assert len(sent_letters(tmp_path / "reminders")) == 10
    per_person = text("SELECT count(*) FROM stop_code GROUP BY person_id")
    assert set(db.session.execute(per_person).scalars()) == {2, 4}
    close_company(company)
    assert reminders() == 0
    assert list(db.session.execute(per_person).scalars()) == [4] * 22
    order = "rowid" if db.engine.dialect.name == "sqlite" else "ctid"
    lying = list(db.session.execute(text(f"SELECT hash FROM stop_code ORDER BY {order}")).scalars())
    assert lying == sorted(lying)
    if db.engine.dialect.name == "postgresql":
        assert len(set(db.session.execute(text("SELECT xmin::text FROM stop_code")).scalars())) == 1


def test_an_old_stop_link_still_works_after_the_count(company: Company, app: Flask, tmp_path: Path) -> None:
    answer_all(company, company.codes[:12])
    letter = sent_letters(tmp_path / "invitations")[0]
    close_company(company)
    stop_mails(re.findall(r"/stop/\S+", letter.text)[0])
    noise = next(w for w in waves.list_waves() if w.survey == "Noise")
    open_wave(noise.slug, now(), company.config.key_dir, actor="test")
    assert len(sent_letters(tmp_path / "noise")) == 21
