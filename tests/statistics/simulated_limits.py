"""What ranges do not cover: the narrow kind for changes, silence with a reason, opinions alike."""

from functools import cache
from itertools import product

import numpy as np
from scipy import stats

from survey.statistics import difference_intervals, proportion_intervals
from survey.statistics.difference import mover_interval
from survey.statistics.values import quantile
from survey.statistics.wilson import Summary
from tests.statistics.checks import (
    SHARE,
    Array,
    Measured,
    Size,
    called_different,
    check,
    contains,
)


@check("narrow-range-fails")
def narrow_range_fails(size: Size) -> Measured:
    what = (
        "Why changes have a range of their own: an unchanged service (70, 80 or 90 %), 60 or 200"
        " people, 30, 60 or 90 % answer, two waves compared by the narrow range: a change is found"
        " (counted, not drawn)"
    )
    rates = []
    for people, rate, share in product((60, 200), (0.3, 0.6, 0.9), (0.7, 0.8, 0.9)):
        n = round(people * rate)
        effective = n * (people - 1) / (people - n)
        x, y = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
        waves = [Summary(part.ravel() / n, np.full(part.size, effective)) for part in (x, y)]
        found = called_different(mover_interval(waves[0], waves[1], 1.0, quantile(0.95)))
        chance = stats.binom.pmf(np.arange(n + 1), n, share)
        rates.append(float(chance @ found.reshape(n + 1, n + 1) @ chance))
    return what, True, 0.05, rates


def _missed_by_eagerness(people: int) -> list[float]:
    """How often the range misses 80 % when dissatisfied people are twice as eager to answer."""
    n, satisfied = round(0.3 * people), round(0.8 * people)
    x = np.arange(n + 1)
    ranges = proportion_intervals(x, np.full(n + 1, n), np.full(n + 1, people))
    chance = stats.nchypergeom_fisher.pmf(x, people, satisfied, n, 0.5)
    return [float(chance @ ~contains(ranges, satisfied / people))]


@check("silence-fails-60")
def silence_fails_60(size: Size) -> Measured:
    what = (
        "Why no range repairs silence: dissatisfied people are twice as eager to answer (in odds),"
        " 80 % of 60 people are satisfied and 30 % answer: the range misses the truth"
    )
    return what, True, 0.10, _missed_by_eagerness(60)


@check("silence-fails-1000")
def silence_fails_1000(size: Size) -> Measured:
    return "The same with 1,000 people", True, 0.90, _missed_by_eagerness(1000)


ROOMS = list(product((60, 180), (6, 12), (0.1, 0.2)))  # people, people in a room, correlation


def _opinions(
    source: np.random.Generator, people: int, room: int, alike: float, draws: int
) -> Array:
    """Who is satisfied, draws x rooms x people; 70 %, alike within a room (beta-binomial)."""
    spread = (1 - alike) / alike
    shares = source.beta(0.7 * spread, 0.3 * spread, (draws, people // room, 1))
    satisfied: Array = source.random((draws, people // room, room)) < shares
    return satisfied


def _drawn(keys: Array, n: int) -> Array:
    """Which of the last axis have the n smallest keys."""
    drawn: Array = keys <= np.partition(keys, n - 1, axis=-1)[..., [n - 1]]
    return drawn


@cache
def _rooms(size: Size) -> tuple[list[float], list[float], list[float]]:
    """Ranges that hold the people asked; that miss them if rooms answer together; false changes."""
    source, draws = np.random.default_rng(41), 1_000 if size == "small" else 10_000
    held, missed, changed = [], [], []
    for people, room, alike in ROOMS:
        n = round(0.65 * people)
        waves = [_opinions(source, people, room, alike, draws) for _ in range(2)]
        answers = [
            (wave.reshape(draws, people) & _drawn(source.random((draws, people)), n)).sum(axis=1)
            for wave in waves
        ]
        truth = waves[0].mean(axis=(1, 2))
        asked = [np.full(draws, number) for number in (n, people)]
        held.append(float(contains(proportion_intervals(answers[0], *asked), truth).mean()))
        rooms = round(0.65 * people / room)
        together = _drawn(source.random((draws, people // room)), rooms)[..., None]
        whole = (waves[0] & together).sum(axis=(1, 2))
        asked[0] = np.full(draws, rooms * room)
        missed.append(float((~contains(proportion_intervals(whole, *asked), truth)).mean()))
        counts = [np.column_stack([n - x, x]) for x in answers]
        found = called_different(difference_intervals(counts[0], counts[1], SHARE))
        changed.append(float(found.mean()))
    return held, missed, changed


@check("alike-level")
def alike_level(size: Size) -> Measured:
    what = (
        "Colleagues in rooms of 6 or 12 think alike (correlation 0.1 or 0.2): the range of a share"
        " holds that of the people asked"
    )
    return what, True, 0.94, _rooms(size)[0]


@check("alike-response-fails")
def alike_response_fails(size: Size) -> Measured:
    what = (
        "Rooms of 6 or 12 think alike, and each room answers or stays silent as one: the range of"
        " a share misses that of the people asked"
    )
    return what, True, 0.05, _rooms(size)[1]


@check("alike-change-fails")
def alike_change_fails(size: Size) -> Measured:
    what = (
        "Colleagues in rooms of 6 or 12 think alike, each answers or not on their own, two waves of"
        " an unchanged service: a change is found all the same (p < .05)"
    )
    return what, True, 0.05, _rooms(size)[2]
