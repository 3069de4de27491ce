"""Key drivers: weights that are what their paper says, and an order only where it would come out
again.
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from survey.statistics.drivers import KeyDrivers, key_drivers, relative_weights

Rows = NDArray[np.int64]


def answered(people: int, slopes: tuple[float, ...], seed: int = 1) -> tuple[Rows, Rows]:
    """Questions from 1 to 5 that go together, and an overall one that follows by these slopes."""
    source = np.random.default_rng(seed)
    questions = 0.6 * source.standard_normal((people, 1)) + 0.8 * source.standard_normal(
        (people, len(slopes))
    )
    overall = questions @ np.array(slopes) + 0.5 * source.standard_normal(people)
    return tuple(
        np.clip(np.rint(3 + numbers), 1, 5).astype(np.int64) for numbers in (questions, overall)
    )  # type: ignore[return-value]


@pytest.mark.parametrize("seed", range(5))
def test_relative_weights_add_up_to_what_the_regression_explains(seed: int) -> None:
    x, y = answered(150, (0.5, 0.3, 0.1, 0.0), seed)
    design = np.column_stack([np.ones(len(x)), x])
    left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    weights = relative_weights(x, y)
    assert weights.sum() == pytest.approx(1 - left.var() / y.var(), abs=1e-9)
    assert (weights >= 0).all()
    assert relative_weights(x[:, ::-1], y) == pytest.approx(weights[::-1], abs=1e-9)
    assert relative_weights(10 - 3 * x, y) == pytest.approx(weights, abs=1e-9)


def test_two_predictors_are_weighed_as_the_paper_does_by_hand() -> None:
    """With r between the two: the root of the correlation matrix has (a, b) with a = (p + q) / 2, b
    = (p - q) / 2.
    """
    x, y = answered(200, (0.6, 0.2))
    r = np.corrcoef(np.column_stack([x, y]), rowvar=False)
    p, q = np.sqrt(1 + r[0, 1]), np.sqrt(1 - r[0, 1])
    root = np.array([[p + q, p - q], [p - q, p + q]]) / 2
    slopes = np.linalg.solve(root, r[:2, 2])
    assert relative_weights(x, y) == pytest.approx(root**2 @ slopes**2, abs=1e-9)


def test_predictors_that_do_not_vary_or_repeat_each_other_break_nothing() -> None:
    x, y = answered(150, (0.6, 0.2))
    assert relative_weights(np.column_stack([x, np.full(150, 3)]), y)[2] == 0
    twice = relative_weights(np.column_stack([x[:, 0], x[:, 0]]), y)
    assert twice[0] == pytest.approx(twice[1], abs=1e-6)
    drivers = key_drivers(np.column_stack([np.full(150, 3), x]), y)
    assert drivers is not None
    assert 0 not in drivers.places


@pytest.mark.parametrize(
    ("people", "varies", "told"),
    [(99, True, False), (100, True, True), (100, False, False), (0, True, False), (5, True, False)],
)
def test_under_a_hundred_answers_or_without_anything_to_tell_there_are_none(
    people: int,
    varies: bool,  # noqa: FBT001
    told: bool,  # noqa: FBT001
) -> None:
    x, y = answered(people, (0.9, 0.2, 0.0))
    assert (key_drivers(x, y if varies else np.full(people, 4)) is not None) == told


def test_one_question_alone_drives_nothing() -> None:
    x, y = answered(300, (0.9, 0.2))
    assert key_drivers(x[:, :1], y) is None


@pytest.mark.parametrize(("people", "ranked"), [(199, False), (200, True), (900, True)])
def test_an_order_needs_two_hundred_answers(people: int, ranked: bool) -> None:  # noqa: FBT001
    drivers = key_drivers(*answered(people, (0.2, 0.9, 0.0)))
    assert drivers is not None
    assert (drivers.answers, drivers.ranked, drivers.places[0]) == (people, ranked, 1)
    assert len(drivers.places) == (3 if ranked else 1)
    assert (drivers.first, drivers.behind) == ((1, (0, 2)) if ranked else (None, (1,)))


def test_where_several_may_come_first_they_stand_in_the_order_given() -> None:
    drivers = key_drivers(*answered(300, (0.0, 0.4, 0.4, 0.4)))
    assert drivers is not None
    assert not drivers.ranked
    assert list(drivers.places) == sorted(drivers.places)
    assert {1, 2, 3} >= set(drivers.places)
    assert len(drivers.places) >= 2


def test_the_same_answers_always_give_the_same_drivers() -> None:
    x, y = answered(220, (0.4, 0.4, 0.3))
    first = key_drivers(x, y)
    assert isinstance(first, KeyDrivers)
    assert first == key_drivers(x.copy(), y.copy())
