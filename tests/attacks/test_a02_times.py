"""A2: every time that is stored, those inside JSON included."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from tests.attacks.attack import (
    Attack,
    Worlds,
    assert_at_chance,
    assert_caught,
    at_chance,
    with_faults,
)
from tests.attacks.faults import (
    answers_in_the_audit_log,
    ballots_with_created_at,
    responses_with_created_at,
)
from tests.attacks.metric import Evidence, Matching, by_order
from tests.attacks.world import World, leaves

ANSWERS = ("ballot", "response", "comment")
_EPOCH = (
    1_500_000_000  # 2017: what is later and before 2100 may be seconds, or thousandths, since 1970
)
_END = 4_000_000_000


def attempt(world: World) -> Evidence:
    """Times on the side of the answers; times in rows that answering has written.

    Times beside persons, by their order.
    """
    found: dict[str, Matching | int] = {}
    for copy in (world.before, world.after):
        for table in ANSWERS:
            times = [tuple(times_in(row)) for row in copy.rows(table)]
            found[f"{table}: times that vary, {copy.folder.name}"] = max(0, len(set(times)) - 1)
    start = {table: {repr(row) for row in rows} for table, rows in world.copies[0].tables.items()}
    for table, rows in world.before.tables.items():
        written = [row for row in rows if repr(row) not in start.get(table, set())]
        found[f"{table}: times in what answering wrote"] = sum(
            len(list(times_in(row))) for row in written
        )
    for copy in (world.before, world.after):
        person = {invitation: number for number, invitation in enumerate(world.invitation_ids)}
        rows = [row for row in copy.rows("outbox") if row["recipient"] in person]
        for column in ("sent_at", "next_at", "date_header"):
            owners = [
                person[row["recipient"]]
                for row in sorted(rows, key=lambda row: (str(row[column]), row["id"]))
            ]
            found[f"outbox {column}, {copy.folder.name}"] = by_order(
                owners, world.references["submission"]
            )
    return found


def times_in(row: dict[str, Any]) -> Iterator[str]:
    """What may be a time in a row."""
    for column, value in row.items():
        if column in {"ctid", "xmin"}:
            continue
        yield from (str(leaf) for leaf in leaves(value) if _is_time(leaf))


def _is_time(value: object) -> bool:
    if isinstance(value, date):
        return True
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _EPOCH < value < _END or _EPOCH * 1000 < value < _END * 1000
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return "-" in str(value)


ATTACK = Attack(
    "A2",
    "Looking for any time that is stored with an answer or was written while somebody answered.",
    attempt,
    {
        "created_at on the ballots": ballots_with_created_at,
        "created_at on the responses": responses_with_created_at,
        "answers in the audit log": answers_in_the_audit_log,
    },
)


@at_chance(ATTACK)
def test_no_time_tells_who_answered_what(worlds: Worlds, database: str, n: int) -> None:
    assert_at_chance(ATTACK, worlds, database, n)


@with_faults(ATTACK)
def test_a_time_that_tells_is_caught(worlds: Worlds, database: str, fault: str) -> None:
    assert_caught(ATTACK, worlds, database, fault)
