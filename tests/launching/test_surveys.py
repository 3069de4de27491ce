"""Pausing, resuming, ending and skipping, rules and holidays: by command and on the pages."""

import json
from datetime import UTC, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask

from survey.access.service import audit
from survey.launching.service.opening import open_wave
from survey.waves import service as waves
from survey.waves.rules.waves import WaveState
from tests.answering.today import open_today
from tests.cast import OPENS, found_company
from tests.console.test_waves import said
from tests.outside import Browser, Candour, browser, command_line
from tests.proofs import on_postgresql

HALF_YEARLY = "RRULE:FREQ=MONTHLY;INTERVAL=6"
ADD = (
    "surveys",
    "add",
    "Desk",
    "--provider",
    "Brightline IT",
    "--opens",
    "2027-02-01T09:00",
    "--timezone",
    "Europe/London",
)


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
def mira(app: Flask) -> Browser:
    found_company({"Sales": 8})
    return browser(app, "manager")


def test_a_survey_is_paused_resumed_and_ended(app: Flask, candour: Candour) -> None:
    company = open_today(app, {"Sales": 8})
    closes = f"{company.wave.closes:%Y-%m-%d %H:%M} (Europe/London)"
    said = candour("surveys", "pause", "IT support")
    runs = f"it-support-2027-q1 is open and runs to its close, {closes}."
    assert (said.code, said.out) == (
        0,
        f"IT support is paused. {runs} To take it up again: candour surveys resume it-support\n",
    )
    assert '"state": "paused"' in candour("surveys", "list", "--json").out
    refused = candour("surveys", "pause", "it-support")
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert candour("surveys", "resume", "it-support").out.startswith(
        "IT support is taken up again. Next: it-support-2027-q2  planned  "
    )
    assert (
        candour("surveys", "end", "IT support").out
        == f"IT support is ended. {runs} Its record stays.\n"
    )
    assert "IT support: quarterly, quarterly_8, all, ended" in candour("surveys", "list").out
    for change in ("pause", "resume", "end"):
        refused = candour("surveys", change, "IT support")
        assert (refused.code, "for good" in refused.err) == (1, True)
    assert candour("surveys", "pause", "Nobody").code == 1
    told = [
        (entry.what, entry.who)
        for entry in audit.list_entries()
        if entry.what.startswith("survey ") and "planned" not in entry.what
    ]
    assert told == [
        ("survey ended", "command line"),
        ("survey resumed", "command line"),
        ("survey paused", "command line"),
    ]


def test_a_wave_is_skipped_and_the_next_is_named(app: Flask, candour: Candour) -> None:
    found_company({"Sales": 8})
    said = candour("waves", "skip", "it-support-2027-q1", "--reason", "the office moves")
    assert said.out.startswith(
        "it-support-2027-q1 is skipped: the office moves. Next: it-support-2027-q2  planned "
        " 2027-04-12 09:00"
    )
    assert candour("waves", "skip", "it-support-2027-q1", "--reason", "again").code == 1
    assert candour("waves", "skip", "it-support-2027-q2").code == 2
    assert candour("waves", "skip", "it-support-2027-q2", "--reason", " ").code == 1


def test_a_survey_takes_a_rule_and_says_it_everywhere(app: Flask, candour: Candour) -> None:
    found_company({"Sales": 8})
    assert (
        "First wave: desk-2027-02-01  planned"
        in candour(*ADD, "--cadence", "rrule:freq=monthly;interval=6").out
    )
    listed = {
        one["slug"]: one["cadence"]
        for one in json.loads(candour("surveys", "list", "--json").out)["surveys"]
    }
    assert listed["desk"] == HALF_YEARLY
    assert f"Desk: {HALF_YEARLY}, quarterly_8, all, active" in candour("surveys", "list").out
    candour("waves", "skip", "desk-2027-02-01", "--reason", "a test")
    assert [wave.slug for wave in waves.list_waves("Desk")] == [
        "desk-2027-02-01",
        "desk-2027-08-01",
    ]
    assert f"{waves.list_waves('Desk')[1].opens:%Y-%m-%d}" == "2027-08-02"  # the first is a Sunday


