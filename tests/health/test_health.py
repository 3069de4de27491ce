"""What monitors are told: whether it is ready, how the timetable and the mail go, and nothing that
counts who has answered.
"""

from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text, update

from survey.database import db, transaction
from survey.doctor.service import examine
from survey.invitations.service.letter_types import REMINDS
from survey.jobs.heartbeat import last_pass
from survey.jobs.tables import HeartbeatRow
from survey.kernel.clock import now
from survey.mail import service as mail
from survey.mail.outbox.service import pausing
from survey.schedule import tick
from tests.conftest import settings
from tests.jobs.engines import candour, runs, until
from tests.outside import browser
from tests.proofs import on_postgresql
from tests.trials.company import opened

PEOPLE = 12


def figures(app: Flask) -> dict[tuple[str, ...], float]:
    answer = browser(app).get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    samples = [
        sample
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    ]
    return {
        (sample.name.removeprefix("candour_"), *sample.labels.values()): sample.value
        for sample in samples
    }


def ready(app: Flask) -> dict[str, str]:
    answer = browser(app).get("/readyz")
    assert answer.status_code == 200
    document: dict[str, str] = answer.json  # type: ignore[assignment]
    return document


def check(app: Flask, name: str) -> tuple[str, str]:
    (diagnosis,) = [
        one for one in examine(app.config["CANDOUR"], frozenset({"invitation"})) if one.name == name
    ]
    return diagnosis.verdict, f"{diagnosis.says} {diagnosis.remedy}"


@on_postgresql("databases")
def test_letters_and_waves_are_counted_and_reminders_never_are(app: Flask) -> None:
    wave = opened(app, PEOPLE)
    people = [
        recipient for (recipient,) in db.session.execute(text("SELECT recipient FROM outbox"))
    ]
    assert figures(app)["letters", "invitation", "waiting"] == PEOPLE
    before = figures(app)
    mail.queue_letters(REMINDS, wave.id, people[:5])
    with transaction() as session:
        session.execute(
            text("UPDATE outbox SET next_at = :then WHERE kind = 'reminder'"),
            {"then": "2026-01-01 00:00:00+00:00"},
        )
    after = figures(app)
    assert after.keys() == before.keys()
    assert after["oldest_due_letter_age_seconds",] < 3600
    mail.deliver_letters()
    after = figures(app)
    assert after["letters", "invitation", "sent"] == PEOPLE
    assert after["letters", "invitation", "waiting"] == after["oldest_due_letter_age_seconds",] == 0
    assert after["waves", "open"] == 1
    assert not [key for key in after if "reminder" in key]


def test_the_last_pass_is_told_and_a_late_one_is_a_fault_for_the_doctor_alone(app: Flask) -> None:
    assert last_pass() is None
    assert ready(app)["timetable"] == "was never gone through"
    assert ("last_pass_age_seconds",) not in figures(app)
    assert check(app, "timetable")[0] == "note"
    tick(app.config["CANDOUR"], now(), seconds=0, real=now())
    assert ready(app)["timetable"].endswith("s ago")
    assert check(app, "timetable")[0] == "good"
    with transaction() as session:
        session.execute(update(HeartbeatRow).values(seen_at=now() - timedelta(minutes=6)))
    assert ready(app)["timetable"] == "late: gone through 360 s ago"
    assert 359 <= figures(app)["last_pass_age_seconds",] < 400
    verdict, says = check(app, "timetable")
    assert verdict == "wrong"
    assert "candour worker" in says


def test_a_paused_channel_is_told_without_its_reason(app: Flask) -> None:
    assert (ready(app)["mail"], figures(app)["mail_paused",]) == ("goes out", 0)
    pausing.pause_sending("somebody@northwind.example wants it")
    assert (ready(app)["mail"], figures(app)["mail_paused",]) == ("paused", 1)
    assert "northwind" not in browser(app).get("/metrics").text + browser(app).get("/readyz").text


def test_figures_of_a_database_that_is_away_are_none(app: Flask) -> None:
    with db.engine.begin() as connection:
        connection.execute(text("DROP TABLE outbox"))
    answer = browser(app).get("/metrics")
    assert (answer.status_code, answer.text) == (503, "# the database does not answer\n")


@on_postgresql("databases")
def test_the_doctor_looks_at_the_engines_database(
    app: Flask, database_url: str, tmp_path: Path
) -> None:
    assert check(app, "engine's database")[0] == "note"
    # an open transaction would hold up the engine's first start, which builds indexes beside
    # running work
    db.session.remove()
    with candour("worker", database_url=database_url, folder=tmp_path):
        until(lambda: runs(settings(database_url, tmp_path).engine_url, "letters"), "it works")
        assert check(app, "engine's database") == ("good", "It answers (4 jobs). ")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_doctor_says_what_to_do_about_a_broken_one(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "engine.db").write_bytes(b"rubbish" * 99)
    verdict, says = check(app, "engine's database")
    assert verdict == "wrong"
    assert "delete it and start again; that loses nothing" in says
