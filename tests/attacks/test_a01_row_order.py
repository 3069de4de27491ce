"""A1: the order in which answers lie in their tables and indexes."""

from tests.attacks.attack import (
    Attack,
    Worlds,
    assert_at_chance,
    assert_caught,
    at_chance,
    with_faults,
)
from tests.attacks.faults import counted_in_ballot_order, counted_in_order_of_sending
from tests.attacks.metric import Evidence, Matching, by_order
from tests.attacks.world import World


def attempt(world: World) -> Evidence:
    """Answers in the order of their rows and of their keys, which every index ends with, against
    every order of persons.
    """
    found: dict[str, Matching | int] = {}
    for table, rows in world.answer_rows().items():
        by_key = sorted(rows, key=lambda pair: bytes(pair[0]["id"]))
        for ordered_by, ordered in {"as stored": rows, "by key": by_key}.items():
            for name, reference in world.references.items():
                found[f"{table} {ordered_by}, persons by {name}"] = by_order(
                    [owner for _, owner in ordered], reference
                )
    return found


ATTACK = Attack(
    "A1",
    "Reading the answers in the order in which they are stored, beside the order in which people"
    " answered, were invited or are named.",
    attempt,
    {
        "counted in the order of the ballots": counted_in_ballot_order,
        "counted in the order of sending": counted_in_order_of_sending,
    },
)


@at_chance(ATTACK)
def test_the_order_of_the_rows_tells_nothing(worlds: Worlds, database: str, n: int) -> None:
    assert_at_chance(ATTACK, worlds, database, n)


@with_faults(ATTACK)
def test_an_order_that_tells_is_caught(worlds: Worlds, database: str, fault: str) -> None:
    assert_caught(ATTACK, worlds, database, fault)