def test_everything_wrong_with_a_plan_is_said_at_once(app: Flask, candour: Candour) -> None:
    found_company({"Sales": 8})
    before = waves.list_surveys()
    said = candour(
        *ADD,
        "--timezone",
        "Mars/X",
        "--cadence",
        "RRULE:FREQ=HOURLY;COUNT=0",
        "--closes",
        "2027-01-01T09:00",
    )
    assert (said.code, said.out) == (1, "")
    lines = said.err.splitlines()
    assert lines[0] == "The survey was not planned."
    for wrong in (
        "'Mars/X' is not a time zone",
        "before it opens",
        "FREQ=HOURLY is finer than daily",
        "COUNT=0 is not possible",
    ):
        assert any(wrong in line for line in lines[1:]), wrong
    assert waves.list_surveys() == before


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("opens", "warned"),
    [("2027-01-11", True), ("2027-02-09", True), ("2027-02-10", False), ("2026-12-13", True)],
)
def test_two_providers_within_thirty_days_are_a_warning_and_no_refusal(
    app: Flask, candour: Candour, opens: str, *, warned: bool
) -> None:
    found_company({"Sales": 8})
    add = (
        "surveys",
        "add",
        "Desk",
        "--provider",
        "Other Provider",
        "--opens",
        f"{opens}T09:00",
        "--timezone",
        "Europe/London",
    )
    said = candour(*add)
    assert (said.code, said.out.startswith("Desk added.")) == (0, True)
    told = (
        "Note: it-support-2027-q1, about another provider, opens on 2027-01-11: staff are asked"
        " twice within 30 days.\n"
    )
    assert said.err == (told if warned else "")
    one_off = candour(
        "waves", "plan", "Desk", "--opens", "2027-01-20T09:00", "--closes", "2027-01-21T09:00"
    )
    assert (one_off.code, told in one_off.err) == (0, True)


def test_who_is_not_asked_by_both_is_not_asked_twice(app: Flask, candour: Candour) -> None:
    found_company({"Sales": 8, "Service": 9})  # its first survey asks all
    add = (
        "--provider",
        "Other Provider",
        "--opens",
        "2027-01-11T09:00",
        "--timezone",
        "Europe/London",
    )
    assert "asked twice" in candour("surveys", "add", "Desk", *add, "--audience", "Sales").err
    candour("surveys", "pause", "it-support")
    assert candour("surveys", "add", "Phones", *add, "--audience", "Service").err == ""
    brightline = ("--provider", "Brightline IT", *add[2:])
    said = candour("surveys", "add", "Printers", *brightline, "--audience", "sales").err
    assert "desk-2027-q1" in said
    assert "phones-2027-q1" not in said


