"""The audit log as values: what an entry's digest is made of, and whether published heads fit.

A head is the digest of the newest entry, with the length of the log at that moment. Each entry
holds the digest of the one before, so a head vouches for every entry up to it: no log that leads to
it can lack one of them, or hold another in its place.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from survey.kernel.plurals import choose_form, how_many

START = "sha256:" + "0" * 64
RESTORED = "database restored"  # the entry that tells of entries that a restore took away


@dataclass(frozen=True, slots=True)
class LogHead:
    """The length of the log at a moment, and the digest of its newest entry; `START` when empty."""

    length: int
    head: str


EMPTY_LOG = LogHead(0, START)


@dataclass(frozen=True, slots=True)
class PublishedHead:
    """A head as it was told to somebody; `where` names what told it, in words.

    `is_outside` says that it was brought from outside: whoever can rewrite the log can rewrite the
    heads in the database with it, but not these.
    """

    where: str
    length: int
    head: str
    is_outside: bool = False


@dataclass(frozen=True, slots=True)
class RecordedRestore:
    """What an entry says about the log that a restore replaced.

    Up to `copy_length` both logs are the same; `copy_head` is the head there. Entries after it, up
    to `previous_length`, were in the log before and are not in this one. The last two are None
    where the log before could not be read. `reason` is why, where `who` recorded it by hand: then
    nothing else says that there was a restore.
    """

    number: int
    at: datetime
    copy_length: int
    copy_head: str
    previous_length: int | None
    previous_head: str | None
    reason: str = ""
    who: str = ""

    @classmethod
    def of_entry(
        cls, number: int, at: datetime, facts: Mapping[str, Any], who: str = ""
    ) -> Self | None:
        """What an entry with these facts says; None where they are not of this form."""
        names = ("copy_length", "copy_head", "previous_length", "previous_head")
        match tuple(facts.get(name) for name in names):
            case (int(copy), str(copy_head), int() | None as before, str() | None as head_before):
                reason = str(facts.get("reason") or "")
                return cls(number, at, copy, copy_head, before, head_before, reason, who)
        return None

    def explains(self, published: PublishedHead) -> bool:
        """Whether a head that does not fit is one of the log that this restore replaced."""
        if self.previous_length is None or not (
            self.copy_length < published.length <= self.previous_length
        ):
            return False
        is_last = published.length == self.previous_length
        return not is_last or published.head == self.previous_head

    @property
    def words(self) -> str:
        """When the database was restored, and which entries were lost by it, as a sentence."""
        when = f"Entry {self.number:,}: the database was restored on {self.at:%Y-%m-%d %H:%M} UTC"
        if self.previous_length is None:
            return (
                f"{when} from a copy whose log ended at entry {self.copy_length:,}. The log before"
                " could not be read, so nobody knows how many entries were lost."
            )
        if self.previous_length <= self.copy_length:
            return f"{when}. No entry was lost."
        lost = entries_from_to(self.copy_length + 1, self.previous_length)
        if self.reason:
            return (
                f"{when}, as {self.who} wrote down by hand: “{self.reason}”. Nothing that was kept"
                f" outside proves {lost}: they may be missing or rewritten."
            )
        return f"{when}. Of the log before, {lost} {_is_or_are(lost)} not here."


@dataclass(frozen=True, slots=True)
class LogVerdict:
    """Whether the log is whole: its chain, and every published head that was looked at.

    `broken` is the number of the first entry that does not fit the chain, None when none is.
    `fitting`, `missing` and `explained` divide the published heads, each lowest first: those that
    the log leads to, those that it does not, and those that a recorded restore took away.
    `is_emptied` says that there is no entry although there are waves.
    """

    length: int
    head: str
    broken: int | None
    is_emptied: bool
    fitting: tuple[PublishedHead, ...]
    missing: tuple[PublishedHead, ...]
    explained: tuple[PublishedHead, ...]
    restores: tuple[RecordedRestore, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong; recorded restores are no fault."""
        return not self.faults

    @property
    def newest_before_fault(self) -> PublishedHead | None:
        """The newest published head that fits and is older than the first that does not.

        Where that one was brought from outside, only others from outside count: those in the
        database may have been rewritten with the log.
        """
        first = self.missing[0]
        before = [
            published
            for published in self.fitting
            if published.length < first.length and published.is_outside >= first.is_outside
        ]
        return before[-1] if before else None

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong, each as a sentence that says where; empty when the log is whole."""
        faults = []
        if self.broken is not None:
            faults.append(
                f"The chain is broken at entry {self.broken:,}: that entry or the one before was"
                " changed."
            )
        if self.is_emptied:
            faults.append(
                "The log is empty although there are waves, and every wave leaves entries: they"
                " were taken out."
            )
        if self.missing:
            faults.append(self._misfit())
        return tuple(faults)

    @property
    def summary(self) -> str:
        """Of a log that is whole: how long it is and what it was held against, as sentences."""
        words = f"The chain is unbroken. It has {how_many(self.length, 'entry')}."
        if not self.fitting:
            return f"{words} No head of it was published yet."
        return (
            f"{words} It leads to {how_many(len(self.fitting), 'published head')}; the newest is in"
            f" {self.fitting[-1].where}."
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What recorded restores took away, and which published heads lay there, as sentences."""
        lost = [
            f"The head in {head.where} is that of entry {head.length:,} of a log before."
            for head in self.explained
        ]
        return (*(restore.words for restore in self.restores), *lost)

    def _misfit(self) -> str:
        """Which published head the log does not lead to, and between which entries to look."""
        first = self.missing[0]
        before = self.newest_before_fault
        start = before.length + 1 if before else 1
        if first.length > self.length:
            lost = entries_from_to(self.length + 1, first.length)
            words = (
                f"The log has {how_many(self.length, 'entry')}, but {first.where} was made when it"
                f" had {first.length:,}: {lost} {_is_or_are(lost)} missing"
            )
            if start <= self.length:
                unproven = entries_from_to(start, self.length)
                words += f", and {unproven} may be rewritten"
        else:
            words = (
                f"The log does not lead to the head in {first.where}: what is wrong lies in"
                f" {entries_from_to(start, first.length)}"
            )
        known = f", for {before.where} fits up to entry {before.length:,}" if before else ""
        others = len(self.missing) - 1
        does = choose_form(others, "does", "do")
        others_too = f" {how_many(others, 'other published head')} {does} not fit either."
        more = others_too if others else ""
        return f"{words}{known}.{more}"


