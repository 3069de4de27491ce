"""Counts a returned file in a process of its own that kills itself with SIGKILL.

Before the commit of the count, or right after it.
"""

import json
import os
import signal
import sys
from pathlib import Path

from sqlalchemy import Connection, event, text

from survey.app import create_app
from survey.config import Config
from survey.counting.service import count_returned
from survey.database import db
from survey.kernel import child


def main() -> None:
    """Reads one job: settings, folder, wave, file, and at which moment to die."""
    job = json.loads(sys.stdin.read())
    child.IS_CHILD = True  # this stands for the child process that opens ballots
    counted = []

    def before(server: Connection) -> None:
        counted.append(server.execute(text("SELECT count(*) FROM response")).scalar())
        if counted[-1] and job["moment"] == "before the commit":
            os.kill(os.getpid(), signal.SIGKILL)

    def after(*_: object) -> None:
        if counted and counted[-1]:
            os.kill(os.getpid(), signal.SIGKILL)

    app = create_app(Config.from_environment(job["settings"], Path(job["folder"])))
    with app.app_context():
        event.listen(db.engine, "commit", before)
        event.listen(db.engine, "checkin", after)  # the connection of the commit is given back
        count_returned(
            job["wave"], Path(job["file"]).read_bytes(), app.config["CANDOUR"].key_dir, actor="test"
        )


if __name__ == "__main__":
    main()
