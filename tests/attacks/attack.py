"""An attack: what it tries on a world, and the faults that it must catch.

A test file defines `ATTACK = Attack(...)` and tests it with the two functions at the end;
`report.py` finds it by that name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

import pytest

from tests.attacks.metric import Evidence, Verdict, finds, judge
from tests.attacks.world import DATABASES, Fault, Ground, World, answered_world
from tests.proofs import proof

SEEDS = {
    12: (1, 2, 3),
    60: (5,),
}  # of the bounded version: worlds of each size; those of 60 are a proof
FRESH = 1000


@dataclass(frozen=True)
class Attack:
    """One attack of the table: `what` is a sentence for an employee.

    `attempt` gives the evidence that one world holds.

    Each fault is tried on worlds of 12 on each of its databases (`only` names them where a fault
    belongs to one).
    """

    id: str
    what: str
    attempt: Callable[[World], Evidence]
    faults: Mapping[str, Fault]
    databases: tuple[str, ...] = DATABASES
    only: Mapping[str, str] = field(default_factory=dict)

    def cases(self) -> list[tuple[str, str]]:
        """Fault and database, for each fault on each database that it belongs to."""
        return [
            (fault, where)
            for fault in self.faults
            for where in self.databases
            if self.only.get(fault, where) == where
        ]


class Worlds:
    """Worlds, each made when first asked for and kept until the end."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self._made: dict[tuple[str, int, int, Fault | None], World] = {}

    def world(self, database: str, n: int = 12, seed: int = 1, fault: Fault | None = None) -> World:
        """The world of this database, size and seed, with or without a fault."""
        key = (database, n, seed, fault)
        if key not in self._made:
            self._made[key] = answered_world(self.ground, database, n=n, seed=seed, fault=fault)
        return self._made[key]

    def close(self) -> None:
        """Takes all away."""
        for world in self._made.values():
            world.close()
        self._made.clear()


def verdicts(
    attack: Attack,
    worlds: Worlds,
    database: str,
    n: int,
    seeds: tuple[int, ...],
    fault: Fault | None = None,
) -> list[Verdict]:
    """What the attack comes to on worlds of these seeds."""
    return judge([attack.attempt(worlds.world(database, n, seed, fault)) for seed in seeds])


def assert_at_chance(attack: Attack, worlds: Worlds, database: str, n: int) -> None:
    """The attack finds nothing; what it finds once is looked at again on fresh seeds, for chance
    finds something once in 1,000.
    """
    found = verdicts(attack, worlds, database, n, SEEDS[n])
    if again := {verdict.name for verdict in found if verdict.found}:
        fresh = tuple(Random(seed).randrange(FRESH, FRESH**2) for seed in SEEDS[n])
        confirmed = [
            verdict
            for verdict in verdicts(attack, worlds, database, n, fresh)
            if verdict.name in again
        ]
        assert finds(confirmed) == []


def assert_caught(attack: Attack, worlds: Worlds, database: str, fault: str) -> None:
    """The attack finds its fault."""
    assert finds(verdicts(attack, worlds, database, 12, (1,), attack.faults[fault])), (
        f"{attack.id} misses: {fault}"
    )


def at_chance(attack: Attack) -> pytest.MarkDecorator:
    """Parametrizes a test with the databases and sizes of an attack."""
    cases = [
        pytest.param(where, n, marks=[proof("attacks")] if n > min(SEEDS) else [])
        for where in attack.databases
        for n in SEEDS
    ]
    return pytest.mark.parametrize(("database", "n"), cases)


def with_faults(attack: Attack) -> pytest.MarkDecorator:
    """Parametrizes a test with the faults of an attack and their databases."""
    return pytest.mark.parametrize(("fault", "database"), attack.cases())
