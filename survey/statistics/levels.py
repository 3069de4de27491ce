"""Level and process intervals of one number: share, mean, NPS."""

from collections.abc import Sequence

from survey.statistics.exact import kept_counts
from survey.statistics.values import EVERYONE, Interval, checked_counts, checked_population, checked_values, quantile, whole
from survey.statistics.wilson import mean_limits

LARGEST_EXACT = 5000
NPS_VALUES = (-100.0, 0.0, 100.0)


def proportion_interval(successes: int, answers: int, population: int | None = None, confidence: float = 0.95) -> Interval:
    """The share `successes / answers` (0..1) with its range: about these N people with a population, else about the process.

    Exact hypergeometric (Blaker 2000) up to 5,000 people, Wilson (1927) otherwise. Refuses negative or fractional
    numbers, no answers, more successes than answers, more answers than people, a confidence outside (0, 1).

    >>> i = proportion_interval(54, 60, population=200)
    >>> i.estimate, i.low, i.high
    (0.9, 0.82, 0.95)
    """
    z = quantile(confidence)
    n = whole("answers", answers, lowest=1)
    x = whole("successes", successes)
    if x > n:
        raise ValueError(f"successes ({x}) exceed answers ({n})")
    people = checked_population(population, n)
    if people == n:
        return Interval(x / n, x / n, x / n, confidence, EVERYONE)
    if people is not None and people <= LARGEST_EXACT:
        low, high = kept_counts(x, n, people, 1 - confidence)
        return Interval(x / n, low / people, high / people, confidence, "exact hypergeometric (Blaker)")
    estimate, low_end, high_end = mean_limits((n - x, x), (0, 1), z, people)
    method = "Wilson" if people is None else "Wilson, finite population"
    return Interval(float(estimate), float(low_end), float(high_end), confidence, method)


def mean_interval(counts: Sequence[int], values: Sequence[float], population: int | None = None, confidence: float = 0.95) -> Interval:
    """The mean of a bounded scale in the unit of `values`, with its generalised Wilson range.

    `counts` are answers per value, zeros included; `values` the whole scale, ascending. Refuses what cannot be a scale,
    negative or fractional counts, no answers, more answers than people.

    >>> i = mean_interval((1, 2, 4, 12, 9), (1, 2, 3, 4, 5), population=60)
    >>> round(i.estimate, 4), round(i.low, 4), round(i.high, 4)
    (3.9286, 3.5972, 4.2056)
    """
    z = quantile(confidence)
    scale = checked_values(values)
    found = checked_counts(counts, scale)
    people = checked_population(population, sum(found))
    estimate, low, high = (float(end) for end in mean_limits(found, scale, z, people))
    if people == sum(found):
        return Interval(estimate, estimate, estimate, confidence, EVERYONE)
    method = "generalised Wilson" if people is None else "generalised Wilson, finite population"
    return Interval(estimate, low, high, confidence, method)


def nps_interval(promoters: int, passives: int, detractors: int, population: int | None = None, confidence: float = 0.95) -> Interval:
    """The net promoter score (-100..100): promoters minus detractors, with its generalised Wilson range.

    >>> i = nps_interval(36, 18, 6, population=200)
    >>> round(i.estimate, 4), round(i.low, 4), round(i.high, 4)
    (50.0, 34.2904, 62.9889)
    """
    named = {"promoters": promoters, "passives": passives, "detractors": detractors}
    counts = {name: whole(name, number) for name, number in named.items()}
    if not sum(counts.values()):
        raise ValueError("no answers: promoters, passives and detractors are all 0")
    return mean_interval((counts["detractors"], counts["passives"], counts["promoters"]), NPS_VALUES, population, confidence)