def entries_from_to(first: int, last: int) -> str:
    """Some entries in words.

    >>> entries_from_to(7, 7), entries_from_to(7, 1234)
    ('entry 7', 'entries 7 to 1,234')
    """
    return f"entry {first:,}" if first >= last else f"entries {first:,} to {last:,}"


def entry_digest(
    number: int, at: datetime, who: str, what: str, facts: object, previous: str
) -> str:
    """The SHA-256 (after `sha256:`) of an entry's fields and of the digest of the entry before."""
    plain = [number, at.isoformat(), who, what, facts, previous]
    canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def judge_log(
    log: LogHead,
    broken: int | None,
    digests: Mapping[int, str],
    published: Iterable[PublishedHead],
    restores: Iterable[RecordedRestore],
    *,
    has_waves: bool,
) -> LogVerdict:
    """Holds the log against heads that were published, and against restores recorded in it.

    `digests` are those of the entries whose numbers the heads and the restores name, as far as
    there are such entries. A restore counts only where the log itself leads to its `copy_head`.
    """
    digest_at = {0: START, **digests}
    credible = [
        restore
        for restore in restores
        if restore.copy_length < restore.number
        and digest_at.get(restore.copy_length) == restore.copy_head
    ]
    fitting, missing, explained = [], [], []
    for head in sorted(published, key=lambda one: (one.length, one.where)):
        if digest_at.get(head.length) == head.head:
            fitting.append(head)
        elif any(restore.explains(head) for restore in credible):
            explained.append(head)
        else:
            missing.append(head)
    return LogVerdict(
        length=log.length,
        head=log.head,
        broken=broken,
        is_emptied=has_waves and log.length == 0,
        fitting=tuple(fitting),
        missing=tuple(missing),
        explained=tuple(explained),
        restores=tuple(credible),
    )


def _is_or_are(entries: str) -> str:
    """The verb after the words of `entries_from_to`."""
    return "are" if entries.startswith("entries") else "is"
