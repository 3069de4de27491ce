"""What the methods promise, measured.

Enumerated where the results can be counted, else drawn with fixed seeds.

Each check is small for the tests and large for `make bench`; its cells are the situations, `worst`
and `mean` go over them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from scipy import stats

from survey.statistics import (
    difference_intervals,
    mean_intervals,
    proportion_intervals,
    stratified_differences,
    stratified_intervals,
    stratified_process_intervals,
)
from survey.statistics.difference import mover_interval
from survey.statistics.drivers import KeyDrivers, key_drivers
from survey.statistics.levels import NPS_VALUES
from survey.statistics.values import Differences, quantile
from survey.statistics.verdicts import Verdict, verdict
from survey.statistics.waves import mean_of_waves
from survey.statistics.wilson import Summary, moments
from tests.statistics import (
    simulated_companies,
    simulated_findings,
    simulated_limits,
    simulated_reports,
    simulated_waves,
)
from tests.statistics.checks import (
    CHECKS,
    CLOSE,
    DESIGNS,
    NPS_SHAPES,
    ONE_TO_FIVE,
    PAIRS_MEAN,
    PAIRS_SHARE,
    SHAPES,
    SHARE,
    Array,
    Check,
    Measured,
    Scale,
    Size,
    called_different,
    check,
    contains,
)

__all__ = [
    "CHECKS",
    "Check",
    "Size",
    "simulated_companies",
    "simulated_findings",
    "simulated_limits",
    "simulated_reports",
    "simulated_waves",
]


def answers_of(people: Iterable[int], rates: Iterable[float], fewest: int = 1) -> Array:
    """How many answer when these shares of these people do."""
    return np.array(
        [max(fewest, round(number * rate)) for number, rate in zip(people, rates, strict=True)]
    )


# Shares


def _sizes(size: Size) -> Iterator[tuple[int, int]]:
    """Answers and people."""
    for people in (8, 12, 20, 60, 200):
        yield from (
            (n, people)
            for n in sorted({*(round(people * rate) for rate in (0.3, 0.6, 0.9)), people - 1})
            if n >= 5
        )
    if size == "large":
        yield from ((n, people) for people in range(9, 60, 2) for n in range(5, people))
        yield from (
            (round(people * rate), people) for people in (100, 400) for rate in (0.1, 0.3, 0.6, 0.9)
        )


@check("share-level")
def share_level(size: Size) -> Measured:
    what = (
        "The range of a share holds the true share of the people invited (every possible truth;"
        " counted, not drawn)"
    )
    rates: list[float] = []
    for n, people in _sizes(size):
        x, truth = np.arange(n + 1), np.arange(people + 1)[:, None]
        shares = proportion_intervals(x, np.full(n + 1, n), np.full(n + 1, people))
        chance = stats.hypergeom.pmf(x, people, truth, n)
        rates += (chance * contains(shares, truth / people)).sum(axis=1).tolist()
    return what, True, 0.95, rates


@check("share-verdict")
def share_verdict(size: Size) -> Measured:
    what = (
        "A verdict on a share against a target of 80 % is wrong (every possible truth; counted, not"
        " drawn)"
    )
    rates: list[float] = []
    some = [(6, 20), (12, 20), (18, 60), (36, 60), (60, 200), (120, 200)]
    for n, people in (
        some
        if size == "small"
        else [*some, *((round(N * r), N) for N in (30, 100, 400) for r in (0.3, 0.6, 0.9))]
    ):
        x, truth = np.arange(n + 1), np.arange(people + 1)[:, None]
        shares = proportion_intervals(x, np.full(n + 1, n), np.full(n + 1, people))
        verdicts = np.array([verdict(shares[at], 0.8) for at in x])
        met = truth / people >= 0.8 - CLOSE
        wrong = ((verdicts == Verdict.MEETS) & ~met) | ((verdicts == Verdict.MISSES) & met)
        rates += (stats.hypergeom.pmf(x, people, truth, n) * wrong).sum(axis=1).tolist()
    return what, False, 0.05, rates


@check("share-process")
def share_process(size: Size) -> Measured:
    what = (
        "The range of a share about the process holds the provider's true share, 50 to 95 %"
        " (counted, not drawn)"
    )
    return what, True, 0.89, _process(size, np.linspace(0.5, 0.95, 46 if size == "small" else 181))


def _process(size: Size, truths: Array) -> list[float]:
    """How often the comparison range of a share holds each of these true shares."""
    rates: list[float] = []
    for n in (10, 12, 20, 36, 60, 120, 200) if size == "small" else range(10, 201):
        x, truth = np.arange(n + 1), truths[:, None]
        shares = proportion_intervals(x, np.full(n + 1, n))
        rates += (stats.binom.pmf(x, n, truth) * contains(shares, truth)).sum(axis=1).tolist()
    return rates


@check("share-process-near-end")
def share_process_near_end(size: Size) -> Measured:
    what = "The same for true shares above 95 % (or below 5 %), where it is weakest"
    return what, True, 0.80, _process(size, np.linspace(0.95, 0.999, 50 if size == "small" else 99))


# Means and net promoter scores


def _level(size: Size, shapes: Iterable[Sequence[float]], values: Scale, seed: int) -> list[float]:
    """Each draw has people of its own.

    Those who answer and those who are silent are independent parts of them.
    """
    source, rates = np.random.default_rng(seed), []
    draws = 6_000 if size == "small" else 60_000
    for shape, people, rate in product(shapes, (8, 12, 20, 60), (0.3, 0.6, 0.9)):
        n = round(people * rate)
        if n < 5:
            continue
        answers, silent = (
            source.multinomial(n, shape, draws),
            source.multinomial(people - n, shape, draws),
        )
        means = mean_intervals(answers, values, np.full(draws, people))
        rates.append(float(contains(means, (answers + silent) @ np.array(values) / people).mean()))
    return rates


@check("mean-level")
def mean_level(size: Size) -> Measured:
    what = "The range of a mean from 1 to 5 holds the true mean of the people invited"
    return what, True, 0.93, _level(size, SHAPES.values(), ONE_TO_FIVE, 1)


@check("nps-level")
def nps_level(size: Size) -> Measured:
    what = "The range of a net promoter score holds the true score of the people invited"
    return what, True, 0.93, _level(size, NPS_SHAPES.values(), NPS_VALUES, 2)


# The company's value from its groups


@dataclass(frozen=True, slots=True)
class Situation:
    """A company's groups in two waves.

    People, answers in each wave, and shares of each answer before and after a real change.
    """

    people: Array
    first: Array
    second: Array
    shares: Array
    changed: Array
    values: Scale

    @property
    def unit(self) -> Array:
        """The scale as an array."""
        return np.array(self.values, dtype=float)

    def truth(self, shares: Array) -> float:
        """The company's value when its groups answer in these shares."""
        return float(self.people @ (shares @ self.unit) / self.people.sum())


