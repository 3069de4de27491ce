"""Checks the audit log: its chain, and whether it leads to heads that were published."""

from collections.abc import Collection, Generator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from sqlalchemy import select

from survey.access.rules.audit_file import ExportedEntry, heads_in_file, read_export_line
from survey.access.rules.audit_log import (
    EMPTY_LOG,
    RESTORED,
    START,
    LogHead,
    LogVerdict,
    PublishedHead,
    RecordedRestore,
    judge_log,
)
from survey.access.service.audit import walk_chain
from survey.access.tables import AuditRow
from survey.database import db
from survey.kernel.errors import Refused

LARGEST_FILE = 64 * 2**20  # of a document or a mail; an export of the log may have any size
_AT_ONCE = 1000
_ENTRY = AuditRow.__table__.c


def verify_log(published: Collection[PublishedHead], *, has_waves: bool) -> LogVerdict:
    """Whether the chain is unbroken and leads to every published head.

    `has_waves` says whether there are waves, planned ones included, so that there must be entries.
    Reads the log once from its beginning, some entries at a time, so that the memory it needs does
    not grow with the log.
    """
    log, broken = walk_chain()
    restores = _recorded_restores()
    numbers = {head.length for head in published}
    numbers |= {restore.copy_length for restore in restores}
    digests = _digests_at(sorted(numbers))
    return judge_log(log, broken, digests, published, restores, has_waves=has_waves)


def heads_of_file(path: Path) -> tuple[PublishedHead, ...]:
    """The heads that a file holds: a findings document, a mail or its text, an export of the log.

    Of an export its newest entry, and where this log does not lead to it, the first entry that is
    not here and the one before. Refuses a file that cannot be read, that is too large to be one of
    these, that holds no head, and an export whose own chain is broken.
    """
    try:
        if is_export(path):
            return _heads_of_export(path)
        if path.stat().st_size > LARGEST_FILE:
            raise Refused(
                "audit-file-too-large",
                f"{path} is larger than {LARGEST_FILE // 2**20} MiB, so it is no mail and no"
                " findings document. Name the mail, the document or an export of the log.",
            )
        heads = heads_in_file(path.read_bytes())
    except OSError as error:
        raise Refused(
            "file-not-readable",
            f"{path} cannot be read ({error.strerror}). Nothing was checked.",
        ) from error
    if not heads:
        raise Refused(
            "no-head-in-file",
            f"{path} holds no head of the audit log, so nothing was checked. A head stands in"
            " findings as JSON, near the end of each findings mail, and in an export of the log;"
            " older findings and mails have none.",
        )
    return tuple(
        PublishedHead(str(path), head.length, head.head, is_outside=True) for head in heads
    )


def is_export(path: Path) -> bool:
    """Whether the first line of a file is an entry of an exported log."""
    with path.open("rb") as file:
        return read_export_line(file.readline(LARGEST_FILE)) is not None


def _heads_of_export(path: Path) -> tuple[PublishedHead, ...]:
    """The newest head of an exported log, and where this log parts from it, if it does."""
    last = EMPTY_LOG
    parting: tuple[LogHead, ...] = ()
    with closing(_exported_entries(path)) as entries:
        while batch := list(islice(entries, _AT_ONCE)):
            here = {} if parting else _digests_at([entry.number for entry in batch])
            for entry in batch:
                if not parting and here.get(entry.number) != entry.digest:
                    parting = (last, LogHead(entry.number, entry.digest))
                last = LogHead(entry.number, entry.digest)
    heads = dict.fromkeys((*parting, last))
    return tuple(
        PublishedHead(str(path), head.length, head.head, is_outside=True) for head in heads
    )


def _exported_entries(path: Path) -> Generator[ExportedEntry]:
    """The entries of an exported log, oldest first; refuses it where its own chain is broken."""
    previous, expected = START, 1
    with path.open("rb") as file:
        for line in file:
            entry = read_export_line(line)
            if entry is None or entry.number != expected or not entry.follows(previous):
                raise Refused(
                    "audit-export-broken",
                    f"{path} is no whole export of the log: its line {expected} does not follow"
                    " the one before. Nothing was checked. Take another copy of it.",
                )
            yield entry
            previous, expected = entry.digest, expected + 1


def _recorded_restores() -> tuple[RecordedRestore, ...]:
    """What the log says of restores, oldest first; entries of another form are left out."""
    query = (
        select(_ENTRY.number, _ENTRY.at, _ENTRY.facts, _ENTRY.who)
        .where(_ENTRY.what == RESTORED)
        .order_by(_ENTRY.number)
    )
    restores = (RecordedRestore.of_entry(*row) for row in db.session.execute(query))
    return tuple(restore for restore in restores if restore is not None)


def _digests_at(numbers: Sequence[int]) -> dict[int, str]:
    """The digests of the entries with these numbers, as far as there are such entries."""
    digests: dict[int, str] = {}
    for start in range(0, len(numbers), _AT_ONCE):
        some = numbers[start : start + _AT_ONCE]
        query = select(_ENTRY.number, _ENTRY.digest).where(_ENTRY.number.in_(some))
        digests |= {row.number: row.digest for row in db.session.execute(query)}
    return digests
