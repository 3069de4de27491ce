"""`make attack`: every attack in full, as a table, and as the file that `/promise` prints.

Attacks on worlds run on 20 worlds of 12 and 20 of 60 people on each database; what is found is
looked at again on 20 fresh ones. The other attacks are tests of their own and run as such. After
LONGEST seconds no new world is begun, and the table says so.

An attack is a file test_aNN_*.py. It says to an employee what it tries: by its `ATTACK`, by a
sentence `WHAT`, or by the first paragraph of its docstring ("A22: ..."). With words, as in
`python -m tests.attacks.report A22 A24`, only these run; what is written of others stays.
"""

import importlib
import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any
from xml.etree import ElementTree as ET

import click
from scipy.stats import mannwhitneyu

from survey.access.service import limits
from survey.app import create_app
from survey.database import db
from survey.invitations.rules.codes import draw_code
from tests.answering.today import open_today
from tests.attacks.attack import Attack
from tests.attacks.metric import Evidence, Verdict, finds, judge, worst
from tests.attacks.world import DATABASES, DEPARTMENTS, Ground, answered_world, patched
from tests.conftest import Templates, settings
from tests.outside import browser

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
WRITTEN = ROOT / "survey" / "organisation" / "attacked.json"
WORLDS = 20
FRESH = 10_000
LONGEST = 3000
ONE_FILE = 900
POSTS, ATTEMPTS = 400, 3
CLOSE, CHANCE = 0.05, 0.001


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: an attack on one database and one size."""

    attack: str
    where: str
    n: str
    verdict: Verdict
    worlds: int


@dataclass(frozen=True, slots=True)
class Declared:
    """What a file of an attack says of itself: its id, and what it tries, for an employee."""

    id: str
    what: str
    module: ModuleType

    @property
    def attack(self) -> Attack | None:
        """The attack on worlds; None where the file's tests are the attack."""
        return getattr(self.module, "ATTACK", None)


def declared_attacks() -> tuple[Declared, ...]:
    """All attacks in the order of their numbers, as their files declare them."""
    names = [f"tests.attacks.{path.stem}" for path in sorted(HERE.glob("test_a[0-9][0-9]_*.py"))]
    return tuple(_declared(importlib.import_module(name)) for name in names)


def _declared(module: ModuleType) -> Declared:
    attack = getattr(module, "ATTACK", None)
    if attack:
        return Declared(attack.id, attack.what, module)
    first_paragraph = (module.__doc__ or "").strip().partition("\n\n")[0]
    number, _, what = " ".join(first_paragraph.split()).partition(": ")
    what = getattr(module, "WHAT", what[:1].upper() + what[1:])
    return Declared(number, what, module)


def main(chosen: Sequence[str]) -> None:
    """Runs the chosen attacks, or all; ends with 1 when one found something or missed its fault."""
    logging.getLogger("sqlalchemy.engine.Engine").addHandler(
        logging.NullHandler()
    )  # the fault that prints statements must not print here
    end = time.monotonic() + LONGEST
    everything = declared_attacks()
    unknown = set(chosen) - {one.id for one in everything}
    if unknown:
        sys.exit(f"There is no attack {', '.join(sorted(unknown))}.")
    ours = [one for one in everything if not chosen or one.id in chosen]
    attacks = [one.attack for one in ours if one.attack]
    with _ground() as ground:
        lines = [
            line
            for database in DATABASES
            for n in DEPARTMENTS
            for line in _full(ground, attacks, database, n, end)
        ]
        caught = {attack.id: _faults(ground, attack) for attack in attacks}
        for one in ours:
            if not one.attack:
                verdict, caught[one.id] = _as_tests(one.module)
                lines.append(Line(one.id, "both", "", verdict, 1))
        if "A20" in caught:
            lines.append(Line("A20", "by time", "", _rhythm(ground), 1))
    _print(lines, caught)
    found = [line for line in lines if line.verdict.found]
    missed = [name for name, faults in caught.items() if not faults or not all(faults.values())]
    complete = all(line.worlds == WORLDS for line in lines if line.n)
    if complete:
        document = _document(lines, caught, {one.id: one.what for one in ours})
        if chosen:
            document["attacks"] = _beside_the_others(document["attacks"], everything)
        WRITTEN.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
        click.echo(f"Written: {WRITTEN.relative_to(ROOT)}")
    else:
        click.echo(
            f"Not complete within {LONGEST} seconds, so {WRITTEN.relative_to(ROOT)} was left as"
            " it is."
        )
    sys.exit(bool(found or missed or not complete))


