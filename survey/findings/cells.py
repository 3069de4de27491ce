"""One question's cells: its counts in each group, which may be shown, and the strata that its company value is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from survey import statistics as st
from survey.questionnaires.rules import Question, ScaleKind
from survey.responses.rules import Cell, PublishedGroup
from survey.statistics.suppression import hidden_cells

LOST_TIME = "share_over_two_hours"


@dataclass(frozen=True, slots=True)
class Statistic:
    """One figure of a question: how its scale's points are valued, and from how many answers it may be shown."""

    name: str
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
        return tuple(sum(c for c, v in zip(counts, self.points, strict=True) if v == value) for value in self.values)


def statistics_of(question: Question, minimum_share: int, minimum_detail: int) -> tuple[Statistic, ...]:
    """The figures of a question, its own first: the one that is compared over waves and groups."""
    scale = question.scale
    top = tuple(float(code in scale.top) for code in scale.codes)
    match scale.kind:
        case ScaleKind.ORDINAL:
            return Statistic("top2", top, minimum_share), Statistic("mean", tuple(map(float, scale.codes)), minimum_detail)
        case ScaleKind.NPS:
            points = tuple(100.0 * ((code in scale.promoters) - (code in scale.detractors)) for code in scale.codes)
            return (Statistic("nps", points, minimum_detail),)
        case ScaleKind.CHOICE if scale.top:
            return (Statistic("share", top, minimum_share),)
        case ScaleKind.BRACKET:
            return (Statistic(LOST_TIME, top, minimum_share),)
    return ()


class Cells:
    """One question's cells by group."""

    def __init__(self, groups: Sequence[PublishedGroup], cells: Mapping[str, Cell]) -> None:
        self.invited = {group.name: group.invited for group in groups}
        self.cells = cells

    @cached_property
    def company(self) -> Cell:
        """All groups together."""
        return self.together(tuple(self.cells))

    @property
    def population(self) -> int:
        """All invited, less those who opted out of the question."""
        return sum(self.invited.values()) - self.company.opted_out

    def hidden(self, minimum: int) -> frozenset[str]:
        """The groups that may not be shown for a figure that needs so many answers."""
        small = hidden_cells([(name, cell.answers) for name, cell in self.cells.items()], minimum)
        return small | {name for name, cell in self.cells.items() if not cell.answers}

    def together(self, names: Sequence[str]) -> Cell:
        """These groups as one."""
        first, *rest = (self.cells[name] for name in names)
        return sum(rest, first)

    def rest(self, name: str) -> Cell:
        """All groups but one."""
        return self.together([other for other in self.cells if other != name])

    def stratum(self, names: Sequence[str], statistic: Statistic) -> st.Stratum:
        """These groups as one stratum."""
        cell = self.together(names)
        return st.Stratum(sum(self.invited[name] for name in names) - cell.opted_out, statistic.valued(cell.counts))

    def strata(self, statistic: Statistic) -> list[st.Stratum]:
        """The shown groups, and all hidden ones together as one, so that none of them can be worked out of the company's value."""
        hidden = self.hidden(statistic.minimum)
        shown = [[name] for name in self.cells if name not in hidden]
        together = [self.stratum(names, statistic) for names in [*shown, sorted(hidden)] if names]
        return [stratum for stratum in together if sum(stratum.counts)]
