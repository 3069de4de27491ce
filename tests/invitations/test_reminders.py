"""Reminding: once or twice, only the silent; and how many they are is told nowhere."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask
from sqlalchemy import text

from survey.answering.service import SubmissionOutcome
from survey.console import commands
from survey.console.views import waves as wave_pages
from survey.database import db, transaction
from survey.invitations.rules.codes import draw_code, reminder_window
from survey.invitations.service import letter_types
from survey.invitations.service.corrections import correct_invited_address
from survey.invitations.service.invitations import invitations_of, store_code
from survey.invitations.service.reminders import queue_reminders, waves_due_to_remind
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.launching.service.opening import open_wave
from survey.mail import service as mail
from survey.mail.outbox.service import pausing
from survey.mail.smtp.service.sender import Connection, Limits
from survey.people.service.directory import remove_person
from survey.people.service.stopping import draw_stop_secret, stop_mails, store_stop_secrets
from survey.schedule import tick
from survey.waves import service as waves
from survey.waves.rules.waves import Wave, WaveState
from tests.answering.today import open_today, sent_letters
from tests.cast import OPENS, Company, answer, answer_all, close_company, found_company
from tests.conftest import settings_of
from tests.mail.postbox import DROP, Postbox, open_postbox
from tests.outside import Candour, browser, command_line
from tests.proofs import on_postgresql

CROSSED = "If you have already answered, thank you; this mail crossed yours."


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
def box() -> Iterator[Postbox]:
    with open_postbox() as box:
        yield box


@pytest.fixture
def company(app: Flask, tmp_path: Path) -> Company:
    """Northwind with a wave that opened now; the invitations have gone out."""
    company = open_today(app, {"Sales": 14, "Service": 8})
    assert len(sent_letters(tmp_path / "invitations")) == 22
    return company


@pytest.fixture
def twice(app: Flask, tmp_path: Path) -> Company:
    """The same, with two reminders."""
    first = found_company({"Sales": 14, "Service": 8})
    with transaction() as session:
        session.execute(text("UPDATE survey SET reminders = 2"))
    wave = open_wave(first.slug, now(), app.config["CANDOUR"].key_dir, actor="test")
    assert len(sent_letters(tmp_path / "invitations")) == 22
    codes = {invitation.id: draw_code() for invitation, _ in invitations_of(wave.id)}
    for invitation_id, code in codes.items():
        store_code(invitation_id, code)
    return Company(wave, tuple(codes.values()), app.config["CANDOUR"])


def handed_over(moment: datetime, kind: str, number: int = 1, only: str = "%") -> None:
    """The letters of this kind and number went out at this moment."""
    stored = (
        moment.replace(tzinfo=None).isoformat(" ") if db.engine.dialect.name == "sqlite" else moment
    )
    query = text(
        "UPDATE outbox SET sent_at = :at, state = 'sent' WHERE dedupe_key LIKE :key AND recipient"
        " LIKE :only"
    )
    with transaction() as session:
        session.execute(query, {"at": stored, "key": f"%:{kind}:{number}:%", "only": only})


def reminded(number: int) -> set[str]:
    query = text("SELECT recipient FROM outbox WHERE dedupe_key LIKE :key AND recipient <> ''")
    return set(db.session.execute(query, {"key": f"%:reminder:{number}:%"}).scalars())


def halfway(wave: Wave) -> datetime:
    return reminder_window(wave)[0]


def reminders(state: str = "%") -> int:
    query = text("SELECT count(*) FROM outbox WHERE kind = 'reminder' AND state LIKE :state")
    return int(db.session.execute(query, {"state": state}).scalar() or 0)


@pytest.mark.parametrize(
    ("opens", "closes", "first", "last"),
    [
        (
            "2027-01-11T09:00",
            "2027-01-25T17:00",
            "2027-01-18T13:00+00:00",
            "2027-01-22T17:00+00:00",
        ),  # ends on a Monday
        (
            "2027-01-11T09:00",
            "2027-01-21T17:00",
            "2027-01-16T13:00+00:00",
            "2027-01-20T17:00+00:00",
        ),
        (
            "2027-03-22T09:00",
            "2027-03-29T17:00",
            "2027-03-26T00:30+00:00",
            "2027-03-26T17:00+00:00",
        ),  # over a change of the clock
        (
            "2027-01-11T09:00",
            "2027-01-12T17:00",
            "2027-01-12T01:00+00:00",
            "2027-01-11T17:00+00:00",
        ),  # too short for one
    ],
)
def test_the_reminder_has_its_window(
    app: Flask, opens: str, closes: str, first: str, last: str
) -> None:
    found_company()
    wave = waves.plan_wave(
        "IT support", datetime.fromisoformat(opens), datetime.fromisoformat(closes)
    )
    assert reminder_window(wave) == (datetime.fromisoformat(first), datetime.fromisoformat(last))


@on_postgresql("databases")
def test_only_the_silent_get_it_with_a_new_code_and_the_old_one_stays_good(
    company: Company, tmp_path: Path
) -> None:
    answer_all(company, company.codes[:9])
    [stopped, gone] = [person for _, person in invitations_of(company.wave.id)][9:11]
    secret = draw_stop_secret()
    store_stop_secrets([(stopped.id, secret)])
    assert queue_reminders(company.wave, halfway(company.wave))
    stop_mails(secret)
    remove_person(gone.email)
    assert (
        answer(company, company.codes[11], {"OVR1": "4"}).outcome is SubmissionOutcome.SENT
    )  # after it was queued, before it leaves
    letters = sent_letters(tmp_path / "reminders")
    expected = {f"{p.name} <{p.email}>" for _, p in invitations_of(company.wave.id)[9:]} - {
        f"{stopped.name} <{stopped.email}>"
    }
    assert len(letters) == len(expected) - 1 == 10
    assert {letter.to for letter in letters} < expected
    for letter in letters:
        assert letter.text.startswith(CROSSED)
        assert CROSSED in letter.html
        assert letter.subject.startswith("Reminder: eight questions on our IT support, by ")
    [last] = [letter for letter in letters if letter.to.startswith("Colleague 9 ")]
    code = re.findall(r"#(\w{24})\b", last.text)[0]
    number = [
        p.name for _, p in sorted(invitations_of(company.wave.id), key=lambda pair: pair[1].email)
    ].index("Colleague 9")
    assert (
        answer(company, company.codes[number + 1], {"OVR1": "4"}).outcome is SubmissionOutcome.SENT
    )  # one person before has left
    assert answer(company, code, {"OVR1": "4"}).outcome is SubmissionOutcome.CODE_REFUSED


@on_postgresql("databases")
def test_a_reminders_own_code_is_good(company: Company, tmp_path: Path) -> None:
    queue_reminders(company.wave, halfway(company.wave))
    letter = sent_letters(tmp_path / "reminders")[0]
    assert (
        answer(company, re.findall(r"#(\w{24})\b", letter.text)[0], {"OVR1": "4"}).outcome
        is SubmissionOutcome.SENT
    )


@pytest.mark.parametrize(
    ("opens", "closes", "first"),
    [
        (
            "2027-01-11T09:00",
            "2027-01-25T17:00",
            "2027-01-21T17:00+00:00",
        ),  # two working days before a Monday
        ("2027-03-22T09:00", "2027-03-29T17:00", "2027-03-26T00:30+00:00"),  # not before the first
        (
            "2027-03-15T09:00",
            "2027-03-30T17:00",
            "2027-03-26T17:00+00:00",
        ),  # over a change of the clock
    ],
)
def test_the_second_reminder_has_its_window(
    app: Flask, opens: str, closes: str, first: str
) -> None:
    found_company()
    wave = waves.plan_wave(
        "IT support", datetime.fromisoformat(opens), datetime.fromisoformat(closes)
    )
    assert reminder_window(wave, 2) == (datetime.fromisoformat(first), reminder_window(wave)[1])


@on_postgresql("databases")
def test_a_second_reminder_goes_once_to_whom_the_first_came_a_while_ago(twice: Company) -> None:
    first, second = reminder_window(twice.wave)[0], reminder_window(twice.wave, 2)[0]
    assert queue_reminders(twice.wave, first)
    assert waves_due_to_remind(first) == waves_due_to_remind(second - timedelta(seconds=1)) == ()
    ids = sorted(reminded(1))
    handed_over(first, "reminder")
    handed_over(second - timedelta(hours=47), "reminder", only=ids[0])
    with transaction() as session:  # nobody knows whether it came: the hand-over counts
        unknown = {"one": ids[1], "other": ids[2]}
        session.execute(
            text(
                "UPDATE outbox SET state = 'unknown', sent_at = NULL WHERE recipient IN (:one,"
                " :other)"
            ),
            unknown,
        )
        lately = second - timedelta(hours=47)
        stored = (
            lately.replace(tzinfo=None).isoformat(" ")
            if db.engine.dialect.name == "sqlite"
            else lately
        )
        session.execute(
            text(
                "UPDATE outbox SET date_header = :at WHERE dedupe_key LIKE '%:reminder:1:%' AND"
                " recipient = :one"
            ),
            {"at": stored, "one": ids[1]},
        )
    invited = [invitation.id for invitation, _ in invitations_of(twice.wave.id)]
    another = next(place for place, invitee in enumerate(invited) if invitee not in ids[:3])
    answer(twice, twice.codes[another], {"OVR1": "4"})
    assert waves_due_to_remind(second) == (twice.wave,)
    assert queue_reminders(twice.wave, second)
    assert len(reminded(2)) == 22 - 3
    assert set(ids) - reminded(2) >= {ids[0], ids[1]}
    assert waves_due_to_remind(second) == ()
    assert not queue_reminders(twice.wave, reminder_window(twice.wave)[1] - timedelta(seconds=1))
    assert len(reminded(1)) == 22


@on_postgresql("databases")
def test_an_invitation_that_came_lately_needs_no_reminder(company: Company) -> None:
    moment = halfway(company.wave)
    ids = {person.email: invitation.id for invitation, person in invitations_of(company.wave.id)}
    for email, hours in (("c3@northwind.example", 47), ("c4@northwind.example", 49)):
        handed_over(moment - timedelta(hours=hours), "invitation", only=ids[email])
    queue_reminders(company.wave, moment)
    assert ids["c3@northwind.example"] not in reminded(1)
    assert ids["c4@northwind.example"] in reminded(1)


@on_postgresql("databases")
def test_a_machine_away_over_both_sends_one(twice: Company, tmp_path: Path) -> None:
    back = reminder_window(twice.wave, 2)[0] + timedelta(hours=1)
    assert queue_reminders(twice.wave, back)
    assert not queue_reminders(twice.wave, back)
    assert (len(reminded(1)), len(reminded(2))) == (22, 0)
    assert len(sent_letters(tmp_path / "late")) == 22
    handed_over(back, "reminder")
    assert not queue_reminders(twice.wave, back + timedelta(hours=2))
    assert len(reminded(2)) == 0


@on_postgresql("databases")
@pytest.mark.parametrize(("setting", "windows"), [(0, 0), (1, 1), (2, 2)])
def test_a_wave_keeps_the_number_of_reminders_it_opened_with(
    app: Flask, candour: Candour, tmp_path: Path, setting: int, windows: int
) -> None:
    found_company({"Sales": 14})
    options = [
        "--provider",
        "Brightline IT",
        "--opens",
        "2027-01-11T09:00",
        "--reminders",
        2 - setting,
    ]
    assert candour("surveys", "add", "Desk", *options).code == 0
    assert (
        json.loads(candour("surveys", "list", "--json").out)["surveys"][0]["reminders"]
        == 2 - setting
    )
    with transaction() as session:
        session.execute(text("UPDATE survey SET reminders = :setting"), {"setting": setting})
    wave = open_wave("desk-2027-q1", now(), app.config["CANDOUR"].key_dir, actor="test")
    with transaction() as session:
        session.execute(text("UPDATE survey SET reminders = 1"))
    assert waves.find_wave(wave.slug).reminders == setting
    assert len(sent_letters(tmp_path / "invitations")) == 14
    for number in range(windows):
        moment = reminder_window(wave, number + 1)[0]
        assert queue_reminders(wave, moment)
        handed_over(moment, "reminder", number + 1)
    assert not queue_reminders(wave, reminder_window(wave)[1] - timedelta(seconds=1))
    assert reminders() == 14 * windows


@pytest.mark.parametrize("number", [-1, 3, "often"])
def test_no_survey_reminds_more_than_twice(app: Flask, candour: Candour, number: object) -> None:
    found_company({"Sales": 14})
    said = candour(
        "surveys",
        "add",
        "Desk",
        "--provider",
        "Brightline IT",
        "--opens",
        "2027-01-11T09:00",
        "--reminders",
        number,
    )
    assert (said.code, "--reminders" in said.err) == (2, True)
    plan = waves.SurveyPlan(
        "Desk", "Brightline IT", "quarterly_8", "quarterly", OPENS, 14, "UTC", "all", reminders=3
    )
    with pytest.raises(Refused, match="3 reminders are not possible"):
        waves.store_survey(plan)


def test_the_page_plans_reminders(app: Flask) -> None:
    found_company({"Sales": 14})
    mira = browser(app, "manager")
    given = {
        "name": "Desk",
        "provider": "brightline-it",
        "questionnaire": "quarterly_8",
        "cadence": "monthly",
        "days": "14",
    }
    given |= {"opens": "2027-02-01T09:00", "timezone": "UTC", "audience": "all", "reminders": "2"}
    assert mira.press("/surveys", "/surveys", given).status_code == 303
    assert waves.find_survey("Desk").reminders == 2
    assert (
        mira.press("/surveys", "/surveys", {**given, "name": "Other", "reminders": "3"}).status_code
        == 400
    )


@on_postgresql("databases")
def test_what_was_taken_back_tells_neither_why_nor_when(company: Company, tmp_path: Path) -> None:
    """Answered, stopped, removed: the rows of all who get none are alike."""
    people = [person for _, person in invitations_of(company.wave.id)]
    secret = draw_stop_secret()
    store_stop_secrets([(people[1].id, secret)])
    assert queue_reminders(company.wave, halfway(company.wave))
    ids = [invitation.id for invitation, _ in invitations_of(company.wave.id)]
    answer(company, company.codes[0], {"OVR1": "4"})
    stop_mails(secret)
    remove_person(people[2].email)
    correct_invited_address(people[3].email, "new@northwind.example")
    letters = sent_letters(tmp_path / "reminders")
    assert {
        letter.to.partition("<")[2].rstrip(">")
        for letter in letters
        if letter.subject.startswith("Reminder")
    } == {person.email for person in people[3:]}, "a corrected address counts from the next wave"
    columns = (
        "state, attempts, lease_token, lease_until, date_header, last_code, last_reason, sent_at,"
        " bounced_at"
    )
    taken_back = [
        tuple(
            db.session.execute(
                text(f"SELECT {columns} FROM outbox WHERE kind = 'reminder' AND recipient = :id"),
                {"id": one},
            ).one()
        )
        for one in ids[:3]
    ]
    assert set(taken_back) == {("cancelled", 0, *[None] * 7)}


@on_postgresql("databases")
def test_a_closed_wave_reminds_nobody(company: Company, tmp_path: Path) -> None:
    answer_all(company, company.codes[:12])
    queue_reminders(company.wave, halfway(company.wave))
    close_company(company)
    assert sent_letters(tmp_path / "late") == []
    assert not queue_reminders(waves.find_wave(company.wave.slug), halfway(company.wave))


def worker(database_url: str, folder: Path, box: Postbox) -> subprocess.Popen[str]:
    """A sending process of its own."""
    environment = {
        "PATH": "/usr/bin:/bin",
        **settings_of(database_url, folder, CANDOUR_MAIL_URL=box.url),
    }
    command = [str(Path(sys.executable).with_name("candour")), "tick"]
    return subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@on_postgresql("databases")
def test_a_reminder_in_flight_when_its_process_is_killed_is_never_sent_again(
    company: Company,
    database_url: str,
    box: Postbox,
    tmp_path: Path,
    candour: Candour,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A reminder whose outcome nobody knows counts as unknown.

    The server keeps the third one and kills the sender before it reads the answer.
    """
    answer_all(company, company.codes[:12])
    queue_reminders(company.wave, halfway(company.wave))
    db.session.remove()
    keep, children = box.handle_DATA, []

    async def keep_and_kill(server: SMTP, session: Session, envelope: Envelope) -> str:
        said = await keep(server, session, envelope)
        if len(box.kept) == 3:
            os.kill(children[0].pid, signal.SIGKILL)
            children[0].wait(timeout=20)
        return said

    box.handle_DATA = keep_and_kill  # type: ignore[method-assign]
    children.append(worker(database_url, tmp_path, box))
    children[0].communicate(timeout=60)
    assert children[0].returncode == -signal.SIGKILL
    assert (len(box.kept), reminders("sending")) == (3, 1)
    with transaction() as session:
        session.execute(
            text("UPDATE outbox SET lease_until = '2020-01-01' WHERE lease_until IS NOT NULL")
        )
    db.session.remove()
    second = worker(database_url, tmp_path, box)
    out, errors = second.communicate(timeout=60)
    assert (second.returncode, "unknown" in out + errors) == (0, False), errors
    assert len(box.recipients) == len(set(box.recipients)) == 10
    assert (reminders("sent"), reminders("unknown")) == (9, 1)
    monkeypatch.setattr(commands, "now", lambda: reminder_window(company.wave)[1])
    assert candour("mail", "status", company.wave.slug).out.splitlines()[-1] == "reminder: done"
    close_company(company)
    assert (
        candour("mail", "status", company.wave.slug).out.splitlines()[-1]
        == "reminder: waiting 0, sent 9, failed 0, bounced 0, unknown 1"
    )
    assert (
        json.loads(candour("mail", "status", company.wave.slug, "--json").out)["letters"][
            "reminder"
        ]["unknown"]
        == 1
    )
    assert reminders() == 0


