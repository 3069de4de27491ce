"""Checks the audit log against every head that left this installation in findings and mails."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import select

from survey.access.rules.audit_log import (
    RESTORED,
    START,
    LogVerdict,
    PublishedHead,
    RecordedRestore,
)
from survey.access.service.audit import record
from survey.access.service.audit_checks import heads_of_file, is_export, verify_log
from survey.database import db, transaction
from survey.findings.document.rules.compute import document_digest
from survey.findings.tables import FindingsRow, SharingRow
from survey.kernel.errors import Refused
from survey.waves import service as waves
from survey.waves.rules.ids import WaveId, WaveSlug

_AT_ONCE = 20  # documents in memory


def check_audit_log(files: Sequence[Path] = ()) -> LogVerdict:
    """Whether the audit log is whole, by its chain and by every head that was published.

    Looks at the heads in all stored findings documents, in all findings mails that were queued, and
    in these files. Refuses a file in which there is no head, see `heads_of_file`, and findings that
    are not what their digest says.
    """
    every_wave = waves.list_waves()
    slugs = {wave.id: wave.slug for wave in every_wave}
    heads = [*_heads_of_documents(slugs), *_heads_of_mails(slugs)]
    for file in files:
        heads += heads_of_file(file)
        _check_findings_file(file)
    return verify_log(dict.fromkeys(heads), has_waves=bool(every_wave))


def record_restore_by_hand(files: Sequence[Path], reason: str, *, actor: str) -> RecordedRestore:
    """Records that the log which files tell of was replaced by an older copy of the database.

    For a copy that another tool than `candour restore` put back. The gap begins after the newest
    head in the files that still fits, and ends with their newest; it stays visible in every check.
    Refuses an empty reason, a log that leads to all heads, and one whose chain is broken, which no
    restore explains.
    """
    if not reason.strip():
        raise Refused("reason-missing", "Say in a line why the database was put back.")
    with transaction():
        verdict = check_audit_log(files)
        if verdict.broken is not None or verdict.is_emptied:
            raise Refused(
                "audit-chain-broken",
                f"{verdict.faults[0]} No restore explains that, so nothing was recorded.",
            )
        if verdict.is_whole:
            raise Refused(
                "no-gap-to-record",
                f"The log leads to every head in {', '.join(map(str, files))}: no entry was lost,"
                " so nothing was recorded.",
            )
        last = verdict.missing[-1]
        fitting = [head for head in verdict.fitting if head.is_outside]
        before = fitting[-1] if fitting else None
        facts = {
            "copy_length": before.length if before else 0,
            "copy_head": before.head if before else START,
            "previous_length": last.length,
            "previous_head": last.head,
            "set_aside": None,
            "reason": " ".join(reason.split())[:300],
        }
        record(RESTORED, facts, actor)
        return check_audit_log(files).restores[-1]


def _heads_of_documents(slugs: Mapping[WaveId, WaveSlug]) -> Iterator[PublishedHead]:
    """The heads in stored findings documents; those of schema 1 have none."""
    query = select(FindingsRow.wave_id, FindingsRow.version, FindingsRow.document)
    rows = db.session.execute(query.execution_options(yield_per=_AT_ONCE))
    with closing(rows):
        for wave_id, version, document in rows:
            audit = json.loads(document).get("audit")
            if audit:
                where = f"the findings of {slugs[wave_id]}, version {version}"
                yield PublishedHead(where, audit["length"], audit["head"])


def _heads_of_mails(slugs: Mapping[WaveId, WaveSlug]) -> Iterator[PublishedHead]:
    """The heads in the findings mails that were queued; older ones have none."""
    query = select(
        SharingRow.wave_id, SharingRow.shared_on, SharingRow.log_length, SharingRow.log_head
    )
    for wave_id, shared_on, length, head in db.session.execute(query):
        if length is not None and head is not None:
            where = f"the findings mail of {slugs[wave_id]} of {shared_on}"
            yield PublishedHead(where, length, head)


def _check_findings_file(path: Path) -> None:
    """Refuses findings as a file that were changed after they were made."""
    if is_export(path):
        return
    try:
        document = json.loads(path.read_bytes())
        is_changed = (
            isinstance(document, dict)
            and {"schema", "wave", "digest"} <= document.keys()
            and document["digest"] != document_digest(document)
        )
    except (OSError, ValueError, TypeError, AttributeError):
        return  # no findings as JSON
    if is_changed:
        raise Refused(
            "findings-file-changed",
            f"{path} is not what its digest says: the findings in it were changed after they were"
            " made, so its head proves nothing. Nothing was checked. Take another copy.",
        )
