"""Where nothing is different, the product's own findings seldom call something clear."""

import pytest

from survey import statistics
from tests.statistics.simulations import simulated_findings

HARDEST = ("12 x 10", "high", 0)


def test_there_are_families_to_judge_in_every_situation() -> None:
    situations = simulated_findings.situations()
    found = [simulated_findings.spoken_in(situation, 0, 2) for situation in situations]
    assert {frozenset(one) for one in found} == {frozenset({3}), frozenset({1, 2, 3})}


def test_without_adjusting_the_product_would_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "adjust_by_family", lambda p_values, families: tuple(p_values))
    spoken = simulated_findings.spoken_in.__wrapped__(HARDEST, 0, 10)
    assert spoken[3] >= 8