def drawn(source: np.random.Generator, numbers: Array, shares: Array, draws: int) -> Array:
    """Draws x groups x values."""
    return np.stack(
        [
            source.multinomial(number, share, draws)
            for number, share in zip(numbers, shares, strict=True)
        ],
        axis=1,
    )


def _responses(groups: int) -> list[tuple[Array, Array]]:
    """Shares that answer in the first and the second wave; in the last one the groups swap."""
    unequal = np.linspace(0.4, 0.9, groups)
    alike = [(np.full(groups, rate), np.full(groups, rate)) for rate in (0.4, 0.65, 0.9)]
    return [*alike, (unequal, unequal), (unequal, unequal[::-1])]


def _top_two(groups: int) -> list[tuple[Array, Array]]:
    satisfied = [
        np.full(groups, 0.7),
        np.linspace(0.5, 0.95, groups),
        np.full(groups, 0.95),
        np.full(groups, 0.85),
    ]
    return [
        (np.stack([1 - p, p], axis=1), np.stack([1.15 - p, p - 0.15], axis=1)) for p in satisfied
    ]


def _means(groups: int) -> list[tuple[Array, Array]]:
    mixed = ["typical", "high", "polarised", "low", "ceiling 90"] * groups
    named = [["typical"] * groups, mixed[:groups], ["high"] * groups, ["ceiling 90"] * groups]
    pairs = []
    for names in named:
        before = np.array([SHAPES[name] for name in names])
        pairs.append((before, before * 0.8 + np.array([0, 0.2, 0, 0, 0])))
    return pairs


def situations() -> Iterator[Situation]:
    """Every design with every response and every distribution, for shares and means."""
    for (levels, values), design in product(((_top_two, SHARE), (_means, ONE_TO_FIVE)), DESIGNS):
        people = np.array(design)
        for (first, second), (shares, changed) in product(
            _responses(len(design)), levels(len(design))
        ):
            yield Situation(
                people,
                answers_of(people, first),
                answers_of(people, second),
                shares,
                changed,
                values,
            )


def _draws(size: Size) -> int:
    return 5_000 if size == "small" else 20_000


@check("stratified-level")
def stratified_level(size: Size) -> Measured:
    what = (
        "The range of the company's value, weighted by group, holds the true value of the people"
        " invited"
    )
    source, rates, draws = np.random.default_rng(3), [], _draws(size)
    for situation in situations():
        people = situation.people
        answers = drawn(source, situation.first, situation.shares, draws)
        silent = drawn(source, people - situation.first, situation.shares, draws)
        means = stratified_intervals(np.tile(people, (draws, 1)), answers, situation.values)
        rates.append(
            float(
                contains(
                    means, (answers + silent).sum(axis=1) @ situation.unit / people.sum()
                ).mean()
            )
        )
    return what, True, 0.93, rates


