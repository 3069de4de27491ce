"""A4: where the rows lie on the pages of the SQLite file, whatever order a query gives."""

from tests.attacks.attack import (
    Attack,
    Worlds,
    assert_at_chance,
    assert_caught,
    at_chance,
    with_faults,
)
from tests.attacks.faults import plain_beside_the_burn
from tests.attacks.files import Page, log_frames, order_in_pages, sqlite_pages
from tests.attacks.metric import Evidence, Matching, by_order
from tests.attacks.world import Copy, World


def attempt(world: World) -> Evidence:
    """Cells of answers and comments, on table and index pages, in the file before, at and after the
    count.
    """
    found: dict[str, Matching | int] = {}
    for copy in (world.before, world.counted, world.after):
        pages = live_pages(copy)
        for table, rows in world.answer_rows(copy).items():
            owners = {bytes(row["id"]): owner for row, owner in rows}
            for kind, order in order_in_pages(pages, owners).items():
                for name, reference in world.references.items():
                    found[f"{table}, {kind} pages, {copy.folder.name}, persons by {name}"] = (
                        by_order(order, reference)
                    )
    return found


def live_pages(copy: Copy) -> list[Page]:
    """The newest state of every page: in the log, else in the file."""
    folder = copy.folder / "database"
    pages = {page.number: page for page in sqlite_pages((folder / "candour.db").read_bytes())}
    log = folder / "candour.db-wal"
    content = log.read_bytes() if log.exists() else b""
    pages.update({page.number: page for page, salt in _of_this_log(content)})
    return [pages[number] for number in sorted(pages)]


def _of_this_log(log: bytes) -> list[tuple[Page, int]]:
    frames = list(log_frames(log))
    size = 24 + len(frames[0][0].octets) if frames else 0
    return [
        frame
        for at, frame in enumerate(frames)
        if log[32 + at * size + 8 : 32 + at * size + 16] == log[16:24]
    ]


ATTACK = Attack(
    "A4",
    "Reading from the raw database file in which order answers were put on its pages.",
    attempt,
    {"answers kept in plain on Send": plain_beside_the_burn},
    databases=("sqlite",),
)


@at_chance(ATTACK)
def test_the_places_on_the_pages_tell_nothing(worlds: Worlds, database: str, n: int) -> None:
    assert_at_chance(ATTACK, worlds, database, n)


@with_faults(ATTACK)
def test_places_that_tell_are_caught(worlds: Worlds, database: str, fault: str) -> None:
    assert_caught(ATTACK, worlds, database, fault)
