"""The worlds of one test run: each is made once, whoever asks first, and serves all attacks."""

from collections.abc import Iterator

import pytest

from tests.attacks.attack import Worlds
from tests.attacks.world import DATABASES, Ground


@pytest.fixture(scope="session")
def ground(templates: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """Where worlds are made."""
    return Ground(tmp_path_factory.mktemp("worlds"), templates["sqlite"], templates["postgresql"])


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
