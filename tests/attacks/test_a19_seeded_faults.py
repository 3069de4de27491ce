"""A19: every attack has a fault of its own, and a test that fails when the attack misses it; their
list is what one run has caught.
"""

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.attacks.report import WRITTEN, Declared, declared_attacks

WHAT = "Putting a fault into the program for each attack, to see that the attack would notice it."

MODULES = {
    int(path.stem[6:8]): path.stem
    for path in sorted(Path(__file__).parent.glob("test_a[0-9][0-9]_*.py"))
}
WITHOUT = {19}  # this file
ALL = {*range(1, 28)} - WITHOUT
PROGRAMS_WORDS = re.compile(r"`|_|\b(xmin|ctid|rowid|WAL|SQL|JSON|HTTP|UUID|SIGKILL|HPKE)\b")


def module(number: int) -> ModuleType:
    return importlib.import_module(f"tests.attacks.{MODULES[number]}")


def by_number() -> dict[int, Declared]:
    """What each file declares, by the number in its name."""
    return dict(zip(sorted(MODULES), declared_attacks(), strict=True))


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


def test_every_attack_says_what_it_tries_and_the_published_report_lists_it() -> None:
    declared = {f"A{number}": one for number, one in by_number().items()}
    assert {one.id for one in declared.values()} == set(declared)
    published = {entry["id"]: entry["what"] for entry in json.loads(WRITTEN.read_text())["attacks"]}
    told = {one.id: one.what for one in declared.values()}
    assert set(published) == set(told), "run: python -m tests.attacks.report " + " ".join(
        sorted(set(told) ^ set(published))
    )
    assert published == told


def test_an_employee_understands_what_an_attack_tries() -> None:
    unclear = [one.what for one in declared_attacks() if PROGRAMS_WORDS.search(one.what)]
    assert unclear == []
    assert all(one.what.endswith(".") for one in declared_attacks())


def test_an_attack_without_its_fault_is_caught() -> None:
    missing = ModuleType("attack")
    vars(missing).update(FAULTS={"a fault": None}, test_something=lambda: None)
    assert faults_of(missing) != set(tried_faults(missing))
