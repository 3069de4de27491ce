"""A process with an engine whose one job runs every two seconds. Usage: python clock.py ENGINE_URL FOLDER NAME; ends with its input.

Each run adds the process's name to FOLDER/ran; while FOLDER/hold-NAME exists a run writes FOLDER/held-NAME and does not end.
"""

import sys
import time
from pathlib import Path

from survey.jobs.engine import Engine, Job


def main() -> None:
    url, folder, name = sys.argv[1], Path(sys.argv[2]), sys.argv[3]

    def work() -> None:
        with (folder / "ran").open("a") as file:
            file.write(f"{name}\n")
        while (folder / f"hold-{name}").exists():
            (folder / f"held-{name}").touch()
            time.sleep(0.05)

    engine = Engine(url, (Job("timetable", "*/2 * * * * *", work),))
    engine.start()
    sys.stdin.read()
    engine.stop()


if __name__ == "__main__":
    main()
