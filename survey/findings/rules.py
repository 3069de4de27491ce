"""Frozen findings, what they are made of, and a version of them on its way to the provider."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from survey.questionnaires.rules import Questionnaire
from survey.responses.rules import Tally
from survey.waves.rules import Wave


@dataclass(frozen=True, slots=True)
class Findings:
    """One frozen version of a wave's document."""

    wave: Wave
    version: int
    digest: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier published wave of the same survey, with its cells."""

    slug: str
    opened: date
    imported: bool
    questionnaire: Questionnaire
    tally: Tally


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a wave's findings are made of beside its own cells: earlier waves (newest first), whole answers and comments in no order.

    `scores` holds one string per response, one character a question; it serves the key drivers and nothing else. `names` are the
    directory's names in small letters, which no theme may hold.
    """

    earlier: Sequence[Earlier] = ()
    scores: Sequence[str] = ()
    comments: Mapping[str, Sequence[str]] = field(default_factory=dict)
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Sharing:
    """A version on its way to one contact."""

    id: str
    findings: Findings
    contact_id: str
    shared_on: date
    reply_by: date