@on_postgresql("databases")
def test_of_a_void_wave_no_totals_are_kept(company: Company, tmp_path: Path) -> None:
    answer_all(company, company.codes[:3])
    queue_reminders(company.wave, halfway(company.wave))
    assert len(sent_letters(tmp_path / "reminders")) == 19
    assert close_company(company).state is WaveState.VOID
    assert "reminder" not in {
        **mail.delivery_status(company.wave.slug).numbers,
        **mail.delivery_status(company.wave.slug).progress,
    }


@on_postgresql("databases")
def test_totals_leave_out_what_was_taken_back(company: Company, tmp_path: Path) -> None:
    answer_all(company, company.codes[:12])
    queue_reminders(company.wave, halfway(company.wave))
    answer_all(company, company.codes[12:14])
    sent_letters(tmp_path / "reminders")
    close_company(company)
    rows = db.session.execute(text("SELECT wave, kind, state FROM letter_total")).all()
    assert [tuple(row) for row in rows] == [(company.wave.slug, "reminder", "sent")]


@on_postgresql("databases")
def test_it_is_queued_once_at_its_time_and_not_on_the_last_working_day(company: Company) -> None:
    first, last = reminder_window(company.wave)
    assert [
        bool(waves_due_to_remind(moment))
        for moment in (first - timedelta(seconds=1), last, company.wave.closes_at)
    ] == [False] * 3
    assert (
        waves_due_to_remind(last - timedelta(seconds=1))
        == waves_due_to_remind(first)
        == (company.wave,)
    )
    assert queue_reminders(company.wave, first)
    assert waves_due_to_remind(first) == ()
    assert not queue_reminders(company.wave, last - timedelta(seconds=1))
    assert reminders() == 22