def test_holidays_are_listed_imported_and_taken_back(
    app: Flask, candour: Candour, tmp_path: Path
) -> None:
    found_company({"Sales": 8})
    candour("waves", "skip", "it-support-2027-q1", "--reason", "a test")
    group = ("organisation", "holidays")
    assert candour(*group, "list").out == ""
    said = candour(*group, "add", "2027-04-12", "Works outing")
    moved = (
        "it-support-2027-q2 now opens on 2027-04-{day} 09:00 and closes on 2027-04-{last} 17:00"
        " (Europe/London).\n"
    )
    assert said.out == "1 holiday listed.\n" + moved.format(day=13, last=27)
    (tmp_path / "days.csv").write_text("date,name\n2027-04-12,Works outing\n2027-04-13,Day after\n")
    assert candour(
        *group, "import", tmp_path / "days.csv"
    ).out == "1 holiday listed.\n" + moved.format(day=14, last=28)
    assert candour(*group, "import", tmp_path / "days.csv").out == "0 holidays listed.\n"
    assert candour(*group, "list").out == "2027-04-12  Works outing\n2027-04-13  Day after\n"
    listed = json.loads(candour(*group, "list", "--json").out)
    assert listed["holidays"][1] == {"date": "2027-04-13", "name": "Day after"}
    assert candour(*group, "remove", "2027-04-12").out == "1 holiday removed.\n" + moved.format(
        day=12, last=26
    )
    (tmp_path / "bad.csv").write_text("12/04/2027,Works outing\n2027-04-19\n")
    refused = candour(*group, "import", tmp_path / "bad.csv")
    assert (refused.code, refused.err.splitlines()[1]) == (
        1,
        "  line 1: '12/04/2027' is not a date. Write it like 2027-04-26.",
    )
    assert candour(*group, "add", "tomorrow").code == 1
    assert candour(*group, "remove", "2027-12-25").code == 1
    assert [entry.what for entry in audit.list_entries(limit=4)] == [
        "wave moved",
        "holidays removed",
        "wave moved",
        "holidays listed",
    ]


def test_a_manager_pauses_on_a_page_of_its_own_and_nothing_happens_before_the_button(
    app: Flask, mira: Browser
) -> None:
    assert "Pause IT support" in mira.get("/surveys").text
    page = mira.get("/surveys/it-support/pause").text
    assert "Pause IT support?" in page
    assert (
        "it-support-2027-q1, planned for Monday 11 January, 09:00: does not open while the survey"
        " is paused" in page
    )
    assert waves.find_survey("IT support").state == "active"
    done = mira.press("/surveys/it-support/pause", "/surveys/it-support/pause", {})
    assert (done.status_code, done.location) == (303, "/surveys")
    listed = mira.get("/surveys").text
    assert "IT support is paused." in listed
    assert "Paused: no further wave opens" in listed
    assert "Planned, but the survey is paused" in mira.get("/").text
    assert "Resume IT support" in listed
    assert mira.get("/surveys/it-support/pause").status_code == 409
    assert audit.list_entries(what="survey paused")[0].who == "manager@northwind.example"
    assert (
        mira.press("/surveys/it-support/resume", "/surveys/it-support/resume", {}).status_code
        == 303
    )
    assert waves.find_survey("IT support").state == "active"


def test_ending_asks_first_and_then_leaves_no_button(app: Flask, mira: Browser) -> None:
    assert "this cannot be undone" in mira.get("/surveys/it-support/end").text
    assert mira.press("/surveys/it-support/end", "/surveys/it-support/end", {}).status_code == 303
    assert waves.find_survey("IT support").state == "ended"
    listed = mira.get("/surveys").text
    assert "Ended for good" in listed
    assert "/surveys/it-support/" not in listed
    assert "the survey was ended" in listed
    for change in ("pause", "resume", "end"):
        assert mira.get(f"/surveys/it-support/{change}").status_code == 409
    assert mira.get("/surveys/it-support/begin").status_code == 404


def test_the_page_plans_a_survey_with_a_rule_and_keeps_a_bad_one_in_the_form(
    app: Flask, mira: Browser
) -> None:
    form = {
        "name": "Desk",
        "provider": "brightline-it",
        "questionnaire": "quarterly_8",
        "cadence": "quarterly",
        "rule": "FREQ=MONTHLY;INTERVAL=6",
        "opens": "2027-02-01T09:00",
        "days": "14",
        "timezone": "Europe/London",
        "audience": "all",
    }
    bad = mira.press("/surveys", "/surveys", {**form, "rule": "RRULE:FREQ=HOURLY;INTERVAL=0"})
    assert bad.status_code == 400
    assert "FREQ=HOURLY is finer than daily" in bad.text
    assert "INTERVAL=0 is not possible" in bad.text
    assert 'value="RRULE:FREQ=HOURLY;INTERVAL=0"' in bad.text
    assert mira.press("/surveys", "/surveys", form).status_code == 303
    assert str(waves.find_survey("Desk").cadence) == HALF_YEARLY
    assert HALF_YEARLY in mira.get("/surveys").text