@cache
def _processes(size: Size) -> dict[str, list[float]]:
    """Over all situations: the process covered, a change found where there is none, a real change
    covered.
    """
    source, draws = np.random.default_rng(4), _draws(size)
    covered: list[float] = []
    false_changes: list[float] = []
    change: list[float] = []
    for situation in situations():
        people = np.tile(situation.people, (draws, 1))
        before = drawn(source, situation.first, situation.shares, draws)
        same, other = (
            drawn(source, situation.second, shares, draws)
            for shares in (situation.shares, situation.changed)
        )
        level = stratified_process_intervals(people, before, situation.values)
        covered.append(float(contains(level, situation.truth(situation.shares)).mean()))
        unchanged, changed = (
            stratified_differences((people, later), (people, before), situation.values)
            for later in (same, other)
        )
        false_changes.append(float(called_different(unchanged).mean()))
        truth = situation.truth(situation.changed) - situation.truth(situation.shares)
        change.append(float(contains(changed, truth).mean()))
    return {"covered": covered, "found": false_changes, "change": change}


@check("stratified-process")
def stratified_process(size: Size) -> Measured:
    what = (
        "The range of the company's value about the process holds the value that the provider would"
        " give for ever more such people"
    )
    return what, True, 0.92, _processes(size)["covered"]


@check("stratified-no-change")
def stratified_no_change(size: Size) -> Measured:
    what = (
        "The company's value did not change, also where other groups answer more: a change is found"
        " all the same (p < .05)"
    )
    return what, False, 0.07, _processes(size)["found"]


@check("stratified-change-covered")
def stratified_change_covered(size: Size) -> Measured:
    what = "The range of the change of the company's value holds the change that really happened"
    return what, True, 0.92, _processes(size)["change"]


@check("pooled-answers-fail")
def pooled_answers_fail(size: Size) -> Measured:
    what = (
        "Why groups are weighted: nothing changed but who answered, and answers merely added up"
        " show a change (p < .05)"
    )
    source, rates, draws = np.random.default_rng(7), [], _draws(size)
    two = (
        candidate
        for candidate in situations()
        if len(candidate.people) == 2 and not np.array_equal(candidate.first, candidate.second)
    )
    example = np.array([[0.1, 0.9], [0.4, 0.6]])
    plain = Situation(
        np.array([100, 100]), np.array([75, 45]), np.array([45, 75]), example, example, SHARE
    )
    for situation in [
        plain,
        *(candidate for candidate in two if np.ptp(candidate.shares @ candidate.unit) > 0.3),
    ]:
        before, after = (
            drawn(source, n, situation.shares, draws).sum(axis=1)
            for n in (situation.first, situation.second)
        )
        rates.append(
            float(called_different(difference_intervals(after, before, situation.values)).mean())
        )
    return what, True, 0.15, rates


# Differences of two samples


def _all_pairs(n: int, m: int) -> tuple[Differences, Array]:
    """The differences of every possible pair of results of n and m answers, and the true-or-not
    table's form.
    """
    first, second = (
        grid.ravel() for grid in np.meshgrid(np.arange(n + 1), np.arange(m + 1), indexing="ij")
    )
    counts = (np.column_stack([size - x, x]) for size, x in ((n, first), (m, second)))
    return difference_intervals(*counts, SHARE), np.array([n + 1, m + 1])


@check("no-change-share")
def no_change_share(size: Size) -> Measured:
    what = (
        "Two shares come from the same process, 50 to 97 %: a difference is found all the same (p <"
        " .05; counted, not drawn)"
    )
    shares, rates = np.linspace(0.5, 0.97, 48 if size == "small" else 189), []
    for n, m in PAIRS_SHARE:
        differences, form = _all_pairs(n, m)
        different = called_different(differences).reshape(form)
        rates += [
            float(
                stats.binom.pmf(range(n + 1), n, p)
                @ different
                @ stats.binom.pmf(range(m + 1), m, p)
            )
            for p in shares
        ]
    return what, False, 0.07, rates


@check("change-covered-share")
def change_covered_share(size: Size) -> Measured:
    what = (
        "The range of a difference of two shares holds the true difference, 50 to 97 % each"
        " (counted, not drawn)"
    )
    shares, rates = np.linspace(0.5, 0.97, 10 if size == "small" else 25), []
    for n, m in PAIRS_SHARE:
        differences, form = _all_pairs(n, m)
        first, second = (
            np.array([stats.binom.pmf(range(size + 1), size, p) for p in shares]) for size in (n, m)
        )
        for i, j in product(range(len(shares)), repeat=2):
            if i != j:
                rates.append(
                    float(
                        first[i]
                        @ contains(differences, shares[i] - shares[j]).reshape(form)
                        @ second[j]
                    )
                )
    return what, True, 0.92, rates


