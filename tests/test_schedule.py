"""The timetable: due work is done once, late or twice makes no difference, and one wave's trouble
is its own.
"""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from survey import schedule
from survey.cli import _log_changes
from survey.database import db
from survey.invitations.rules.codes import draw_code
from survey.invitations.service import letter_types
from survey.invitations.service.invitations import invitations_of, store_code
from survey.mail.outbox.service import delivery
from survey.mail.outbox.service.pausing import pause_sending
from survey.mail.smtp.service.catcher import Catcher
from survey.mail.smtp.service.sender import channel_for
from survey.schedule import is_usual, tick
from survey.waves import service as waves
from survey.waves.rules.waves import VoidReason, WaveState
from tests import forking
from tests.answering.today import everything_stored
from tests.cast import OPENS, Company, answer_all, found_company, open_company
from tests.conftest import settings_of
from tests.proofs import on_postgresql

EARLY = timedelta(days=-1)


@pytest.fixture(autouse=True)
def its_own_folder_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL the catcher keeps its letters below the working directory.

    And letters look at the real clock.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(letter_types, "now", lambda: OPENS.replace(tzinfo=UTC))


def stored() -> dict[str, list[str]]:
    """Everything but when the timetable was last gone through."""
    return {table: rows for table, rows in everything_stored().items() if table != "heartbeat"}


def states(survey: str = "IT support") -> dict[str, str]:
    return {w.slug: w.state.value for w in waves.list_waves(survey)}


def letters(app: Flask) -> int:
    channel = channel_for(app.config["CANDOUR"])
    assert isinstance(channel, Catcher)
    return len(channel.letters())


@on_postgresql("databases")
def test_a_wave_goes_its_whole_way_by_ticks_alone(app: Flask) -> None:
    config, first = app.config["CANDOUR"], found_company()
    assert tick(config, first.opens_at + EARLY) == ()
    assert states() == {first.slug: "planned"}
    assert tick(config, first.opens_at) == ("it-support-2027-q1 opened", "letters: 58 sent")
    assert letters(app) == 58
    opened = waves.find_wave(first.slug)
    codes = []
    for invitation, _ in invitations_of(opened.id)[:12]:
        codes.append(draw_code())
        store_code(invitation.id, codes[-1])
    answer_all(Company(opened, tuple(codes), config), codes)
    assert tick(config, opened.closes_at - timedelta(seconds=1)) == ()
    assert tick(config, opened.closes_at) == ("it-support-2027-q1 closed and counted",)
    assert states() == {first.slug: "counted", "it-support-2027-q2": "planned"}
    assert list(config.key_dir.iterdir()) == []


@on_postgresql("databases")
def test_a_second_tick_changes_nothing_at_any_moment(app: Flask) -> None:
    config, first = app.config["CANDOUR"], found_company()
    for moment in (
        first.opens_at + EARLY,
        first.opens_at,
        first.closes_at + EARLY,
        first.closes_at,
    ):
        tick(config, moment)
        before = stored()
        assert tick(config, moment) == ()
        assert stored() == before
    assert letters(app) == 58


def test_ticks_in_three_threads_do_the_work_once(app: Flask) -> None:
    config, first = app.config["CANDOUR"], found_company()
    start, said = threading.Barrier(3), []

    def pass_() -> None:
        start.wait(timeout=20)
        with app.app_context():
            said.append(tick(config, first.opens_at))

    threads = [threading.Thread(target=pass_) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=90)
    assert len(said) == 3
    assert [line for lines in said for line in lines].count("it-support-2027-q1 opened") == 1
    tick(config, first.opens_at)
    assert letters(app) == 58
    assert db.session.execute(text("SELECT count(*) FROM invitation")).scalar() == 58


@on_postgresql("databases")
def test_what_one_wave_cannot_do_keeps_no_other_from_its_turn(app: Flask) -> None:
    config = app.config["CANDOUR"]
    company = open_company(app)
    noise = next(w for w in waves.list_waves() if w.survey == "Noise")
    moment = noise.opens_at
    (config.key_dir / f"{company.wave.id}.key").rename(config.key_dir / "elsewhere")
    said = tick(config, moment)
    assert any("is not in" in line and "safe copy" in line for line in said)
    assert f"{noise.slug} opened" in said
    assert waves.find_wave(company.wave.slug).state is WaveState.OPEN
    (config.key_dir / "elsewhere").rename(config.key_dir / f"{company.wave.id}.key")
    assert "it-support-2027-q1 closed and counted" in tick(config, moment)
    void = waves.find_wave(company.wave.slug)
    assert void.void_reason is VoidReason.TOO_FEW_ANSWERS
    assert void.void_words == "fewer than 5 people answered"