def test_an_extension_and_its_reason_stand_where_the_wave_stands(app: Flask, mira: Browser) -> None:
    wave = waves.list_waves("IT support")[0]
    opened = open_wave(
        wave.slug, OPENS.replace(tzinfo=UTC), app.config["CANDOUR"].key_dir, actor="test"
    )
    waves.make_up_for_outages(
        opened,
        [(opened.opens_at + timedelta(days=2), opened.opens_at + timedelta(days=5))],
        opened.opens_at + timedelta(days=5),
        actor="t",
    )
    assert "2027-01-11 to 2027-01-28 (extended by 3 days)" in mira.get("/surveys").text
    assert waves.find_wave(wave.slug).state is WaveState.OPEN


# As a manager presses buttons: skipping a wave, and the holidays


def test_a_manager_skips_a_planned_wave_and_says_why(app: Flask, mira: Browser) -> None:
    slug, address = "it-support-2027-q1", "/waves/it-support-2027-q1/skip"
    assert f'href="{address}"' in mira.get(f"/waves/{slug}", follow_redirects=True).text
    assert "planned for Monday 11 January, 09:00" in said(mira.get(address))
    empty = mira.press(address, address, {"reason": " "})
    assert (empty.status_code, "Say why, in a line" in said(empty)) == (400, True)
    assert mira.press(address, address, {"reason": "the office moves"}).status_code == 303
    assert "void, 2027-01-11 to 2027-01-25, skipped: the office moves" in said(mira.get("/surveys"))
    assert [
        wave.slug for wave in waves.list_waves("IT support") if wave.state is WaveState.PLANNED
    ] == ["it-support-2027-q2"]
    assert [
        (entry.what, entry.who)
        for entry in audit.list_entries(limit=5)
        if entry.what == "wave skipped"
    ] == [("wave skipped", "manager@northwind.example")]
    again = mira.get(address)
    assert (again.status_code, "only a planned wave can be skipped" in said(again)) == (409, True)
    assert browser(app, "viewer").get("/waves/it-support-2027-q2/skip").status_code == 403


def test_a_manager_lists_holidays_by_hand_and_from_a_file_and_takes_them_back(
    app: Flask, mira: Browser
) -> None:
    address = "/organisation/holidays"
    waves.skip_wave("it-support-2027-q1", "the office moves")
    assert f'href="{address}"' in mira.get("/surveys").text
    assert "None. Saturdays and Sundays are never working days." in said(mira.get(address))
    page = mira.press(address, address, {"day": "2027-04-12", "name": "Works outing"})
    assert page.status_code == 303
    shown = said(mira.get(address))
    assert "1 day listed. it-support-2027-q2 now opens on Tuesday 13 April, 09:00." in shown
    assert "Monday 12 April 2027: Works outing" in shown
    bad = mira.press(address, address, {"file": (BytesIO(b"2027-13-01,Never\n"), "days.csv")})
    assert (bad.status_code, "line 1: &#39;2027-13-01&#39; is not a date" in bad.text) == (
        400,
        True,
    )
    assert (
        mira.press(
            address, address, {"file": (BytesIO(b"2027-04-13,Day after\n"), "days.csv")}
        ).status_code
        == 303
    )
    assert "now opens on Wednesday 14 April, 09:00" in said(mira.get(address))
    assert mira.press(address, f"{address}/remove", {"day": "2027-04-12"}).status_code == 303
    assert "1 day removed. it-support-2027-q2 now opens on Monday 12 April, 09:00." in said(
        mira.get(address)
    )
    assert mira.press(address, f"{address}/remove", {"day": "2027-04-12"}).status_code == 404
    assert browser(app, "viewer").get(address).status_code == 403
