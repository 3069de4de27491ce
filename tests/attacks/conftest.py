"""The worlds of one test run: each is made once, whoever asks first, and serves all attacks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.attack import Worlds
from tests.attacks.world import DATABASES, Ground
from tests.conftest import Templates
from tests.proofs import proof
from tests.speeds import traits

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """An attack on PostgreSQL is a proof; `make test` tries them on SQLite.

    Worlds of a kind serve one process, which makes each once.
    """
    for test in items:
        if HERE in test.path.parents and "postgresql" in traits(test):
            test.add_marker(proof("attacks"))


@pytest.fixture(scope="session")
def ground(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """Where worlds are made."""
    return Ground(tmp_path_factory.mktemp("worlds"), templates)


@pytest.fixture(scope="session")
def worlds(ground: Ground) -> Iterator[Worlds]:
    """Worlds by database, size, seed and fault."""
    kept = Worlds(ground)
    yield kept
    kept.close()


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    """Each of the two databases."""
    return str(request.param)
