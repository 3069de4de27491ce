"""Several waves: years, trends, shocks that hit all at once, and what could have been found."""

from collections.abc import Iterator
from functools import cache
from itertools import product

import numpy as np
from scipy import stats

from survey.statistics import (
    Stratum,
    Trend,
    degrees_of_swings,
    detectable_moves,
    detectable_rise,
    difference_intervals,
    rebound,
)
from survey.statistics.difference import mover_interval
from survey.statistics.stratified import checked_strata
from survey.statistics.trends import (
    Line,
    fit_lines,
    p_values_of,
    swings_beside,
    widen_by_swings,
)
from survey.statistics.values import Differences, quantile
from survey.statistics.waves import mean_of_waves, summarise_wave
from survey.statistics.wilson import Moments, Summary, moments, summarise_process
from tests.statistics.checks import (
    SHARE,
    Array,
    Measured,
    Size,
    called_different,
    check,
)

# Years

ANSWERING = {  # of 100 and 100 people in the two departments, in each of eight waves
    "alike": [(60, 60)] * 8,
    "between the years": [(75, 45)] * 4 + [(45, 75)] * 4,
    "within each year": [(75, 45), (45, 75)] * 4,
    "step by step": [(80 - 6 * wave, 35 + 6 * wave) for wave in range(8)],
}


