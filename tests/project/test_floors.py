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
    ("floors", "jobs/loop.py", "import survey.organisation.rules"),
    ("floors", "providers/rules.py", "import survey.organisation.rules"),
    ("floors", "vault/service/provoked.py", "import survey.responses.rules"),
    ("floors", "launching/service/provoked.py", "import survey.counting.service"),
    ("floors", "accountability/service.py", "import survey.followups.rules"),
    ("floors", "surprise/__init__.py", ""),
    ("kinds", "responses/tables.py", "import survey.responses.service.responses"),
    ("kinds", "people/service/provoked.py", "import survey.people.forms"),
    ("kinds", "findings/history/service.py", "import survey.findings.history.commands"),
    ("kinds", "findings/commands.py", "import survey.findings.views"),
    ("kinds", "mail/outbox/tables.py", "import survey.mail.letters"),
    ("pure", "waves/rules/provoked.py", "import sqlalchemy"),
    ("pure", "charts/provoked.py", "import flask_sqlalchemy"),
    ("pure", "findings/words/rules/provoked.py", "import survey.database"),
    ("pure", "answering/rules/provoked.py", "import survey.findings.service.documents"),
    ("web", "waves/service/provoked.py", "from flask import request"),
    ("web", "people/tables.py", "from werkzeug.exceptions import NotFound"),
    ("web", "invitations/letters.py", "import wtforms"),
    ("web", "findings/history/service.py", "import flask_login"),
    ("wall", "findings/service/provoked.py", "import survey.people.rules"),
    ("wall", "waves/service/provoked.py", "import survey.people.rules"),
    ("wall", "vault/service/provoked.py", "import survey.people.rules"),
    ("keys", "findings/service/provoked.py", "import survey.vault.keys.service.key_files"),
    ("keys", "console/views/provoked.py", "import survey.vault.keys.service.key_files"),
    ("private", "answering/service.py", "import survey.responses.tables"),
    ("private", "answering/commands.py", "import survey.people.forms"),
    ("private", "console/service/provoked.py", "import survey.findings.views"),
    ("face", "invitations/service/provoked.py", "import survey.mail.outbox.service.queue"),
    ("face", "doctor/service.py", "import survey.mail.bounces.rules"),
    ("mail", "mail/smtp/service/provoked.py", "import survey.mail.outbox.service.queue"),
    ("mail", "mail/outbox/service/provoked.py", "import survey.mail.bounces.rules"),
    ("acyclic", "kernel/errors.py", "import survey.kernel.provoked"),
]
# What the provocations are written into or import, where the house has no such file.
PROPS = ("answering/commands.py",)


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
    verdicts = {
        key: re.search(rf"^{re.escape(one['name'])} (KEPT|BROKEN)", said, re.MULTILINE)
        for key, one in CONTRACTS.items()
    }
    assert all(verdicts.values()), said
    return {key for key, verdict in verdicts.items() if verdict and verdict[1] == "BROKEN"}, said


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """The house with every file emptied.

    Nothing in it breaks a contract, until a test writes an import.
    """
    names = [
        path.relative_to(ROOT / "survey").as_posix() for path in (ROOT / "survey").rglob("*.py")
    ]
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
def test_an_import_that_climbs_breaks_its_contract_and_no_other(
    house: Path, contract: str, file: str, line: str
) -> None:
    write(house, "kernel/provoked.py", "import survey.kernel.errors")
    write(house, file, line)
    broken, said = lint(house)
    assert broken == {contract}, said


def test_the_wall_holds_through_a_third_module(house: Path) -> None:
    write(house, "findings/service/provoked.py", "import survey.waves.service.provoked")
    write(house, "waves/service/provoked.py", "import survey.waves.rules.provoked")
    write(house, "waves/rules/provoked.py", "import survey.people.rules.staff_list")
    broken, said = lint(house)
    assert broken == {"wall"}, said
    assert "survey.findings is not allowed to import survey.people" in said


def test_every_contract_is_provoked() -> None:
    assert {contract for contract, _, _ in PROVOCATIONS} == set(CONTRACTS)


KINDS = ("views", "commands", "forms", "service", "letters", "tables", "rules")
FRAME = {"app.py", "cli.py", "config.py", "database.py", "schedule.py", "server.py"}
WITHOUT_KINDS = set(CONTRACTS["kinds"]["without_kinds"])


def misplaced(path: str) -> str | None:
    """Why a file of survey/ stands where no file should, and where it belongs.

    None where it may stand.
    """
    room, *rest = path.removesuffix(".py").split("/")
    if not rest:
        return (
            None
            if path in FRAME or path in {"__init__.py", "languages.py"}
            else f"{path}: only {', '.join(sorted(FRAME))} stand here"
        )
    if room in WITHOUT_KINDS or rest == ["__init__"]:
        return None
    below = (
        rest[1:] if rest[0] not in KINDS and len(rest) > 1 else rest
    )  # of a sub-room, one level deep
    if below == ["__init__"] or (below[0] in KINDS and len(below) <= 2):
        return None
    return (
        f"{path} is none of the seven kinds: rename it to one of {', '.join(KINDS)}, or put it into"
        " a folder of that name"
    )


def test_every_file_is_of_one_of_the_seven_kinds() -> None:
    names = [
        path.relative_to(ROOT / "survey").as_posix() for path in (ROOT / "survey").rglob("*.py")
    ]
    assert [fault for name in names if (fault := misplaced(name))] == []


@pytest.mark.parametrize(
    "name",
    [
        "people/odds.py",
        "odds.py",
        "mail/outbox/odds.py",
        "mail/outbox/deep/service.py",
        "findings/rules/deep/odds.py",
        "findings/words/odds/rules.py",
    ],
)
def test_a_file_of_no_kind_is_found(name: str) -> None:
    assert misplaced(name)


@pytest.mark.parametrize(
    "name",
    [
        "people/rules.py",
        "people/rules/names.py",
        "mail/outbox/tables.py",
        "mail/outbox/rules/pace.py",
        "jobs/odds.py",
    ],
)
def test_a_file_of_a_kind_is_let_through(name: str) -> None:
    assert misplaced(name) is None


def named_modules(contract: dict[str, object]) -> list[str]:
    """The modules that a contract names: paths that end in a file, with no wildcard.

    Rooms and sub-rooms are no modules.
    """
    paths = [
        end.strip()
        for value in contract.values()
        for entry in (value if isinstance(value, list) else [value])
        for end in str(entry).split("->")
    ]
    files = [path for path in paths if path.startswith("survey.") and "*" not in path]
    return [
        path
        for path in files
        if (ROOT / path.replace(".", "/")).with_suffix(".py").is_file() and path.count(".") > 1
    ]


def test_no_contract_names_a_module() -> None:
    assert {
        key: named for key, contract in CONTRACTS.items() if (named := named_modules(contract))
    } == {}


def test_a_named_module_is_found() -> None:
    assert named_modules(
        {"source_modules": ["survey.waves.tables", "survey.vault", "survey.*.rules"]}
    ) == ["survey.waves.tables"]
