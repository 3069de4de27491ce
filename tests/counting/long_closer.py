"""Closes or counts a wave of many ballots in a process of its own.

It kills itself with SIGKILL at a chosen moment.

What counts as many is 20 here, and every report is stored, so that a moment is a number.
"""

import json
import os
import signal
import sys
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, event, text

from survey.app import create_app
from survey.config import Config
from survey.counting import service as counting
from survey.database import db
from survey.jobs import long_jobs
from survey.kernel import child


def main() -> None:
    """Reads one job: settings, folder, wave, the time, and after how many opened ballots to die.

    -1: before the commit of the count.
    """
    job = json.loads(sys.stdin.read())
    child.IS_CHILD = True  # this stands for the child process that opens ballots
    counting.COUNTED_AT_ONCE, long_jobs.SECONDS_BETWEEN_REPORTS = 20, 0.0

    def heard(done: int, _total: int) -> None:
        if done == job["dies_after"]:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(server: Connection) -> None:
        if server.execute(text("SELECT count(*) FROM response")).scalar():
            os.kill(os.getpid(), signal.SIGKILL)

    app = create_app(Config.from_environment(job["settings"], Path(job["folder"])))
    with app.app_context():
        if job["dies_after"] == -1:
            event.listen(db.engine, "commit", before)
        counting.close_wave(
            job["wave"],
            datetime.fromisoformat(job["now"]),
            app.config["CANDOUR"].key_dir,
            actor="mira",
            progress=heard,
        )


if __name__ == "__main__":
    main()
