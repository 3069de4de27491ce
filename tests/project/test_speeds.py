"""What runs at which speed is told by what a test needs, and the table of proofs names every proof
once.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.proofs import PROOFS, examples, proof
from tests.speeds import traits

ROOT = Path(__file__).parents[2]
MINUTES, CORES = 45, 2
ROOMS = ("tests/organisation", "tests/kernel")


def chosen(*options: str) -> list[str]:
    """The tests that pytest collects with these options, by name."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-p",
        "no:cacheprovider",
        *options,
    ]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if "::" in line]


@proof("benchmarks")
def test_a_room_is_checked_without_servers_and_tested_with_them_and_its_properties_are_proved() -> (
    None
):
    checked, whole, proved = (
        set(chosen("--speed", speed, *ROOMS)) for speed in ("check", "test", "verify")
    )
    assert len(whole) / 2 < len(checked) < len(whole)
    assert checked < whole
    assert {name for name in whole - checked if "postgresql" not in name} == set()
    assert [name for name in checked if "postgresql" in name] == []
    assert proved & whole, "properties are drawn at every speed"
    assert {name for name in proved - whole if "postgresql" not in name} == set()


def test_what_a_test_needs_is_seen(request: pytest.FixtureRequest, database_url: str) -> None:
    wanted = {"database"} | ({"postgresql"} if database_url.startswith("postgresql") else set())
    assert traits(request.node) == wanted


def test_the_proofs_of_the_table_are_those_of_the_tests_and_fit_into_their_time() -> None:
    named: set[str] = {"properties"}
    for path in (ROOT / "tests").rglob("*.py"):
        named |= set(re.findall(r'\b(?:proof|sizes|on_postgresql)\("(\w+)"', path.read_text())) - {
            "name"
        }
    assert named == set(PROOFS)
    assert sum(one.minutes for one in PROOFS.values()) <= MINUTES * CORES
    assert all(one.minutes > 0 and one.what and one.kept for one in PROOFS.values())


def test_a_proof_that_the_table_does_not_list_is_refused() -> None:
    name = "nothing"
    with pytest.raises(AssertionError, match="does not list the proof nothing"):
        proof(name)


def test_a_test_that_draws_more_examples_than_usual_does_so_at_every_speed() -> None:
    assert examples(300) == 3 * examples(100) >= 90
    assert examples(1) == 5
