"""Imports a staff list in a process of its own that kills itself with SIGKILL at a chosen moment.

More than 50 people are many here.
"""

import json
import os
import signal
import sys
from pathlib import Path

from sqlalchemy import Connection, event

from survey.app import create_app
from survey.config import Config
from survey.database import db
from survey.people.service import changes
from survey.people.service.directory import import_people


def main() -> None:
    """Reads one job.

    It says settings, folder, file, after how many stored people to die, and whether at the commit
    that follows.
    """
    job = json.loads(sys.stdin.read())
    changes.AT_ONCE, changes.SECONDS_BETWEEN_STEPS = 50, 0.0
    stored: list[int] = []

    def heard(done: int, _total: int) -> None:
        stored.append(done)
        if done == job["dies_after"] and not job["in_commit"]:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(_: Connection) -> None:
        if stored and stored[-1] == job["dies_after"]:
            os.kill(os.getpid(), signal.SIGKILL)

    app = create_app(Config.from_environment(job["settings"], Path(job["folder"])))
    with app.app_context():
        event.listen(db.engine, "commit", before)
        import_people(
            Path(job["file"]).read_bytes(),
            remove_missing=True,
            repeated=job.get("repeated"),
            progress=heard,
        )


if __name__ == "__main__":
    main()
