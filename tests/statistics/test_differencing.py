"""What follows from sums: compared with every possibility tried, and at the size of a large
company.
"""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey.statistics.differencing import Fact, Space, narrowed, ranges, solved_unions
from tests.proofs import examples

NAMES = ("A", "B", "C", "D", "E")
unions = st.frozensets(st.sampled_from(NAMES), min_size=1)


@given(
    st.lists(unions, max_size=5),
    st.lists(st.integers(0, 9), min_size=5, max_size=5),
    st.integers(1, 12),
)
def test_exactly_the_unions_in_the_row_space_are_solved(
    published: list[frozenset[str]], answers: list[int], minimum: int
) -> None:
    true = dict(zip(NAMES, answers, strict=True))
    facts = [Fact.total(union, sum(true[name] for name in union)) for union in published]
    rows = np.array(
        [[name in union for name in NAMES] for union in published], dtype=float
    ).reshape(-1, len(NAMES))
    solvable = {
        frozenset(chosen)
        for size in range(1, len(NAMES) + 1)
        for chosen in combinations(NAMES, size)
        if np.linalg.matrix_rank(np.vstack([rows, [name in chosen for name in NAMES]]))
        == (np.linalg.matrix_rank(rows) if published else 0)
    }
    space = Space(facts)
    for chosen in solvable:
        assert space.value(chosen) == sum(true[name] for name in chosen)
    low = {chosen for chosen in solvable if sum(true[name] for name in chosen) < minimum}
    solved = {union.cells: union.value for union in solved_unions(facts, minimum)}
    assert solved.keys() <= low
    assert all(any(smaller <= chosen for smaller in solved) for chosen in low)
    assert all(value == sum(true[name] for name in cells) for cells, value in solved.items())


@settings(max_examples=examples(25))
@given(
    st.lists(st.tuples(unions, st.integers(1, 4)), min_size=1, max_size=3),
    st.lists(st.integers(0, 4), min_size=5, max_size=5),
)
def test_the_range_of_a_cell_is_that_of_all_whole_numbers_tried(
    published: list[tuple[frozenset[str], int]], answers: list[int]
) -> None:
    true = dict(zip(NAMES, answers, strict=True))
    facts = [Fact({name: 1}, 0, 4) for name in NAMES]
    for union, times in published:
        weights = {name: times if name == "A" else 1 for name in union}
        total = sum(weight * true[name] for name, weight in weights.items())
        facts.append(Fact(weights, total, total))
    fits = [
        table
        for table in product(range(5), repeat=len(NAMES))
        if all(
            sum(fact.weights.get(name, 0) * x for name, x in zip(NAMES, table, strict=True))
            == fact.low
            for fact in facts[len(NAMES) :]
        )
    ]
    expected = {
        name: (min(t[at] for t in fits), max(t[at] for t in fits)) for at, name in enumerate(NAMES)
    }
    assert ranges(facts, NAMES) == expected


def test_two_hundred_groups_and_the_two_that_are_hidden() -> None:
    names = [f"G{at}" for at in range(200)]
    facts = [Fact.total([name], 10) for name in names[2:]] + [Fact.total(names, 1984)]
    facts += [Fact.total(set(names) - {name}, 1974) for name in names[2:]]
    assert solved_unions(facts, 5) == solved_unions(facts[:199], 5)
    ((cells, value),) = [(union.cells, union.value) for union in solved_unions(facts, 5)]
    assert (cells, value) == (frozenset(names[:2]), 4)
    assert {
        (*union.cells, union.value) for union in solved_unions([*facts, Fact.total(["G0"], 3)], 5)
    } == {("G0", 3), ("G1", 1)}


def test_a_difference_of_overlapping_sums_is_seen() -> None:
    facts = [Fact.total("AB", 12), Fact.total("BC", 11), Fact.total("AC", 17)]
    assert [(sorted(union.cells), union.value) for union in solved_unions(facts, 5)] == [(["B"], 3)]


def test_a_value_weighed_by_two_small_groups_tells_both() -> None:
    neighbours = [Fact({"Finance": 1}, 0, 4), Fact({"Legal": 1}, 0, 6)]
    weighed = Fact({"Finance": 9 / 58 / 4, "Legal": 8 / 58 / 6}, 0.1615, 0.1625)
    both = ["Finance", "Legal"]
    cells = narrowed([weighed], neighbours, both)
    assert [(cell.cell, cell.left, cell.is_exact) for cell in cells] == [
        ("Finance", (3, 3), True),
        ("Legal", (2, 2), True),
    ]
    together = Fact({"Finance": 17 / 58 / 10, "Legal": 17 / 58 / 10}, 0.1465, 0.1466)
    cells = narrowed([together], [*neighbours, Fact.total(both, 5)], both)
    assert [(cell.left, cell.is_exact, cell.is_narrow) for cell in cells] == [
        ((0, 4), False, False),
        ((1, 5), False, False),
    ]


@pytest.mark.parametrize(("high", "narrow"), [(1, True), (2, False)])
def test_narrow_is_less_than_half_of_what_the_neighbours_allow(high: int, *, narrow: bool) -> None:
    (cell,) = narrowed([Fact({"A": 1}, 0, high)], [Fact.total(["A", "B"], 5)], ["A"])
    assert (cell.allowed, cell.left, cell.is_narrow, cell.is_exact) == (
        (0, 5),
        (0, high),
        narrow,
        False,
    )


def test_what_the_neighbours_tell_alone_is_no_disclosure() -> None:
    (cell,) = narrowed([], [Fact.total(["A", "B"], 0)], ["A"])
    assert (cell.is_open, cell.is_exact, cell.is_narrow) == (False, False, False)
    assert ranges([], ["A"]) == {"A": (0, float("inf"))}
