"""Frozen findings, what they are made of, and a version of them on its way to the provider."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NewType

from survey.questionnaires.rules import Questionnaire
from survey.responses.rules import Tally
from survey.waves.rules.waves import MINIMUM_DETAIL, MINIMUM_GROUP, Wave

SharingId = NewType("SharingId", str)


@dataclass(frozen=True, slots=True)
class Findings:
    """One frozen version of a wave's document."""

    wave: Wave
    version: int
    digest: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EarlierWave:
    """An earlier published wave of the same survey: its cells, the minimums it froze, and the further groups it hid."""

    slug: str
    opened: date
    imported: bool
    questionnaire: Questionnaire
    tally: Tally
    minimum_group: int = MINIMUM_GROUP
    minimum_detail: int = MINIMUM_DETAIL
    further: Mapping[str, int] = field(default_factory=dict)
    quarter: str | None = None  # where it is what three thirds came to


@dataclass(frozen=True, slots=True)
class Third:
    """One of the three waves that a quarter's result is the sum of; without a number of answers, and with the reason, where it is void."""

    wave: str
    period: str
    opened: date
    invited: int
    answered: int | None
    void: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a wave's findings are made of beside its own cells: earlier waves (newest first), whole answers and comments in no order.

    `scores` holds one string per response, one character a question; it serves the key drivers and nothing else. `names` are the
    directory's names in small letters, which no theme may hold. `thirds` are those that a quarter's result is the sum of.
    """

    earlier: Sequence[EarlierWave] = ()
    scores: Sequence[str] = ()
    comments: Mapping[str, Sequence[str]] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    thirds: Sequence[Third] = ()

    @property
    def is_of_one_third(self) -> bool:
        """Whether a quarter's result is in truth that of a single third, which is never judged."""
        return sum(third.answered is not None for third in self.thirds) == 1


@dataclass(frozen=True, slots=True)
class Withholding:
    """What an audit keeps out of a document: further groups to hide by question, and questions not compared with earlier waves."""

    further: Mapping[str, int] = field(default_factory=dict)
    apart: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Sharing:
    """A version on its way to one contact, with the comments released by then (in random order) and the groups if they were chosen."""

    id: str
    findings: Findings
    contact_id: str
    shared_on: date
    reply_by: date
    groups: bool = False
    comments: tuple[str, ...] = ()

    @property
    def mark(self) -> str:
        """Stands for what goes along with the company figures, in whatever order; empty where nothing does."""
        along = json.dumps([self.groups, sorted(self.comments)])
        return hashlib.sha256(along.encode()).hexdigest() if self.groups or self.comments else ""


@dataclass(frozen=True, slots=True)
class ReplyDue:
    """When the newest shared version of a wave's findings first went to the provider, and by when its reply is due."""

    shared_on: date
    reply_by: date
