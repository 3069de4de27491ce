"""Small faults in the rules and services, one at a time: which of them no test of the room notices?

`python -m tests.mutation --minutes 5 --seed 1` draws files and faults by the seed, has mutmut run
the SQLite tests of each file's room on each fault in a copy of this tree, and prints those that
survive. It fails when no fault could be tried, not when some survive: many change nothing that
matters, so somebody has to read them.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

ROOT = Path(__file__).parents[1]
COPIED = (
    "survey",
    "templates",
    "migrations",
    "tests",
    "docs",
    "deploy",
    "pyproject.toml",
    "wsgi.py",
    "CHANGELOG.md",
    "README.md",
)
KINDS = ("rules", "service")  # of modules: decisions, and what stores them
FAULTS = 20  # of one file at most, so that a run sees several
SECONDS = (
    60  # for one file at most, to make its faults and again to try them: some rooms have slow tests
)
SLOW = frozenset(
    {"console", "counting", "mail"}
)  # rooms whose tests wait for servers and processes: name a file of theirs to try it
SURVIVED, UNTESTED = {0}, {5, 33}  # what mutmut notes of a fault: tests passed, no test reaches it
SETTINGS = """
[tool.mutmut]
source_paths = ["survey"]
only_mutate = ["{file}"]
also_copy = {also}
pytest_add_cli_args = ["--speed", "check", "-p", "no:cacheprovider"]
pytest_add_cli_args_test_selection = ["{tests}"]
"""


def files() -> list[Path]:
    """The modules of the two kinds, a file each or a package, whose room has tests of its own."""
    found = [
        path
        for kind in KINDS
        for path in (*ROOT.glob(f"survey/**/{kind}.py"), *ROOT.glob(f"survey/**/{kind}/*.py"))
    ]
    ours = (path.relative_to(ROOT) for path in found if path.name != "__init__.py")
    return sorted(path for path in ours if path.parts[1] not in SLOW and room_of(path))


def room_of(file: Path) -> str:
    """The folder of the tests of a module's room, or of the room around it.

    Empty when there is none.
    """
    rooms = [Path("tests", *folder.parts[1:]) for folder in file.parents if len(folder.parts) > 1]
    return next((str(room) for room in rooms if (ROOT / room).is_dir()), "")


def mutmut(place: Path, seconds: float, *names: str) -> None:
    """Runs mutmut in the copy; it notes what comes of each fault in a file beside the mutated
    module.
    """
    command = [sys.executable, "-m", "mutmut", "run", *names]
    try:
        subprocess.run(
            command,
            cwd=place,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        print("  (the time was up before the last of them)")


def noted(place: Path, file: Path) -> dict[str, int | None]:
    """What mutmut has noted of each fault of a module; None of those not tried."""
    path = place / "mutants" / f"{file}.meta"
    notes: dict[str, int | None] = (
        json.loads(path.read_text())["exit_code_by_key"] if path.exists() else {}
    )
    return notes


def tried(file: Path, source: Random, end: float) -> Iterator[tuple[str, int, str]]:
    """Each fault of a file that was tried.

    Its name, how it ended, and the change where it survived.
    """
    with tempfile.TemporaryDirectory(prefix="candour-mutants-") as folder:
        place = Path(folder)
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, place / name)
        with (place / "pyproject.toml").open("a") as settings:
            settings.write(
                SETTINGS.format(
                    file=file,
                    also=[name for name in COPIED if name != "survey"],
                    tests=room_of(file),
                )
            )
        mutmut(place, SECONDS, "none, so that they are made and not run")
        names = sorted(noted(place, file))
        drawn = source.sample(names, min(FAULTS, len(names)))
        if drawn:
            mutmut(place, max(1.0, min(SECONDS, end - time.monotonic())), *drawn)
        for name in drawn:
            code = noted(place, file)[name]
            if code is not None:
                yield name, code, change(place, name) if code in SURVIVED | UNTESTED else ""


def change(place: Path, name: str) -> str:
    """The lines that a fault takes away and puts in their place."""
    command = [sys.executable, "-m", "mutmut", "show", name]
    said = subprocess.run(
        command, cwd=place, capture_output=True, text=True, timeout=120, check=False
    ).stdout
    return "\n".join(f"    {line}" for line in said.splitlines() if re.match(r"[-+](?![-+])", line))


def _by_turns(number: int) -> list[int]:
    """Places from the front and from the back, in turn: 0, 3, 1, 2 of four."""
    return [
        place for pair in zip(range(number), reversed(range(number)), strict=True) for place in pair
    ][:number]


def main() -> int:
    """Tries faults until the minutes are over; 1 when none could be tried."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("files", nargs="*", type=Path)
    asked = parser.parse_args()
    source, end = Random(asked.seed), time.monotonic() + 60 * asked.minutes
    ended: Counter[str] = Counter()
    drawn = source.sample(files(), len(files()))
    # By turns of rules, whose tests are quick, and of services.
    turns = [
        sorted(drawn, key=lambda file: "rules" not in file.parts and file.stem != "rules")[place]
        for place in _by_turns(len(drawn))
    ]
    for file in asked.files or turns:
        if time.monotonic() > end:
            break
        print(f"{file}, by the tests in {room_of(file)}", flush=True)
        for name, code, lines in tried(file, source, end):
            how = (
                "survived"
                if code in SURVIVED
                else "no test reaches it"
                if code in UNTESTED
                else "caught"
            )
            ended[how] += 1
            if lines:
                print(f"  {how}: {name.partition('.x')[2]}\n{lines}", flush=True)
    print(
        f"seed {asked.seed}: {ended.total()} faults tried, "
        + ", ".join(f"{number} {how}" for how, number in sorted(ended.items()))
    )
    return 0 if ended else 1


if __name__ == "__main__":
    sys.exit(main())
