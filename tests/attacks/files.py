"""Reading database files byte by byte, as somebody with a copy of the disk does."""

import re
import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_RUN = re.compile(rb"[b-df-hj-np-tv-z]{12,}")  # what the words of a world are made of
_LEAVES = {0x0A: "index", 0x0D: "table"}
_WAL_HEADER, _FRAME_HEADER, _PG_PAGE = 32, 24, 8192


@dataclass(frozen=True, slots=True)
class Page:
    """One page of an SQLite database: a leaf of a table or an index, or something else."""

    number: int
    octets: bytes

    @property
    def _header(self) -> int:
        return 100 if self.number == 1 else 0

    @property
    def kind(self) -> str:
        """`index`, `table` or nothing."""
        return _LEAVES.get(self.octets[self._header], "")

    @property
    def unallocated(self) -> bytes:
        """What lies between the cell pointers and the cells."""
        cells, content = struct.unpack(">HH", self.octets[self._header + 3 : self._header + 7])
        return self.octets[self._header + 8 + 2 * cells : content or 65536] if self.kind else b""


def sqlite_pages(database: bytes) -> Iterator[Page]:
    """The pages of a database file."""
    size = _page_size(database)
    for at in range(0, len(database) - size + 1, size):
        yield Page(at // size + 1, database[at : at + size])


def log_frames(log: bytes) -> Iterator[tuple[Page, int]]:
    """The frames of a write-ahead log as they lie there, stale ones too.

    With the size of the database where a commit ends, else 0.
    """
    if len(log) <= _WAL_HEADER:
        return
    size = struct.unpack(">I", log[8:12])[0]
    for at in range(_WAL_HEADER, len(log) - _FRAME_HEADER - size + 1, _FRAME_HEADER + size):
        number, committed = struct.unpack(">II", log[at : at + 8])
        yield Page(number, log[at + _FRAME_HEADER : at + _FRAME_HEADER + size]), committed


def free_pages(database: bytes) -> int:
    """How many pages of the file are on the freelist."""
    return int(struct.unpack(">I", database[36:40])[0])


def order_in_pages(pages: Sequence[Page], owners: Mapping[bytes, int]) -> dict[str, list[int]]:
    """Per kind of page, the owners of these ids in the order in which cells were put on the pages.

    From the end of each to its start.
    """
    found: dict[str, list[int]] = {"table": [], "index": []}
    for page in pages:
        places = sorted(
            ((page.octets.find(key), owner) for key, owner in owners.items() if key in page.octets),
            reverse=True,
        )
        if page.kind:
            found[_place(page, owners)] += [owner for _, owner in places]
    return {kind: list(dict.fromkeys(order)) for kind, order in found.items() if order}


def _place(page: Page, owners: Mapping[bytes, int]) -> str:
    """A table without row numbers has leaves like an index.

    There the id comes first in its cell, before the wave's.
    """
    first = min((at for key in owners if (at := page.octets.find(key)) >= 0), default=-1)
    return (
        "index"
        if first >= 32 and re.fullmatch(rb"[0-9a-f]{32}", page.octets[first - 32 : first])
        else "table"
    )


def words_in(content: bytes, words: Sequence[str]) -> Counter[str]:
    """How often each of a world's words stands in these octets."""
    size, known = len(words[0]), {word.encode(): word for word in words}
    found: Counter[str] = Counter()
    for run in _RUN.findall(content):
        found.update(
            known[part]
            for at in range(len(run) - size + 1)
            if (part := run[at : at + size]) in known
        )
    return found


def _page_size(database: bytes) -> int:
    size = int(struct.unpack(">H", database[16:18])[0])
    return 65536 if size == 1 else size


@dataclass(frozen=True, slots=True)
class Tuple:
    """One row version on a heap page of PostgreSQL."""

    page: int
    place: int
    xmin: int
    xmax: int
    octets: bytes


def heap(path: Path) -> Iterator[Tuple]:
    """The row versions that a table's file still points at, dead ones too, in the order of their
    places.
    """
    content = path.read_bytes()
    for at in range(0, len(content), _PG_PAGE):
        page = content[at : at + _PG_PAGE]
        lower = struct.unpack("<H", page[12:14])[0]
        for place, offset in enumerate(range(24, lower, 4), start=1):
            pointer = struct.unpack("<I", page[offset : offset + 4])[0]
            start, flags, length = pointer & 0x7FFF, pointer >> 15 & 3, pointer >> 17
            if flags == 1:
                xmin, xmax = struct.unpack("<II", page[start : start + 8])
                yield Tuple(at // _PG_PAGE, place, xmin, xmax, page[start : start + length])


def heap_gaps(path: Path) -> Iterator[bytes]:
    """What lies on a table's pages without being pointed at."""
    content = path.read_bytes()
    for at in range(0, len(content), _PG_PAGE):
        page = content[at : at + _PG_PAGE]
        lower, upper = struct.unpack("<HH", page[12:16])
        yield page[lower:upper]
