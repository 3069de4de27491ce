"""The trial in short: workers killed and restarted while letters leave and people answer.

Nothing is lost, missed or stuck.
"""

from pathlib import Path

from sqlalchemy import create_engine, text

from tests.proofs import proof
from tests.trials.workers import Found, Trial


@proof("workers")
def test_nothing_is_lost_missed_or_stuck_while_workers_are_killed_and_restarted(
    postgres: str,
    tmp_path: Path,
    at_full_size: bool,  # noqa: FBT001 - a fixture
) -> None:
    seconds, people = (120, 1000) if at_full_size else (20, 200)
    engine = create_engine(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE trial"))
    try:
        found = Trial(
            postgres.replace("/postgres?", "/trial?"),
            tmp_path,
            seconds=seconds,
            people=people,
            seed=1,
        ).run()
    finally:
        with engine.connect() as connection:
            connection.execute(text("DROP DATABASE trial WITH (FORCE)"))
        engine.dispose()
    assert found.broken() == [], found.said
    assert "Traceback" not in found.said
    assert "@" not in found.said


def test_a_trial_says_what_does_not_hold() -> None:
    good = Found(10, kills=2, restarts=1, arrived=11, doubled=1, answered=8, ballots=8)
    assert good.broken() == []
    assert Found(10, kills=1, restarts=1, doubled=2, answered=8, ballots=8).broken() == [
        "2 copies, at most 1 may be"
    ]
    bad = Found(
        10,
        lost=1,
        unequal=1,
        unsent=1,
        answered=8,
        ballots=7,
        errors=["500"],
        out_of_step=["letters"],
    )
    assert len(bad.broken()) == 7
