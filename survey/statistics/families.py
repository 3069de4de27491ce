"""Which comparisons of a report are judged together, and which are adjusted for their number.

The more comparisons a report makes, the more of them chance calls clear. They form three families:
the headline is one test and not adjusted; measures with a target are adjusted among themselves; all
else is exploration and adjusted among itself (Benjamini & Hochberg, J. R. Statist. Soc. B 57,
1995). Numbers of people and answers decide on members: nothing here looks at a result.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from survey.statistics.difference import adjust_p_values


class Family(IntEnum):
    """The three families of comparisons of one report."""

    HEADLINE = 1
    TARGETS = 2
    EXPLORATION = 3


class Comparing(StrEnum):
    """What is compared: all waves, this one with an earlier one, a group, a year, a year ago."""

    TREND = "trend"
    CHANGE = "change"
    GROUP = "group against the rest"
    YEAR = "year against year"
    YEAR_AGO = "a year ago"


@dataclass(frozen=True, slots=True)
class Compared:
    """One comparison of a report.

    `is_overall` says whether it is of the overall measure, `has_target` whether its measure has a
    target or is a key figure of the contract.
    """

    what: Comparing
    is_overall: bool = False
    has_target: bool = False


def assign_families(comparisons: Sequence[Compared]) -> tuple[Family, ...]:
    """The family of each comparison of one report, in the order given.

    The headline is the overall measure's trend, or its change where it has no trend. Refuses two
    headlines: trends or changes of the overall measure.

    >>> rise, change = Compared(Comparing.TREND, True), Compared(Comparing.CHANGE, True)
    >>> speed = Compared(Comparing.CHANGE, has_target=True)
    >>> [int(family) for family in assign_families([rise, change, speed])]
    [1, 3, 2]
    >>> [int(family) for family in assign_families([change, speed])]
    [1, 2]
    """
    overall = [compared.what for compared in comparisons if compared.is_overall]
    headline = Comparing.TREND if Comparing.TREND in overall else Comparing.CHANGE
    if overall.count(headline) > 1:
        raise ValueError(f"comparisons must hold one {headline} of the overall measure")
    return tuple(_family_of(compared, headline) for compared in comparisons)


def _family_of(compared: Compared, headline: Comparing) -> Family:
    """The family of one comparison, where the overall measure's `headline` is the headline."""
    if compared.what not in {Comparing.TREND, Comparing.CHANGE}:
        return Family.EXPLORATION
    if compared.is_overall:
        return Family.HEADLINE if compared.what is headline else Family.EXPLORATION
    return Family.TARGETS if compared.has_target else Family.EXPLORATION


def family_sizes(families: Sequence[Family]) -> Mapping[Family, int]:
    """How many comparisons each family has, 0 for one without any.

    >>> sizes = family_sizes([Family.HEADLINE, Family.EXPLORATION, Family.EXPLORATION])
    >>> sizes[Family.HEADLINE], sizes[Family.TARGETS], sizes[Family.EXPLORATION]
    (1, 0, 2)
    """
    _refuse_others(families)
    found = Counter(families)
    return {family: found[family] for family in Family}


def adjust_by_family(p_values: Sequence[float], families: Sequence[Family]) -> tuple[float, ...]:
    """The q-values of one report, each p adjusted within its family, in the order given.

    That of the headline is its p. Refuses p outside 0..1, and lists of unequal length.

    >>> two = Family.TARGETS
    >>> adjust_by_family([0.04, 0.02, 0.03], [Family.HEADLINE, two, two])
    (0.04, 0.03, 0.03)
    """
    if len(p_values) != len(families):
        raise ValueError(
            f"p_values and families must be of equal length: {len(p_values)} and {len(families)}"
        )
    _refuse_others(families)
    adjusted = [0.0] * len(p_values)
    for family in Family:
        places = [at for at, other in enumerate(families) if other is family]
        for at, q in zip(places, adjust_p_values([p_values[at] for at in places]), strict=True):
            adjusted[at] = q
    return tuple(adjusted)


def _refuse_others(families: Sequence[Family]) -> None:
    """Refuses what is none of the three families."""
    for family in families:
        if not isinstance(family, Family):
            raise ValueError(f"families must be of the three: {family!r}")  # noqa: TRY004
