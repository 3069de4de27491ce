"""A27: entries of the audit log cut off, changed, taken out, or undone by an old copy of the
database: each shows by what findings and mails told of the log, and where.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Table, delete, insert, select, update

from survey.access.rules.audit_log import LogHead, LogVerdict, entry_digest
from survey.access.service.audit import log_head, record
from survey.access.tables import AuditRow
from survey.database import Base, db
from survey.findings.anchors.service import check_audit_log
from survey.findings.document.rules.compute import canonical_json
from survey.findings.service import documents, letter_types, sharing
from survey.findings.service.documents import find_findings
from survey.findings.service.sharing import share_findings, sharing_recipients
from survey.findings.tables import SharingRow
from survey.kernel.errors import Refused
from survey.mail import service as mail
from survey.mail.smtp.service.catcher import Catcher
from tests.attacks.world import patched
from tests.cast import answer_all, close_company, open_company
from tests.findings.schema import in_schema_1
from tests.proofs import on_postgresql

ENTRY: Any = AuditRow.__table__
BETWEEN, AFTER = 3, 4  # entries between the count and the mail, and after the mail
SHORT = {"Sales": 12}
Rows = dict[Table, list[dict[str, Any]]]


@dataclass(frozen=True)
class Kept:
    """What is there before the attack: the provider's mail, and a copy of the database.

    The copy was made before the count. `counted` is the head in the findings, `shared` that in the
    mail, `now` that of the log.
    """

    mail: Path
    copy: Rows
    counted: LogHead | None
    shared: LogHead | None
    now: LogHead

    @property
    def in_hand(self) -> tuple[Path, ...]:
        """The mail, where it can be checked against; without a head it cannot."""
        try:
            check_audit_log((self.mail,))
        except Refused as refused:
            if refused.code != "no-head-in-file":
                raise
            return ()
        return (self.mail,)


def kept(app: Flask) -> Kept:
    """A wave counted and shared, with entries between and after, and the mail as it arrived."""
    company = open_company(app, SHORT)
    answer_all(company, company.codes)
    before = rows_of_all_tables()
    wave = close_company(company)
    deeds(BETWEEN)
    _, contacts = sharing_recipients(wave)
    (shared,) = share_findings(wave.slug, [contacts[0].id], wave.closes_at, actor="mira")
    mail.deliver_letters(seconds=60)
    folder = company.config.folder / "mail"
    (letter,) = [one for one in Catcher(folder).letters() if "otto@" in str(one.to)]
    deeds(AFTER)
    audit = find_findings(wave.slug).document.get("audit")
    stored = db.session.get_one(SharingRow, shared.id)
    assert (stored.log_head is None) == (audit is None)
    return Kept(
        next(path for path in folder.rglob("*") if path.is_file() and letter.id in path.name),
        before,
        LogHead(audit["length"], audit["head"]) if audit else None,
        LogHead(stored.log_length or 0, stored.log_head) if stored.log_head else None,
        log_head(),
    )


def deeds(number: int) -> None:
    for at in range(number):
        record("deed", {"number": at}, "mira")


def rows_of_all_tables() -> Rows:
    db.session.rollback()
    return {
        table: [dict(row._mapping) for row in db.session.execute(select(table))]
        for table in Base.metadata.sorted_tables
    }


# What somebody with the database's password does, behind the product's back.


def entries() -> list[dict[str, Any]]:
    db.session.rollback()
    return [
        dict(row._mapping) for row in db.session.execute(select(ENTRY).order_by(ENTRY.c.number))
    ]


def put_log(rows: list[dict[str, Any]]) -> None:
    """Replaces the whole log, with all digests computed anew."""
    previous = "sha256:" + "0" * 64
    for number, row in enumerate(rows, start=1):
        row["number"], row["previous"] = number, previous
        plain = ("number", "at", "who", "what", "facts", "previous")
        previous = row["digest"] = entry_digest(*(row[name] for name in plain))
    db.session.execute(delete(ENTRY))
    if rows:
        db.session.execute(insert(ENTRY), rows)
    db.session.commit()


def cut_tail(kept: Kept) -> None:
    """Nothing is left of the count, and the closing before it is gone as well."""
    rows = entries()
    counted = next(row["number"] for row in rows if row["what"] == "wave counted")
    put_log(rows[: counted - 2])


def cut_after_the_findings(kept: Kept) -> None:
    """The sharing is gone from the log, the count is not."""
    put_log(entries()[: kept.now.length - AFTER - 1])


def rebuild_with_another_actor(kept: Kept) -> None:
    """Otto did it all."""
    put_log([row | {"who": "otto"} for row in entries()])


def rewrite_the_end(kept: Kept) -> None:
    """Somebody else shared the findings, and the chain from there on fits."""
    rows = entries()
    rows[kept.now.length - AFTER - 1]["who"] = "otto"
    put_log(rows)


def take_one_out(kept: Kept) -> None:
    """The entry about the opening is gone, and the chain from there on fits."""
    put_log([row for row in entries() if row["what"] != "wave opened"])


def empty(kept: Kept) -> None:
    put_log([])


def restore_old_database(kept: Kept) -> None:
    """The database is as it was before the count: nothing in it knows of findings or mails."""
    for table in reversed(Base.metadata.sorted_tables):
        db.session.execute(delete(table))
    for table, rows in kept.copy.items():
        if rows:
            db.session.execute(insert(table), rows)
    db.session.commit()


ATTACKS: dict[str, Callable[[Kept], None]] = {
    "tail cut": cut_tail,
    "tail cut after the findings": cut_after_the_findings,
    "rebuilt with another actor": rebuild_with_another_actor,
    "end rewritten": rewrite_the_end,
    "one entry taken out": take_one_out,
    "emptied": empty,
    "old database restored": restore_old_database,
}


def place(attack: str, kept: Kept) -> tuple[int, int]:
    """Between which entries the fault must be located, when the mail is at hand."""
    assert kept.counted
    assert kept.shared
    length = log_head().length
    return {
        "tail cut": (length + 1, kept.counted.length),
        "tail cut after the findings": (kept.shared.length, kept.shared.length),
        "rebuilt with another actor": (1, kept.counted.length),
        "end rewritten": (1, kept.shared.length),  # of heads inside nobody outside can be sure
        "one entry taken out": (1, kept.counted.length),
        "emptied": (1, kept.counted.length),
        "old database restored": (length + 1, kept.shared.length),
    }[attack]


def located(verdict: LogVerdict) -> tuple[int, int]:
    """Between which entries a verdict says that the fault lies."""
    first = verdict.missing[0].length
    if first > verdict.length:
        return verdict.length + 1, first
    before = verdict.newest_before_fault
    return before.length + 1 if before else 1, first


@on_postgresql("databases")
@pytest.mark.parametrize("attack", ATTACKS)
def test_each_shows_and_is_located(app: Flask, attack: str) -> None:
    facts = kept(app)
    assert check_audit_log(facts.in_hand).is_whole
    ATTACKS[attack](facts)
    verdict = check_audit_log((facts.mail,))
    assert verdict.broken is None  # the chain alone shows nothing
    assert not verdict.is_whole
    assert located(verdict) == place(attack, facts)
    first, last = located(verdict)
    assert f"{last:,}" in verdict.faults[-1]
    assert (
        first == 1 or f"{first:,}" in verdict.faults[-1] or f"{first - 1:,}" in verdict.faults[-1]
    )
    if attack != "old database restored":  # all others show without the mail
        assert not check_audit_log().is_whole


@on_postgresql("databases")
@pytest.mark.parametrize("attack", sorted(ATTACKS.keys() - {"old database restored", "emptied"}))
def test_the_mail_shows_it_even_where_every_head_in_the_database_was_rewritten(
    app: Flask, attack: str
) -> None:
    facts = kept(app)
    ATTACKS[attack](facts)
    rewrite_heads_in_database()
    assert check_audit_log().is_whole
    assert not check_audit_log((facts.mail,)).is_whole


def rewrite_heads_in_database() -> None:
    """Whoever rewrote the log lets the stored findings and sharings tell nothing of the old one."""
    findings = Base.metadata.tables["findings"]
    for row in db.session.execute(select(findings)).all():
        document = in_schema_1(documents.json.loads(row.document))
        values = {"document": canonical_json(document), "digest": document["digest"]}
        db.session.execute(update(findings).values(values))
    db.session.execute(update(SharingRow).values(log_length=None, log_head=None))
    db.session.commit()


@on_postgresql("databases")
def test_a_restore_that_is_recorded_is_a_known_gap_and_none_other_is_hidden_by_it(
    app: Flask,
) -> None:
    facts = kept(app)
    restore_old_database(facts)
    copy = log_head()
    assert not check_audit_log((facts.mail,)).is_whole
    gap = {
        "copy_length": copy.length,
        "copy_head": copy.head,
        "previous_length": facts.now.length,
        "previous_head": facts.now.head,
        "set_aside": "candour.db.before-restore-20270301T090000Z",
    }
    record("database restored", gap)
    verdict = check_audit_log((facts.mail,))
    assert verdict.is_whole
    assert [head.length for head in verdict.explained] == [facts.shared and facts.shared.length]
    assert f"entries {copy.length + 1} to {facts.now.length}" in verdict.notes[0]
    put_log(entries()[:-5] + entries()[-1:])  # what the copy itself held is no part of the gap
    assert not check_audit_log((facts.mail,)).is_whole


@contextmanager
def no_head_outside(app: Flask) -> Iterator[None]:
    """Neither findings nor mails tell anything of the log."""
    compute, row_of, letter = (
        documents.compute_document,
        sharing._row_of,
        letter_types.findings_letter,
    )

    def computed(*facts: Any) -> Any:
        return in_schema_1(compute(*facts))

    def stored(*facts: Any) -> SharingRow:
        row = row_of(*facts)
        row.log_length = row.log_head = None
        return row

    def written(*facts: Any) -> Any:
        full = letter(*facts)
        silent = [part.replace("Audit log:", "") for part in (full.text, full.html)]
        return replace(full, text=silent[0], html=silent[1])

    with (
        patched(documents, "compute_document", computed),
        patched(sharing, "_row_of", stored),
        patched(letter_types, "findings_letter", written),
    ):
        yield


FAULTS: dict[str, Callable[[Flask], AbstractContextManager[None]]] = {
    "no head outside": no_head_outside
}


@pytest.mark.parametrize("fault", FAULTS)
def test_findings_without_a_head_are_caught(app: Flask, fault: str) -> None:
    """With the fault each attack goes unnoticed, but for a log that is empty beside waves."""
    with FAULTS[fault](app):
        facts = kept(app)
    assert (facts.counted, facts.shared, facts.in_hand) == (None, None, ())
    unnoticed = set()
    for name, attack in ATTACKS.items():
        saved = rows_of_all_tables()
        attack(facts)
        if check_audit_log(facts.in_hand).is_whole:
            unnoticed.add(name)
        restore_old_database(replace(facts, copy=saved))
    assert unnoticed == ATTACKS.keys() - {"emptied"}
