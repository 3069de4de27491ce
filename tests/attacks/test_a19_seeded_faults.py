"""A19: every attack has a fault of its own, and a test that fails when the attack misses it; their
list is what one run has caught.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

MODULES = {
    int(path.stem[6:8]): path.stem
    for path in sorted(Path(__file__).parent.glob("test_a[0-9][0-9]_*.py"))
}
WITHOUT = {19}  # this file
ALL = set(range(1, 25)) - WITHOUT


def module(number: int) -> ModuleType:
    return importlib.import_module(f"tests.attacks.{MODULES[number]}")


def faults_of(attack: ModuleType) -> set[str]:
    """The faults that an attack says it catches."""
    declared = getattr(attack, "ATTACK", None)
    return {*(declared.faults if declared else ()), *getattr(attack, "FAULTS", ())}


def tried_faults(attack: ModuleType) -> Iterator[str]:
    """The faults that a test of this attack is run with, and must catch."""
    for name, test in vars(attack).items():
        if name.startswith("test_") and "caught" in name:
            for mark in getattr(test, "pytestmark", []):
                for case in mark.args[1] if mark.name == "parametrize" else ():
                    yield case[0] if isinstance(case, tuple) else case


def test_every_attack_of_the_table_is_there() -> None:
    assert set(MODULES) >= ALL


@pytest.mark.parametrize("number", sorted(set(MODULES) - WITHOUT))
def test_every_fault_that_an_attack_declares_is_built_and_looked_for(number: int) -> None:
    declared = faults_of(module(number))
    assert declared
    assert declared == set(tried_faults(module(number)))


def test_an_attack_without_its_fault_is_caught() -> None:
    missing = ModuleType("attack")
    vars(missing).update(FAULTS={"a fault": None}, test_something=lambda: None)
    assert faults_of(missing) != set(tried_faults(missing))
