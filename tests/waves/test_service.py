"""Planning, freezing, extending: a wave's terms, which nobody changes once it is open."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from flask import Flask

from survey.counting.service import close_wave, void_wave
from survey.kernel.errors import Refused
from survey.launching.service.opening import open_wave
from survey.organisation.service import set_organisation
from survey.waves import service as waves
from survey.waves.rules.waves import Target, WaveState, to_utc
from tests.cast import OPENS, Company, found_company, open_company
from tests.proofs import on_postgresql

PLAN = waves.SurveyPlan(
    "Second", "Brightline IT", "quarterly_8", "quarterly", OPENS, 14, "Europe/London", "all"
)


def planned(survey: str = "IT support") -> list[str]:
    return [
        f"{w.slug} {w.opens:%Y-%m-%d %H:%M}"
        for w in waves.list_waves(survey)
        if w.state is WaveState.PLANNED
    ]


@on_postgresql("databases")
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"timezone": "Nowhere/Land"}, "is not a time zone"),
        ({"timezone": ""}, "is not a time zone"),
        ({"name": " -- "}, "at least one letter"),
        ({"name": "IT\x00support"}, "at least one letter"),
        ({"name": "IT  support"}, "already"),
        ({"cadence": "hourly"}, "is not offered"),
        ({"days": 0}, "1 to 92"),
        ({"opens": datetime(1, 1, 1)}, "year 1"),  # noqa: DTZ001
        ({"opens": datetime(9999, 12, 31)}, "year 9999"),  # noqa: DTZ001
        ({"closes": OPENS}, "before it opens"),
        ({"closes": OPENS + timedelta(days=93)}, "92 days"),
        ({"provider": "Nobody"}, "Nobody"),
        ({"questionnaire": "none_such"}, "Known"),
    ],
)
def test_a_survey_that_could_never_run_is_refused_and_nothing_is_kept(
    app: Flask, change: dict[str, object], says: str
) -> None:
    found_company()
    before = waves.list_surveys(), waves.list_waves()
    with pytest.raises(Refused, match=says):
        waves.store_survey(replace(PLAN, **change))  # type: ignore[arg-type]
    assert (waves.list_surveys(), waves.list_waves()) == before


@on_postgresql("databases")
def test_opening_early_moves_the_opening_and_the_next_date_still_comes_from_the_anchor(
    app: Flask,
) -> None:
    first = found_company()
    early = to_utc(datetime(2027, 1, 7, 10, 0), "Europe/London")  # noqa: DTZ001
    opened = open_wave(first.slug, early, app.config["CANDOUR"].key_dir, actor="test")
    assert (f"{opened.opens:%d %H:%M}", f"{opened.closes:%d %H:%M}") == ("07 10:00", "21 17:00")
    assert planned() == ["it-support-2027-q2 2027-04-12 09:00"]


def test_a_machine_that_slept_opens_late_and_takes_no_day_from_anybody(app: Flask) -> None:
    first = found_company()
    opened = open_wave(
        first.slug, first.opens_at + timedelta(days=3), app.config["CANDOUR"].key_dir, actor="test"
    )
    assert (f"{opened.opens:%d %H:%M}", f"{opened.closes:%d %H:%M}") == ("14 09:00", "28 17:00")
    assert planned() == ["it-support-2027-q2 2027-04-12 09:00"]


@on_postgresql("databases")
def test_two_waves_of_one_survey_are_never_open_together(app: Flask) -> None:
    company = open_company(app)
    opens = OPENS + timedelta(days=1)
    waves.plan_wave("IT support", opens, opens + timedelta(days=3))
    second = f"it-support-{opens:%Y-%m-%d}"
    with pytest.raises(Refused, match=r"it-support-2027-q1 of the same survey is open"):
        open_wave(
            second, company.wave.opens_at + timedelta(days=1), company.config.key_dir, actor="test"
        )
    assert waves.find_wave(second).state is WaveState.PLANNED
    noise = next(w for w in waves.list_waves() if w.survey == "Noise")
    assert (
        open_wave(noise.slug, noise.opens_at, company.config.key_dir, actor="test").state
        is WaveState.OPEN
    )
    close_wave(company.wave.slug, company.wave.closes_at, company.config.key_dir, actor="test")
    assert (
        open_wave(second, company.wave.closes_at, company.config.key_dir, actor="test").state
        is WaveState.OPEN
    )


@on_postgresql("databases")
def test_a_target_set_after_the_opening_holds_from_the_next_wave_on(app: Flask) -> None:
    company = open_company(app)
    waves.set_target("IT support", "OVR1", Target(0.9, 0.5, 0.95))
    waves.set_target("IT support", "RES1", Target(0.6))
    assert waves.find_wave(company.wave.slug).targets == {"OVR1": Target(0.7)}
    void_wave(company.wave.slug, company.config.key_dir, reason="wrong list", actor="test")
    following = next(w for w in waves.list_waves("IT support") if w.state is WaveState.PLANNED)
    opened = open_wave(following.slug, following.opens_at, company.config.key_dir, actor="test")
    assert opened.targets == {"OVR1": Target(0.9, 0.5, 0.95), "RES1": Target(0.6)}


def test_a_target_for_a_question_that_is_not_asked_names_those_that_are(app: Flask) -> None:
    found_company()
    with pytest.raises(Refused, match="It has: OVR1"):
        waves.set_target("IT support", "OPN1", Target(0.8))


def a_day_before_the_close(company: Company) -> datetime:
    return company.wave.closes_at - timedelta(days=1)


@on_postgresql("databases")
def test_a_wave_is_extended_once_and_by_seven_days_at_most(app: Flask) -> None:
    company = open_company(app)
    moment = a_day_before_the_close(company)
    for days in (0, -1, 8):
        with pytest.raises(Refused, match="1 to 7 days"):
            waves.extend_wave(company.wave.slug, days, moment)
    extended = waves.extend_wave(company.wave.slug, 7, moment)
    assert extended.closes == company.wave.closes + timedelta(days=7)
    with pytest.raises(Refused, match="extended once"):
        waves.extend_wave(company.wave.slug, 1, moment)
    assert waves.find_wave(company.wave.slug) == extended
    assert waves.due_to_close(company.wave.closes_at) == ()
    assert [w.slug for w in waves.due_to_close(extended.closes_at)] == [extended.slug]


def test_an_extension_is_decided_before_the_close_and_not_before_the_opening(app: Flask) -> None:
    company = open_company(app)
    following = next(w for w in waves.list_waves("IT support") if w.state is WaveState.PLANNED)
    for name, moment in (
        (company.wave.slug, company.wave.closes_at),
        (following.slug, following.opens_at),
    ):
        with pytest.raises(Refused, match="cannot be extended"):
            waves.extend_wave(name, 3, moment)


def test_answers_are_refused_by_the_clock_however_late_the_tick_is(app: Flask) -> None:
    wave = open_company(app).wave
    assert wave.takes_answers(wave.closes_at - timedelta(seconds=1))
    assert not wave.takes_answers(wave.closes_at)
    assert waves.find_wave(wave.slug).state is WaveState.OPEN


def test_giving_up_a_planned_wave_plans_the_next_of_its_cadence(app: Flask) -> None:
    first = found_company()
    void_wave(first.slug, app.config["CANDOUR"].key_dir, reason="office moves", actor="test")
    assert planned() == ["it-support-2027-q2 2027-04-12 09:00"]


@on_postgresql("databases")
def test_an_unknown_wave_is_refused_whatever_its_name_holds(app: Flask) -> None:
    for name in ("nothing", "a\x00b", "x" * 5000):
        with pytest.raises(Refused, match="There is no wave") as refused:
            waves.find_wave(name)
        assert refused.value.code == "unknown-wave"
        assert len(refused.value.sentence) < 200


def test_the_next_opening_follows_the_organisations_own_weekend(app: Flask) -> None:
    first = found_company()
    facts = ("Northwind", "Dana", "dana@northwind.example", "Head of operations", "nw.example")
    set_organisation(*facts, several_zones=False, weekend=(4, 5))
    open_wave(first.slug, first.opens_at, app.config["CANDOUR"].key_dir, actor="test")
    assert planned() == ["it-support-2027-q2 2027-04-11 09:00"]  # a Sunday
