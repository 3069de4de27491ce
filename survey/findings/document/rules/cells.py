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
    """One figure of a question, such as its mean: which value each answer counts for.

    `points` are the values of its scale's points in order, `minimum` is from how many answers it
    may be shown.
    """

    name: StatisticName
    points: tuple[float, ...]
    minimum: int

    @property
    def is_share(self) -> bool:
        """Whether the figure is a share, in which each answer counts as 0 or 1."""
        return self.name not in {"mean", "nps"}

    @property
    def values(self) -> tuple[float, ...]:
        """The distinct values that an answer can have, ascending."""
        return tuple(sorted(set(self.points)))

    @property
    def width(self) -> float:
        """The length of its scale: the highest value less the lowest."""
        return self.values[-1] - self.values[0]

    def valued(self, counts: Sequence[int]) -> tuple[int, ...]:
        """Counts per distinct value (ascending), from counts per point of the scale.

        That is (others, top) for a share, (detractors, passives, promoters) for NPS, and the same
        for a mean.
        """
        by_value = dict.fromkeys(self.values, 0)
        for count, point in zip(counts, self.points, strict=True):
            by_value[point] += count
        return tuple(by_value.values())

    def band(self, counts: Sequence[int]) -> str | None:
        """The words shown instead of a number if nearly all answers are alike, or None.

        For a mean, that is where all answers lie on two neighbouring points; for a share with fewer
        than 10 answers, where at most one is, or is not, a yes. Other figures have no band.
        """
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
    """The figures of a question, first the one compared over waves and groups; may be empty.

    A share is shown from `minimum_share` answers, any other figure from `minimum_detail`. A text,
    and a choice without a best answer, have no figure.
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
    """One question's counts by reporting group, and which groups to hide.

    `further` groups are hidden beyond those of the rules.
    """

    def __init__(
        self, groups: Sequence[PublishedGroup], cells: Mapping[str, CellCounts], further: int = 0
    ) -> None:
        self.invited = {group.name: group.invited for group in groups}
        self.cells = cells
        self.further = further
        self._hidden: dict[Statistic, frozenset[str]] = {}
        self._strata: dict[Statistic, list[st.Stratum]] = {}

    @cached_property
    def company(self) -> CellCounts:
        """The counts of all groups added up."""
        return self.together(tuple(self.cells))

    @property
    def population(self) -> int:
        """How many people were invited, less those who opted out of the question."""
        return sum(self.invited.values()) - self.company.opted_out

    def hidden(self, statistic: Statistic) -> frozenset[str]:
        """The groups whose number is hidden for this figure.

        They enter the company's value together. They are those with too few answers and those
        hidden for their sake, and those that are said in a band of words. A band alone would be
        undone by a subtraction, so the smallest other group is hidden with it. `further` groups are
        added, the smallest first.
        """
        if statistic not in self._hidden:
            self._hidden[statistic] = self._find_hidden(statistic)
        return self._hidden[statistic]

    def shown(self, statistic: Statistic) -> list[str]:
        """The other groups, in the order of their strata, which come first."""
        return [name for name in self.cells if name not in self.hidden(statistic)]

    def _find_hidden(self, statistic: Statistic) -> frozenset[str]:
        few = self._few(statistic)
        banded = {name for name, cell in self.cells.items() if statistic.band(cell.counts)}
        companions = self.further
        if banded and not few:
            companions += 1
        others = self.cells.keys() - few - banded
        smallest_first = sorted(others, key=lambda name: (self.cells[name].answers, name))
        return few | banded | frozenset(smallest_first[:companions])

    def banded(self, statistic: Statistic) -> dict[str, str]:
        """The words by group, for groups shown as a band of words; may be empty.

        Groups with too few answers have none. There are no bands where all groups would have one:
        two bands and their sum tell both numbers. That does not matter where the company is in a
        band itself, for then nothing is summed.
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
        """The groups with too few answers, and further ones hidden to protect them."""
        answers = [(name, cell.answers) for name, cell in self.cells.items()]
        return hidden_cells(answers, statistic.minimum)

    def together(self, names: Sequence[str]) -> CellCounts:
        """The counts of these groups added up; at least one must be named."""
        first, *rest = (self.cells[name] for name in names)
        return sum(rest, first)

    def stratum(self, names: Sequence[str], statistic: Statistic) -> st.Stratum:
        """These groups as one stratum: people less those who opted out, and counts."""
        cell = self.together(names)
        population = sum(self.invited[name] for name in names) - cell.opted_out
        return st.Stratum(population, statistic.valued(cell.counts))

    def strata(self, statistic: Statistic) -> list[st.Stratum]:
        """The strata of the company's value: one per shown group, one for all hidden ones.

        So no hidden group can be worked out of the company's value. Strata without answers are
        left out.
        """
        if statistic not in self._strata:
            parts = [[name] for name in self.shown(statistic)]
            if self.hidden(statistic):
                parts.append(sorted(self.hidden(statistic)))
            strata = [self.stratum(part, statistic) for part in parts]
            self._strata[statistic] = [stratum for stratum in strata if sum(stratum.counts)]
        return self._strata[statistic]
