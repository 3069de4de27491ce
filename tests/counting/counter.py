"""Counts a wave in a process of its own, and then writes down everything in its memory.

So that nothing searched for is there because of the search, whoever started it searches the file.
"""

import json
import sys
from datetime import datetime
from pathlib import Path

from flask import Flask

from survey import schedule
from survey.app import create_app
from survey.config import Config
from survey.counting.service import close_wave, count_returned, pool_thirds, void_wave
from survey.kernel import child
from tests.outside import browser


def write_memory(file: Path) -> None:
    """Everything that this process can read of itself, as one file."""
    with Path("/proc/self/mem").open("rb", buffering=0) as memory, file.open("wb") as copy:
        for line in Path("/proc/self/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            if "r" in rights and not line.endswith(("[vvar]", "[vsyscall]")):
                begin, end = (int(number, 16) for number in span.split("-"))
                memory.seek(begin)
                try:
                    copy.write(memory.read(end - begin))
                except OSError:  # of a device
                    continue


def count(app: Flask, job: dict[str, str]) -> None:
    """Counts as somebody, or something, does."""
    wave, key_dir = job["wave"], app.config["CANDOUR"].key_dir
    closes = datetime.fromisoformat(job["now"])
    match job["way"]:
        case "command":
            close_wave(wave, closes, key_dir, actor="test")
        case "page":
            page = f"/waves/{wave}/close"
            answer = browser(app, "manager").press(page, page, {"reason": "flood"})
            assert answer.status_code == 303, answer.text
        case "timetable":
            schedule.tick(app.config["CANDOUR"], closes, seconds=0)
        case "long job":
            assert schedule.do_long_jobs(app.config["CANDOUR"]) == (f"{wave} counted",)
        case "ceremony":
            count_returned(wave, Path(job["file"]).read_bytes(), key_dir, actor="test")
        case "quarter":
            assert pool_thirds(actor="test")
        case "void":
            void_wave(wave, key_dir, reason="wrong list", actor="test")


def main() -> None:
    """Reads one job: settings, folder, wave, time, way, where to write, and whether to fork."""
    job = json.loads(sys.stdin.read())
    child.IS_CHILD = job["in_this_process"]
    app = create_app(Config.from_environment(job["settings"], Path(job["folder"])))
    with app.app_context():
        count(app, job)
    write_memory(Path(job["memory"]))


if __name__ == "__main__":
    main()
