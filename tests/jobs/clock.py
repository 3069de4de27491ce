"""A process with an engine whose one job runs every two seconds.

Usage: python clock.py ENGINE_URL FOLDER NAME; ends with its input.

Each run adds the process's name to FOLDER/ran; while FOLDER/hold-NAME exists a run writes
FOLDER/held-NAME and does not end; while FOLDER/back exists the engine reads a clock that was set
back by two minutes.
"""

import sys
import time
from datetime import timedelta
from pathlib import Path

from survey.jobs import engine as engines
from survey.jobs.engine import Engine, ScheduledJob
from survey.kernel.clock import machine_time


def main() -> None:
    url, folder, name = sys.argv[1], Path(sys.argv[2]), sys.argv[3]

    def work() -> None:
        with (folder / "ran").open("a") as file:
            file.write(f"{name}\n")
        while (folder / f"hold-{name}").exists():
            (folder / f"held-{name}").touch()
            time.sleep(0.05)

    engines.now = lambda: machine_time() - timedelta(minutes=2 * (folder / "back").exists())
    engine = Engine(url, (ScheduledJob("timetable", "*/2 * * * * *", work),))
    engine.start()
    sys.stdin.read()
    engine.stop()


if __name__ == "__main__":
    main()
