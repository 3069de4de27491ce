"""The long proofs: what `make verify` does beside `make test`, with the minutes that each takes,
and how large `make soak` makes it.

A test, or one of its cases, belongs to a proof by `@pytest.mark.proof("name")`; a test with
properties (Hypothesis) belongs to `properties` by itself. `minutes` are those of one process on a
machine of two cores; a run prints them beside what it took.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

SPEEDS = ("check", "test", "verify", "soak")
USUAL_EXAMPLES = 100  # Hypothesis's own number, by which `examples` scales


@dataclass(frozen=True, slots=True)
class Proof:
    """A long proof: its minutes in `make verify`, what it shows there, what `make test` keeps of
    it, and its full size.
    """

    minutes: float
    what: str
    kept: str
    soak: str = "the same"


PROOFS: Mapping[str, Proof] = {
    "links": Proof(
        14,
        "each link of each letter of a wave, looked at 100 times by GET and HEAD, and by a browser,"
        " changes nothing (two databases)",
        "each link of one wave by GET and HEAD, on SQLite (tests/test_one_wave.py)",
    ),
    "attacks": Proof(
        15,
        "the attack suite on PostgreSQL too, on waves of 60, with every role on every page and 200"
        " posts of each code",
        "every attack with its faults on SQLite, waves of 12, pages seen by managers, 20 posts",
        "`make attack`: 20 waves of each size on each database",
    ),
    "differencing": Proof(
        4,
        "all that is published of 200 random organisations, and 60 with each fault; accomplices in"
        " 200, and in 40 with each fault",
        "40, and 20 with each fault",
    ),
    "simulations": Proof(
        11,
        "every promise of the methods measured as large as `make bench` does, and equal to what is"
        " published",
        "the small form of all but the two slowest",
    ),
    "contradictions": Proof(
        2,
        "2,000 random waves of every kind, put on page, mail and file and read back: nothing"
        " contradicts anything",
        "60, and a fault of each kind put in",
    ),
    "properties": Proof(
        7,
        "what must hold for any input, 400 examples each (or as many times more as a test says),"
        " always the same ones; 1,000 changes of the staff list in any order while a wave is open",
        "30 examples each, some 50 changes",
        "4,000 examples each, new ones every time",
    ),
    "kills": Proof(
        6,
        "counting killed at 20 random moments, the sender killed after handing letters over, a full"
        " disk (two databases)",
        "counting killed at 6 moments (A13), and each step of a long count killed once",
    ),
    "years": Proof(
        5,
        "two years of six surveys in three time zones with restarts and outages (two databases)",
        "none of its length",
    ),
    "workers": Proof(
        3,
        "engines and workers that end, wait and come back; three workers and two web "
        "servers for 20 seconds and 200 people while they are killed and"
        " restarted; workers on PostgreSQL",
        "two engines and ticks beside workers on SQLite (tests/jobs)",
        "120 seconds and 1,000 people",
    ),
    "scale": Proof(
        2,
        "100,000 people imported and removed, 60,000 uploaded as one file (two databases)",
        "3,000 people",
    ),
    "requests": Proof(
        10,
        "100,000 random requests of everybody over all pages (two databases), and every page as"
        " everybody with 25 bodies that are no form",
        "400 requests on each database, a fifth of these bodies on each page",
    ),
    "benchmarks": Proof(
        0.5,
        "what `make bench` measures runs, compares like with like and writes its tables",
        "the tables",
    ),
    "databases": Proof(
        4,
        "the tests that take longest, on PostgreSQL too",
        "these on SQLite, and all others on both",
    ),
    "slow": Proof(
        5, "300 slow connections for two minutes, alone and behind nginx", "130, 6 seconds"
    ),
    "looks": Proof(
        1, "each of the main pages in three widths, light and dark", "three of these six looks"
    ),
    "ceremony": Proof(0.5, "the ceremony in a wide browser", "the ceremony in a narrow one"),
}


def proof(name: str) -> pytest.MarkDecorator:
    """Puts a test, or a case of one, among the proofs."""
    assert name in PROOFS, f"tests/proofs.py does not list the proof {name}"
    return pytest.mark.proof(name)


def on_postgresql(name: str) -> pytest.MarkDecorator:
    """Leaves a long test on SQLite where it is, and puts it among the proofs on PostgreSQL."""
    assert name in PROOFS, f"tests/proofs.py does not list the proof {name}"
    return pytest.mark.proof_on_postgresql(name)


def sizes(name: str, small: Any, large: Any) -> list[Any]:
    """The two cases of a test that `make test` runs small and a proof runs large."""
    return [pytest.param(small, id="small"), pytest.param(large, id="large", marks=proof(name))]


def proof_of(test: pytest.Item) -> str | None:
    """The proof that a test belongs to.

    With properties, which run at every speed, only when no other is named.
    """
    marker = test.get_closest_marker("proof")
    if marker:
        return str(marker.args[0])
    return "properties" if has_properties(test) else None


def has_properties(test: pytest.Item) -> bool:
    """Whether Hypothesis draws the test's values."""
    return bool(getattr(getattr(test, "obj", None), "is_hypothesis_test", False))


def examples(usual: int) -> int:
    """How many examples a test draws at this speed that would usually draw so many."""
    return max(5, usual * settings.default.max_examples // USUAL_EXAMPLES)


def choose_examples(speed: str) -> None:
    """Tells Hypothesis how many examples to draw: always the same ones, but for `soak`.

    Never against a clock.
    """
    number = {"verify": 400, "soak": 4000}.get(speed, 30)
    seeded: dict[str, Any] = {"database": None, "derandomize": True} if speed != "soak" else {}
    slow = [HealthCheck.too_slow]
    settings.register_profile(
        speed, max_examples=number, deadline=None, suppress_health_check=slow, **seeded
    )
    settings.load_profile(speed)
