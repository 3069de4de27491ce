"""A restore killed with SIGKILL at each of its steps leaves the old database or the new, whole."""

import os
import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from survey.backup.service import copying, restoring
from survey.copies.service import due_copies
from survey.database import db
from survey.kernel.clock import now
from survey.schedule import tick
from tests.cast import Company, answer_all, open_company
from tests.proofs import proof

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
STEPS = (
    "copy_database",
    "compare_databases",
    "end_what_opens_doors",
    "carry_over",
    "_facts",
    "overwrite_deleted_rows",
    "mark_file",
    "check_untouched",
    "set_aside",
    "replace",
)
# Around the moment that counts always; the others in `make verify`.
ALWAYS = {("carry_over", False), ("set_aside", True), ("replace", True), ("replace", False)}
CASES = [
    pytest.param(
        step,
        before,
        id=f"{'before' if before else 'after'} {step}",
        marks=[] if (step, before) in ALWAYS else [proof("kills")],
    )
    for step in STEPS
    for before in (True, False)
]
LONGEST = 60  # seconds


def killed(app: Flask, copy: Path, step: str, *, before: bool) -> None:
    """Restores in a process of its own, which is killed before or after one step."""
    db.session.remove()
    db.engine.dispose()
    child = os.fork()
    if child:
        timer = threading.Timer(LONGEST, os.kill, (child, signal.SIGKILL))
        timer.start()
        _, status = os.waitpid(child, 0)
        timer.cancel()
        assert os.WTERMSIG(status) == signal.SIGKILL
        return
    try:
        place: Any = Path if step == "replace" else restoring
        real = getattr(place, step)

        def die(*given: Any, **more: Any) -> None:
            if not before:
                real(*given, **more)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(place, step, die)
        restoring.restore_copy(app.config["CANDOUR"], copy, now(), decide=lambda _: True)
    finally:
        os._exit(9)


def state(folder: Path, company: Company) -> tuple[int, int, bool]:
    """Ballots, used invitations, and whether the log says that a copy was put back."""
    with closing(sqlite3.connect(folder / "candour.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        [(ballots,)] = database.execute("SELECT count(*) FROM ballot")
        [(used,)] = database.execute("SELECT count(*) FROM invitation WHERE answered = 1")
        query = "SELECT count(*) FROM audit_entry WHERE what = 'database restored'"
        [(restored,)] = database.execute(query)
    return ballots, used, bool(restored)


@pytest.mark.parametrize(("step", "before"), CASES)
def test_a_killed_restore_leaves_the_old_or_the_new_database(
    app: Flask, tmp_path: Path, step: str, *, before: bool
) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:6])
    copying.back_up(company.config, tmp_path / "copy.db", now())
    answer_all(company, company.codes[6:9])
    killed(app, tmp_path / "copy.db", step, before=before)
    is_new = step == "replace" and not before
    assert state(tmp_path, company) == (9, 9, is_new)
    # What it left behind goes by itself, and the next restore works.
    later = now().replace(year=now().year + 1)
    tick(company.config, company.wave.opens_at, real=now())
    for copy in due_copies(company.config, later):
        assert copy.file.name.startswith(("candour.db.before-restore-", ".candour-copying."))
    restoring.restore_copy(company.config, tmp_path / "copy.db", now(), decide=lambda _: True)
    assert state(tmp_path, company) == (9, 9, True)
