"""Every example in a docstring is run, and says what the code does."""

import doctest
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
SHOWN = sorted(path for path in (ROOT / "survey").rglob("*.py") if ">>> " in path.read_text())


def wrong_examples(module: ModuleType) -> tuple[list[str], int]:
    """What the examples of a module give where it is not what they say, and how many examples there
    are.
    """
    said: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    tests = doctest.DocTestFinder().find(module)
    for test in tests:
        runner.run(test, out=said.append)
    return said, sum(len(test.examples) for test in tests)


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_example_in_a_docstring_is_true(path: Path) -> None:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    said, examples = wrong_examples(import_module(name))
    assert not said, "".join(said)
    assert examples == len(re.findall(r"^ *>>> ", path.read_text(), re.MULTILINE)), (
        "an example stands where doctest does not look"
    )


def test_there_are_examples_to_run() -> None:
    assert len(SHOWN) >= 10


@pytest.mark.parametrize(
    ("docstring", "wrong"),
    [("\n>>> 1 + 1\n2\n", False), ("\n>>> 1 + 1\n3\n", True), ("\n>>> 1 / 0\n0\n", True)],
)
def test_a_wrong_example_is_found(docstring: str, wrong: bool) -> None:  # noqa: FBT001
    said, examples = wrong_examples(ModuleType("provocation", docstring))
    assert (bool(said), examples) == (wrong, 1)
