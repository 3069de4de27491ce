"""Counting a wave of many ballots.

Seen while it goes on, taken up when its process is killed, never twice, and nobody's browser waits.
"""

import json
import signal
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from survey import schedule
from survey.access.service import audit
from survey.counting import service as counting
from survey.counting.service import COUNT, close_wave, continue_count, void_wave
from survey.database import db
from survey.jobs import long_jobs
from survey.jobs.rules import LongJobState
from survey.kernel.clock import now
from survey.waves import service as waves
from survey.waves.rules.waves import WaveState
from tests import forking
from tests.answering.today import open_today
from tests.cast import Company, answer_all, open_company
from tests.conftest import settings_of
from tests.console.test_waves import press, said
from tests.outside import signed_in
from tests.proofs import on_postgresql

ANSWERS = 30
CHILD = Path(__file__).with_name("long_closer.py")


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty ballots are at most counted at once."""
    monkeypatch.setattr(counting, "COUNTED_AT_ONCE", 20)


def killed(company: Company, database_url: str, folder: Path, dies_after: int) -> None:
    """Closes the wave in a process that dies by SIGKILL."""
    job = {
        "settings": settings_of(database_url, folder),
        "folder": str(folder),
        "wave": company.wave.slug,
    }
    job |= {"now": company.wave.closes_at.isoformat(), "dies_after": dies_after}
    db.session.remove()
    done = forking.run(CHILD, typed=json.dumps(job))
    assert done.returncode == -signal.SIGKILL


def number(table: str) -> int:
    return int(db.session.execute(text(f"SELECT count(*) FROM {table}")).scalar() or 0)


def let_the_lease_end() -> None:
    """As if its minute had passed."""
    with db.engine.begin() as connection:
        connection.execute(
            text("UPDATE long_job SET lease_until = :past"), {"past": "2020-01-01 00:00:00.000000"}
        )
    db.session.remove()


def check_counted_once(company: Company) -> None:
    db.session.remove()
    assert waves.find_wave(company.wave.slug).state is WaveState.COUNTED
    assert (
        number("response"),
        number("ballot"),
        number("comment"),
        number("findings"),
        number("long_job"),
    ) == (ANSWERS, 0, ANSWERS, 1, 0)
    assert [entry.what for entry in audit.list_entries()].count("wave counted") == 1


@on_postgresql("databases")
@pytest.mark.parametrize("dies_after", [1, 17, ANSWERS, -1])
def test_a_count_that_is_killed_is_taken_up_by_the_next_process_without_any_loss(
    app: Flask, database_url: str, tmp_path: Path, many: None, dies_after: int
) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:ANSWERS], comment="kept ")
    killed(company, database_url, tmp_path, dies_after)
    left = long_jobs.find_job(COUNT, company.wave.slug)
    assert left is not None
    assert (left.state, left.done, left.total) == (
        LongJobState.RUNNING,
        ANSWERS if dies_after == -1 else dies_after - 1,
        ANSWERS,
    )
    assert (waves.find_wave(company.wave.slug).state, number("ballot"), number("response")) == (
        WaveState.CLOSED,
        ANSWERS,
        0,
    )
    assert schedule.do_long_jobs(company.config) == (), (
        "its lease has not ended, so it may be alive"
    )
    let_the_lease_end()
    assert schedule.do_long_jobs(company.config) == (f"{company.wave.slug} counted",)
    check_counted_once(company)
    assert schedule.do_long_jobs(company.config) == ()
    assert list((tmp_path / "keys").iterdir()) == []
    assert (
        next(entry.who for entry in audit.list_entries() if entry.what == "wave counted") == "mira"
    )


@on_postgresql("databases")
def test_somebody_who_counts_by_hand_need_not_wait_for_the_lease_of_the_dead(
    app: Flask, database_url: str, tmp_path: Path, many: None
) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:ANSWERS], comment="kept ")
    killed(company, database_url, tmp_path, 9)
    close_wave(company.wave.slug, company.wave.closes_at, company.config.key_dir, actor="test")
    check_counted_once(company)


def test_a_page_closes_a_large_wave_at_once_and_leaves_the_counting_which_it_then_shows(
    app: Flask, client: FlaskClient, many: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = open_today(app)
    answer_all(company, company.codes[:ANSWERS], comment="kept ")
    signed_in(client, "manager")
    address = f"/waves/{company.wave.slug}"
    shown = said(press(client, f"{address}/close", {"reason": "flood"}))
    assert waves.find_wave(company.wave.slug).state is WaveState.CLOSED
    assert "30 ballots wait to be opened" in shown
    assert "Nothing does the timed work at present, so nothing counts them." in shown
    assert "Your administrator can start it." in shown
    assert "Count now" not in shown
    monkeypatch.setattr(long_jobs, "SECONDS_BETWEEN_REPORTS", 0.0)
    seen, opened = [], counting.responses.open_ballots

    def watched(wave_id: str, key: bytes, report: object) -> object:
        def looked(done: int, total: int) -> None:
            report(done, total)  # type: ignore[operator]
            if done in {12, 30}:
                seen.append(client.get(f"{address}/progress").text)

        return opened(wave_id, key, looked)

    monkeypatch.setattr(counting.responses, "open_ballots", watched)
    assert schedule.do_long_jobs(company.config) == (f"{company.wave.slug} counted",)
    assert "<b>Opening ballots: 12 of 30</b>" in seen[0]
    assert '<progress max="30" value="12" aria-labelledby="counting">12 of 30</progress>' in seen[0]
    assert f'<a href="{address}/progress">Update</a>' in seen[0]
    assert "All 30 ballots are opened" in seen[1]
    assert not any("Nothing does the timed work" in page for page in seen)
    check_counted_once(company)


def test_a_small_wave_is_counted_at_once_by_the_page(app: Flask, client: FlaskClient) -> None:
    company = open_today(app)
    answer_all(company, company.codes[:ANSWERS], comment="kept ")
    signed_in(client, "manager")
    press(client, f"/waves/{company.wave.slug}/close", {"reason": "flood"})
    check_counted_once(company)


@on_postgresql("databases")
def test_the_timetable_closes_a_large_wave_and_one_pass_by_hand_counts_it_too(
    app: Flask, many: None
) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:ANSWERS], comment="kept ")
    lines = schedule.tick(company.config, company.wave.closes_at, seconds=0)
    assert (
        f"{company.wave.slug} is closed. Its 30 ballots are opened and counted by the timed work"
        in " ".join(lines)
    )
    assert waves.find_wave(company.wave.slug).state is WaveState.CLOSED
    schedule.tick(company.config, company.wave.closes_at + timedelta(minutes=1), seconds=1)
    check_counted_once(company)


@on_postgresql("databases")
def test_without_its_key_a_large_wave_says_why_it_waits_and_is_counted_when_the_key_is_back(
    app: Flask, client: FlaskClient, many: None, tmp_path: Path
) -> None:
    company = open_today(app)
    answer_all(company, company.codes[:ANSWERS], comment="kept ")
    close_wave(
        company.wave.slug,
        now(),
        company.config.key_dir,
        actor="test",
        early="flood",
        leave_large=True,
    )
    (key,) = (tmp_path / "keys").iterdir()
    key.rename(tmp_path / key.name)
    (line,) = schedule.do_long_jobs(company.config)
    assert "is not in the key folder" in line
    assert str(company.config.key_dir) in line, (
        "the line of a pass says to whoever is at a shell which folder it is"
    )
    signed_in(client, "manager")
    shown = said(client.get(f"/waves/{company.wave.slug}/progress"))
    assert "is not in the key folder" in shown
    assert str(company.config.key_dir) not in shown
    assert "Count now" in shown
    assert schedule.do_long_jobs(company.config) == ()
    (tmp_path / key.name).rename(key)
    schedule.tick(company.config, now(), seconds=1)
    check_counted_once(company)


@on_postgresql("databases")
def test_nothing_is_kept_of_a_count_whose_wave_is_given_up(app: Flask, many: None) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:ANSWERS])
    close_wave(
        company.wave.slug,
        company.wave.closes_at,
        company.config.key_dir,
        actor="test",
        leave_large=True,
    )
    assert number("long_job") == 1
    void_wave(company.wave.slug, company.config.key_dir, reason="wrong list", actor="test")
    assert number("long_job") == 0
    assert continue_count(company.wave.slug, company.config.key_dir, actor="test") is None