@on_postgresql("databases")
def test_one_that_still_waits_on_the_last_working_day_is_dropped(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue_reminders(company.wave, halfway(company.wave))
    monkeypatch.setattr(letter_types, "now", lambda: reminder_window(company.wave)[1])
    assert sent_letters(tmp_path / "reminders") == []
    assert reminders("cancelled") == 22


def test_whoever_got_the_invitation_lately_or_not_yet_is_left_alone(company: Company) -> None:
    moment = halfway(company.wave)
    ids = [invitation.id for invitation, _ in invitations_of(company.wave.id)]
    with transaction() as session:
        lately = [(ids[0], moment - timedelta(hours=47)), (ids[1], moment - timedelta(hours=49))]
        for one, sent_at in lately:
            stored = (
                sent_at.replace(tzinfo=None).isoformat(" ")
                if db.engine.dialect.name == "sqlite"
                else sent_at
            )
            session.execute(
                text("UPDATE outbox SET sent_at = :at WHERE recipient = :one"),
                {"at": stored, "one": one},
            )
        session.execute(
            text("UPDATE outbox SET state = 'ready', sent_at = NULL WHERE recipient = :one"),
            {"one": ids[2]},
        )
    queue_reminders(company.wave, moment)
    reminded = set(
        db.session.execute(text("SELECT recipient FROM outbox WHERE kind = 'reminder'")).scalars()
    )
    assert set(ids) - reminded == {ids[0], ids[2]}


@on_postgresql("databases")
def test_one_of_which_nobody_knows_whether_it_arrived_is_not_sent_again(
    company: Company, box: Postbox
) -> None:
    queue_reminders(company.wave, halfway(company.wave))
    box.answers = {"DATA": [DROP]}
    for _ in range(3):
        mail.deliver_letters(channel=Connection(box.url, None, Limits(2.0, 4.0)))
    assert (reminders("unknown"), reminders("sent"), len(box.kept)) == (1, 21, 21)
    assert len(set(box.recipients)) == 21


@on_postgresql("databases")
@pytest.mark.parametrize("answers", [3, 19, 22])
def test_no_page_and_no_command_tells_how_many_are_reminded(
    app: Flask, candour: Candour, company: Company, monkeypatch: pytest.MonkeyPatch, answers: int
) -> None:
    answer_all(company, company.codes[:answers])
    moment, slug, mira = halfway(company.wave), company.wave.slug, browser(app, "manager")

    def seen() -> str:
        told = [
            candour(*line.split()).out
            for line in (f"mail status {slug}", f"mail status {slug} --json", "mail status")
        ]
        told += [re.sub("answer.*", "", candour("waves", "status", slug).out, flags=re.IGNORECASE)]
        page = mira.get(f"/waves/{slug}/progress").text
        shown = page[page.index("Sending the inv") : page.index("As of")]
        return " ".join([*told, *shown.split()])

    before = seen()
    pausing.pause_sending("a test")
    assert [line for line in tick(app.config["CANDOUR"], moment) if "paused" not in line] == [
        f"{slug}: reminders are queued"
    ]
    pausing.resume_sending()
    for module in (wave_pages, commands):
        monkeypatch.setattr(module, "now", lambda: moment)
    waiting = seen()
    for words in ("reminder: going out\n", "<p>Reminders: going out.</p>"):
        assert words in waiting
    without = waiting.replace("reminder: going out\n", "").replace(
        "<p>Reminders: going out.</p> ", ""
    )
    assert without.replace('{"reminder": "going out"}', "{}") == before
    with open_postbox() as server:
        server.answers = {"RCPT": ["550 5.1.1 unknown"]}
        report = mail.deliver_letters(channel=Connection(server.url, None, Limits(2.0, 4.0)))
    assert report.lines() == ()
    assert seen() == waiting  # by the clock: when the last has left says how many there were
    moment = reminder_window(company.wave)[1]
    assert seen() == waiting.replace("going out", "done")
    assert mail.delivery_status(slug).failures == ()
    assert candour("mail", "retry", slug).out == "0 letters queued again.\n"


@on_postgresql("databases")
def test_counting_leaves_no_trace_of_who_was_reminded(company: Company, tmp_path: Path) -> None:
    answer_all(company, company.codes[:12])
    queue_reminders(company.wave, halfway(company.wave))
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


@on_postgresql("databases")
def test_an_old_stop_link_still_works_after_the_count(
    company: Company, app: Flask, tmp_path: Path
) -> None:
    answer_all(company, company.codes[:12])
    letter = sent_letters(tmp_path / "invitations")[0]
    close_company(company)
    stop_mails(re.findall(r"/stop/\S+", letter.text)[0])
    noise = next(w for w in waves.list_waves() if w.survey == "Noise")
    open_wave(noise.slug, now(), company.config.key_dir, actor="test")
    assert len(sent_letters(tmp_path / "noise")) == 21
