"""Frozen findings, and a version of them on its way to the provider."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import NewType

from survey.access.rules.audit_log import LogHead
from survey.findings.document.rules.document import FindingsDocument
from survey.providers.rules import ContactId
from survey.waves.rules.waves import Wave

SharingId = NewType("SharingId", str)


@dataclass(frozen=True, slots=True)
class Findings:
    """One frozen version of a wave's findings document."""

    wave: Wave
    version: int
    digest: str
    document: FindingsDocument


@dataclass(frozen=True, slots=True)
class Sharing:
    """One version of findings, for one contact, with the extras that go along.

    `log` is the audit log as the mail tells it: with the entry about this sharing as the newest one
    or, before the sharing, as of now. `groups` says whether the figures of the groups go along;
    `comments` are those released by then, in random order, if they go along.
    """

    id: SharingId
    findings: Findings
    contact_id: ContactId
    shared_on: date
    reply_by: date
    log: LogHead
    groups: bool = False
    comments: tuple[str, ...] = ()

    @property
    def mark(self) -> str:
        """A digest of the extras (groups or not, and comments in any order); empty without any.

        It tells whether what goes along with the company figures has changed.
        """
        if not (self.groups or self.comments):
            return ""
        extras = json.dumps([self.groups, sorted(self.comments)])
        return hashlib.sha256(extras.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ReplyDue:
    """When the newest shared version of findings first went out, and by when a reply is due."""

    shared_on: date
    reply_by: date
