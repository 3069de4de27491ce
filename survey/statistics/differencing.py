"""What published sums give away about the cells below them: by subtraction, and by bounds.

A union of cells is determined when its indicator lies in the row space of the published facts; a
single cell is disclosed by bounds when the lowest and the highest whole number that all facts allow
lie too close together (Hundepool et al., Statistical Disclosure Control, Wiley, 2012, sections 4.2
and 4.4: the attacker's problem). Row spaces are exact, in fractions; bounds are whole-number
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
_SLACK = 1e-6  # in favour of what is possible, against rounding
_SECONDS = 2.0  # for one whole-number program

_Row = tuple[dict[str, Fraction], Fraction]  # an exact sum: the cells' weights, and its value


@dataclass(frozen=True, slots=True)
class Fact:
    """A published sum: the cells, each times its weight, together lie between low and high."""

    weights: Mapping[str, float]
    low: float
    high: float

    @classmethod
    def total(cls, cells: Iterable[str], value: int) -> "Fact":
        """The fact that these cells, each once, add up to exactly this value."""
        return cls(dict.fromkeys(cells, 1), value, value)

    @property
    def is_total(self) -> bool:
        """Whether the sum is exact (`low` equals `high`) and all weights are whole numbers."""
        return self.low == self.high and all(
            float(weight).is_integer() for weight in self.weights.values()
        )


@dataclass(frozen=True, slots=True)
class Union:
    """A set of cells whose sum follows from the published facts, and that sum."""

    cells: frozenset[str]
    value: int


@dataclass(frozen=True, slots=True)
class Narrowed:
    """The values a cell may have: by its neighbours (`allowed`), and by all facts (`left`).

    A range is a pair of its lowest and highest value. Neighbours are the facts published beside the
    cell.
    """

    cell: str
    allowed: tuple[float, float]
    left: tuple[float, float]

    @property
    def is_open(self) -> bool:
        """Whether the neighbours leave the cell more than one possible value."""
        return self.allowed[0] < self.allowed[1]

    @property
    def is_exact(self) -> bool:
        """Whether the facts determine a cell that its neighbours leave open."""
        return self.is_open and self.left[0] == self.left[1]

    @property
    def is_narrow(self) -> bool:
        """Whether fewer than half of the values that the neighbours allow are left by all facts."""
        possible = self.allowed[1] - self.allowed[0] + 1
        left = self.left[1] - self.left[0] + 1
        return self.is_open and left < NARROW * possible


class Space:
    """All sums that follow from the exact facts; facts that are ranges are ignored.

    It is their row space, in reduced row echelon form.
    """

    def __init__(self, facts: Iterable[Fact]) -> None:
        self._rows: dict[str, _Row] = {}  # by the pivot, which no other row holds
        for fact in sorted(facts, key=lambda fact: len(fact.weights)):
            if fact.is_total:
                weights = {cell: Fraction(w) for cell, w in fact.weights.items() if w}
                self._add(weights, Fraction(fact.low))

    def value(self, cells: Collection[str]) -> Fraction | None:
        """The sum of these cells, or None where the exact facts do not determine it.

        >>> space = Space([Fact.total(["a", "b", "c"], 12), Fact.total(["a"], 7)])
        >>> space.value(["b", "c"]), space.value(["b"])
        (Fraction(5, 1), None)
        """
        weights, remainder = self._reduce(dict.fromkeys(cells, Fraction(1)), Fraction(0))
        return None if weights else -remainder

    def below(self, minimum: int) -> tuple[Union, ...]:
        """The smallest sets of cells whose sum is determined and lies below the minimum.

        A union is left out when a smaller one below the minimum is part of it. In echelon form a
        union is the sum of some of the rows, for each row alone holds its pivot; so subsets of rows
        that share cells are tried, and a union over rows that share none is no news.
        """
        unions = [
            union for rows in self._components for union in _unions(rows) if union.value < minimum
        ]

        def is_smallest(union: Union) -> bool:
            return not any(other.cells < union.cells for other in unions)

        return tuple(filter(is_smallest, unions))

    @cached_property
    def _components(self) -> list[list[_Row]]:
        """The rows in blocks: rows that share cells, directly or through others, are in one."""
        blocks: list[tuple[set[str], list[_Row]]] = []
        for row in self._rows.values():
            weights, _ = row
            cells, rows = set(weights), [row]
            apart = []
            for block in blocks:
                if block[0] & weights.keys():
                    cells |= block[0]
                    rows += block[1]
                else:
                    apart.append(block)
            blocks = [*apart, (cells, rows)]
        return [rows for _, rows in blocks]

    def _reduce(self, weights: dict[str, Fraction], value: Fraction) -> _Row:
        """Subtracts the known rows from a sum and gives what is left; changes `weights` itself."""
        for pivot in [cell for cell in weights if cell in self._rows]:
            row_weights, row_value = self._rows[pivot]
            times = weights[pivot]
            value -= times * row_value
            for cell, weight in row_weights.items():
                weights[cell] = weights.get(cell, Fraction(0)) - times * weight
                if not weights[cell]:
                    del weights[cell]
        return weights, value

    def _add(self, weights: dict[str, Fraction], value: Fraction) -> None:
        """Adds a sum to the rows and reduces the others by it; nothing if it follows from them."""
        weights, value = self._reduce(weights, value)
        if not weights:
            return
        pivot = min(weights)
        first = weights[pivot]
        new_weights = {cell: weight / first for cell, weight in weights.items()}
        new_value = value / first
        for old_pivot, (old_weights, old_value) in list(self._rows.items()):
            if pivot in old_weights:
                times = old_weights[pivot]
                difference = {
                    cell: old_weights.get(cell, Fraction(0))
                    - times * new_weights.get(cell, Fraction(0))
                    for cell in old_weights.keys() | new_weights.keys()
                }
                without_zeros = {cell: weight for cell, weight in difference.items() if weight}
                self._rows[old_pivot] = without_zeros, old_value - times * new_value
        self._rows[pivot] = new_weights, new_value


def solved_unions(facts: Iterable[Fact], minimum: int) -> tuple[Union, ...]:
    """The smallest sets of groups whose number of answers follows and lies below the minimum.

    It follows from the exact facts among `facts`, by adding and subtracting.

    >>> three = Fact.total(["Sales", "Service", "Legal"], 24)
    >>> two = Fact.total(["Sales", "Service"], 21)
    >>> solved_unions([three, two], 5)
    (Union(cells=frozenset({'Legal'}), value=3),)
    """
    return Space(facts).below(minimum)


def narrowed(
    facts: Sequence[Fact], neighbours: Sequence[Fact], cells: Iterable[str]
) -> tuple[Narrowed, ...]:
    """For each cell the range that `neighbours` allow, and the range that all facts leave.

    Both are ranges of whole numbers from 0 up.

    >>> sums = [Fact.total(["a", "b"], 5)]
    >>> weighted = Fact({"a": 9 / 58 / 4, "b": 8 / 58 / 6}, 0.1620, 0.1625)
    >>> narrowed([*sums, weighted], sums, ["a"])
    (Narrowed(cell='a', allowed=(0, 5), left=(3, 3)),)
    """
    wanted = list(cells)
    allowed = ranges(neighbours, wanted)
    left = ranges([*neighbours, *facts], wanted)
    return tuple(Narrowed(cell, allowed[cell], left[cell]) for cell in wanted)


def ranges(facts: Sequence[Fact], cells: Iterable[str]) -> dict[str, tuple[float, float]]:
    """The lowest and the highest whole number that each cell may be, given the facts.

    The highest is infinite where nothing limits it.
    """
    facts_by_cell = _group_facts_by_cell(facts)
    return {cell: _range_of_cell(facts_by_cell.get(cell, []), cell) for cell in cells}


def _group_facts_by_cell(facts: Sequence[Fact]) -> dict[str, list[Fact]]:
    """For each cell the facts that touch it, directly or through other cells."""
    facts_by_cell: dict[str, list[Fact]] = {}
    for fact in facts:
        touched = [facts_by_cell[cell] for cell in fact.weights if cell in facts_by_cell]
        joined = [fact]
        for block in {id(block): block for block in touched}.values():
            joined += block
        for member in joined:
            facts_by_cell |= dict.fromkeys(member.weights, joined)
    return facts_by_cell


def _range_of_cell(facts: Sequence[Fact], cell: str) -> tuple[float, float]:
    """The lowest and the highest whole number that one cell may be, given these facts.

    By a whole-number program over them; the caller gives all that bear on the cell. The facts that
    say more than how large single cells may be, so those about several cells or with a lowest value
    above 0, are the program's constraints.
    """
    most = _upper_bounds(facts)
    constraints = [fact for fact in facts if len(fact.weights) > 1 or fact.low > 0]
    if not constraints:
        return 0, most[cell]
    names = sorted({name for fact in constraints for name in fact.weights} | {cell})
    matrix = [[float(fact.weights.get(name, 0)) for name in names] for fact in constraints]
    lowest = [fact.low - _SLACK for fact in constraints]
    highest = [fact.high + _SLACK for fact in constraints]
    limits = (np.array(matrix), lowest, highest)
    low = _extreme(names, cell, limits, most, 1)
    high = _extreme(names, cell, limits, most, -1)
    return low, high


def _upper_bounds(facts: Sequence[Fact]) -> dict[str, float]:
    """The highest value of each cell, from each fact without negative weights by itself.

    Infinite for a cell that no such fact holds.
    """
    most: dict[str, float] = defaultdict(lambda: inf)
    for fact in facts:
        if any(weight < 0 for weight in fact.weights.values()):
            continue
        for name, weight in fact.weights.items():
            if weight:
                most[name] = min(most[name], floor(fact.high / weight + _SLACK))
    return most


def _extreme(
    names: Sequence[str],
    cell: str,
    limits: tuple[object, ...],
    most: Mapping[str, float],
    sign: int,
) -> float:
    """The lowest (sign 1) or highest (sign -1) value of a cell; after 2 seconds, a safe bound.

    `names` are the variables; `limits` the constraints as scipy takes them: matrix, lowest and
    highest values; `most` the highest value of each variable. Where the time ran out, the result is
    a bound that is never too tight.
    """
    from scipy.optimize import Bounds, milp

    goal = np.array([float(sign * (name == cell)) for name in names])
    result = milp(
        goal,
        integrality=np.ones(len(names)),
        bounds=Bounds(np.zeros(len(names)), [most[name] for name in names]),
        constraints=limits,
        options={"time_limit": _SECONDS},
    )
    is_solved = result.status == 0
    bound: float | None = result.fun if is_solved else getattr(result, "mip_dual_bound", None)
    if bound is None or not isfinite(bound):
        return 0 if sign > 0 else most[cell]
    return ceil(bound - _SLACK) if sign > 0 else floor(-bound + _SLACK)


def _unions(rows: Sequence[_Row]) -> list[Union]:
    """The sets of cells that sums of these rows hold exactly once each, with their values.

    All sums are tried of up to 12 rows, beyond that those of one, two and three rows.
    """
    sizes = range(1, len(rows) + 1) if len(rows) <= MOST_ROWS else range(1, 4)
    unions = []
    for size in sizes:
        for chosen in combinations(rows, size):
            total: dict[str, Fraction] = defaultdict(Fraction)
            for weights, _ in chosen:
                for cell, weight in weights.items():
                    total[cell] += weight
            cells = frozenset(cell for cell, weight in total.items() if weight)
            if cells and all(total[cell] == 1 for cell in cells):
                unions.append(Union(cells, int(sum(value for _, value in chosen))))
    return unions
