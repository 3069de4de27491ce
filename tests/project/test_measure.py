"""The script that measures the house counts a tiny made-up house right."""

import doctest
import json
from pathlib import Path

import pytest

from tests.project import measure as script
from tests.project.measure import Room, Share, main, measure

Printed = pytest.CaptureFixture[str]

FILES = {
    "__init__.py": "",
    "app.py": "import survey.shop.views\n",
    "extra.py": "",
    "kernel/any_name.py": "",
    "shop/__init__.py": "",
    "shop/views.py": "def page():\n    from survey.shop import service\n    return service.found\n",
    "shop/service.py": '"""Not found."""\nfound = item = 1\nlabel = f"{found}"\n',
    "shop/odds.py": "",
    "shop/rules/__init__.py": "",
    "shop/rules/prices.py": "",
    "shop/till/__init__.py": "",
    "shop/till/rules.py": "",
    "shop/till/drawer.py": "",
    "shop/till/deep/rules.py": "",
    "depot/rules.py": "from importlib import import_module\nimport_module('survey.depot.tables')\n",
    "depot/tables.py": "from survey.depot.letters import x\n",
    "depot/letters.py": "from .rules import y\nNAMES = 'survey.depot.tables'\n",
}
CONTRACTS = """
[[tool.importlinter.contracts]]
id = "inside"
type = "layers"
containers = ["survey.shop", "survey.depot"]
layers = ["(views) | (gone)", "odds : till", "rules"]

[[tool.importlinter.contracts]]
id = "pure"
type = "forbidden"
source_modules = ["survey.kernel", "survey.*.rules", "survey.*.prices", "survey.**.odds"]
forbidden_modules = ["flask", "survey.depot.tables", "survey.*.*"]
ignore_imports = ["survey.shop.odds -> flask"]
"""
FUNCTION = '''
@decorated
def two(a, b):
    """Say it.

    Twice.
    """
    # a comment
    x = f"{a} and {b}"

    return x + a
'''


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout with two rooms."""
    write(tmp_path, FILES)
    (tmp_path / "pyproject.toml").write_text(CONTRACTS)
    (tmp_path / "templates" / "shop").mkdir(parents=True)
    lines = ["<p>", "", "x" * 120, "x" * 121, "x" * 201]
    (tmp_path / "templates" / "shop" / "page.html").write_text("\n".join(lines))
    return tmp_path


def write(tree: Path, files: dict[str, str]) -> None:
    """Writes files below survey/."""
    for name, text in files.items():
        path = tree / "survey" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_only_a_path_with_one_of_the_seven_kinds_is_no_private_name(tree: Path) -> None:
    figures = measure(tree)
    assert figures.private_modules == [
        "survey/shop/odds.py",
        "survey/shop/till/deep/rules.py",
        "survey/shop/till/drawer.py",
    ]
    assert figures.modules_inside_concepts == 10
    assert figures.beside_the_rooms == ["survey/extra.py"]


def test_rooms_and_files_have_their_sizes(tree: Path) -> None:
    write(tree, {"depot/service.py": "\n" * 251, "depot/forms.py": "\n" * 250})
    figures = measure(tree)
    assert figures.rooms[0] == Room("depot", 506, 5)
    assert figures.long_files == {"survey/depot/service.py": 251}


def test_long_lines_are_a_share_of_the_lines_that_are_not_blank(tree: Path) -> None:
    before = measure(tree).lines
    write(tree, {"depot/service.py": f"#{'x' * 99}\n\n#{'x' * 100}\n"})
    figures = measure(tree)
    assert before.longer == 0
    assert figures.lines == Share(1, before.of + 2)
    assert figures.template_lines == {120: Share(2, 4), 200: Share(1, 4)}


def test_tokens_are_those_of_the_code_alone(tree: Path) -> None:
    write(tree, {"shop/views.py": FUNCTION})
    functions = measure(tree).functions
    assert functions.number == 1
    assert functions.tokens == 8 + 3 + 4  # def two(a, b):   x = f"..."   return x + a
    assert functions.tokens_a_line == 7 / 3  # two lines of code and one of comment
    assert functions.tokens_a_line_with_docstrings == 7 / 6


def test_the_middle_function_speaks_for_all(tree: Path) -> None:
    small, middle, large = "def f(): pass\n", "def g(): return 1\n", "def h(): return f(g(1))\n"
    write(tree, {"shop/views.py": small + middle + large})
    assert measure(tree).functions.tokens == 7


def test_a_name_counts_as_an_identifier_and_as_a_word(tree: Path) -> None:
    figures = measure(tree)
    assert figures.identifiers == {"found": 3, "item": 1}
    assert figures.words == {"found": 4, "item": 1}


def test_a_circle_through_a_string_is_found_and_a_mere_string_is_no_import(tree: Path) -> None:
    figures = measure(tree)
    (circle,) = figures.circles
    assert circle == ["survey.depot.letters", "survey.depot.rules", "survey.depot.tables"]
    assert figures.imported_by_string == ["survey.depot.rules -> survey.depot.tables"]


@pytest.mark.parametrize(
    "text",
    [
        "import survey.shop.views\n",
        "def late():\n    from survey.shop import views\n",
        "from . import views\n",
        "from .views import page\n",
        "import importlib\nimportlib.import_module('.views', 'survey.shop')\n",
        "from pkgutil import resolve_name\nresolve_name('survey.shop.views:page')\n",
        "NAMES = ['survey.shop.views']\nfor name in NAMES:\n    __import__(name)\n",
        "import importlib\ndef f(n): importlib.import_module(f'survey.{n}.views')\n",
    ],
)
def test_an_import_closes_a_circle_wherever_it_stands(tree: Path, text: str) -> None:
    before = measure(tree).circles
    write(tree, {"shop/service.py": text})
    added = [circle for circle in measure(tree).circles if circle not in before]
    assert added == [["survey.shop.service", "survey.shop.views"]]


def test_contracts_name_modules_where_one_module_is_meant(tree: Path) -> None:
    assert measure(tree).names_in_contracts == {
        "inside": ["gone", "odds"],
        "pure": ["survey.*.prices", "survey.depot.tables", "survey.shop.odds"],
    }


def test_a_pattern_of_several_modules_names_none(tree: Path) -> None:
    write(tree, {"depot/odds.py": "", "depot/prices.py": "", "shop/prices.py": ""})
    assert measure(tree).names_in_contracts == {
        "inside": ["gone"],
        "pure": ["survey.depot.tables", "survey.shop.odds"],
    }


def test_table_and_json_tell_the_same(tree: Path, capsys: Printed) -> None:
    assert main([str(tree)]) == 0
    rows = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    assert rows["modules of a private name"].strip() == "3 of 10 (shop 3)"
    assert main(["--json", str(tree)]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert len(figures["private_modules"]) == 3
    assert figures["start"] is None


def test_the_start_is_that_of_the_tree_s_own_command(tree: Path, capsys: Printed) -> None:
    command = tree / ".venv" / "bin" / "candour"
    command.parent.mkdir(parents=True)
    command.write_text('#!/bin/sh\ntest "$1" = --help && echo run >> runs\n')
    command.chmod(0o755)
    assert main(["--start", str(tree)]) == 0
    assert (tree / "runs").read_text().count("run") == 8
    assert "candour --help, memory" in capsys.readouterr().out


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="holds no survey/ with Python files"):
        measure(tmp_path)
    write(tmp_path, FILES)
    with pytest.raises(SystemExit, match=r"candour is missing; `make \.venv/\.runtime` there"):
        measure(tmp_path, with_start=True)


def test_the_examples_in_its_docstrings_are_true() -> None:
    examples = doctest.testmod(script)
    assert examples.attempted == 2
    assert examples.failed == 0
