"""A5: the write-ahead log of SQLite, commit by commit, frames that are out of date included."""

from tests.attacks.attack import (
    Attack,
    Worlds,
    assert_at_chance,
    assert_caught,
    at_chance,
    with_faults,
)
from tests.attacks.faults import plain_beside_the_burn
from tests.attacks.files import log_frames, words_in
from tests.attacks.metric import Evidence, Matching, by_order
from tests.attacks.world import Copy, World


def attempt(world: World) -> Evidence:
    """Words in any log before the count; which answers first appear in which commit.

    What is left of the log after the cleaning.
    """
    found: dict[str, Matching | int] = {
        "plain text in the logs before counting": sum(
            len(words_in(log_of(copy), world.words)) for copy in (*world.copies, world.before)
        ),
        "octets of log left after cleaning": len(log_of(world.after)),
    }
    for copy in (world.before, world.counted):
        log = log_of(copy)
        frames = [page.octets for page, _ in log_frames(log)]
        for table, rows in world.answer_rows(copy).items():
            first = {owner: _first(frames, bytes(row["id"])) for row, owner in rows}
            order = sorted(
                (owner for owner, place in first.items() if place[0] < len(frames)),
                key=lambda owner: first[owner],
            )
            for name in ("submission", "ballot", "name"):
                found[f"{table} by first frame, {copy.folder.name}, persons by {name}"] = by_order(
                    order, world.references[name]
                )
    return found


def log_of(copy: Copy) -> bytes:
    """The log that lies beside a copy."""
    path = copy.folder / "database" / "candour.db-wal"
    return path.read_bytes() if path.exists() else b""


def _first(frames: list[bytes], key: bytes) -> tuple[int, int]:
    """The first frame that holds an id, and how far from the page's end."""
    for at, frame in enumerate(frames):
        if key in frame:
            return at, -frame.rfind(key)
    return len(frames), 0


ATTACK = Attack(
    "A5",
    "Following the database's own log of changes from one answer to the next.",
    attempt,
    {"a plain answer beside the burned code": plain_beside_the_burn},
    databases=("sqlite",),
)


@at_chance(ATTACK)
def test_the_log_tells_nothing(worlds: Worlds, database: str, n: int) -> None:
    assert_at_chance(ATTACK, worlds, database, n)


@with_faults(ATTACK)
def test_a_log_that_tells_is_caught(worlds: Worlds, database: str, fault: str) -> None:
    assert_caught(ATTACK, worlds, database, fault)
