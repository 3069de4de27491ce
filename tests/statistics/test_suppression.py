"""What is shown: groups grow until they may be shown, and what is hidden cannot be found by
subtraction.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.statistics.suppression import (
    hidden_cells,
    may_compare,
    merge_small,
    merge_to_invited,
    neighbouring_band,
    shared_by_enough,
)

sizes = st.lists(st.integers(0, 40), min_size=1, max_size=9)


@given(sizes, st.integers(1, 12))
def test_merging_loses_nobody_and_leaves_no_small_group_beside_another(
    invited: list[int], minimum: int
) -> None:
    groups = [(f"G{at}", number + 5, number) for at, number in enumerate(invited)]
    for merged, of in (
        (merge_small(groups, minimum), "answers"),
        (merge_to_invited([(name, people) for name, people, _ in groups], minimum), "invited"),
    ):
        assert sorted(name for group in merged for name in group.members) == sorted(
            name for name, _, _ in groups
        )
        assert sum(group.invited for group in merged) == sum(people for _, people, _ in groups)
        assert len(merged) == 1 or all(getattr(group, of) >= minimum for group in merged)
        assert all(len(group.members) > 1 or group.name == group.members[0] for group in merged)
    assert merge_small(groups, minimum) == merge_small(groups[::-1], minimum)


@given(sizes, st.sampled_from([5, 10]))
def test_a_hidden_cell_never_stands_alone_and_never_under_the_threshold(
    answers: list[int], threshold: int
) -> None:
    cells = {f"G{at}": number for at, number in enumerate(answers)}
    hidden = hidden_cells(list(cells.items()), threshold)
    small = {name for name, number in cells.items() if number < threshold}
    assert small <= hidden
    assert bool(hidden) == bool(small)
    if hidden and hidden != cells.keys():
        assert len(hidden) >= 2
        assert sum(cells[name] for name in hidden) >= threshold
    assert hidden == hidden_cells(list(cells.items())[::-1], threshold)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((0, 0, 0, 3, 4), "all 4 or 5"),
        ((0, 0, 0, 7, 0), "all 4 or 5"),
        ((0, 0, 0, 0, 7), "all 4 or 5"),
        ((7, 0, 0, 0, 0), "all 1 or 2"),
        ((0, 7, 0, 0, 0), "all 1 or 2"),
        ((0, 0, 7, 0, 0), "all 2 or 3"),
        ((0, 2, 2, 0, 0), "all 2 or 3"),
        ((1, 0, 1, 0, 0), None),
        ((0, 0, 0, 0, 0), None),
    ],
)
def test_answers_on_neighbouring_points_are_said_in_words_that_hide_whether_they_were_alike(
    counts: tuple[int, ...], words: str
) -> None:
    assert neighbouring_band(counts, 1) == words


def test_thresholds_stand_where_the_documents_say() -> None:
    assert (may_compare(10, 10), may_compare(10, 9), may_compare(9, 10)) == (True, False, False)
    assert (shared_by_enough(5), shared_by_enough(4)) == (True, False)
