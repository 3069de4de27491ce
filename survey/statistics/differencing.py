"""What published sums give away about the cells below them: by subtraction, and by the bounds that whole numbers leave.

A union of cells is determined when its indicator lies in the row space of the published facts; a single cell is disclosed by bounds
when the lowest and the highest whole number that all facts allow lie too close together (Hundepool et al., Statistical Disclosure
Control, Wiley, 2012, sections 4.2 and 4.4: the attacker's problem). Row spaces are exact, in fractions; bounds are whole-number
programs (HiGHS).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations
from math import ceil, floor, inf, isfinite

import numpy as np

MOST_ROWS = 12  # that share cells: all their subsets are tried; beyond, singles, pairs and threes
NARROW = 0.5
_SLACK, _SECONDS = 1e-6, 2.0


@dataclass(frozen=True, slots=True)
class Fact:
    """A published sum: the cells, each times its weight, together lie between low and high."""

    weights: Mapping[str, float]
    low: float
    high: float

    @classmethod
    def total(cls, cells: Iterable[str], value: int) -> "Fact":
        """The plain sum of these cells."""
        return cls(dict.fromkeys(cells, 1), value, value)

    @property
    def is_total(self) -> bool:
        """Whether it is an exact sum with whole weights."""
        return self.low == self.high and all(
            float(weight).is_integer() for weight in self.weights.values()
        )


@dataclass(frozen=True, slots=True)
class Union:
    """Cells whose sum is determined, and that sum."""

    cells: frozenset[str]
    value: int


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A cell: the range that its published neighbours allow, and the range that all facts together leave."""

    cell: str
    allowed: tuple[float, float]
    left: tuple[float, float]

    @property
    def is_open(self) -> bool:
        """Whether the neighbours leave anything to find out."""
        return self.allowed[0] < self.allowed[1]

    @property
    def is_exact(self) -> bool:
        """Whether the facts determine a cell that its neighbours leave open."""
        return self.is_open and self.left[0] == self.left[1]

    @property
    def is_narrow(self) -> bool:
        """Whether less than half of the possible values are left of what the neighbours allow."""
        possible, left = (high - low + 1 for low, high in (self.allowed, self.left))
        return self.is_open and left < NARROW * possible