def _department(
    source: np.random.Generator, share: float, same: float, answers: list[int], draws: int
) -> Array:
    """Satisfied answers of draws x waves; people stay of one mind with probability `same`."""
    usual = np.repeat(source.random((draws, 2, 100)) < share, len(answers) // 2, axis=1)
    fresh = source.random((draws, len(answers), 100)) < share
    opinion = np.where(source.random((draws, 1, 100)) < same, usual, fresh)
    keys = source.random((draws, len(answers), 100))
    limit = np.stack(
        [np.partition(keys[:, at], n - 1, axis=1)[:, n - 1] for at, n in enumerate(answers)], axis=1
    )
    satisfied: Array = (opinion & (keys <= limit[..., None])).sum(axis=2)
    return satisfied


@cache
def _years(size: Size) -> tuple[list[float], list[float]]:
    """How often a year is called different from the one before, by its waves and by sums."""
    source, draws = np.random.default_rng(31), 200 if size == "small" else 3_000
    by_waves: list[float] = []
    by_sums: list[float] = []
    for (name, answering), shares, same in product(
        ANSWERING.items(), ((0.9, 0.6), (0.75, 0.75), (0.95, 0.5)), (0.0, 0.5, 1.0)
    ):
        columns = [list(column) for column in zip(*answering, strict=True)]
        yes = np.stack(
            [
                _department(source, share, same, n, draws)
                for share, n in zip(shares, columns, strict=True)
            ],
            axis=-1,
        )
        counts = np.stack([np.array(answering) - yes, yes], axis=-1)
        people = np.full((draws, 2), 100)
        waves = [
            summarise_wave(checked_strata(people, counts[:, wave], SHARE), SHARE)
            for wave in range(8)
        ]
        later, before = mean_of_waves(waves[4:]), mean_of_waves(waves[:4])
        found = mover_interval(later, before, 1.0, quantile(0.95))
        by_waves.append(float(called_different(found).mean()))
        if name == "between the years" and shares == (0.95, 0.5):
            sums = [counts[:, part].sum(axis=(1, 2)) for part in (slice(4, 8), slice(4))]
            n = sums[0].sum(axis=1) / 4
            plain = [Summary(total[:, 1] / total.sum(axis=1), n) for total in sums]
            added = mover_interval(plain[0], plain[1], 1.0, quantile(0.95))
            by_sums.append(float(called_different(added).mean()))
    return by_waves, by_sums


@check("year-departments-no-change")
def year_departments_no_change(size: Size) -> Measured:
    what = (
        "Two years of four waves without a change, in two departments whose response moves between"
        " them, people of one mind or not: a change is found"
    )
    return what, False, 0.07, _years(size)[0]


@check("plain-year-fails")
def plain_year_fails(size: Size) -> Measured:
    what = (
        "Why waves are not added up: two years without a change, in two departments that swap their"
        " response between the years, compared by sums of answers: a change is found"
    )
    return what, True, 0.20, _years(size)[1]


# Trends: one group in each wave


def _one_group(satisfied: Array, answers: Array) -> Moments:
    """The moments of draws x waves of one group each."""
    n = np.broadcast_to(answers, satisfied.shape)
    return moments(np.stack([n - satisfied, satisfied], axis=-1), SHARE)


def _trend_lines(satisfied: Array, answers: Array) -> Line:
    return fit_lines(np.arange(satisfied.shape[1], dtype=float), _one_group(satisfied, answers))


def _called(line: Line) -> float:
    return float((p_values_of(line) < 0.05).mean())


def _same_people(
    source: np.random.Generator, people: int, answers: int, waves: int, draws: int
) -> Array:
    """Satisfied answers of people whose opinions drift slowly: AR(1) with .8, 70 % satisfied."""
    opinion = source.standard_normal((draws, people))
    found = []
    for _ in range(waves):
        keys = source.random((draws, people))
        limit = np.partition(keys, answers - 1, axis=1)[:, [answers - 1]]
        found.append(((opinion < stats.norm.ppf(0.7)) & (keys <= limit)).sum(axis=1))
        opinion = 0.8 * opinion + 0.6 * source.standard_normal((draws, people))
    return np.stack(found, axis=1)


def _shocked(source: np.random.Generator, deviation: float, form: tuple[int, int]) -> Array:
    """Shares of 70 % in draws x waves, each wave shifted for everybody at once."""
    shares: Array = np.clip(0.7 + deviation * source.standard_normal(form), 0.01, 0.99)
    return shares


@check("trend-flat")
def trend_flat(size: Size) -> Measured:
    what = (
        "A service that stays the same (70 % of 30, 60 or 200 people, 65 % answer, 5 to 8 waves):"
        " its trend is called clear; other people each time, and the same whose opinions drift"
    )
    source, rates = np.random.default_rng(32), []
    draws = 1_500 if size == "small" else 8_000
    for people, waves in product((30, 60, 200), (5, 6, 8)):
        answers = round(0.65 * people)
        others = source.binomial(answers, 0.7, (draws, waves))
        rates.append(_called(_trend_lines(others, np.array(answers))))
        some = 3_000 if size == "small" else 8_000
        if size == "large" or people < 200:
            same = _same_people(source, people, answers, waves, some)
            rates.append(_called(_trend_lines(same, np.array(answers))))
    return what, False, 0.08, rates


@check("trend-flat-elsewhere")
def trend_flat_elsewhere(size: Size) -> Measured:
    what = (
        "A service that stays the same (50 to 97 % of 10 to 130 answers, other people each time, 5"
        " or 8 waves): its trend is called clear"
    )
    source, rates = np.random.default_rng(39), []
    draws = 2_000 if size == "small" else 20_000
    shares = (0.5, 0.7, 0.8, 0.9, 0.95, 0.97)
    for answers, share, waves in product((10, 20, 39, 130), shares, (5, 8)):
        satisfied = source.binomial(answers, share, (draws, waves))
        rates.append(_called(_trend_lines(satisfied, np.array(answers))))
    return what, False, 0.08, rates


@check("trend-common-shocks")
def trend_common_shocks(size: Size) -> Measured:
    what = (
        "A service near 70 % with weeks that are good or bad for everybody, by 4 or 7 points"
        " (standard deviation): its trend is called clear"
    )
    source, rates = np.random.default_rng(33), []
    draws = 2_000 if size == "small" else 20_000
    for people, waves, shock in product((30, 60, 200), (5, 6, 8), (0.04, 0.07)):
        answers = round(0.65 * people)
        satisfied = source.binomial(answers, _shocked(source, shock, (draws, waves)))
        rates.append(_called(_trend_lines(satisfied, np.array(answers))))
    return what, False, 0.08, rates


@cache
def _rises(size: Size, rise: float, waves: int) -> float:
    """How often a steady rise that ends at 70 % is found; 39 of 60 people answer."""
    source, draws = np.random.default_rng(34), 4_000 if size == "small" else 40_000
    shares = np.linspace(0.7 - rise, 0.7, waves)
    return _called(_trend_lines(source.binomial(39, shares, (draws, waves)), np.array(39)))


@check("trend-rise-of-20")
def trend_rise_of_20(size: Size) -> Measured:
    what = "A rise of 20 points to 70 % over 8 waves of 60 people (39 answer): the trend finds it"
    return what, True, 0.44, [_rises(size, 0.2, 8)]


@check("trend-rise-of-30")
def trend_rise_of_30(size: Size) -> Measured:
    what = "A rise of 30 points over 8 such waves: the trend finds it"
    return what, True, 0.78, [_rises(size, 0.3, 8)]


@check("trend-rise-of-50")
def trend_rise_of_50(size: Size) -> Measured:
    what = "A rise of 50 points over 8 such waves: the trend finds it"
    return what, True, 0.95, [_rises(size, 0.5, 8)]


@check("trend-rise-of-30-in-5")
def trend_rise_of_30_in_5(size: Size) -> Measured:
    what = "A rise of 30 points over 5 such waves: the trend finds it"
    return what, True, 0.54, [_rises(size, 0.3, 5)]


# As the page about statistics says: rises over 8 and over 5 waves, and how many are found.
FOUND = {
    8: {0.1: 0.16, 0.2: 0.49, 0.3: 0.83, 0.5: 1.0},
    5: {0.1: 0.12, 0.2: 0.34, 0.3: 0.59, 0.5: 0.91},
}


@check("trend-power")
def trend_power(size: Size) -> Measured:
    what = (
        "Rises of 10, 20, 30 and 50 points over 8 waves of 60 people are found in 16, 49, 83 and"
        " 100 of 100 surveys, over 5 waves in 12, 34, 59 and 91: what was measured differs by"
    )
    return (
        what,
        False,
        0.05,
        [
            abs(_rises(size, rise, waves) - expected)
            for waves, found in FOUND.items()
            for rise, expected in found.items()
        ],
    )


# Changes between two waves: the same people, and shocks that hit all at once


@check("same-people-no-change")
def same_people_no_change(size: Size) -> Measured:
    what = (
        "The same 60 or 200 people are asked twice, 70 or 90 % satisfied, 65 or 90 % answer, and"
        " keep their opinion or one half draws anew: a change is found all the same (p < .05)"
    )
    source, rates = np.random.default_rng(38), []
    draws = 2_000 if size == "small" else 20_000
    for people, share, rate, keep in product((60, 200), (0.7, 0.9), (0.65, 0.9), (1.0, 0.5)):
        n = round(people * rate)
        usual = source.random((draws, people)) < share
        fresh = source.random((draws, people)) < share
        later = np.where(source.random((draws, people)) < keep, usual, fresh)
        x = [_satisfied_answers(source, opinion, n) for opinion in (later, usual)]
        counts = [np.column_stack([n - satisfied, satisfied]) for satisfied in x]
        found = called_different(difference_intervals(counts[0], counts[1], SHARE))
        rates.append(float(found.mean()))
    return what, False, 0.05, rates


def _satisfied_answers(source: np.random.Generator, opinion: Array, n: int) -> Array:
    """Satisfied people (draws x people) among the n who answer, drawn anew."""
    keys = source.random(opinion.shape)
    satisfied: Array = (opinion & (keys <= np.partition(keys, n - 1, axis=1)[:, [n - 1]])).sum(
        axis=1
    )
    return satisfied


@cache
def _shocks(size: Size) -> tuple[list[float], list[float]]:
    """False changes between the last two waves: judged by all waves, and by these two alone."""
    source, draws = np.random.default_rng(35), 2_000 if size == "small" else 20_000
    by_swings: list[float] = []
    alone: list[float] = []
    for answers, waves, shock in product((39, 120, 300), (6, 8), (0.0, 0.05)):
        satisfied = source.binomial(answers, _shocked(source, shock, (draws, waves)))
        judged, by_two = _changes(satisfied, np.array(answers))
        by_swings.append(float(judged.mean()))
        if shock and answers > 100:
            alone.append(float(by_two.mean()))
    return by_swings, alone


def _changes(satisfied: Array, answers: Array) -> tuple[Array, Array]:
    """Which changes between the last two waves (of draws x waves) are found.

    Judged by how all waves swing, and by these two waves alone.
    """
    cells = _one_group(satisfied, answers)
    parts = ("answers", "mean", "centre", "dispersion")
    last, before = (
        summarise_process(Moments(*(getattr(cells, part)[:, at] for part in parts)))
        for at in (-1, -2)
    )
    found: Differences = mover_interval(last, before, 1.0, quantile(0.95))
    times = np.arange(satisfied.shape[1], dtype=float)
    error, degrees = swings_beside(times, cells, (-1, -2))
    return called_different(widen_by_swings(found, error, degrees)), called_different(found)


@check("change-common-shocks")
def change_common_shocks(size: Size) -> Measured:
    what = (
        "Nothing changed, with and without weeks that are good or bad for everybody by 5 points;"
        " judged by how far six or eight waves swing: a change is found"
    )
    return what, False, 0.07, _shocks(size)[0]


@check("two-waves-alone-fail")
def two_waves_alone_fail(size: Size) -> Measured:
    what = (
        "Why other waves are looked at: nothing changed, weeks are good or bad for everybody by 5"
        " points, 120 and 300 answers, judged by two waves alone: a change is found"
    )
    return what, True, 0.20, _shocks(size)[1]


# What could have been found


@cache
def _found_as_printed(size: Size, *, is_fall: bool = True) -> list[float]:
    """How often one measure among m that falls (or rises) by the printed size is called clear."""
    source = np.random.default_rng(36 if is_fall else 42)
    draws = 400 if size == "small" else 4_000
    rates = []
    for n, share, members in product((60, 120, 300), (0.6, 0.7, 0.8, 0.9), (1, 8, 40)):
        moves = detectable_moves(share, (n, n), members)
        moved = moves.fall if is_fall else moves.rise
        if moved is None:
            continue
        before = source.binomial(n, share, (draws, members))
        after = source.binomial(n, share, (draws, members))
        after[:, 0] = source.binomial(n, share - moved if is_fall else share + moved, draws)
        rates.append(_first_is_clear(_p_values_of_pairs(n)[after, before]))
    return rates


def _first_is_clear(p_values: Array) -> float:
    """How often the first of the members of a family (draws x members) is called clear."""
    members = p_values.shape[1]
    ordered = np.sort(p_values, axis=1)
    limits = 0.05 * np.arange(1, members + 1) / members
    passed = (ordered <= limits) * np.arange(1, members + 1)
    largest = np.take(np.concatenate([[0.0], limits]), passed.max(axis=1))
    return float((p_values[:, 0] <= largest).mean())


@cache
def _p_values_of_pairs(n: int) -> Array:
    """The p-value of every pair of numbers of satisfied answers, n in each wave."""
    grids = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    counts = [np.column_stack([n - grid.ravel(), grid.ravel()]) for grid in grids]
    table: Array = difference_intervals(counts[0], counts[1], SHARE).p_value
    return table.reshape(n + 1, n + 1)


@check("printed-size-found")
def printed_size_found(size: Size) -> Measured:
    what = (
        "One of 1, 8 or 40 measures (60 to 90 % satisfied, 60 to 300 answers) falls by as much as"
        " is said can be detected, and it is called clear"
    )
    return what, True, 0.70, _found_as_printed(size)


@check("printed-rise-found")
def printed_rise_found(size: Size) -> Measured:
    what = "The same where it rises"
    return what, True, 0.70, _found_as_printed(size, is_fall=False)


@check("printed-size-not-too-large")
def printed_size_not_too_large(size: Size) -> Measured:
    what = "The fall may not be found so often that a smaller size should have been printed"
    return what, False, 0.90, _found_as_printed(size)


@check("printed-size-by-swings")
def printed_size_by_swings(size: Size) -> Measured:
    what = (
        "One measure alone falls by that size after five or seven steady waves, where it is also"
        " judged by how all waves swing, and the size is larger for it: it is called clear"
    )
    source, rates = np.random.default_rng(40), []
    draws = 2_000 if size == "small" else 20_000
    for n, share, waves in product((60, 120, 300), (0.7, 0.8), (6, 8)):
        degrees = degrees_of_swings(waves)
        fall = detectable_moves(share, (n, n), degrees=degrees).fall or 0.0
        shares = np.full(waves, share)
        shares[-1] -= fall
        satisfied = source.binomial(n, shares, (draws, waves))
        rates.append(float(_changes(satisfied, np.array(n))[0].mean()))
    return what, True, 0.70, rates


@check("printed-rise-of-trend-found")
def printed_rise_of_trend_found(size: Size) -> Measured:
    what = (
        "A service rises over 5, 6 or 8 waves (12, 39 or 130 answers, to 50 or 70 %) by as much as"
        " is said beside a trend without a rise: its trend is called clear"
    )
    source, rates = np.random.default_rng(43), []
    draws = 1_000 if size == "small" else 10_000
    for n, share, waves in product((12, 39, 130), (0.5, 0.7), (5, 6, 8)):
        flat = _trend_lines(source.binomial(n, share, (draws, waves)), np.array(n))
        rise = np.minimum(_printed_rises(flat, waves), share)
        shares = share - rise[:, None] * np.linspace(1, 0, waves)
        rates.append(_called(_trend_lines(source.binomial(n, shares), np.array(n))))
    return what, True, 0.60, rates


def _printed_rises(line: Line, waves: int) -> Array:
    """What `detectable_rise` says beside each line, whose span is that of so many waves."""
    span = waves - 1
    factor = {
        by_swings: detectable_rise(
            Trend(0.0, -half, half, 1.0, 0.95, (), 0, line.degrees if by_swings else None)
        )
        for by_swings, half in (
            (True, float(stats.t.ppf(0.975, line.degrees))),
            (False, float(stats.norm.ppf(0.975))),
        )
    }
    rises: Array = span * line.error * np.where(line.by_swings, factor[True], factor[False])
    return rises


# The lowest of many


def _measures(source: np.random.Generator, answers: int, shares: Array) -> Iterator[Array]:
    """Two waves of satisfied answers of measures that do not change."""
    for _ in range(2):
        yield source.binomial(answers, shares)


@check("rebound-apart")
def rebound_apart(size: Size) -> Measured:
    what = (
        "What is said of how the lowest of eight measures reads next time differs from how it does,"
        " on average, by so many points of 100"
    )
    source, rates = np.random.default_rng(37), []
    for people, spread in product((60, 200), (0.0, 0.05)):
        answers = round(0.65 * people)
        shares = 0.7 + spread * np.linspace(-1.5, 1.5, 8)
        said, real = [], []
        for _ in range(60 if size == "small" else 400):
            now, later = _measures(source, answers, shares)
            measures = [[Stratum(people, (answers - int(x), int(x)))] for x in now]
            said.append(rebound(measures, SHARE))
            lowest = int(now.argmin())
            real.append((later[lowest] - now[lowest]) / answers)
        rates.append(abs(float(np.mean(said)) - float(np.mean(real))))
    return what, False, 0.05, rates
