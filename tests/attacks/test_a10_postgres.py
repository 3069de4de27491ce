"""A10: what PostgreSQL notes of its own accord: the transaction of each row, its place, dead rows,
the write-ahead log.
"""

import re
from collections import defaultdict

from tests.attacks.attack import (
    Attack,
    Worlds,
    assert_at_chance,
    assert_caught,
    at_chance,
    with_faults,
)
from tests.attacks.faults import nothing_scrubbed, plain_after_the_burn, plain_beside_the_burn
from tests.attacks.files import heap
from tests.attacks.metric import Evidence, Matching, by_order
from tests.attacks.world import Copy, World

NEAR = 8
_RECORD = re.compile(
    r"tx:\s+(\d+),.*desc: (INSERT|HOT_UPDATE|UPDATE|MULTI_INSERT)\b.*?rel \d+/\d+/(\d+)\D"
)


def attempt(world: World) -> Evidence:
    """The transaction numbers, places and log records of answers, against those of the marks that
    burned the codes.
    """
    found: dict[str, Matching | int] = {}
    burned = {person: int(xmin) for person, xmin in _burns(world).items()}
    for copy in (world.before, world.counted, world.after):
        for table, rows in world.answer_rows(copy).items():
            written = [(int(row["xmin"]), owner) for row, owner in rows]
            found[f"{table}: transactions too many, {copy.folder.name}"] = max(
                0, len({xmin for xmin, _ in written}) - 1
            )
            found[f"{table}: transaction equal or next, {copy.folder.name}"] = _nearest(
                written, burned
            )
            for name in ("submission", "ballot", "invitation as stored", "name"):
                owners = [
                    owner for row, owner in sorted(rows, key=lambda pair: _place(pair[0]["ctid"]))
                ]
                found[f"{table} by place, {copy.folder.name}, persons by {name}"] = by_order(
                    owners, world.references[name]
                )
    found |= _persons_afterwards(world)
    found["serial numbers of answers"] = len(
        re.findall(r"OWNED BY public\.(ballot|response|comment)\b", _dump(world.after))
    )
    for table in ("invitation", "token", "ballot"):
        path = world.after.folder / "database" / world.after.relations[table]
        found[f"dead rows after cleaning, {table}"] = sum(row.xmax != 0 for row in heap(path))
    return found | _log(world, burned)


def _burns(world: World) -> dict[int, str]:
    """The transaction that burned each person's code, from the copy before counting."""
    person = {invitation: number for number, invitation in enumerate(world.invitation_ids)}
    return {
        person[row["id"]]: row["xmin"]
        for row in world.before.rows("invitation")
        if row["id"] in person
    }


def _nearest(written: list[tuple[int, int]], burned: dict[int, int]) -> Matching:
    """Each answer said to be of the person whose mark its transaction follows most closely, where
    one alone does.
    """
    pairs = []
    for xmin, owner in written:
        distance = {
            person: xmin - burn for person, burn in burned.items() if 0 <= xmin - burn <= NEAR
        }
        nearest = [person for person, far in distance.items() if far == min(distance.values())]
        if len(nearest) == 1:
            pairs.append((nearest[0], owner))
    return Matching(tuple(said for said, _ in pairs), tuple(owner for _, owner in pairs))


def _persons_afterwards(world: World) -> dict[str, Matching | int]:
    """What the invitations still say once all is counted.

    Who answered, and when in the order of all.
    """
    person = {invitation: number for number, invitation in enumerate(world.invitation_ids)}
    rows = [row for row in world.after.rows("invitation") if row["wave_id"] == world.wave.id]
    ordered = [
        person[row["id"]]
        for row in sorted(rows, key=lambda row: _place(row["ctid"]))
        if row["id"] in person
    ]
    return {
        "marks left after counting": sum(row["answered"] for row in rows),
        "invitations: transactions too many, after": len({row["xmin"] for row in rows}) - 1,
        "invitations by place, after": by_order(ordered, world.references["submission"]),
    }


def _log(world: World, burned: dict[int, int]) -> dict[str, Matching | int]:
    """The log by transaction: rows written to the answer tables beside or after a burn, and the
    order of the count's inserts.
    """
    name_of = {
        file: name
        for copy in (world.before, world.counted)
        for name, file in copy.relations.items()
    }
    by_transaction: dict[int, set[str]] = defaultdict(set)
    for transaction, _, file in _RECORD.findall(world.wal):
        by_transaction[int(transaction)].add(name_of.get(file, ""))
    answers = {
        transaction
        for transaction, tables in by_transaction.items()
        if tables & {"response", "comment"}
    }
    return {
        "log: burns that the log does not hold, so that it was not read": len(
            set(burned.values()) - set(by_transaction)
        ),
        "log: answers beside or right after a burn": (
            sum(any(0 <= answer - burn <= 1 for answer in answers) for burn in burned.values())
            if len(answers) > 1
            else 0
        ),
        "log: transactions with answers too many": max(0, len(answers) - 1),
    }


def _place(ctid: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", ctid)))


def _dump(copy: Copy) -> str:
    return (copy.folder / "dump.sql").read_text()


ATTACK = Attack(
    "A10",
    "Reading the notes that the database server PostgreSQL makes of every change.",
    attempt,
    {
        "answer and burned code in two transactions": plain_after_the_burn,
        "answer and burned code in one transaction": plain_beside_the_burn,
        "nothing cleaned after counting": nothing_scrubbed,
    },
    databases=("postgresql",),
)


@at_chance(ATTACK)
def test_the_notes_of_the_server_tell_nothing(worlds: Worlds, database: str, n: int) -> None:
    assert_at_chance(ATTACK, worlds, database, n)


@with_faults(ATTACK)
def test_notes_that_tell_are_caught(worlds: Worlds, database: str, fault: str) -> None:
    assert_caught(ATTACK, worlds, database, fault)
