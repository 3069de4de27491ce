"""When an attack has found something.

More hits than chance, an order that follows another, or a thing that must not be there.

An attack gives `Evidence`, each piece under a name:

* `Matching`: "I say that this answer is of this person", one pair per answer. A random matching
  hits once on average, and its hits over R worlds have Poisson(R); more than the 99.9 % quantile is
  a find. So is a mean Kendall tau (between the order of the persons and the order of the answers)
  beyond 3.29 standard deviations. A matching is also judged backwards.
* an `int`: things that must not be there at all. Any is a find.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TypeVar

import numpy as np
from scipy.stats import kendalltau, poisson

SURE = 0.999
DEVIATIONS = 3.29
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Matching:
    """The owners of the answers as the attacker says, and as they are.

    The same length, in the attacker's order.

    Owners are numbers; the smaller, the earlier in the order that the attacker starts from.
    """

    said: tuple[int, ...]
    true: tuple[int, ...]

    @property
    def hits(self) -> int:
        """How many are right."""
        return sum(a == b for a, b in zip(self.said, self.true, strict=True))

    @property
    def hits_backwards(self) -> int:
        """How many are right when the attacker reads the answers the other way round."""
        return sum(a == b for a, b in zip(self.said, reversed(self.true), strict=True))

    @property
    def tau(self) -> float:
        """Kendall's tau between what was said and what is true; 0 for fewer than two."""
        found = (
            float(kendalltau(self.said, self.true).statistic)
            if len(set(self.said)) > 1 and len(set(self.true)) > 1
            else 0.0
        )
        return 0.0 if np.isnan(found) else found


Evidence = Mapping[str, Matching | int]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the evidence of several worlds comes to, under one name."""

    name: str
    linked: int
    chance: int
    limit: int
    tau: float = 0.0
    tau_limit: float = 0.0

    @property
    def found(self) -> bool:
        """Whether the attack has won."""
        return self.linked > self.limit or abs(self.tau) > self.tau_limit

    def __str__(self) -> str:
        order = f", tau {self.tau:+.3f} (limit {self.tau_limit:.3f})" if self.tau_limit else ""
        return f"{self.name}: {self.linked} linked, chance {self.chance}, limit {self.limit}{order}"


def by_order(owners: Sequence[int], reference: Sequence[int]) -> Matching:
    """The matching "the first answer is of the first person".

    Owners in the order of their answers, persons in theirs.

    Persons who have no answer among these are left out, so that the attacker is as well informed as
    can be.
    """
    present = set(owners)
    place = {
        person: at for at, person in enumerate(person for person in reference if person in present)
    }
    true = tuple(place[owner] for owner in owners if owner in place)
    return Matching(tuple(range(len(true))), true)


def judge(runs: Sequence[Evidence]) -> list[Verdict]:
    """One verdict per name over the evidence of all worlds.

    A name that some worlds lack is judged over those that have it.
    """
    names = dict.fromkeys(name for evidence in runs for name in evidence)
    return [
        _judge(name, [evidence[name] for evidence in runs if name in evidence]) for name in names
    ]


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict that is nearest to a find, or furthest beyond."""

    def badness(verdict: Verdict) -> tuple[bool, float, float]:
        return (
            verdict.found,
            verdict.linked / (verdict.limit + 1),
            abs(verdict.tau) / verdict.tau_limit if verdict.tau_limit else 0.0,
        )

    return max(verdicts, key=badness)


def finds(verdicts: Sequence[Verdict]) -> list[str]:
    """What was found, one line each."""
    return [str(verdict) for verdict in verdicts if verdict.found]


def _judge(name: str, found: Sequence[Matching | int]) -> Verdict:
    matchings = [piece for piece in found if isinstance(piece, Matching)]
    if not matchings:
        return Verdict(name, sum(piece for piece in found if isinstance(piece, int)), 0, 0)
    runs = len(matchings)
    hits = max(sum(m.hits for m in matchings), sum(m.hits_backwards for m in matchings))
    tau = float(np.mean([m.tau for m in matchings]))
    return Verdict(
        name,
        hits,
        runs,
        int(poisson.ppf(SURE, runs)),
        tau,
        DEVIATIONS * sqrt(sum(_variance(m) for m in matchings)) / runs,
    )


def _variance(matching: Matching) -> float:
    """Of Kendall's tau under chance."""
    n = min(len(matching.said), len(matching.true))
    return 2 * (2 * n + 5) / (9 * n * (n - 1)) if n > 1 else 1.0