def _beside_the_others(
    fresh: list[dict[str, Any]], everything: Sequence[Declared]
) -> list[dict[str, Any]]:
    """The entries of this run and, of attacks that did not run, what the file says came of them."""
    entries = {entry["id"]: entry for entry in json.loads(WRITTEN.read_text())["attacks"]}
    entries |= {entry["id"]: entry for entry in fresh}
    return [entries[one.id] | {"what": one.what} for one in everything if one.id in entries]


@contextmanager
def _ground() -> Iterator[Ground]:
    """A folder and a PostgreSQL server for this run alone."""
    with tempfile.TemporaryDirectory(prefix="attack-") as place, ExitStack() as ending:
        for part in ("templates", "worlds"):
            (Path(place) / part).mkdir()
        yield Ground(Path(place) / "worlds", Templates(Path(place) / "templates", ending))


def _full(
    ground: Ground, attacks: list[Attack], database: str, n: int, end: float
) -> Iterator[Line]:
    """All attacks on worlds of one size on one database; each world serves them all."""
    mine = [attack for attack in attacks if database in attack.databases]
    if not mine:
        return
    found = _evidence(ground, mine, database, n, 1, end)
    doubtful = [attack for attack in mine if finds(judge(found[attack.id]))]
    again = _evidence(ground, doubtful, database, n, FRESH, end) if doubtful else {}
    for attack in mine:
        verdicts = judge(found[attack.id])
        if attack in doubtful:
            suspects = {verdict.name for verdict in verdicts if verdict.found}
            verdicts = [v for v in verdicts if v.name not in suspects] + [
                v for v in judge(again[attack.id]) if v.name in suspects
            ]
            for confirmed in finds(verdicts):
                click.echo(f"FOUND {attack.id} {database} {n}: {confirmed}")
        if verdicts:
            yield Line(attack.id, database, str(n), worst(verdicts), len(found[attack.id]))


def _evidence(
    ground: Ground, attacks: list[Attack], database: str, n: int, first: int, end: float
) -> dict[str, list[Evidence]]:
    found: dict[str, list[Evidence]] = {attack.id: [] for attack in attacks}
    for seed in range(first, first + WORLDS):
        if time.monotonic() > end:
            break
        world = answered_world(ground, database, n=n, seed=seed)
        for attack in attacks:
            found[attack.id].append(attack.attempt(world))
        world.close()
    click.echo(
        f"{len(attacks)} attacks on {WORLDS} worlds of {n} people, {database}: done", err=True
    )
    return found


def _faults(ground: Ground, attack: Attack) -> dict[str, bool]:
    """Whether each seeded fault was caught, on each database that it belongs to."""
    caught = {}
    for fault, database in attack.cases():
        world = answered_world(ground, database, n=12, seed=1, fault=attack.faults[fault])
        caught[f"{fault} ({database})"] = bool(finds(judge([attack.attempt(world)])))
        world.close()
    return caught


def _rhythm(ground: Ground) -> Verdict:
    """Whether the time of an answer tells a used code from an unknown one.

    Medians within 5 %, no order of ranks (Mann & Whitney, 1947).
    """
    for _ in range(ATTEMPTS):
        times = _times(ground)
        medians = [median(times[kind]) for kind in ("used", "unknown")]
        ratio, p = (
            medians[0] / medians[1],
            float(mannwhitneyu(times["used"], times["unknown"]).pvalue),
        )
        found = abs(ratio - 1) > CLOSE or p <= CHANCE
        if not found:
            break
    return Verdict(f"used/unknown {ratio:.3f}, p {p:.3f}", int(found), 0, 0)


