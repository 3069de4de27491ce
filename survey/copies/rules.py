"""How copies of the database are named and marked, so that no other file is ever deleted."""

import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

SIDE_FILES = ("-wal", "-shm", "-journal")
_MARK = 0x4341  # "CA", where an SQLite file says what made it; two octets for the days follow
HEADER = 100  # octets at the start of every SQLite file
UNFINISHED_LASTS = timedelta(days=1)  # longer than any copy takes
_SET_ASIDE = ".before-restore-"
_MOMENT = "%Y%m%dT%H%M%SZ"
_MAGIC = b"SQLite format 3\x00"
_USER_VERSION, _APPLICATION_ID = 60, 68  # places in the header, of four octets each
_UNFINISHED = re.compile(r"\.candour-copying\.[0-9a-f]{32}(-wal|-shm|-journal)?")


@dataclass(frozen=True, slots=True)
class DueCopy:
    """A file that holds a copy of the database, and why it must not be kept any longer."""

    file: Path
    because: str


def backup_name(moment: datetime) -> str:
    """The name of a copy in the folder of copies.

    >>> backup_name(datetime(2027, 1, 11, 9, 0, tzinfo=UTC))
    'candour-20270111T090000Z.db'
    """
    return f"candour-{moment:{_MOMENT}}.db"


def backup_moment(name: str) -> datetime | None:
    """When a copy of this name was made; None where it is no name of `backup_name`.

    >>> backup_moment("candour-20270111T090000Z.db").isoformat()
    '2027-01-11T09:00:00+00:00'
    >>> backup_moment("candour-mine.db")
    """
    try:
        return datetime.strptime(name, f"candour-{_MOMENT}.db").replace(tzinfo=UTC)
    except ValueError:
        return None


def set_aside_name(database: str, moment: datetime) -> str:
    """The name under which a restore keeps the database that was there.

    >>> set_aside_name("candour.db", datetime(2027, 1, 11, 9, 0, tzinfo=UTC))
    'candour.db.before-restore-20270111T090000Z'
    """
    return f"{database}{_SET_ASIDE}{moment:{_MOMENT}}"


def set_aside_moment(name: str, database: str) -> datetime | None:
    """When a restore set this file aside; None where it is no such file of this database.

    >>> set_aside_moment("candour.db.before-restore-20270111T090000Z", "candour.db").isoformat()
    '2027-01-11T09:00:00+00:00'
    >>> set_aside_moment("candour.db", "candour.db")
    """
    before, _, moment = name.partition(f"{database}{_SET_ASIDE}")
    if before or not moment:
        return None
    try:
        return datetime.strptime(moment, _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return None


def unfinished_name(identifier: str) -> str:
    """The hidden name of a copy while it is written; takes 32 hexadecimal digits.

    >>> unfinished_name("0123456789abcdef0123456789abcdef")
    '.candour-copying.0123456789abcdef0123456789abcdef'
    """
    return f".candour-copying.{identifier}"


def is_unfinished_name(name: str) -> bool:
    """Whether a file has the name of a copy being written, or of one whose writer was killed.

    >>> is_unfinished_name(unfinished_name("0123456789abcdef0123456789abcdef") + "-wal")
    True
    >>> is_unfinished_name("candour.db")
    False
    """
    return _UNFINISHED.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class CopyStamp:
    """What a copy says of itself: when `candour backup` made it, and for how many days at most."""

    made_at: datetime
    days: int

    def header_numbers(self) -> tuple[int, int]:
        """The stamp as the numbers `application_id` and `user_version` of an SQLite file."""
        return _MARK << 16 | min(self.days, 0xFFFF), int(self.made_at.timestamp()) // 60

    def is_over(self, now: datetime, days: int) -> bool:
        """Whether the copy is too old, by its own limit or by today's, whichever is shorter."""
        return now - self.made_at >= timedelta(days=min(self.days, days))


def read_stamp(header: bytes) -> CopyStamp | None:
    """The stamp in the first octets of a copy; None for a file that is no copy made by us.

    The mark is in the file itself, so a name proves nothing and no other file is taken for one.
    """
    if len(header) < HEADER or not header.startswith(_MAGIC):
        return None
    (minutes,) = struct.unpack_from(">i", header, _USER_VERSION)
    mark, days = struct.unpack_from(">HH", header, _APPLICATION_ID)
    if mark != _MARK or minutes <= 0 or not days:
        return None
    return CopyStamp(datetime.fromtimestamp(minutes * 60, UTC), days)
