"""One question's cells: its counts in each group, which may be shown, and the strata that its company value is made of."""

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
    """One figure of a question: how its scale's points are valued, and from how many answers it may be shown."""

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
        """Counts per value: (others, top) for a share, (detractors, passives, promoters) for NPS, unchanged for a mean."""
        return tuple(
            sum(c for c, v in zip(counts, self.points, strict=True) if v == value)
            for value in self.values
        )

    def band(self, counts: Sequence[int]) -> str | None:
        """The words instead of a number where nearly all answers are alike, or None."""
        if self.name == "mean":
            return neighbouring_band(counts, int(self.points[0]))
        if self.name == "share" and sum(counts) < BANDED_BELOW:
            others, yes = self.valued(counts)
            return ONE_OR_NONE if yes <= 1 else MOST_OR_ALL if others <= 1 else None
        return None


def statistics_of(
    question: Question, minimum_share: int, minimum_detail: int
) -> tuple[Statistic, ...]:
    """The figures of a question, its own first: the one that is compared over waves and groups."""
    scale = question.scale
    top = tuple(float(code in scale.top) for code in scale.codes)
    match scale.kind:
        case ScaleKind.ORDINAL:
            return Statistic("top2", top, minimum_share), Statistic(
                "mean", tuple(map(float, scale.codes)), minimum_detail
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
    """One question's cells by group; `further` groups are hidden on top of what the rules hide."""

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
        """The groups that have no number for this figure, all entering the company's value together.

        Those with too few answers and those hidden for their sake; those that are said in a band of words, which a subtraction would
        undo if they were alone, and then the smallest other group.
        """
        few, banded = (
            self._few(statistic),
            {name for name, cell in self.cells.items() if statistic.band(cell.counts)},
        )
        companions = self.further + (1 if banded and not few else 0)
        rest = sorted(
            self.cells.keys() - few - banded, key=lambda name: (self.cells[name].answers, name)
        )
        return few | banded | frozenset(rest[:companions])

    def banded(self, statistic: Statistic) -> dict[str, str]:
        """The groups that are said in a band of words, with the words; not those with too few answers.

        None where all groups would be: two bands and their sum tell both numbers. (Nothing is summed where the company is in a band.)
        """
        few = self._few(statistic)
        found = {
            name: words
            for name, cell in self.cells.items()
            if name not in few and (words := statistic.band(cell.counts))
        }
        return (
            {}
            if len(found) == len(self.cells) and not statistic.band(self.company.counts)
            else found
        )

    def _few(self, statistic: Statistic) -> frozenset[str]:
        return hidden_cells(
            [(name, cell.answers) for name, cell in self.cells.items()], statistic.minimum
        )

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
        return st.Stratum(
            sum(self.invited[name] for name in names) - cell.opted_out,
            statistic.valued(cell.counts),
        )

    def strata(self, statistic: Statistic) -> list[st.Stratum]:
        """The shown groups, and all hidden ones together as one, so that none of them can be worked out of the company's value."""
        hidden = self.hidden(statistic)
        shown = [[name] for name in self.cells if name not in hidden]
        together = [self.stratum(names, statistic) for names in [*shown, sorted(hidden)] if names]
        return [stratum for stratum in together if sum(stratum.counts)]
