"""A3: a time or a count hidden in an id."""

import struct
import time

from tests.attacks.attack import (
    Attack,
    Worlds,
    assert_at_chance,
    assert_caught,
    at_chance,
    with_faults,
)
from tests.attacks.faults import ids_by_time
from tests.attacks.metric import Evidence, Matching, by_order
from tests.attacks.world import World

_GREGORIAN = 0x01B21DD213814000  # 100 ns from 1582 to 1970
_TWITTER = 1_288_834_974_657
HOUR = 3600.0


def _uuid1(key: bytes) -> int:
    low, middle, high = struct.unpack(">IHH", key[:8])
    return (high & 0x0FFF) << 48 | middle << 32 | low


def _uuid6(key: bytes) -> int:
    high, middle, low = struct.unpack(">IHH", key[:8])
    return high << 28 | middle << 12 | low & 0x0FFF


READINGS = {
    "uuid1": lambda key: (_uuid1(key) - _GREGORIAN) / 1e7,
    "uuid6": lambda key: (_uuid6(key) - _GREGORIAN) / 1e7,
    "uuid7, ULID": lambda key: int.from_bytes(key[:6], "big") / 1e3,
    "snowflake": lambda key: ((int.from_bytes(key[:8], "big") >> 22) + _TWITTER) / 1e3,
    "ObjectId": lambda key: float(int.from_bytes(key[:4], "big")),
}
ORDERS = {
    "first half": lambda key: int.from_bytes(key[:8], "big"),
    "second half": lambda key: int.from_bytes(key[8:], "big"),
    "backwards": lambda key: int.from_bytes(key, "little"),
    "last four": lambda key: int.from_bytes(key[12:], "big"),
}


def attempt(world: World) -> Evidence:
    """Ids that read as a time near now, and the order of answers by every reading."""
    found: dict[str, Matching | int] = {}
    ids = {"ballot": [bytes(row["id"]) for row in world.before.rows("ballot")]}
    for table, rows in world.answer_rows().items():
        owners = {bytes(row["id"]): owner for row, owner in rows}
        ids[table] = list(owners)
        for name, reading in {**READINGS, **ORDERS}.items():
            found[f"{table} by {name}"] = by_order(
                [owners[key] for key in sorted(owners, key=reading)], world.references["submission"]
            )
    for table, keys in ids.items():
        for name, reading in READINGS.items():
            found[f"{table}: ids with a time, {name}"] = sum(
                abs(reading(key) - time.time()) < HOUR for key in keys
            )
    return found


ATTACK = Attack(
    "A3",
    "Reading the numbers under which answers are kept as times or counters.",
    attempt,
    {"ids that begin with the time": ids_by_time},
)


@at_chance(ATTACK)
def test_no_id_holds_a_time_or_a_count(worlds: Worlds, database: str, n: int) -> None:
    assert_at_chance(ATTACK, worlds, database, n)


@with_faults(ATTACK)
def test_ids_that_hold_a_time_are_caught(worlds: Worlds, database: str, fault: str) -> None:
    assert_caught(ATTACK, worlds, database, fault)
