"""A7: a backup after each answer, and after every fifth, laid beside what was counted."""

from typing import Any

from tests.attacks.attack import (
    Attack,
    Worlds,
    assert_at_chance,
    assert_caught,
    at_chance,
    with_faults,
)
from tests.attacks.faults import plain_beside_the_burn, response_keeps_ballot_id
from tests.attacks.metric import Evidence, Matching
from tests.attacks.world import Copy, World, leaves

SHARED = {
    "wave_id",
    "group_name",
    "question",
    "state",
    "redacted",
    "ctid",
    "xmin",
}  # the same for many answers
SHORTEST = 5


def attempt(world: World) -> Evidence:
    """Whose backup first showed a value of a counted row.

    And the same with the backups of every fifth answer.
    """
    found: dict[str, Matching | int] = {}
    for table, rows in world.answer_rows().items():
        for name, copies in {
            "each": world.copies,
            "every fifth": (*world.copies[::5], world.before),
        }.items():
            seen = _first_seen(copies)
            links = [
                (seen[value], owner) for row, owner in rows for value in _own(row) if value in seen
            ]
            found[f"{table}: values known from backups after {name} answer"] = len(links)
            if name == "each" and links:
                found[f"{table}: persons told by backups"] = Matching(
                    tuple(said for said, _ in links), tuple(owner for _, owner in links)
                )
    changes = [
        _changes(earlier, later)
        for earlier, later in zip(world.copies, world.copies[1:], strict=False)
    ]
    found["answers that changed more than one mark and one ballot"] = sum(
        change != {"invitation": 1, "ballot": 1} for change in changes
    )
    return found


def _own(row: dict[str, Any]) -> list[object]:
    return [
        leaf
        for column, value in row.items()
        if column not in SHARED
        for leaf in leaves(value)
        if len(str(leaf)) >= SHORTEST
    ]


def _first_seen(copies: tuple[Copy, ...]) -> dict[object, int]:
    """The answer, numbered, after which a value first stood anywhere in a backup."""
    seen: dict[object, int] = {}
    for copy in copies:
        for rows in copy.tables.values():
            for row in rows:
                for value in row.values():
                    for leaf in leaves(value):
                        seen.setdefault(leaf, copy.answered - 1)
    return seen


def _changes(earlier: Copy, later: Copy) -> dict[str, int]:
    """How many rows of each table are there that were not."""
    found = {}
    for table, rows in later.tables.items():
        before = {repr(row) for row in earlier.rows(table)}
        if new := sum(repr(row) not in before for row in rows):
            found[table] = new
    return found


ATTACK = Attack(
    "A7",
    "Laying backups from before and after each answer beside each other and beside the counted"
    " answers.",
    attempt,
    {
        "responses keep the number of their ballot": response_keeps_ballot_id,
        "answers kept in plain on Send": plain_beside_the_burn,
    },
)


@at_chance(ATTACK)
def test_backups_beside_each_other_tell_nothing(worlds: Worlds, database: str, n: int) -> None:
    assert_at_chance(ATTACK, worlds, database, n)


@with_faults(ATTACK)
def test_backups_that_tell_are_caught(worlds: Worlds, database: str, fault: str) -> None:
    assert_caught(ATTACK, worlds, database, fault)
