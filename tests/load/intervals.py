"""How fast ranges are: thousands of cells at once, against the usual way with scipy, one cell after
the other, in the same run.
"""

import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from survey.statistics import (
    difference_intervals,
    exact,
    mean_intervals,
    nps_intervals,
    proportion_intervals,
)

Array = NDArray[np.int64]
Json = dict[str, Any]
ONE_TO_FIVE = (1, 2, 3, 4, 5)
SHAPE = (0.05, 0.10, 0.20, 0.40, 0.25)
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Race:
    """The array form over all cells, and the usual way for one cell; `before` is not timed.

    No bound means it is only reported.
    """

    id: str
    what: str
    cells: int
    ours: Callable[[], object]
    theirs: Callable[[int], object]
    before: Callable[[], object] = lambda: None
    bound: int | None = None


def forget() -> None:
    """Empties the caches of the exact method."""
    exact._tabulate_ends.cache_clear()
    exact._search_ends.cache_clear()
    exact._log_factorials.cache_clear()


def races(cells: int = 10_000) -> list[Race]:
    """Invented cells of a year of waves, always the same."""
    source = np.random.default_rng(1)
    answers = source.integers(10, 200, cells)
    counts = source.multinomial(answers, SHAPE)
    others = source.multinomial(answers, SHAPE)
    x, detractors, passives = counts[:, 3:].sum(axis=1), counts[:, :2].sum(axis=1), counts[:, 2]
    exact_x, exact_n, exact_people = year_of_waves(source, cells)
    few = slice(min(cells, 1_000))

    def t_interval(values: tuple[float, ...], table: Array) -> Callable[[int], object]:
        def found(at: int) -> object:
            sample = np.repeat(values, table[at])
            return stats.t.interval(
                CONFIDENCE, len(sample) - 1, loc=sample.mean(), scale=max(stats.sem(sample), 1e-12)
            )

        return found

    def welch(at: int) -> object:
        first, second = np.repeat(ONE_TO_FIVE, counts[at]), np.repeat(ONE_TO_FIVE, others[at])
        return stats.ttest_ind(first, second, equal_var=False).confidence_interval(CONFIDENCE)

    def share(successes: Array, of: Array, method: str) -> Callable[[int], object]:
        return lambda at: stats.binomtest(int(successes[at]), int(of[at])).proportion_ci(
            CONFIDENCE, method=method
        )

    def levels() -> object:
        return proportion_intervals(exact_x, exact_n, exact_people)

    def differences() -> object:
        return difference_intervals(counts[few], others[few], ONE_TO_FIVE)

    wilson, tails = share(x, answers, "wilson"), share(exact_x, exact_n, "exact")
    mean, nps = (
        t_interval(ONE_TO_FIVE, counts),
        t_interval((-100, 0, 100), np.column_stack([detractors, passives, x])),
    )
    return [
        Race(
            "wilson",
            "shares, process (Wilson; scipy: the same)",
            cells,
            lambda: proportion_intervals(x, answers),
            wilson,
            bound=300,
        ),
        Race(
            "mean",
            "means of 1 to 5 (scipy: t interval)",
            cells,
            lambda: mean_intervals(counts, ONE_TO_FIVE),
            mean,
            bound=300,
        ),
        Race(
            "nps",
            "net promoter scores (scipy: t interval)",
            cells,
            lambda: nps_intervals(x, passives, detractors),
            nps,
            bound=300,
        ),
        Race(
            "exact-cold",
            "shares of a year of waves, exact, first time (scipy: Clopper-Pearson)",
            cells,
            levels,
            tails,
            before=forget,
        ),
        Race("exact-again", "the same again", cells, levels, tails, before=levels),
        Race(
            "difference",
            "differences of means with p (scipy: Welch)",
            len(counts[few]),
            differences,
            welch,
        ),
    ]


def year_of_waves(source: np.random.Generator, cells: int) -> tuple[Array, Array, Array]:
    """Successes, answers and people.

    130 different groups of up to 200, and 2,800 different results among the cells.
    """
    people = source.integers(10, 201, 130)
    answers = np.maximum((people * source.uniform(0.3, 0.95, 130)).astype(np.int64), 5)
    group = source.integers(0, 130, 30 * cells)
    x = source.binomial(answers[group], source.uniform(0.4, 0.95, len(group)))
    results = np.unique(np.column_stack([x, answers[group], people[group]]), axis=0)
    chosen = source.permutation(results)[: min(2_800, cells)]
    again = chosen[
        np.concatenate(
            [np.arange(len(chosen)), source.integers(0, len(chosen), cells - len(chosen))]
        )
    ]
    return again[:, 0], again[:, 1], again[:, 2]


def run(rounds: int = 7, cells: int = 10_000, theirs: int = 200) -> Iterator[Json]:
    """One line per race; each round takes both ways in turn, the usual one for a part of the cells
    only.
    """
    for race in races(cells):
        ours, usual = [], []
        some = np.linspace(0, race.cells - 1, theirs).astype(int)
        for _ in range(rounds):
            race.before()
            start = time.perf_counter()
            race.ours()
            between = time.perf_counter()
            for at in some:
                race.theirs(int(at))
            ours.append(between - start)
            usual.append((time.perf_counter() - between) * race.cells / len(some))
        floor, value = median(usual), median(ours)
        yield {
            "id": race.id,
            "what": race.what,
            "n": race.cells,
            "median": round(value, 6),
            "min": round(min(ours), 6),
            "floor": round(floor, 4),
            "ratio": round(floor / value, 1),
            "bound": race.bound,
            "rounds": rounds,
            "versions": {
                "Python": platform.python_version(),
                **{name: version(name) for name in ("numpy", "scipy")},
            },
            "load": round(os.getloadavg()[0], 1),
        }
