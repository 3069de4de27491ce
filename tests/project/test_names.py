"""Names: no two public things share one, and the lines of templates are short enough to read."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED_FROM_OUTSIDE = {
    "views",
    "commands",
    "cli",
}  # an endpoint is named by its address, a command by its word
LONGEST_TEMPLATE_LINE = 120
TEMPLATES = sorted((ROOT / "templates").rglob("*.html")) + sorted(
    (ROOT / "templates").rglob("*.txt")
)


def public_things(tree: Path) -> dict[str, list[str]]:
    """Where each public function and class stands that code elsewhere imports by its name."""
    places: dict[str, list[str]] = defaultdict(list)
    for file in sorted(tree.rglob("*.py")):
        if NAMED_FROM_OUTSIDE & {*file.relative_to(tree).with_suffix("").parts}:
            continue
        for node in ast.parse(file.read_text()).body:
            is_definition = isinstance(node, ast.FunctionDef | ast.ClassDef)
            if is_definition and not node.name.startswith("_"):
                places[node.name].append(str(file.relative_to(tree)))
    return places


def shared_names(tree: Path) -> dict[str, list[str]]:
    return {name: places for name, places in public_things(tree).items() if len(places) > 1}


def test_no_two_public_things_have_one_name() -> None:
    assert shared_names(ROOT / "survey") == {}


def test_a_name_that_is_given_twice_is_found(tmp_path: Path) -> None:
    for room, kind in (("one", "service.py"), ("other", "rules.py"), ("third", "views.py")):
        (tmp_path / room).mkdir()
        (tmp_path / room / kind).write_text("def close() -> None: ...\ndef _own() -> None: ...\n")
    assert shared_names(tmp_path) == {"close": ["one/service.py", "other/rules.py"]}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_lines_of_a_template_are_short_enough_to_read(template: Path) -> None:
    lines = enumerate(template.read_text().splitlines(), start=1)
    too_long = [number for number, line in lines if len(line) > LONGEST_TEMPLATE_LINE]
    assert too_long == [], f"lines of more than {LONGEST_TEMPLATE_LINE} characters"
