"""A24: the lengths of requests and replies on the wire, against the counted comments."""

from urllib.parse import quote_plus

from tests.attacks.attack import (
    Attack,
    Worlds,
    assert_at_chance,
    assert_caught,
    at_chance,
    with_faults,
)
from tests.attacks.faults import unpadded_form
from tests.attacks.metric import Evidence, by_order
from tests.attacks.world import World


def attempt(world: World) -> Evidence:
    """Longest request to longest comment, and so on; and lengths that differ at all."""
    requests = [request for request, _ in world.wire]
    comments = sorted(world.after.rows("comment"), key=lambda row: len(quote_plus(row["text"])))
    persons = sorted(range(world.n), key=lambda person: requests[person])
    return {
        "lengths of requests too many": len(set(requests)) - 1,
        "lengths of replies too many": len({reply for _, reply in world.wire}) - 1,
        "comments by their length": by_order(
            [world.owner_of_text(row["text"]) for row in comments], persons
        ),
    }


ATTACK = Attack(
    "A24",
    "Telling who wrote which comment by the size of what went over the network.",
    attempt,
    {"forms that are not padded": unpadded_form},
)


@at_chance(ATTACK)
def test_no_length_on_the_wire_tells_what_was_written(
    worlds: Worlds, database: str, n: int
) -> None:
    assert_at_chance(ATTACK, worlds, database, n)


@with_faults(ATTACK)
def test_lengths_on_the_wire_that_tell_are_caught(
    worlds: Worlds, database: str, fault: str
) -> None:
    assert_caught(ATTACK, worlds, database, fault)
