"""A6: what deleting leaves behind: free pages, unallocated space, journals, dead row versions."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from survey.invitations.rules.codes import code_hash
from tests.attacks.attack import (
    Attack,
    Worlds,
    assert_at_chance,
    assert_caught,
    at_chance,
    with_faults,
)
from tests.attacks.faults import drafts_deleted_plainly, nothing_scrubbed
from tests.attacks.files import free_pages, heap_gaps, sqlite_pages, words_in
from tests.attacks.metric import Evidence
from tests.attacks.world import Copy, World

_LEADING_BACK = ("invitation", "token", "ballot")


def attempt(world: World) -> Evidence:
    """Words outside the rows that hold them, and marks, codes and ballots of which anything is left
    after the cleaning.
    """
    found: dict[str, int] = {
        f"words that no row holds, {copy.folder.name}": _loose_words(world, copy)
        for copy in world.kept
    }
    marks = marks_of(world)
    if world.database == "sqlite":
        file = (world.after.folder / "database" / "candour.db").read_bytes()
        found["free pages after cleaning"] = free_pages(file)
        found["marks in unallocated space after cleaning"] = _held(
            (page.unallocated for page in sqlite_pages(file)), marks
        )
    else:
        for table in _LEADING_BACK:
            path = world.after.folder / "database" / world.after.relations[table]
            found[f"marks of deleted rows after cleaning, {table}"] = _held(heap_gaps(path), marks)
    found["ballots left after cleaning"] = sum(
        _count(world.after, key) for key in world.ballot_owner
    )
    return found


def marks_of(world: World) -> list[bytes]:
    """What names a person, their invitation, code, ballot or words."""
    names = (*world.invitation_ids, *world.person_ids, *world.words)
    return [*(name.encode() for name in names), *map(code_hash, world.codes), *world.ballot_owner]


def _held(gaps: Iterable[bytes], marks: list[bytes]) -> int:
    everything = b"\0".join(gaps)
    return sum(mark in everything for mark in marks)


def _loose_words(world: World, copy: Copy) -> int:
    """How often a comment's word stands in the database's files beyond the rows of a query."""
    seen = [row["text"] for row in copy.rows("comment")]
    times = sum((words_in(path.read_bytes(), world.words) for path in _files(copy)), Counter[str]())
    return sum(
        max(0, times[word] - _allowed(copy) * sum(word in said for said in seen)) for word in times
    )


def _allowed(copy: Copy) -> int:
    """Until the log is cleared, a counted comment stands in it too.

    More than once, as its page filled.
    """
    return 1_000_000 if copy.folder.name == "counted" else 1


def _files(copy: Copy) -> list[Path]:
    return [path for path in (copy.folder / "database").iterdir() if not path.name.endswith("-shm")]


def _count(copy: Copy, key: bytes) -> int:
    return sum(path.read_bytes().count(key) for path in _files(copy))


ATTACK = Attack(
    "A6",
    "Searching the disk for what was deleted: drafts, ballots, codes and the marks of who has"
    " answered.",
    attempt,
    {
        "drafts deleted without being overwritten": drafts_deleted_plainly,
        "nothing cleaned after counting": nothing_scrubbed,
    },
)


@at_chance(ATTACK)
def test_nothing_deleted_can_be_found(worlds: Worlds, database: str, n: int) -> None:
    assert_at_chance(ATTACK, worlds, database, n)


@with_faults(ATTACK)
def test_what_is_left_behind_is_caught(worlds: Worlds, database: str, fault: str) -> None:
    assert_caught(ATTACK, worlds, database, fault)
