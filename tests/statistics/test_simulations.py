"""The methods keep what they promise; the published measurements are those that come out now."""

from typing import Any

import pytest

from tests.load.pages import MEASURED, STATISTICS, filled, measurements
from tests.proofs import proof
from tests.statistics.simulations import CHECKS, Check, Size

STORED = {entry["id"]: entry for entry in measurements()["checks"]}
TOGETHER = [  # one pass gives all of them
    ["stratified-process", "stratified-no-change", "stratified-change-covered"],
    ["stratified-fixed-company", "stratified-fixed-verdict", "stratified-fixed-verdict-often"],
    ["family-headline", "family-targets", "family-exploration"],
    ["year-departments-no-change", "plain-year-fails"],
    ["change-common-shocks", "two-waves-alone-fail"],
    ["alike-level", "alike-response-fails", "alike-change-fails"],
    ["printed-size-found", "printed-size-not-too-large"],
]
SLOW = {"stratified-level", "stratified-change-covered"}  # seconds, even when small


def simulations(size: Size) -> list[Any]:
    """The checks that are made together.

    What takes seconds when small, and everything large, is a proof.
    """
    apart = set(CHECKS).difference(*TOGETHER)
    groups = [*TOGETHER, *([name] for name in CHECKS if name in apart)]
    return [
        pytest.param(
            names,
            size,
            id=f"{names[-1]}-{size}",
            marks=[proof("simulations")] if size == "large" or SLOW & {*names} else [],
        )
        for names in groups
    ]


@pytest.mark.parametrize(("names", "size"), [*simulations("small"), *simulations("large")])
def test_a_promise_holds_and_is_what_was_published(names: list[str], size: Size) -> None:
    for name in names:
        measured, stored = CHECKS[name](size), STORED[name]
        assert measured.holds, measured
        assert (stored["what"], stored["at_least"], stored["bound"]) == (
            measured.what,
            measured.at_least,
            measured.bound,
        ), "run: make bench"
        assert stored[size]["cells"] == measured.cells, "run: make bench"
        assert (stored[size]["worst"], stored[size]["mean"]) == pytest.approx(
            (measured.worst, measured.mean), abs=0.002
        ), "run: make bench"


def test_what_is_made_together_are_checks() -> None:
    assert set().union(*TOGETHER) <= set(CHECKS)


def test_the_larger_measurements_keep_the_promises_too() -> None:
    assert list(STORED) == list(CHECKS)
    for entry in STORED.values():
        assert Check(
            entry["id"],
            entry["what"],
            at_least=entry["at_least"],
            bound=entry["bound"],
            **entry["large"],
        ).holds, entry["id"]


@pytest.mark.parametrize(
    ("at_least", "worst", "holds"),
    [(True, 0.95, True), (True, 0.94, False), (False, 0.05, True), (False, 0.06, False)],
)
def test_a_broken_promise_is_seen(at_least: bool, worst: float, holds: bool) -> None:  # noqa: FBT001
    assert Check("x", "x", 1, at_least, 0.95 if at_least else 0.05, worst, 0.5).holds is holds


def test_the_page_about_statistics_shows_what_was_measured_and_shows_every_check() -> None:
    page = STATISTICS.read_text()
    assert filled(page, measurements()) == page, "run: make bench"
    assert all(entry["what"] in page for entry in STORED.values())
    assert MEASURED.parent.name == "statistics"


def test_a_page_that_was_changed_by_hand_is_found() -> None:
    page, mean = STATISTICS.read_text(), f"{100 * STORED['share-level']['large']['mean']:.1f} %"
    changed = page.replace(mean, "99.9 %")
    assert changed != page
    assert filled(changed, measurements()) == page
