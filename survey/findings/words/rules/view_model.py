"""What a page and a mail show of a findings document: words and numbers of drawings, in order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from survey.charts.drawings import Range, TrendPoint
from survey.questionnaires.rules import QuestionId

Document = Mapping[str, Any]
TrendRow = tuple[str, str, str, str]  # wave, score, comparison range, answers


@dataclass(frozen=True, slots=True)
class MeasureView:
    """One company-level measure as texts for a table, and its chart.

    `score` holds words where nothing may be shown. `range` is empty then, `chart` and `answers` are
    None. `look` is the class by which pages and mails colour the verdict: meets, misses or open.
    `silence` says how many of those whose answer is not known would have to be satisfied, `trend`
    whether it rises or falls over the waves, `feasible` what it can be whatever they think; each is
    empty where that cannot be said.
    """

    question: QuestionId
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
    trend: str = ""
    feasible: str = ""

    @property
    def printed(self) -> str:
        """Score and range as text: `37% (27 to 49)`; the score or words without a range."""
        return f"{self.score} ({self.range})" if self.range else self.score

    @property
    def judged(self) -> str:
        """The verdict with its target: `Misses target of 60%`; empty without one."""
        if not self.verdict:
            return ""
        preposition = "at" if self.look == "open" else "of"
        return f"{self.verdict} {preposition} {self.target}"


@dataclass(frozen=True, slots=True)
class ChangeView:
    """A measure's change since the last comparable wave, which `since` names, as texts.

    `score` is empty where the measure may not be compared, and `words` say why. `detectable` is the
    sentence about how large a change would have shown; it is empty where the change is clear.
    """

    name: str
    since: str
    score: str
    range: str
    words: str
    look: str
    detectable: str

    @property
    def words_for_one_step(self) -> str:
        """The verdict on this one step, where a trend over more waves stands above it."""
        return "no clear change in one step" if self.look == "open" else self.words.lower()

    @property
    def printed(self) -> str:
        """Difference and range in points: `+12 (\u22129 to +33)`; empty if not compared."""
        return f"{self.score} ({self.range})" if self.score else ""


@dataclass(frozen=True, slots=True)
class RiseView:
    """A measure's trend as the texts of a tile; `first_and_latest` are the values at its ends."""

    name: str
    since: str
    waves: int
    score: str
    range: str
    words: str
    look: str
    first_and_latest: str


@dataclass(frozen=True, slots=True)
class LostTimeView:
    """The share who lost over two hours and the mean hours, as texts.

    `hours` is the range from the lowest to the highest mean that the question's brackets allow,
    `trend` the sentence about the waves; it is empty where they are too few.
    """

    score: str
    range: str
    answers: int
    hours: str
    change: ChangeView | None = None
    trend: str = ""


@dataclass(frozen=True, slots=True)
class Contrast:
    """Up to two strengths and two problems, with a remark on each kind.

    `of_strengths` and `of_problems` hold what must be said where none meets or none misses.
    """

    strengths: tuple[MeasureView, ...]
    problems: tuple[MeasureView, ...]
    of_strengths: str
    of_problems: str


@dataclass(frozen=True, slots=True)
class DistributionView:
    """The answers to one question: counts per labelled point, or the words shown instead.

    `diverges` where the question has five ordered steps, which are drawn left and right of a line.
    """

    name: str
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    words: str
    diverges: bool

    @property
    def sides(self) -> tuple[int, int, int]:
        """Numbers of negative, middle and positive answers; for five points only."""
        negative = self.counts[0] + self.counts[1]
        positive = self.counts[3] + self.counts[4]
        return negative, self.counts[2], positive

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
    """A group's cell for one measure; where hidden, `score` holds words and `answers` is None.

    `look` is "higher" or "lower" where the group clearly differs from the rest, else empty.
    """

    score: str
    range: str
    answers: int | None
    look: str


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One reporting group with its cells, one for each column of the table."""

    name: str
    invited: int
    cells: tuple[GroupCell, ...]


@dataclass(frozen=True, slots=True)
class TrendView:
    """One measure over waves: its drawing, the sentence about it, and the table beside it."""

    name: str
    words: str
    points: tuple[TrendPoint, ...]
    rows: tuple[TrendRow, ...]
    target: float | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class YearView:
    """A year's waves taken together, as texts; `waves` is how many they are.

    Each measure has its score with its comparison range, and is compared with the year before.
    `counted` says, in the same order, how many of the waves are in each.
    """

    waves: int
    measures: tuple[MeasureView, ...]
    counted: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DriversView:
    """Which questions go together with the overall one, or words why that is unknown.

    `first` is the strongest, where that is known; `behind` are the others, in no order. Where
    nothing can be said, `words` tell why.
    """

    words: str
    first: MeasureView | None
    behind: tuple[MeasureView, ...]

    @property
    def measures(self) -> tuple[MeasureView, ...]:
        """All of them, the strongest first where it is known."""
        return (self.first, *self.behind) if self.first else self.behind


@dataclass(frozen=True, slots=True)
class Presentation:
    """Everything that a page or a mail shows of a document, in order.

    `outcome` is the headline in the few words of a subject line; `changed` is its second sentence.
    `trends_in_short` counts the measures that clearly rise or fall over the waves; `rebound` says
    how the lowest measure usually reads next time.
    `whom` is what every sentence about a score must add where fewer than half answered; `made_of`
    says how a quarter's result came about. `staff_list` says how the list of whom to ask was
    changed. `reach` are the largest shares left, right and in the
    middle, on which all distributions are drawn. `trends` are the other questions whose trend can
    be looked at (id and name), `themes` are words with the number of comments that hold them.
    `is_first` where there is no earlier wave to compare with.
    """

    document: Document
    period: str
    headline: str
    outcome: str
    changed: str
    trends_in_short: str
    lede: str
    whom: str
    made_of: str
    notes: tuple[str, ...]
    staff_list: str
    overall: MeasureView | None
    rise: RiseView | None
    change: ChangeView | None
    lost_time: LostTimeView | None
    measures: tuple[MeasureView, ...]
    own_scales: tuple[MeasureView, ...]
    contrast: Contrast
    rebound: str
    distributions: tuple[DistributionView, ...]
    reach: tuple[float, float, float]
    columns: tuple[str, ...]
    groups: tuple[GroupRow, ...]
    merged: tuple[str, ...]
    trend: TrendView | None
    trends: tuple[tuple[QuestionId, str], ...]
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
    def change_alone(self) -> ChangeView | None:
        """The overall measure's change, where it was compared and no trend says more."""
        is_said = self.change and self.change.score and not self.rise
        return self.change if is_said else None

    @property
    def main_trends(self) -> tuple[MeasureView, ...]:
        """The measures whose trend leads: the overall one, then those with a target."""
        overall = self.overall.question if self.overall else None
        first = [each for each in self._with_trend if each.question == overall]
        others = [each for each in self._with_trend if each.question != overall and each.target]
        return (*first, *others)

    @property
    def further_trends(self) -> tuple[MeasureView, ...]:
        """The other measures with a trend."""
        return tuple(each for each in self._with_trend if each not in self.main_trends)

    @property
    def _with_trend(self) -> list[MeasureView]:
        return [measure for measure in (*self.measures, *self.own_scales) if measure.trend]

    @property
    def changes(self) -> tuple[MeasureView, ...]:
        """The measures that were compared with an earlier wave."""
        return tuple(measure for measure in (*self.measures, *self.own_scales) if measure.change)
