"""What the survey page shows: the same for everybody of one wave."""

from dataclasses import dataclass

from survey.questionnaires.rules import QuestionId
from survey.waves.rules.ids import WaveSlug


@dataclass(frozen=True, slots=True)
class PageQuestion:
    """One question as the page prints it: options low to high as (posted value, words)."""

    id: QuestionId
    kind: str
    text: str
    options: tuple[tuple[str, str], ...]
    opt_out: str | None
    hint: str | None
    max_chars: int | None
    numbered: bool
    anchors: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class SurveyPage:
    """What the survey page of one wave shows, in one language; the same for everybody."""

    slug: WaveSlug
    organisation: str
    provider: str
    title: str
    period: str
    questions: tuple[PageQuestion, ...]
    closes: str
    promises: tuple[str, ...]
    contact: str
    language: str
    minutes: int