class Space:
    """All sums that follow from the exact facts, in reduced row echelon form."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self._rows: dict[str, tuple[dict[str, Fraction], Fraction]] = {}
        for fact in sorted(facts, key=lambda fact: len(fact.weights)):
            if fact.is_total:
                self._add(
                    {cell: Fraction(weight) for cell, weight in fact.weights.items() if weight},
                    Fraction(fact.low),
                )

    def value(self, cells: Collection[str]) -> Fraction | None:
        """The sum of these cells, or None where it does not follow.

        >>> space = Space([Fact.total(["a", "b", "c"], 12), Fact.total(["a"], 7)])
        >>> space.value(["b", "c"]), space.value(["b"])
        (Fraction(5, 1), None)
        """
        left, rest = self._reduced(dict.fromkeys(cells, Fraction(1)), Fraction(0))
        return None if left else -rest

    def below(self, minimum: int) -> tuple[Union, ...]:
        """Every determined union of cells whose sum lies below the minimum and that no smaller one is part of.

        In echelon form a union is the sum of some of the rows, for each row alone holds its pivot; so subsets of rows that share
        cells are tried, and a union over rows that share none is no news.
        """
        found = [
            union for rows in self._components for union in _unions(rows) if union.value < minimum
        ]
        return tuple(one for one in found if not any(other.cells < one.cells for other in found))

    @cached_property
    def _components(self) -> list[list[tuple[dict[str, Fraction], Fraction]]]:
        """Rows by the cells that they share."""
        blocks: list[tuple[set[str], list[tuple[dict[str, Fraction], Fraction]]]] = []
        for row in self._rows.values():
            touched = [block for block in blocks if block[0] & row[0].keys()]
            blocks = [block for block in blocks if not any(block is other for other in touched)]
            cells = set(row[0]).union(*(block[0] for block in touched))
            blocks.append((cells, [row, *(inner for block in touched for inner in block[1])]))
        return [rows for _, rows in blocks]

    def _reduced(
        self, row: dict[str, Fraction], value: Fraction
    ) -> tuple[dict[str, Fraction], Fraction]:
        for pivot in [cell for cell in row if cell in self._rows]:
            other, known = self._rows[pivot]
            times = row[pivot]
            value -= times * known
            for cell, weight in other.items():
                row[cell] = row.get(cell, Fraction(0)) - times * weight
                if not row[cell]:
                    del row[cell]
        return row, value

    def _add(self, row: dict[str, Fraction], value: Fraction) -> None:
        row, value = self._reduced(row, value)
        if not row:
            return
        pivot = min(row)
        first = row[pivot]
        new = {cell: weight / first for cell, weight in row.items()}, value / first
        for old, (cells, known) in list(self._rows.items()):
            if pivot in cells:
                times = cells[pivot]
                both = cells.keys() | new[0].keys()
                merged = {
                    cell: cells.get(cell, Fraction(0)) - times * new[0].get(cell, Fraction(0))
                    for cell in both
                }
                self._rows[old] = (
                    {cell: weight for cell, weight in merged.items() if weight},
                    known - times * new[1],
                )
        self._rows[pivot] = new


def solved_unions(facts: Iterable[Fact], minimum: int) -> tuple[Union, ...]:
    """Every smallest union of groups whose number of answers follows from the facts and lies below the minimum.

    >>> solved_unions([Fact.total(["Sales", "Service", "Legal"], 24), Fact.total(["Sales", "Service"], 21)], 5)
    (Union(cells=frozenset({'Legal'}), value=3),)
    """
    return Space(facts).below(minimum)


def narrowed(
    facts: Sequence[Fact], neighbours: Sequence[Fact], cells: Iterable[str]
) -> tuple[Narrowed, ...]:
    """For each cell the range that its neighbours allow and the one that all facts leave; both over whole numbers from 0.

    >>> sums = [Fact.total(["a", "b"], 5)]
    >>> weighted = Fact({"a": 9 / 58 / 4, "b": 8 / 58 / 6}, 0.1620, 0.1625)
    >>> narrowed([*sums, weighted], sums, ["a"])
    (Narrowed(cell='a', allowed=(0, 5), left=(3, 3)),)
    """
    wanted = list(cells)
    allowed, left = ranges(neighbours, wanted), ranges([*neighbours, *facts], wanted)
    return tuple(Narrowed(cell, allowed[cell], left[cell]) for cell in wanted)


def ranges(facts: Sequence[Fact], cells: Iterable[str]) -> dict[str, tuple[float, float]]:
    """The lowest and highest whole number that each cell may be, given the facts; infinite where nothing limits it."""
    blocks = _blocks(facts)
    return {cell: _range(blocks.get(cell, []), cell) for cell in cells}


def _blocks(facts: Sequence[Fact]) -> dict[str, list[Fact]]:
    """The facts that touch a cell, directly or through other cells."""
    found: dict[str, list[Fact]] = {}
    for fact in facts:
        joined = [fact]
        for block in {
            id(found[cell]): found[cell] for cell in fact.weights if cell in found
        }.values():
            joined += block
        for one in joined:
            found |= dict.fromkeys(one.weights, joined)
    return found


def _range(facts: Sequence[Fact], cell: str) -> tuple[float, float]:
    most: dict[str, float] = defaultdict(lambda: inf)
    for fact in facts:
        if all(weight >= 0 for weight in fact.weights.values()):
            for name, weight in fact.weights.items():
                if weight:
                    most[name] = min(most[name], floor(fact.high / weight + _SLACK))
    several = [fact for fact in facts if len(fact.weights) > 1 or fact.low > 0]
    if not several:
        return 0, most[cell]
    names = sorted({name for fact in several for name in fact.weights} | {cell})
    table = np.array([[float(fact.weights.get(name, 0)) for name in names] for fact in several])
    limits = (
        table,
        [fact.low - _SLACK for fact in several],
        [fact.high + _SLACK for fact in several],
    )
    low, high = (_extreme(names, cell, limits, most, sign) for sign in (1, -1))
    return low, high


def _extreme(
    names: Sequence[str],
    cell: str,
    limits: tuple[object, ...],
    most: Mapping[str, float],
    sign: int,
) -> float:
    """The lowest (sign 1) or highest (-1) value of a cell; a bound that is never too tight where the time ran out."""
    from scipy.optimize import Bounds, milp

    goal = np.array([float(sign * (name == cell)) for name in names])
    found = milp(
        goal,
        integrality=np.ones(len(names)),
        bounds=Bounds(np.zeros(len(names)), [most[name] for name in names]),
        constraints=limits,
        options={"time_limit": _SECONDS},
    )
    bound: float | None = found.fun if found.status == 0 else getattr(found, "mip_dual_bound", None)
    if bound is None or not isfinite(bound):
        return 0 if sign > 0 else most[cell]
    return ceil(bound - _SLACK) if sign > 0 else floor(-bound + _SLACK)


def _unions(rows: Sequence[tuple[dict[str, Fraction], Fraction]]) -> list[Union]:
    """The sums of rows that hold each of their cells exactly once."""
    sizes = range(1, len(rows) + 1) if len(rows) <= MOST_ROWS else range(1, 4)
    found = []
    for size in sizes:
        for chosen in combinations(rows, size):
            held: dict[str, Fraction] = defaultdict(Fraction)
            for cells, _ in chosen:
                for cell, weight in cells.items():
                    held[cell] += weight
            union = frozenset(cell for cell, weight in held.items() if weight)
            if union and all(held[cell] == 1 for cell in union):
                found.append(Union(union, int(sum(value for _, value in chosen))))
    return found
