"""A8: the length of the sealed ballots."""

from survey.vault.rules.sealing import SEALED
from tests.attacks.attack import (
    Attack,
    Worlds,
    assert_at_chance,
    assert_caught,
    at_chance,
    with_faults,
)
from tests.attacks.faults import ballots_without_padding
from tests.attacks.metric import Evidence
from tests.attacks.world import World


def attempt(world: World) -> Evidence:
    """Lengths beyond the one there may be, in every copy, and room for the database to store them
    shorter.
    """
    lengths = {len(row["sealed"]) for copy in world.kept for row in copy.rows("ballot")}
    dump = (world.before.folder / "dump.sql").read_text()
    compressed = (
        world.database == "postgresql" and "ALTER COLUMN sealed SET STORAGE EXTERNAL" not in dump
    )
    return {
        "lengths too many": len(lengths | {SEALED}) - 1,
        "ballots that the database may compress": int(compressed),
    }


ATTACK = Attack(
    "A8",
    "Telling long answers from short ones by the length of what is stored.",
    attempt,
    {"ballots as long as their content": ballots_without_padding},
)


@at_chance(ATTACK)
def test_every_ballot_is_as_long_as_any_other(worlds: Worlds, database: str, n: int) -> None:
    assert_at_chance(ATTACK, worlds, database, n)


@with_faults(ATTACK)
def test_lengths_that_tell_are_caught(worlds: Worlds, database: str, fault: str) -> None:
    assert_caught(ATTACK, worlds, database, fault)
