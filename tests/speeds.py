"""The three speeds of the tests, and `soak`.

Which tests run at which, told by what they use and not by lists.
"""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.proofs import PROOFS, SPEEDS, choose_examples, has_properties

ROOT = Path(__file__).parents[1]
MEMORY = Path("/dev/shm")
ROOM = 4 * 2**30  # octets that must be free there
PIECES = {"test_packaging"}  # files whose tests share something that takes long to make
LEFT_OUT = {  # of each speed
    "check": frozenset({"proof", "postgresql", "browser"}),
    "test": frozenset({"proof"}),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option by which `make` chooses a speed."""
    group = parser.getgroup("candour")
    group.addoption(
        "--speed",
        choices=SPEEDS,
        help="which tests: see tests/speeds.py; without it, all that are named",
    )
    group.addoption("--pure", action="store_true", help="only tests without a database")


def pytest_configure(config: pytest.Config) -> None:
    """Chooses the number of examples, and keeps the files of tests in memory where there is enough
    of it.

    What a test writes is gone with it; waiting until a disk has it proves nothing and takes most of
    the time.
    """
    choose_examples(config.getoption("speed") or "test")
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def traits(test: pytest.Item) -> set[str]:
    """What a test needs, by its fixtures and the values it is run with."""
    fixtures = set(getattr(test, "fixturenames", ()))
    values = getattr(getattr(test, "callspec", None), "params", {}).values()
    found = {marker.name for marker in test.iter_markers()} & {"proof", "browser"}
    if "postgres" in fixtures or "postgresql" in {
        value for value in values if isinstance(value, str)
    }:
        found.add("postgresql")
    if fixtures & {"chromium", "demo"}:
        found.add("browser")
    if "templates" in fixtures:
        found.add("database")
    return found


def runs(test: pytest.Item, speed: str | None, *, pure: bool) -> bool:
    """Whether a test is run at this speed; `pure` leaves out whatever needs a database."""
    needs = traits(test)
    if pure and "database" in needs:
        return False
    if speed in {"verify", "soak"}:
        return "proof" in needs or has_properties(test)
    return not needs & LEFT_OUT.get(speed or "", frozenset())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks tests by what they need, and keeps those of the chosen speed."""
    speed, pure = config.getoption("speed"), config.getoption("pure")
    kept, left = [], []
    for test in items:
        long_on_postgresql = test.get_closest_marker("proof_on_postgresql")
        if long_on_postgresql and "postgresql" in traits(test):
            test.add_marker(pytest.mark.proof(long_on_postgresql.args[0]))
        for name in traits(test) - {"proof"}:
            test.add_marker(name)
        for marker in test.iter_markers("proof"):
            assert marker.args[0] in PROOFS, (
                f"{test.nodeid}: tests/proofs.py has no proof {marker.args[0]}"
            )
        (kept if runs(test, speed, pure=pure) else left).append(test)
    if left:
        config.hook.pytest_deselected(items=left)
    # Long ones first: whoever begins one last keeps all others waiting.
    items[:] = sorted(kept, key=_place_in_the_run)


@cache
def _words_of(file: str) -> str:
    return (ROOT / file).read_text()


def piece_of(nodeid: str) -> str:
    """What one process runs from end to end, because it makes something once for all of it.

    The sample organisation serves all tests of the browser that look at it, a world of answers all
    attacks on one database; a test that shares nothing is a piece of its own.
    """
    file, _, case = nodeid.partition("::")
    if file.startswith("tests/browser/"):
        return "demo" if "demo: Demo" in _words_of(file) else file
    if file.startswith("tests/attacks/") and "worlds: Worlds" in _words_of(file):
        return f"worlds on {'postgresql' if 'postgresql' in case else 'sqlite'}"
    return file if Path(file).stem in PIECES else nodeid


class Pieces(LoadScopeScheduling):
    """Hands out pieces: the largest first, then in the order of `_place_in_the_run`."""

    def _split_scope(self, nodeid: str) -> str:
        return piece_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Pieces | None:
    """Takes the place of xdist's groups, which this version of pytest does not see."""
    return Pieces(config, log) if config.getoption("dist") == "loadgroup" else None


def _place_in_the_run(test: pytest.Item) -> int:
    """Parts of pieces, then tests that wait for processes, then all others."""
    if piece_of(test.nodeid) != test.nodeid:
        return 0
    waits = (
        test.get_closest_marker("proof_on_postgresql")
        or "browser" in traits(test)
        or "jobs" in test.path.parts
    )
    return 1 if waits else 2


def pytest_runtest_setup(item: pytest.Item) -> None:
    """At the speed `check` a test that starts a process is skipped when it is about to."""
    if item.config.getoption("speed") == "check":
        subprocess.Popen.__init__ = _skip  # type: ignore[method-assign]


def _skip(*_: Any, **__: Any) -> None:
    pytest.skip("starts a process, so `make test` runs it")


@pytest.fixture(scope="session")
def at_full_size(request: pytest.FixtureRequest) -> bool:
    """Whether a proof runs at its full size, as `make soak` wants, and not as the sample of `make
    verify`.
    """
    return request.config.getoption("speed") == "soak"
