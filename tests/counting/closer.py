"""Closes one wave in a process of its own, which the parent kills.

Imports first, then says so, then works.
"""

import json
import sys
from datetime import datetime

from survey.app import create_app
from survey.config import Config
from survey.counting.service import close_wave
from survey.kernel import child


def main() -> None:
    """Reads one job per line; forks for each, so that the imports are paid once."""
    import os
    from pathlib import Path

    child.IS_CHILD = True  # this stands for the child process that opens ballots
    for line in sys.stdin:
        job = json.loads(line)
        closing = os.fork()
        if closing:
            sys.stdout.write(f"{closing}\n")
            sys.stdout.flush()
            os.waitpid(closing, 0)
            sys.stdout.write("ended\n")
            sys.stdout.flush()
            continue
        app = create_app(Config.from_environment(job["settings"], Path(job["folder"])))
        with app.app_context():
            close_wave(
                job["wave"],
                datetime.fromisoformat(job["now"]),
                app.config["CANDOUR"].key_dir,
                actor="test",
            )
        os._exit(0)


if __name__ == "__main__":
    main()