@on_postgresql("databases")
def test_a_key_that_cannot_be_destroyed_stops_neither_waves_nor_letters(app: Flask) -> None:
    config = app.config["CANDOUR"]
    first = found_company()
    past = next(w for w in waves.list_waves() if w.survey == "Noise")
    waves.mark_wave_void(past, VoidReason.GIVEN_UP, "a test")
    (config.key_dir / f"{past.id}.key").mkdir()
    said = tick(config, first.opens_at)
    assert "could not be destroyed" in said[0]
    assert said[1:] == ("it-support-2027-q1 opened", "letters: 58 sent")


@on_postgresql("databases")
def test_a_look_that_fails_keeps_nothing_else_from_its_turn(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    config, first = app.config["CANDOUR"], found_company()

    def fails(*_: object) -> None:
        raise KeyError("ada@northwind.example")

    monkeypatch.setattr(schedule, "_logged_errors", set())
    monkeypatch.setattr(schedule, "waves_with_leftover_keys", fails)
    monkeypatch.setattr(schedule, "waves_due_to_remind", fails)
    monkeypatch.setattr(schedule.mail, "erase_old_recipients", fails)
    for name in ("due_to_close", "missed_openings"):
        monkeypatch.setattr(schedule.waves, name, fails)
    said = tick(config, first.opens_at)
    assert "it-support-2027-q1 opened" in said
    assert said[-1] == "letters: 58 sent"
    assert (
        said.count("not done: part of the pass (KeyError); it is tried again with the next pass")
        > 4
    )
    before = len(caplog.records)
    tick(config, first.opens_at)
    assert len(caplog.records) == before > 0  # each place once
    assert "KeyError in survey.schedule, line " in caplog.text
    assert "northwind" not in caplog.text + "".join(said)


def test_what_cannot_be_done_is_in_the_log_once_and_again_after_it_could(
    caplog: pytest.LogCaptureFixture,
) -> None:
    say = _log_changes()
    for lines in (("No mail left.", "a"), ("No mail left.",), (), ("No mail left.",)):
        say(lines)
    assert [record.message for record in caplog.records] == ["No mail left.", "a", "No mail left."]


def test_a_mail_server_that_is_away_is_told_and_letters_that_leave_are_not(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = found_company()
    tick(app.config["CANDOUR"], company.opens_at, seconds=0)
    with monkeypatch.context() as patched:
        patched.setattr(
            delivery.DeliveryReport,
            "lines",
            lambda _: ("letters: 1 to be tried again", "No mail left: it is away."),
        )
        assert [line for line in schedule.deliver_due_letters() if not is_usual(line)] == [
            "No mail left: it is away."
        ]
    assert [line for line in schedule.deliver_due_letters() if not is_usual(line)] == []


@on_postgresql("databases")
def test_a_machine_that_slept_over_the_opening_and_the_close_catches_up(app: Flask) -> None:
    config, first = app.config["CANDOUR"], found_company()
    tick(config, first.opens_at + timedelta(days=3))
    opened = waves.find_wave(first.slug)
    assert (f"{opened.opens:%Y-%m-%d}", f"{opened.closes:%Y-%m-%d %H:%M}") == (
        "2027-01-14",
        "2027-01-28 17:00",
    )
    tick(config, opened.closes_at + timedelta(days=20))
    assert states() == {first.slug: "void", "it-support-2027-q2": "planned"}


@on_postgresql("databases")
@pytest.mark.parametrize(("days", "state"), [(45, "open"), (46, "void")])
def test_an_opening_late_by_more_than_half_its_period_is_not_held(
    app: Flask, days: int, state: str
) -> None:
    config, first = app.config["CANDOUR"], found_company()
    tick(config, first.opens_at + timedelta(days=days))
    assert states() == {first.slug: state, "it-support-2027-q2": "planned"}
    if state == "void":
        void = waves.find_wave(first.slug)
        assert void.void_reason is VoidReason.NOT_OPENED
        assert void.void_words == "not opened in time"
        assert letters(app) == 0


@on_postgresql("databases")
def test_after_several_missed_periods_at_most_one_wave_opens(app: Flask) -> None:
    config, first = app.config["CANDOUR"], found_company()
    moment = datetime.fromisoformat("2027-11-01T12:00+00:00")
    tick(config, moment)
    assert states() == {
        first.slug: "void",
        "it-support-2027-q2": "void",
        "it-support-2027-q3": "void",
        "it-support-2027-q4": "open",
        "it-support-2028-q1": "planned",
    }
    before = states()
    tick(config, moment)
    assert states() == before


@on_postgresql("databases")
def test_a_process_without_a_key_folder_leaves_opening_and_counting_to_another(app: Flask) -> None:
    from dataclasses import replace

    config, first = app.config["CANDOUR"], found_company()
    said = tick(replace(config, key_dir=None), first.opens_at)
    assert states() == {first.slug: "planned"}
    assert all("CANDOUR_KEY_DIR" in line for line in said)
    tick(config, first.opens_at)
    tick(replace(config, key_dir=None), first.closes_at)
    assert states()[first.slug] == "open"


def test_paused_mail_stops_no_wave(app: Flask) -> None:
    config, first = app.config["CANDOUR"], found_company()
    pause_sending("a test")
    said = tick(config, first.opens_at)
    assert said[0] == "it-support-2027-q1 opened"
    assert "Sending is paused: a test" in said[1]
    assert states()[first.slug] == "open"


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--now", f"{OPENS:%Y-%m-%d}T09:00Z"], 0, "it-support-2027-q1 opened"),
        (["--now", f"{OPENS:%Y-%m-%d}T10:00+01:00"], 0, "it-support-2027-q1 opened"),
        (["--now", f"{OPENS:%Y-%m-%d}T08:59Z"], 0, ""),
        (["--now", f"{OPENS:%Y-%m-%d}T09:00"], 1, "lacks its zone"),
        (["--now", "tomorrow"], 1, "is not a time"),
    ],
)
def test_tick_can_pretend_another_time(
    app: Flask, database_url: str, tmp_path: Path, words: list[str], code: int, says: str
) -> None:
    found_company()
    db.session.remove()
    environment = {"PATH": "/usr/bin:/bin", **settings_of(database_url, tmp_path)}
    done = forking.run("candour", "tick", *words, environment=environment, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert says in done.stdout + done.stderr
    assert ("opened" in done.stdout) is says.endswith("opened")
    assert "Traceback" not in done.stderr


def kinds_sent(wave: str) -> dict[str, int]:
    found = db.session.execute(
        text("SELECT kind, count(*) FROM outbox WHERE wave = :w AND state = 'sent' GROUP BY kind"),
        {"w": wave},
    )
    return dict(map(tuple, found))


def opened_and_answered(app: Flask, answers: int) -> Company:
    """The first wave, opened by a tick, with its invitations sent and some answers in."""
    config, first = app.config["CANDOUR"], found_company()
    tick(config, first.opens_at)
    opened = waves.find_wave(first.slug)
    codes = {invitation.id: draw_code() for invitation, _ in invitations_of(opened.id)}
    for invitation_id, code in codes.items():
        store_code(invitation_id, code)
    company = Company(opened, tuple(codes.values()), config)
    answer_all(company, company.codes[:answers])
    return company


@on_postgresql("databases")
def test_the_silent_are_reminded_once_halfway_and_their_number_is_not_said(app: Flask) -> None:
    company = opened_and_answered(app, 42)
    half = company.wave.opens_at + (company.wave.closes_at - company.wave.opens_at) / 2
    assert tick(company.config, half - timedelta(seconds=1)) == ()
    assert tick(company.config, half) == ("it-support-2027-q1: reminders are queued",)
    assert kinds_sent(company.wave.slug) == {"invitation": 58, "reminder": 16}
    before = stored()
    for later in (half, half + timedelta(days=1), half + timedelta(days=4)):
        assert tick(company.config, later) == ()
    assert stored() == before
    tick(company.config, company.wave.closes_at)
    assert kinds_sent(company.wave.slug) == {"invitation": 58}


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("moment", "reminded"),
    [
        ("2027-01-20T09:00+00:00", 16),
        ("2027-01-22T16:59+00:00", 16),
        ("2027-01-22T17:00+00:00", 0),
        ("2027-01-25T16:59+00:00", 0),
    ],
)
def test_a_machine_away_over_the_reminder_reminds_late_but_not_on_the_last_working_day(
    app: Flask, moment: str, reminded: int
) -> None:
    company = opened_and_answered(app, 42)
    tick(company.config, datetime.fromisoformat(moment))
    assert kinds_sent(company.wave.slug).get("reminder", 0) == reminded


@on_postgresql("databases")
def test_where_everybody_has_answered_nobody_is_reminded_and_the_same_is_said(app: Flask) -> None:
    company = opened_and_answered(app, 58)
    half = company.wave.opens_at + (company.wave.closes_at - company.wave.opens_at) / 2
    assert tick(company.config, half - timedelta(seconds=1)) == ()
    assert tick(company.config, half) == ("it-support-2027-q1: reminders are queued",)
    assert kinds_sent(company.wave.slug) == {"invitation": 58}
    for later in (half, half + timedelta(days=1), half + timedelta(days=4)):
        assert tick(company.config, later) == ()


@on_postgresql("databases")
def test_an_extension_moves_the_reminder(app: Flask) -> None:
    company = opened_and_answered(app, 42)
    half = company.wave.opens_at + (company.wave.closes_at - company.wave.opens_at) / 2
    waves.extend_wave(company.wave.slug, 7, company.wave.opens_at + timedelta(days=1))
    assert tick(company.config, half) == ()
    assert "it-support-2027-q1: reminders are queued" in tick(
        company.config, half + timedelta(days=3, hours=12)
    )
