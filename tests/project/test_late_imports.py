"""What is slow is imported late, and nothing else is.

The linter says so, and is shown to say it.
"""

import ast
import json
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
SLOW = LINT["flake8-tidy-imports"]["banned-module-level-imports"]
CODE = sorted((ROOT / "survey").rglob("*.py"))


def said_of(code: str) -> list[str]:
    """The rules about the place of an import that a file of ours would break."""
    ruff = Path(sys.executable).with_name("ruff")
    command = [
        ruff,
        "check",
        "--output-format=json",
        "--select=TID253,PLC0415",
        "--stdin-filename=survey/provoked.py",
        "-",
    ]
    done = subprocess.run(
        command, cwd=ROOT, input=code, capture_output=True, text=True, timeout=60, check=False
    )
    return [fault["code"] for fault in json.loads(done.stdout)]


@pytest.mark.parametrize("name", SLOW)
def test_what_is_slow_may_be_imported_late_and_not_at_the_top(name: str) -> None:
    assert said_of(f"import {name}\n") == ["TID253"]
    assert said_of(f"from {name} import provoked\n") == ["TID253"]
    parent, _, child = name.rpartition(".")
    if parent:
        assert said_of(f"from {parent} import {child}\n") == ["TID253"]
    assert (
        said_of(f"def late() -> None:\n    import {name}\n    from {name} import provoked\n") == []
    )


@pytest.mark.parametrize(
    "line", ["import json", "import survey.people.service", "from survey.people import service"]
)
def test_anything_else_is_imported_at_the_top(line: str) -> None:
    assert said_of(f"{line}\n") == []
    assert said_of(f"def late() -> None:\n    {line}\n") == ["PLC0415"]


def test_a_file_that_builds_on_a_slow_library_is_itself_imported_late() -> None:
    exempt = {
        path
        for path, rules in LINT["per-file-ignores"].items()
        if "TID253" in rules and path.startswith("survey/")
    }
    ours = {f"{name.replace('.', '/')}.py" for name in SLOW if name.startswith("survey.")}
    assert exempt == ours
    assert [path for path in ours if not (ROOT / path).is_file()] == []


def test_every_name_of_the_list_is_that_of_a_module() -> None:
    assert [name for name in SLOW if not import_module(name)] == []


def imports_by_a_string(code: str) -> bool:
    """Whether a module is imported in a way that no tool can follow."""
    calls = (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call))
    return any(
        ast.unparse(call.func).rpartition(".")[2] in {"import_module", "__import__"}
        for call in calls
    )


def test_nothing_is_imported_by_a_string() -> None:
    assert [
        path.relative_to(ROOT).as_posix() for path in CODE if imports_by_a_string(path.read_text())
    ] == []
    assert CODE


@pytest.mark.parametrize(
    "code",
    [
        "importlib.import_module('survey.app')",
        "import_module('scipy').special",
        "__import__('json')",
    ],
)
def test_an_import_by_a_string_is_noticed(code: str) -> None:
    assert imports_by_a_string(code)
