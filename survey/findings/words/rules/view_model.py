"""What a page and a mail show of a findings document, as values: words and drawings' numbers, in order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from survey.charts.drawings import Range, TrendPoint

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MeasureView:
    """One company-level measure in a table; `score` holds words where nothing may be shown."""

    question: str
    name: str
    score: str
    range: str
    answers: int | None
    chart: Range | None
    scale: str
    target: str
    verdict: str
    look: str
    silence: str
    change: "ChangeView | None" = None

    @property
    def printed(self) -> str:
        """Score and range: `37% (27 to 49)`."""
        return f"{self.score} ({self.range})" if self.range else self.score

    @property
    def judged(self) -> str:
        """The verdict with its target: `Misses target of 60%`."""
        return (
            f"{self.verdict} {'at' if self.look == 'open' else 'of'} {self.target}"
            if self.verdict
            else ""
        )


@dataclass(frozen=True, slots=True)
class ChangeView:
    """A measure against the last comparable wave, which is named; `score` is empty where it may not be compared."""

    name: str
    since: str
    score: str
    range: str
    words: str
    look: str
    detectable: str

    @property
    def printed(self) -> str:
        """Difference and range in points: `+12 (\u22129 to +33)`."""
        return f"{self.score} ({self.range})" if self.score else ""


@dataclass(frozen=True, slots=True)
class LostTimeView:
    """The share who lost over two hours, and the lowest and highest mean that the brackets allow."""

    score: str
    range: str
    answers: int
    hours: str
    change: ChangeView | None = None


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two strengths and two problems, with what must be said where none meets or none misses."""

    strengths: tuple[MeasureView, ...]
    problems: tuple[MeasureView, ...]
    of_strengths: str
    of_problems: str


@dataclass(frozen=True, slots=True)
class DistributionView:
    """The answers to one question: counts per labelled point, or the words that stand for them."""

    name: str
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    words: str
    diverges: bool

    @property
    def sides(self) -> tuple[int, int, int]:
        """Negative, middle and positive answers of five."""
        return self.counts[0] + self.counts[1], self.counts[2], self.counts[3] + self.counts[4]

    @property
    def bars(self) -> tuple[tuple[str, int, float], ...]:
        """Each point's label, count and share from 0 to 100."""
        total = sum(self.counts) or 1
        return tuple(
            (label, count, 100 * count / total)
            for label, count in zip(self.labels, self.counts, strict=True)
        )


@dataclass(frozen=True, slots=True)
class GroupCell:
    """One group on one measure; `answers` is None and `score` holds words where the cell is hidden."""

    score: str
    range: str
    answers: int | None
    look: str


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One reporting group across the measures."""

    name: str
    invited: int
    cells: tuple[GroupCell, ...]


@dataclass(frozen=True, slots=True)
class TrendView:
    """One measure over waves: its drawing, and the table beside it as (wave, score, comparison range, answers)."""

    name: str
    points: tuple[TrendPoint, ...]
    rows: tuple[tuple[str, str, str, str], ...]
    target: float | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class YearView:
    """The waves of a year as one: each measure's score with its comparison range, and against the year before."""

    waves: int
    measures: tuple[MeasureView, ...]


@dataclass(frozen=True, slots=True)
class DriversView:
    """Which questions go together with the overall one: in order, or as a group that holds the first; else the words for neither."""

    words: str
    ranked: bool
    measures: tuple[MeasureView, ...]


@dataclass(frozen=True, slots=True)
class Presentation:
    """Everything that a page or a mail needs, in order."""

    document: Document
    period: str
    headline: str
    outcome: str
    changed: str
    lede: str
    whom: str
    made_of: str
    notes: tuple[str, ...]
    overall: MeasureView | None
    change: ChangeView | None
    lost_time: LostTimeView | None
    measures: tuple[MeasureView, ...]
    own_scales: tuple[MeasureView, ...]
    contrast: Contrast
    distributions: tuple[DistributionView, ...]
    reach: tuple[float, float, float]
    columns: tuple[str, ...]
    groups: tuple[GroupRow, ...]
    merged: tuple[str, ...]
    trend: TrendView | None
    trends: tuple[tuple[str, str], ...]
    year: YearView | None
    drivers: DriversView | None
    themes: tuple[tuple[str, int], ...]
    no_theme: str
    weighs_as: str
    is_first: bool

    @property
    def silent(self) -> int:
        """How many of the invited did not answer."""
        return int(self.document["invited"] - self.document["answered"])

    @property
    def changes(self) -> tuple[MeasureView, ...]:
        """The measures that were compared with an earlier wave."""
        return tuple(measure for measure in (*self.measures, *self.own_scales) if measure.change)
