"""Where nothing is different, the product's own findings seldom call something clear."""

import numpy as np
import pytest

from survey import statistics
from tests.load.pages import measurements
from tests.proofs import examples, proof
from tests.statistics.simulated_findings import (
    BATCH,
    Situation,
    rates_of_family,
    situations,
    spoken_in,
)

BOUNDS = {1: 0.07, 2: 0.10, 3: 0.10}
CHECK_OF = {1: "family-headline", 2: "family-targets", 3: "family-exploration"}
HARDEST: Situation = ("12 x 10", "high", 0)


@proof("simulations")
@pytest.mark.parametrize("family", BOUNDS)
def test_a_family_speaks_seldom_in_every_design(family: int) -> None:
    rates = rates_of_family(family, examples(25) // BATCH)
    assert {where: rate for where, rate in rates.items() if rate > BOUNDS[family]} == {}
    published = next(one for one in measurements()["checks"] if one["id"] == CHECK_OF[family])
    assert np.mean(list(rates.values())) == pytest.approx(published["large"]["mean"], abs=0.01)


def test_there_are_families_to_judge_in_every_situation() -> None:
    found = [spoken_in(situation, 0, 2) for situation in situations()]
    assert {frozenset(one) for one in found} == {frozenset({3}), frozenset({1, 2, 3})}


def test_without_adjusting_the_product_would_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "adjust_by_family", lambda p_values, families: tuple(p_values))
    spoken = spoken_in.__wrapped__(HARDEST, 0, 10)
    assert spoken[3] >= 8