def _no_change(
    size: Size, shapes: Iterable[Sequence[float]], values: Scale, seed: int
) -> list[float]:
    source, draws, rates = np.random.default_rng(seed), 20_000 if size == "small" else 100_000, []
    for (n, m), shape in product(PAIRS_MEAN, shapes):
        first, second = source.multinomial(n, shape, draws), source.multinomial(m, shape, draws)
        rates.append(float(called_different(difference_intervals(first, second, values)).mean()))
    return rates


@check("no-change-mean")
def no_change_mean(size: Size) -> Measured:
    what = (
        "Two means from 1 to 5 come from the same process: a difference is found all the same (p <"
        " .05)"
    )
    return what, False, 0.07, _no_change(size, SHAPES.values(), ONE_TO_FIVE, 8)


@check("no-change-nps")
def no_change_nps(size: Size) -> Measured:
    what = (
        "Two net promoter scores come from the same process: a difference is found all the same (p"
        " < .05)"
    )
    return what, False, 0.07, _no_change(size, NPS_SHAPES.values(), NPS_VALUES, 9)


# Years, drivers


@check("year-no-change")
def year_no_change(size: Size) -> Measured:
    what = (
        "Two years of four waves without a change, each person of one mind within the year, half"
        " so, or not at all: a change is found"
    )
    source, rates, draws = np.random.default_rng(12), [], 2_000 if size == "small" else 10_000
    for n, share, same in product((12, 20), (0.5, 0.7, 0.9), (1.0, 0.5, 0.0)):
        different = _all_years(n)
        years = []
        for _ in range(2):
            usual, fresh = (
                source.random((draws, 1, n)) < share,
                source.random((draws, 4, n)) < share,
            )
            years.append(
                np.where(source.random((draws, 1, n)) < same, usual, fresh).sum(axis=(1, 2))
            )
        rates.append(float(different[years[0], years[1]].mean()))
    return what, False, 0.07, rates


def _all_years(n: int) -> Array:
    """Whether two years of four waves with n answers each are called different, for every two
    numbers of satisfied answers.
    """
    waves = [
        [
            (n - satisfied, satisfied)
            for satisfied in (total // 4 + (at < total % 4) for at in range(4))
        ]
        for total in range(4 * n + 1)
    ]
    one, two = np.triu_indices(len(waves), 1)
    summaries = [mean_of_waves([moments([wave], SHARE) for wave in year]) for year in waves]
    mean, effective = (
        np.array([getattr(differences, part)[0] for differences in summaries])
        for part in ("mean", "effective")
    )
    differences = mover_interval(
        Summary(mean[two], effective[two]), Summary(mean[one], effective[one]), 1.0, quantile(0.95)
    )
    table = np.zeros((len(waves), len(waves)), dtype=bool)
    table[one, two] = table[two, one] = called_different(differences)
    return table


def _driven(source: np.random.Generator, people: int, slopes: Sequence[float]) -> KeyDrivers | None:
    """Key drivers of invented people.

    Six questions that go together, the first with the largest slope.
    """
    common = source.standard_normal((people, 1))
    questions = 0.6 * common + 0.8 * source.standard_normal((people, len(slopes)))
    overall = questions @ np.array(slopes) + source.standard_normal(people)
    return key_drivers(
        *(np.clip(np.rint(3 + numbers), 1, 5).astype(int) for numbers in (questions, overall))
    )


@check("drivers-first")
def drivers_first(size: Size) -> Measured:
    what = (
        "The question that really goes together with the overall one most is in the group that is"
        " shown, or first in the order"
    )
    source, rates = np.random.default_rng(13), []
    slopes = [(0.5, 0.3, 0.3, 0.2, 0.1, 0.0), (0.4, 0.35, 0.3, 0.2, 0.1, 0.1)]
    for people, slope in product(
        (100, 200) if size == "small" else (100, 150, 200, 400, 1000),
        slopes[: 1 if size == "small" else 2],
    ):
        results = [_driven(source, people, slope) for _ in range(50 if size == "small" else 300)]
        rates.append(
            float(
                np.mean([drivers is not None and _names_the_first(drivers) for drivers in results])
            )
        )
    return what, True, 0.85, rates


def _names_the_first(drivers: KeyDrivers) -> bool:
    return drivers.places[0] == 0 if drivers.ranked else 0 in drivers.places
