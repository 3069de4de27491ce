"""One question's cells: its counts by group, and which groups may be shown.

From them come the strata that the company's value is made of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from survey import statistics as st
from survey.findings.document.rules.document import StatisticName
from survey.findings.words.rules.wording import MOST_OR_ALL, ONE_OR_NONE
from survey.questionnaires.rules import Question, ScaleKind
from survey.responses.rules import CellCounts, PublishedGroup
from survey.statistics.suppression import hidden_cells, neighbouring_band

LOST_TIME: Final = "share_over_two_hours"
BANDED_BELOW = 10


@dataclass(frozen=True, slots=True)
class Statistic:
    """One figure of a question.

    `points` are the values of its scale's points in order, `minimum` is from how many answers it
    may be shown.
    """

    name: StatisticName
    points: tuple[float, ...]
    minimum: int

    @property
    def is_share(self) -> bool:
        """Whether each answer counts as 0 or 1."""
        return self.name not in {"mean", "nps"}

    @property
    def values(self) -> tuple[float, ...]:
        """The distinct values that an answer can have, ascending."""
        return tuple(sorted(set(self.points)))

    @property
    def width(self) -> float:
        """How long its scale is."""
        return self.values[-1] - self.values[0]

    def valued(self, counts: Sequence[int]) -> tuple[int, ...]:
        """Counts per value, the values ascending, from counts per point of the scale.

        That is (others, top) for a share, (detractors, passives, promoters) for NPS, and the same
        for a mean.
        """
        return tuple(
            sum(count for count, point in zip(counts, self.points, strict=True) if point == value)
            for value in self.values
        )

    def band(self, counts: Sequence[int]) -> str | None:
        """The words instead of a number where nearly all answers are alike, or None."""
        if self.name == "mean":
            return neighbouring_band(counts, int(self.points[0]))
        if self.name == "share" and sum(counts) < BANDED_BELOW:
            others, yes = self.valued(counts)
            if yes <= 1:
                return ONE_OR_NONE
            if others <= 1:
                return MOST_OR_ALL
        return None


def statistics_of(
    question: Question, minimum_share: int, minimum_detail: int
) -> tuple[Statistic, ...]:
    """The figures of a question, first the one that is compared over waves and groups.

    A share is shown from `minimum_share` answers, any other figure from `minimum_detail`.
    """
    scale = question.scale
    top = tuple(float(code in scale.top) for code in scale.codes)
    match scale.kind:
        case ScaleKind.ORDINAL:
            codes = tuple(map(float, scale.codes))
            return (
                Statistic("top2", top, minimum_share),
                Statistic("mean", codes, minimum_detail),
            )
        case ScaleKind.NPS:
            points = tuple(
                100.0 * ((code in scale.promoters) - (code in scale.detractors))
                for code in scale.codes
            )
            return (Statistic("nps", points, minimum_detail),)
        case ScaleKind.CHOICE if scale.top:
            return (Statistic("share", top, minimum_share),)
        case ScaleKind.BRACKET:
            return (Statistic(LOST_TIME, top, minimum_share),)
    return ()


class GroupCells:
    """One question's cells by group; `further` groups are hidden beyond those of the rules."""

    def __init__(
        self, groups: Sequence[PublishedGroup], cells: Mapping[str, CellCounts], further: int = 0
    ) -> None:
        self.invited = {group.name: group.invited for group in groups}
        self.cells = cells
        self.further = further

    @cached_property
    def company(self) -> CellCounts:
        """All groups together."""
        return self.together(tuple(self.cells))

    @property
    def population(self) -> int:
        """All invited, less those who opted out of the question."""
        return sum(self.invited.values()) - self.company.opted_out

    def hidden(self, statistic: Statistic) -> frozenset[str]:
        """The groups without a number for this figure; they enter the company's value together.

        They are those with too few answers and those hidden for their sake, and those that are said
        in a band of words. A band alone would be undone by a subtraction, so the smallest other
        group is hidden with it.
        """
        few = self._few(statistic)
        banded = {name for name, cell in self.cells.items() if statistic.band(cell.counts)}
        companions = self.further
        if banded and not few:
            companions += 1
        others = self.cells.keys() - few - banded
        smallest_first = sorted(others, key=lambda name: (self.cells[name].answers, name))
        return few | banded | frozenset(smallest_first[:companions])

    def banded(self, statistic: Statistic) -> dict[str, str]:
        """The words by group of those that are said in a band; none of those with too few answers.

        No group is where all would be: two bands and their sum tell both numbers. That does not
        matter where the company is in a band itself, for then nothing is summed.
        """
        few = self._few(statistic)
        words = {
            name: band
            for name, cell in self.cells.items()
            if name not in few and (band := statistic.band(cell.counts))
        }
        are_all_banded = len(words) == len(self.cells)
        if are_all_banded and not statistic.band(self.company.counts):
            return {}
        return words

    def _few(self, statistic: Statistic) -> frozenset[str]:
        """The groups with too few answers, and those hidden for their sake."""
        answers = [(name, cell.answers) for name, cell in self.cells.items()]
        return hidden_cells(answers, statistic.minimum)

    def together(self, names: Sequence[str]) -> CellCounts:
        """These groups as one."""
        first, *rest = (self.cells[name] for name in names)
        return sum(rest, first)

    def rest(self, name: str) -> CellCounts:
        """All groups but one."""
        return self.together([other for other in self.cells if other != name])

    def stratum(self, names: Sequence[str], statistic: Statistic) -> st.Stratum:
        """These groups as one stratum."""
        cell = self.together(names)
        population = sum(self.invited[name] for name in names) - cell.opted_out
        return st.Stratum(population, statistic.valued(cell.counts))

    def strata(self, statistic: Statistic) -> list[st.Stratum]:
        """The strata of the company's value: each shown group, and all hidden ones as one.

        So no hidden group can be worked out of the company's value. Strata without answers are
        left out.
        """
        hidden = self.hidden(statistic)
        parts = [[name] for name in self.cells if name not in hidden]
        if hidden:
            parts.append(sorted(hidden))
        strata = [self.stratum(names, statistic) for names in parts]
        return [stratum for stratum in strata if sum(stratum.counts)]
