"""Away and back: what was missed is done once, days lost are given back once, and a jump of the
clock or a pretended time is neither.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from survey.access.service import audit
from survey.answering import views
from survey.counting.service import close_wave
from survey.database import db
from survey.invitations.rules.codes import reminder_window
from survey.invitations.service import letter_types
from survey.jobs import heartbeat
from survey.kernel.errors import Refused
from survey.kernel.hints import words_for_command
from survey.launching.service.opening import open_wave
from survey.mail import service as mail
from survey.mail.outbox.service import pausing
from survey.mail.smtp.service.catcher import Catcher
from survey.schedule import tick
from survey.waves import service as waves
from survey.waves.rules.holidays import Holiday
from survey.waves.rules.waves import VoidReason, WaveState
from survey.waves.service import holidays
from tests import forking
from tests.answering.today import everything_stored
from tests.cast import OPENS, Company, found_company, open_company
from tests.conftest import settings_of
from tests.outside import browser
from tests.proofs import on_postgresql

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PLAN = waves.SurveyPlan(
    "Desk", "Brightline IT", "quarterly_8", "quarterly", OPENS, 14, "Europe/London", "all"
)


@pytest.fixture(autouse=True)
def letters_look_at_the_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters look at the real clock.

    And on PostgreSQL the catcher keeps them below the working directory.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(letter_types, "now", lambda: OPENS.replace(tzinfo=UTC))


def at(said: str) -> datetime:
    return datetime.fromisoformat(f"{said}+00:00")


def states(survey: str = "IT support") -> dict[str, str]:
    return {item.period: item.state.value for item in waves.list_waves(survey)}


def real_tick(company: Company, moment: datetime) -> tuple[str, ...]:
    return tick(company.config, moment, real=moment)


@pytest.fixture
def company(app: Flask) -> Company:
    """Northwind with its first wave open from 11 to 25 January, and a pass at its opening."""
    found = open_company(app, {"Sales": 8})
    pausing.pause_sending("nobody is written to here")
    real_tick(found, found.wave.opens_at)
    return found


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("down", "back", "closes", "days"),
    [
        ("2027-01-18T00:00", "2027-01-21T00:00", "2027-01-28 17:00", 3),  # the whole days 18 to 20
        ("2027-01-18T09:00", "2027-01-19T08:59", "2027-01-25 17:00", 0),  # a minute less than a day
        ("2027-01-18T09:00", "2027-01-19T09:00", "2027-01-26 17:00", 1),
        ("2027-01-18T09:00", "2027-01-20T08:59", "2027-01-26 17:00", 1),  # whole days only
        ("2027-01-14T09:00", "2027-01-24T09:00", "2027-02-01 17:00", 7),  # at most seven
        (
            "2027-01-24T12:00",
            "2027-01-27T12:00",
            "2027-01-28 17:00",
            3,
        ),  # over the close: extended first, then not closed
        (
            "2027-01-25T16:59",
            "2027-01-27T12:00",
            "2027-01-25 17:00",
            0,
        ),  # a day more would be over as well: closed
        (
            "2027-01-24T12:00",
            "2027-02-20T12:00",
            "2027-01-25 17:00",
            0,
        ),  # seven more days would be over as well
    ],
)
def test_whole_days_lost_while_a_wave_was_open_are_given_back(
    company: Company, down: str, back: str, closes: str, days: int
) -> None:
    alive = company.wave.opens_at
    while alive < at(down):
        alive = min(alive + 20 * HOUR, at(down))
        real_tick(company, alive)
    said = real_tick(company, at(back))
    found = waves.find_wave(company.wave.slug)
    assert (f"{found.closes:%Y-%m-%d %H:%M}", found.extended_days) == (closes, days)
    assert found.state is (WaveState.OPEN if found.closes_at > at(back) else WaveState.VOID)
    assert any("because the service was down" in line for line in said) is bool(days)
    extended = [entry.facts for entry in audit.list_entries(what="wave extended")]
    assert extended == (
        [{"wave": found.slug, "days": days, "because": "the service was down"}] if days else []
    )
    before = everything_stored()
    assert [
        line
        for line in real_tick(company, at(back) + timedelta(seconds=30))
        if "paused" not in line
    ] == []
    assert everything_stored() == before


@on_postgresql("databases")
def test_it_is_the_one_extension_and_one_by_hand_leaves_no_other(company: Company) -> None:
    first = company.wave.opens_at
    for moment in (first + 3 * DAY, first + 3 * DAY + HOUR, first + 5 * DAY + HOUR):
        real_tick(company, moment)
    assert waves.find_wave(company.wave.slug).extended_days == 3
    with pytest.raises(Refused, match="extended by 3 days already"):
        waves.extend_wave(company.wave.slug, 1, first + 6 * DAY)
    second = waves.store_survey(replace(PLAN, opens=OPENS + 6 * DAY))[1]
    real_tick(company, second.opens_at)
    waves.extend_wave(second.slug, 1, second.opens_at + HOUR)
    real_tick(company, second.opens_at + 3 * DAY)
    assert waves.find_wave(second.slug).extended_days == 1
    for item in (waves.find_wave(company.wave.slug), waves.find_wave(second.slug)):
        down = (item.opens_at + 4 * DAY, item.opens_at + 6 * DAY)
        assert waves.make_up_for_outages(item, [down], down[1], actor="test") is None
        assert waves.find_wave(item.slug) == item


@on_postgresql("databases")
def test_an_outage_before_the_opening_extends_nothing_but_the_wave_keeps_its_length(
    app: Flask,
) -> None:
    config, first = app.config["CANDOUR"], found_company({"Sales": 8})
    pausing.pause_sending("nobody is written to here")
    tick(config, at("2027-01-08T09:00"), real=at("2027-01-08T09:00"))
    tick(config, at("2027-01-14T09:00"), real=at("2027-01-14T09:00"))
    found = waves.find_wave(first.slug)
    assert (f"{found.opens:%d %H:%M}", f"{found.closes:%d %H:%M}", found.extended_days) == (
        "14 09:00",
        "28 17:00",
        0,
    )


def test_a_pass_that_is_killed_after_the_record_leaves_the_extension_to_the_next(
    company: Company,
) -> None:
    heartbeat.record_beat(company.wave.opens_at + 5 * DAY)
    assert waves.find_wave(company.wave.slug).extended_days == 0
    real_tick(company, company.wave.opens_at + 5 * DAY + HOUR)
    assert waves.find_wave(company.wave.slug).extended_days == 5


def test_as_long_as_the_record_of_outages_cannot_be_written_nothing_closes(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(real: datetime) -> str:
        raise OperationalError("", {}, Exception())

    real_tick(company, at("2027-01-24T12:00"))  # twelve days since the opening: extended by seven
    monkeypatch.setattr("survey.schedule.heartbeat.record_beat", busy)
    said = real_tick(company, at("2027-02-01T17:00"))
    assert "the database was busy (OperationalError); it is tried again with the next pass" in said
    assert waves.find_wave(company.wave.slug).state is WaveState.OPEN
    monkeypatch.undo()
    real_tick(company, at("2027-02-01T17:00"))
    assert waves.find_wave(company.wave.slug).state is WaveState.VOID


@on_postgresql("databases")
def test_a_pretended_time_is_no_outage_and_no_sign_of_life(company: Company) -> None:
    seen = heartbeat.last_pass()
    for days in (1, 5, 9, 13):
        tick(company.config, company.wave.opens_at + days * DAY)
    assert (heartbeat.last_pass(), heartbeat.list_outages(at("2000-01-01T00:00"))) == (seen, ())
    assert waves.find_wave(company.wave.slug).extended_days == 0
    real_tick(company, company.wave.opens_at + 2 * DAY)
    assert waves.find_wave(company.wave.slug).extended_days == 2  # the days that were really lost


@on_postgresql("databases")
@pytest.mark.parametrize(("words", "beats"), [((), True), (("--now", "2027-01-08T09:00Z"), False)])
def test_the_command_beats_only_by_the_real_clock(
    app: Flask, database_url: str, tmp_path: Path, words: tuple[str, ...], *, beats: bool
) -> None:
    found_company({"Sales": 8})
    db.session.remove()
    environment = {"PATH": "/usr/bin:/bin", **settings_of(database_url, tmp_path)}
    forking.run("candour", "tick", *words, environment=environment, cwd=tmp_path).check_returncode()
    assert (heartbeat.last_pass() is not None) is beats


@on_postgresql("databases")
def test_page_and_unsent_mails_print_the_new_date(
    company: Company, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    during = company.wave.opens_at + 4 * DAY
    monkeypatch.setattr(views, "now", lambda: during)
    assert "Monday 25 January, 17:00" in browser(app).get(f"/s/{company.wave.slug}").text
    real_tick(company, during)
    page = browser(app).get(f"/s/{company.wave.slug}").text
    assert "Friday 29 January, 17:00" in page
    assert "25 January" not in page
    pausing.resume_sending()
    catcher = Catcher(tmp_path / "letters")
    mail.deliver_letters(channel=catcher)
    assert len(catcher.letters()) == 8
    for letter in catcher.letters():
        assert "Friday 29 January, 17:00" in letter.text
        assert "25 January" not in letter.text + letter.html


@on_postgresql("databases")
def test_a_clock_that_goes_back_undoes_nothing_and_sends_nothing_again(
    company: Company, caplog: pytest.LogCaptureFixture
) -> None:
    half = reminder_window(company.wave)[0]
    monday = company.wave.opens_at
    pausing.resume_sending()
    while monday < half:
        monday = min(monday + 23 * HOUR, half)
        real_tick(company, monday)
    outbox = (
        "SELECT kind, count(*), count(DISTINCT recipient) FROM outbox GROUP BY kind ORDER BY kind"
    )
    before, were = states(), list(map(tuple, db.session.execute(text(outbox))))
    assert were == [("invitation", 8, 8), ("reminder", 8, 8)]
    said = [
        line
        for moment in (monday - 10 * DAY, company.wave.opens_at, half)
        for line in real_tick(company, moment)
    ]
    assert [line for line in said if "clock went back" in line] != []
    assert (states(), list(map(tuple, db.session.execute(text(outbox))))) == (before, were)
    assert waves.find_wave(company.wave.slug).extended_days == 0
    assert "the clock went back" in caplog.text
    close_wave(company.wave.slug, company.wave.closes_at, company.config.key_dir, actor="test")
    real_tick(company, company.wave.opens_at)
    assert states()["2027-q1"] == "void"


@on_postgresql("databases")
def test_a_paused_survey_opens_nothing_and_its_open_wave_runs_to_its_close(
    company: Company,
) -> None:
    waves.pause_survey("IT support", actor="Mira")
    tick(company.config, company.wave.closes_at)
    assert states() == {"2027-q1": "void", "2027-q2": "planned"}
    for day in ("2027-04-12T09:00", "2027-05-12T09:00"):
        tick(company.config, at(day))
    assert states()["2027-q2"] == "planned"
    with pytest.raises(Refused, match="paused, so it-support-2027-q2 does not open"):
        open_wave(
            "it-support-2027-q2", at("2027-05-12T09:00"), company.config.key_dir, actor="test"
        )


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("resumed", "after"),
    [
        ("2027-03-01T09:00", {"2027-q2": "planned"}),
        (
            "2027-05-27T07:00",
            {"2027-q2": "open", "2027-q3": "planned"},
        ),  # less than half a quarter late
        ("2027-05-28T09:00", {"2027-q2": "void", "2027-q3": "planned"}),
        ("2027-07-20T09:00", {"2027-q2": "void", "2027-q3": "open", "2027-q4": "planned"}),
        (
            "2028-01-20T09:00",
            {
                "2027-q2": "void",
                "2027-q3": "void",
                "2027-q4": "void",
                "2028-q1": "open",
                "2028-q2": "planned",
            },
        ),
    ],
)
def test_what_a_pause_skipped_is_caught_up_with_as_after_time_away(
    company: Company, resumed: str, after: dict[str, str]
) -> None:
    tick(company.config, company.wave.closes_at)
    waves.pause_survey("IT support")
    tick(company.config, at(resumed))
    waves.resume_survey("IT support")
    for _ in range(2):
        tick(company.config, at(resumed))
        assert states() == {"2027-q1": "void", **after}
    opened = [item for item in waves.list_waves("IT support") if item.state is WaveState.OPEN]
    assert all(item.closes_at - item.opens_at >= 14 * DAY for item in opened)


@on_postgresql("databases")
def test_an_ended_survey_gives_up_what_is_planned_and_is_never_taken_up_again(
    company: Company,
) -> None:
    waves.plan_wave("IT support", OPENS + 60 * DAY, OPENS + 63 * DAY)
    waves.end_survey("IT support", actor="Mira")
    assert states() == {"2027-q1": "open", "2027-03-12": "void", "2027-q2": "void"}
    given_up = waves.find_wave("it-support-2027-q2")
    assert given_up.void_reason is VoidReason.SURVEY_ENDED
    assert given_up.void_words == "the survey was ended"
    tick(company.config, company.wave.closes_at)
    tick(company.config, at("2027-07-20T09:00"))
    assert states() == {"2027-q1": "void", "2027-03-12": "void", "2027-q2": "void"}
    for change in (waves.pause_survey, waves.resume_survey, waves.end_survey):
        with pytest.raises(Refused, match="for good"):
            change("IT support")
    with pytest.raises(Refused, match="for good"):
        waves.plan_wave("IT support", OPENS + 90 * DAY, OPENS + 93 * DAY)
    assert [(entry.what, entry.who) for entry in audit.list_entries(what="survey ended")] == [
        ("survey ended", "Mira")
    ]


@on_postgresql("databases")
def test_pausing_twice_and_resuming_what_runs_are_refused(company: Company) -> None:
    with pytest.raises(Refused, match="is active already"):
        waves.resume_survey("IT support")
    waves.pause_survey("IT support")
    with pytest.raises(Refused, match="is paused already") as refused:
        waves.pause_survey("IT support")
    assert words_for_command(refused.value).endswith("candour surveys resume it-support")
    waves.resume_survey("IT support")
    assert [entry.what for entry in audit.list_entries(limit=2)] == [
        "survey resumed",
        "survey paused",
    ]


@on_postgresql("databases")
def test_a_planned_wave_is_skipped_and_the_next_one_planned(company: Company) -> None:
    for reason in ("", " \n ", "a\x00b"):
        with pytest.raises(Refused, match="Say why"):
            waves.skip_wave("it-support-2027-q2", reason)
    with pytest.raises(Refused, match="is open already"):
        waves.skip_wave(company.wave.slug, "the office moves")
    skipped = waves.skip_wave("it-support-2027-q2", "the office  moves", actor="Mira")
    assert (skipped.state, skipped.void_words) == (WaveState.VOID, "skipped: the office moves")
    assert skipped.void_reason is VoidReason.SKIPPED
    assert states() == {"2027-q1": "open", "2027-q2": "void", "2027-q3": "planned"}
    with pytest.raises(Refused, match="void already"):
        waves.skip_wave("it-support-2027-q2", "again")
    tick(company.config, company.wave.closes_at)
    tick(company.config, at("2027-04-12T09:00"))
    assert states()["2027-q2"] == "void"
    assert audit.list_entries(what="wave skipped")[0].facts == {
        "wave": "it-support-2027-q2",
        "reason": "the office moves",
    }


def test_a_missed_opening_is_not_given_up_once_somebody_has_opened_it(company: Company) -> None:
    late = company.wave.opens_at + 60 * DAY
    assert not waves.give_up_wave(company.wave, late, actor="test")
    assert waves.find_wave(company.wave.slug).state is WaveState.OPEN


def test_of_two_due_waves_of_one_survey_two_processes_open_one(
    app: Flask, database_url: str, tmp_path: Path
) -> None:
    first = found_company({"Sales": 8})
    waves.plan_wave("IT support", OPENS + HOUR, OPENS + 8 * HOUR)
    pausing.pause_sending("nobody is written to here")
    db.session.remove()
    moment = f"{first.opens_at + HOUR:%Y-%m-%dT%H:%MZ}"
    environment = {"PATH": "/usr/bin:/bin", **settings_of(database_url, tmp_path)}
    both = [
        forking.start("candour", "tick", "--now", moment, environment=environment, cwd=tmp_path)
        for _ in range(2)
    ]
    ended = [process.wait() for process in both]
    assert [process.returncode for process in ended] == [0, 0]
    assert sorted(states().values()) == ["open", "planned", "planned"]
    assert sum(line.endswith(" opened") for one in ended for line in one.stdout.splitlines()) == 1
    assert db.session.execute(
        text("SELECT count(*), count(DISTINCT recipient) FROM outbox")
    ).one() == (8, 8)


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("listed", "opens"),
    [
        ([date(2027, 4, 12)], "2027-04-13"),
        ([date(2027, 4, 12), date(2027, 4, 13)], "2027-04-14"),
        (
            [date(2027, 4, day) for day in (12, 13, 14, 15, 16)],
            "2027-04-19",
        ),  # and over the weekend
        ([date(2027, 4, 14)], "2027-04-12"),
    ],
)
def test_a_holiday_moves_what_the_cadence_put_on_it_and_taking_it_back_undoes_that(
    company: Company, listed: list[date], opens: str
) -> None:
    now = company.wave.opens_at
    change = holidays.add_holidays(
        [Holiday(day, "Works outing") for day in listed], now, actor="Mira"
    )
    upcoming = waves.find_wave("it-support-2027-q2")
    assert (f"{upcoming.opens:%Y-%m-%d}", upcoming.closes.date() - upcoming.opens.date()) == (
        opens,
        14 * DAY,
    )
    assert [item.slug for item in change.moved] == (
        [] if opens == "2027-04-12" else ["it-support-2027-q2"]
    )
    assert (
        holidays.add_holidays([Holiday(day, "Works outing") for day in listed], now).holidays == ()
    )
    holidays.remove_holidays(listed, now)
    assert f"{waves.find_wave('it-support-2027-q2').opens:%Y-%m-%d %H:%M}" == "2027-04-12 09:00"
    assert holidays.list_holidays() == ()


def test_neither_an_open_wave_nor_a_date_that_somebody_typed_moves(company: Company) -> None:
    typed = waves.store_survey(replace(PLAN, opens=OPENS + DAY))[1]
    one_off = waves.plan_wave("Desk", OPENS + 30 * DAY, OPENS + 33 * DAY)
    days = [item.opens.date() for item in (company.wave, typed, one_off)]
    assert (
        holidays.add_holidays([Holiday(day) for day in days], company.wave.opens_at - DAY).moved
        == ()
    )
    assert [waves.find_wave(item.slug).opens for item in (company.wave, typed, one_off)] == [
        company.wave.opens,
        typed.opens,
        one_off.opens,
    ]


def test_a_wave_whose_time_has_come_stays_where_it_is(company: Company) -> None:
    late = waves.find_wave("it-support-2027-q2").opens_at + HOUR
    assert holidays.add_holidays([Holiday(date(2027, 4, 12))], late).moved == ()
    assert holidays.remove_holidays([date(2027, 4, 12)], late).moved == ()


@on_postgresql("databases")
def test_waves_planned_later_avoid_what_is_listed_by_then(company: Company) -> None:
    holidays.add_holidays([Holiday(date(2027, 7, 12))], company.wave.opens_at)
    waves.skip_wave("it-support-2027-q2", "a test")
    assert f"{waves.find_wave('it-support-2027-q3').opens:%Y-%m-%d}" == "2027-07-13"
    waves.skip_wave("it-support-2027-q3", "a test")
    assert f"{waves.find_wave('it-support-2027-q4').opens:%Y-%m-%d}" == "2027-10-11"


@on_postgresql("databases")
def test_the_last_day_for_a_reminder_is_no_holiday(company: Company) -> None:
    assert reminder_window(company.wave)[1] == at("2027-01-22T17:00")
    holidays.add_holidays([Holiday(date(2027, 1, 22))], company.wave.opens_at)
    assert reminder_window(waves.find_wave(company.wave.slug))[1] == at("2027-01-21T17:00")


def test_a_day_that_is_not_listed_cannot_be_taken_off(app: Flask) -> None:
    with pytest.raises(Refused, match="2027-04-12 is not a listed holiday"):
        holidays.remove_holidays([date(2027, 4, 12)], OPENS.replace(tzinfo=UTC))


def ruled(rule: str, days: int = 14) -> str:
    return waves.store_survey(replace(PLAN, cadence=rule, days=days))[1].slug


@on_postgresql("databases")
def test_a_survey_with_a_rule_goes_from_wave_to_wave_until_the_rule_ends(app: Flask) -> None:
    found_company({"Sales": 8})
    pausing.pause_sending("nobody is written to here")
    first = ruled("RRULE:FREQ=MONTHLY;INTERVAL=6;BYMONTHDAY=11;COUNT=3")
    config = app.config["CANDOUR"]
    waves.end_survey("IT support")
    assert first == "desk-2027-01-11"
    for _ in range(4):
        for item in waves.list_waves("Desk"):
            for moment in (item.opens_at, item.closes_at):
                if item.state in {WaveState.PLANNED, WaveState.OPEN}:
                    tick(config, moment)
    assert states("Desk") == {"2027-01-11": "void", "2027-07-11": "void", "2028-01-11": "void"}
    assert [f"{item.opens:%Y-%m-%d %a}" for item in waves.list_waves("Desk")] == [
        "2027-01-11 Mon",
        "2027-07-12 Mon",
        "2028-01-11 Tue",
    ]
    assert {item.void_words for item in waves.list_waves("Desk")} == {
        "fewer than 5 people answered"
    }


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("rule", "late", "state"),
    [
        ("RRULE:FREQ=WEEKLY;INTERVAL=4", 14, "open"),
        ("RRULE:FREQ=WEEKLY;INTERVAL=4", 15, "void"),
        ("RRULE:FREQ=YEARLY", 180, "open"),
        ("RRULE:FREQ=YEARLY", 184, "void"),
        ("RRULE:FREQ=YEARLY;COUNT=1", 45, "open"),
        ("RRULE:FREQ=YEARLY;COUNT=1", 46, "void"),
    ],
)
def test_half_a_period_is_what_the_rule_says(app: Flask, rule: str, late: int, state: str) -> None:
    found_company({"Sales": 8})
    pausing.pause_sending("nobody is written to here")
    ruled(rule)
    tick(app.config["CANDOUR"], OPENS.replace(tzinfo=UTC) + late * DAY)
    assert states("Desk")["2027-01-11"] == state
    assert waves.find_wave("desk-2027-01-11").void_words == (
        None if state == "open" else "not opened in time"
    )


def test_a_one_off_may_not_take_a_day_of_the_rule(app: Flask) -> None:
    found_company()
    ruled("RRULE:FREQ=MONTHLY")
    with pytest.raises(Refused, match="has a wave of its own on 2027-06-11"):
        waves.plan_wave("Desk", datetime(2027, 6, 11, 9), datetime(2027, 6, 12, 9))  # noqa: DTZ001
    waves.plan_wave("Desk", datetime(2027, 6, 14, 9), datetime(2027, 6, 15, 9))  # noqa: DTZ001
