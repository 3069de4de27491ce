"""A13: counting killed with SIGKILL: what the kill leaves leads nobody to an answer, and the key is
gone only after the commit.

That nothing is lost or doubled at twenty random points is shown in `tests/answering/test_kill.py`,
whose tools serve here.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from random import Random

import pytest
from flask import Flask
from sqlalchemy import text

from survey.app import create_app
from survey.config import Config
from survey.counting import service as counting
from survey.database import db
from survey.kernel.errors import Refused
from survey.vault.keys.service import key_files
from tests.answering.test_kill import ANSWERS, CANARY, _copy, _state, closer
from tests.attacks.metric import by_order, finds, judge
from tests.attacks.world import patched
from tests.cast import Company, answer_all, close_company, open_company

WHAT = (
    "Breaking the count off at any moment, and looking whether "
    "what is left leads from an answer to a person."
)

KILLS = 6
Closer = Callable[[dict[str, str], Path, Company, float | None], float]
__all__ = ["closer"]


def order_of_comments(settings: dict[str, str], folder: Path) -> list[int]:
    """Whose comments lie there, in the order in which they lie."""
    app = create_app(Config.from_environment(settings, folder))
    with app.app_context():
        said = db.session.execute(text("SELECT text FROM comment")).scalars().all()
        db.session.remove()
        db.engine.dispose()
    return [int(one.removeprefix(CANARY)) for one in said]


def test_a_killed_count_leaves_no_order_and_keeps_the_key_until_all_is_counted(
    app: Flask, database_url: str, tmp_path: Path, closer: Closer
) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:ANSWERS], comment=CANARY)
    db.session.remove()
    db.engine.dispose()
    source, runs = Random(13), []
    whole = closer(*_copy(database_url, tmp_path, "whole"), company, None)
    for number in range(KILLS):
        settings, folder = _copy(database_url, tmp_path, f"killed{number}")
        closer(settings, folder, company, source.uniform(0.0, whole))
        _state(
            settings, folder, company
        )  # asserts: before the commit all ballots and the key are there
        closer(settings, folder, company, None)
        owners = order_of_comments(settings, folder)
        assert sorted(owners) == list(range(ANSWERS))
        runs.append({"comments after a kill": by_order(owners, range(ANSWERS))})
        assert list((folder / "keys").iterdir()) == []
    assert finds(judge(runs)) == []


@contextmanager
def key_destroyed_first(app: Flask) -> Iterator[None]:
    """The key goes as soon as the ballots have been opened, before the commit, which a crash then
    prevents.
    """
    real = counting.responses.open_ballots

    def opened(wave_id: str, private: bytes, _progress: object = None) -> object:
        found = real(wave_id, private)
        key_files.destroy_key(app.config["CANDOUR"].key_dir, wave_id)
        return found

    with patched(counting.responses, "open_ballots", opened):
        yield


FAULTS: dict[str, Callable[[Flask], AbstractContextManager[None]]] = {
    "key destroyed first": key_destroyed_first
}


@contextmanager
def dying_before_the_commit() -> Iterator[None]:
    """The process dies while it freezes the findings, within the transaction."""

    def die(*_: object) -> None:
        raise SystemExit

    with patched(counting, "freeze_findings", die), pytest.raises(SystemExit):
        yield


def survives(app: Flask, company: Company) -> bool:
    """Whether a count that died before its commit can be done again."""
    with dying_before_the_commit():
        close_company(company)
    db.session.rollback()
    try:
        return close_company(company).state.value == "counted"
    except Refused:
        return False


def test_a_count_that_dies_before_its_commit_is_done_again(app: Flask) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:8])
    assert survives(app, company)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_key_that_goes_too_early_is_caught(app: Flask, fault: str) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:8])
    with FAULTS[fault](app):
        assert not survives(app, company)