def _times(ground: Ground) -> dict[str, list[float]]:
    """Seconds until the refusal, in turn: of a used code, and of a fresh unknown one each time."""
    url, folder = ground.fresh("sqlite")
    app = create_app(settings(url, folder))
    with app.app_context(), patched(limits, "CODES_PER_ADDRESS", 10**9):
        company = open_today(app)
        client, address, used = browser(app), f"/s/{company.wave.slug}", company.codes[0]
        client.post(address, data={"token": used, "OVR1": "4"})
        times: dict[str, list[float]] = {"used": [], "unknown": []}
        for turn in range(POSTS):
            kinds = {"used": used, "unknown": draw_code()}
            for kind in sorted(kinds, reverse=bool(turn % 2)):
                begun = time.perf_counter()
                client.post(address, data={"token": kinds[kind], "OVR1": "4"})
                times[kind].append(time.perf_counter() - begun)
        db.session.remove()
        db.engine.dispose()
    return times


def _as_tests(module: ModuleType) -> tuple[Verdict, dict[str, bool]]:
    """An attack that is a test of its own.

    Failures of the attack itself, and whether the tests of its faults passed.
    """
    with tempfile.TemporaryDirectory(prefix="attack-") as place:
        result = Path(place) / "result.xml"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            f"--basetemp={place}/pytest",
            f"--junitxml={result}",
        ]
        subprocess.run(
            [*command, str(module.__file__)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            check=False,
            timeout=ONE_FILE,
        )
        cases = {case.get("name", ""): len(case) == 0 for case in ET.parse(result).iter("testcase")}
    own = {name: passed for name, passed in cases.items() if "caught" not in name}
    failed = [name for name, passed in own.items() if not passed] if own else ["no test ran"]
    return Verdict("; ".join(failed), len(failed), 0, 0), {
        name: passed for name, passed in cases.items() if name not in own
    }


def _print(lines: list[Line], caught: dict[str, dict[str, bool]]) -> None:
    click.echo(
        f"\n{'attack':7}{'database':12}{'n':>4}{'worlds':>8}{'linked':>8}{'chance':>8}{'limit':>7}{'tau':>8}{'limit':>7}"
        "  verdict"
    )
    for line in sorted(lines, key=lambda line: int(line.attack[1:])):
        v = line.verdict
        order = f"{v.tau:>+8.3f}{v.tau_limit:>7.3f}" if v.tau_limit else f"{'':15}"
        head = (
            f"{line.attack:7}{line.where:12}{line.n:>4}{line.worlds:>8}"
            f"{v.linked:>8}{v.chance:>8}{v.limit:>7}{order}"
        )
        click.echo(
            f"{head} "
            f" {'FOUND: ' + v.name if v.found else 'at chance' if v.chance else 'nothing found'}"
        )
    click.echo("\nseeded faults")
    for name in sorted(caught, key=lambda name: int(name[1:])):
        for fault, was_caught in caught[name].items() or [("no fault was tried", False)]:
            click.echo(f"{name:7}{'caught' if was_caught else 'MISSED':8}{fault}")


def _document(
    lines: list[Line], caught: dict[str, dict[str, bool]], told: dict[str, str]
) -> dict[str, Any]:
    """What is published: of each attack the line that came nearest to a find."""
    attacks = []
    for name in sorted(told, key=lambda name: int(name[1:])):
        mine = [line for line in lines if line.attack == name]
        v = worst([line.verdict for line in mine])
        of = next(
            line.worlds * int(line.n) if line.n and v.chance else 0
            for line in mine
            if line.verdict is v
        )
        facts = {"linked": v.linked, "of": of, "chance": v.chance, "limit": v.limit}
        attacks.append(
            {
                "id": name,
                "what": told[name],
                **facts,
                "fault_caught": all((caught[name] or {"": False}).values()),
            }
        )
    sizes = " and ".join(map(str, DEPARTMENTS))
    return {
        "written_by": f"make attack, {WORLDS} surveys each of {sizes} people on each database",
        "attacks": attacks,
    }


if __name__ == "__main__":
    main(sys.argv[1:])
