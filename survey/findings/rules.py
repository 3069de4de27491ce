"""Frozen findings, and a version of them on its way to the provider."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from survey.waves.rules import Wave


@dataclass(frozen=True, slots=True)
class Findings:
    """One frozen version of a wave's document."""

    wave: Wave
    version: int
    digest: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sharing:
    """A version on its way to one contact."""

    id: str
    findings: Findings
    contact_id: str
    shared_on: date
    reply_by: date
