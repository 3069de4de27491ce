"""Counting killed with SIGKILL at twenty random points.

Nothing is lost, nothing doubled, nothing left readable.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from flask import Flask
from sqlalchemy import create_engine, make_url, text

from survey.app import create_app
from survey.config import Config
from survey.database import db
from survey.waves import service as waves
from survey.waves.rules.waves import WaveState
from tests.cast import Company, answer_all, open_company
from tests.conftest import settings_of
from tests.proofs import proof

KILLS = 20
ANSWERS = 30
CANARY = "canarycomment"


@pytest.fixture
def closer() -> Iterator[Callable[[dict[str, str], Path, Company, float | None], float]]:
    """Closes a wave in a process that is killed after so many seconds; gives how long it lived."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).parents[1] / "counting" / "closer.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout

    def close(
        settings: dict[str, str], folder: Path, company: Company, kill_after: float | None
    ) -> float:
        assert process.stdin
        assert process.stdout
        now = company.wave.closes_at.isoformat()
        process.stdin.write(
            json.dumps(
                {"settings": settings, "folder": str(folder), "wave": company.wave.slug, "now": now}
            )
            + "\n"
        )
        process.stdin.flush()
        child = int(process.stdout.readline())
        begun = time.monotonic()
        if kill_after is not None:
            time.sleep(kill_after)
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        assert process.stdout.readline() == "ended\n"
        return time.monotonic() - begun

    with process:
        yield close
        process.stdin.close()


@proof("kills")
def test_counting_survives_sigkill_at_any_moment(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    closer: Callable[[dict[str, str], Path, Company, float | None], float],
) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:ANSWERS], comment=CANARY)
    db.session.remove()
    db.engine.dispose()
    source = Random(20)
    whole = closer(*_copy(database_url, tmp_path, "measured"), company, None)
    moments = []
    for number in range(KILLS):
        settings, folder = _copy(database_url, tmp_path, f"kill{number}")
        closer(settings, folder, company, source.uniform(0.0, whole))
        moments.append(_state(settings, folder, company))
        closer(settings, folder, company, None)
        _check(settings, folder, company)
    assert set(moments) <= {"untouched", "closed", "counted, key there", "done"}
    assert len(set(moments)) > 1, (
        f"every kill hit the same moment, so nothing was tried: {moments[0]}"
    )


def _copy(database_url: str, tmp_path: Path, name: str) -> tuple[dict[str, str], Path]:
    """A copy of the open wave with everything that belongs to it."""
    folder = tmp_path / name
    shutil.copytree(tmp_path / "keys", folder / "keys")
    if database_url.startswith("sqlite"):
        for path in tmp_path.glob("candour.db*"):
            shutil.copy(path, folder / path.name)
        return settings_of(f"sqlite:///{folder / 'candour.db'}", folder), folder
    url = make_url(database_url)
    copy = f"{url.database}_{name}"
    engine = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {copy} TEMPLATE {url.database}"))
    engine.dispose()
    return settings_of(url.set(database=copy).render_as_string(hide_password=False), folder), folder


def _state(settings: dict[str, str], folder: Path, company: Company) -> str:
    app = create_app(Config.from_environment(settings, folder))
    with app.app_context():
        state = waves.find_wave(company.wave.slug).state
        ballots = db.session.execute(text("SELECT count(*) FROM ballot")).scalar()
        responses = db.session.execute(text("SELECT count(*) FROM response")).scalar()
        db.session.remove()
        db.engine.dispose()
    has_key = (folder / "keys" / f"{company.wave.id}.key").exists()
    if state in {WaveState.OPEN, WaveState.CLOSED}:
        assert (ballots, responses, has_key) == (
            ANSWERS,
            0,
            True,
        ), "something was lost before the commit"
        return "untouched" if state is WaveState.OPEN else "closed"
    assert (ballots, responses) == (0, ANSWERS)
    return "counted, key there" if has_key else "done"


def _check(settings: dict[str, str], folder: Path, company: Company) -> None:
    """After the next pass: all answers once, no ballot, no key, no comment twice."""
    assert _state(settings, folder, company) == "done"
    app = create_app(Config.from_environment(settings, folder))
    with app.app_context():
        texts = db.session.execute(text("SELECT text FROM comment")).scalars().all()
        assert sorted(texts) == sorted(f"{CANARY}{number}" for number in range(ANSWERS))
        assert db.session.execute(text("SELECT count(*) FROM findings")).scalar() == 1
        assert db.session.execute(text("SELECT count(*) FROM token")).scalar() == 0
        assert (
            db.session.execute(text("SELECT count(*) FROM invitation WHERE answered = 1")).scalar()
            == 0
        )
        db.session.remove()
        db.engine.dispose()
    assert list((folder / "keys").iterdir()) == []
