"""The house's floors hold, and every contract that says so can fail."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS = {contract["id"]: contract for contract in SETTINGS["contracts"]}
PROVOCATIONS = [
    ("floors", "jobs/loop.py", "import survey.organisation.rules.organisation"),
    ("floors", "providers/rules.py", "import survey.organisation.rules.organisation"),
    ("floors", "surprise/__init__.py", ""),
    ("inside", "responses/rules.py", "import survey.responses.letters"),
    ("inside", "people/odds.py", ""),
    ("pure", "waves/rules.py", "import sqlalchemy"),
    ("pure", "charts/provoked.py", "import flask_sqlalchemy"),
    ("pure", "findings/wording.py", "import survey.database"),
    ("web", "waves/service.py", "from flask import request"),
    ("web", "people/tables.py", "from werkzeug.exceptions import NotFound"),
    ("web", "invitations/letters.py", "import wtforms"),
    ("wall", "findings/service.py", "import survey.people.rules.staff_list"),
    ("wall", "waves/rules.py", "import survey.people.rules.staff_list"),
    ("floors", "answering/service.py", "import survey.followups.rules"),
    ("keys", "findings/service.py", "import survey.vault.keys.service.key_files"),
    ("private", "answering/service.py", "import survey.responses.tables"),
    ("private", "answering/commands.py", "import survey.people.forms"),
    ("acyclic", "kernel/errors.py", "import survey.kernel.provoked"),
]
# What the provocations import, where the house has no such file.
PROPS = (
    "findings/rules.py",
    "findings/wording.py",
    "invitations/letters.py",
    "followups/rules.py",
    "organisation/rules.py",
    "people/forms.py",
    "people/rules.py",
    "people/tables.py",
    "responses/letters.py",
)


def lint(folder: Path) -> tuple[set[str], str]:
    """The ids of the broken contracts of the package in a folder, and what the linter says."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-cache", "--no-logo", ROOT / "pyproject.toml"],
        cwd=folder,
        env={**os.environ, "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    verdicts = {key: re.search(rf"^{re.escape(one['name'])} (KEPT|BROKEN)", said, re.MULTILINE) for key, one in CONTRACTS.items()}
    assert all(verdicts.values()), said
    return {key for key, verdict in verdicts.items() if verdict and verdict[1] == "BROKEN"}, said


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """The house with every file emptied: nothing in it breaks a contract, until a test writes an import."""
    names = [path.relative_to(ROOT / "survey").as_posix() for path in (ROOT / "survey").rglob("*.py")]
    for name in [*names, *PROPS]:
        path = tmp_path / "survey" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def write(house: Path, file: str, line: str) -> None:
    """Gives a file of the empty house one line."""
    path = house / "survey" / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{line}\n")


def test_the_house_keeps_its_floors() -> None:
    broken, said = lint(ROOT)
    assert not broken, said


def test_an_empty_house_keeps_its_floors(house: Path) -> None:
    broken, said = lint(house)
    assert not broken, said


@pytest.mark.parametrize(("contract", "file", "line"), PROVOCATIONS)
def test_an_import_that_climbs_breaks_its_contract_and_no_other(house: Path, contract: str, file: str, line: str) -> None:
    write(house, "kernel/provoked.py", "import survey.kernel.errors")
    write(house, file, line)
    broken, said = lint(house)
    assert broken == {contract}, said


def test_the_wall_holds_through_a_third_module(house: Path) -> None:
    write(house, "findings/service.py", "import survey.waves.service")
    write(house, "waves/service.py", "import survey.waves.rules")
    write(house, "waves/rules.py", "import survey.people.rules.staff_list")
    broken, said = lint(house)
    assert broken == {"wall"}
    assert "survey.findings is not allowed to import survey.people" in said


def test_every_contract_is_provoked() -> None:
    assert {contract for contract, _, _ in PROVOCATIONS} == set(CONTRACTS)


def test_every_concept_stands_in_the_contract_about_its_files() -> None:
    floors = {name.strip(" ()") for layer in CONTRACTS["floors"]["layers"] for name in layer.split("|")}
    concepts = {path.parent.name for path in (ROOT / "survey").glob("*/service.py")} - {"access", "mail", "jobs"}
    assert concepts <= floors
    assert {f"survey.{concept}" for concept in concepts} <= set(CONTRACTS["inside"]["containers"])
