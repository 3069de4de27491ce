"""The examples in the page about statistics, computed by the product and never typed."""

import re
from collections.abc import Callable

from survey.findings.words.rules.printing import range_in_words, rounded_number, signed_number
from survey.statistics import (
    Stratum,
    break_even_people,
    detectable_factor,
    detectable_moves,
    difference_interval,
    feasible_range,
    proportion_interval,
    response_odds,
    stratified_interval,
    too_few_to_say,
    year_interval,
)
from tests.statistics.simulated_companies import DISSENTERS_ANSWERING, rates_of_dissenters

EXAMPLE = re.compile(r"(<!-- = (?P<name>[a-z0-9-]+) -->).*?(<!-- = -->)", re.DOTALL)
SHARE = (0, 1)
# Satisfied and answers in two departments of 100 people, of whom 90 and 60 % are satisfied.
BEFORE, AFTER = ((72, 80), (24, 40)), ((36, 40), (48, 80))


def with_examples(page: str) -> str:
    """The page with each marked example as it comes out now; an unknown name is refused."""
    return EXAMPLE.sub(lambda part: part[1] + EXAMPLES[part["name"]]() + part[3], page)


def _strata(wave: tuple[tuple[int, int], ...]) -> list[Stratum]:
    return [Stratum(100, (answers - satisfied, satisfied)) for satisfied, answers in wave]


def _added_up(wave: tuple[tuple[int, int], ...]) -> float:
    return 100 * sum(x for x, _ in wave) / sum(n for _, n in wave)


def _six_of_six() -> str:
    found = proportion_interval(6, 6, population=20)
    return f"from {range_in_words(100 * found.low, 100 * found.high)} %"


def _difference() -> str:
    found = difference_interval((14, 56), (32, 48), SHARE)
    change, low, high = (
        signed_number(100 * part) for part in (found.estimate, found.low, found.high)
    )
    return f"{change} points, from {low} to {high}, p = {rounded_number(found.p_value, 3)}"


def _fall_of_sums() -> str:
    return f"{rounded_number(_added_up(BEFORE) - _added_up(AFTER))} points"


def _weighted() -> str:
    waves = {
        rounded_number(100 * stratified_interval(_strata(wave), SHARE).estimate)
        for wave in (BEFORE, AFTER)
    }
    (share,) = waves
    return f"{share} %"


def _year() -> str:
    found = year_interval([_strata(BEFORE), _strata(AFTER)], SHARE).interval
    assert found
    return f"{rounded_number(100 * found.estimate)} %"


def _factors() -> str:
    one, eight, forty = (rounded_number(detectable_factor(m), 1) for m in (1, 8, 40))
    return f"{one}·h alone, {eight}·h with 8 and {forty}·h with 40"


def _moves() -> str:
    near, high = detectable_moves(0.7, (60, 60)), detectable_moves(0.9, (60, 60))
    assert near.rise
    assert near.fall
    assert high.fall
    assert high.rise is None
    rise, fall, from_90 = (rounded_number(100 * size) for size in (near.rise, near.fall, high.fall))
    return f"from 70 % a rise of {rise} or a fall of {fall} points, from 90 % a fall of {from_90}"


def _feasible() -> str:
    found = feasible_range(45, 62, 140)
    needed = break_even_people(45, 62, 140, 0.8)
    return (
        f"feasible {range_in_words(100 * found.low, 100 * found.high)} %, and {needed} of the"
        f" {140 - 62} would have to be satisfied"
    )


def _odds(satisfied: int, answers: int, people: int) -> str:
    found = response_odds(satisfied, answers, people, 0.8)
    assert found
    return f"{rounded_number(found.times, 1)} times"


def _needed_answers() -> str:
    fewest = {
        people: next(
            n for n in range(5, people + 1) if not too_few_to_say([(n, people)], is_share=True)
        )
        for people in (20, 30, 60, 200, 500)
    }
    parts = [f"{fewest[20]} answers of 20 people"]
    parts += [f"{n} of {people}" for people, n in fewest.items() if people != 20]
    return ", ".join(parts)


def _worst_of_dissenters() -> str:
    rates = rates_of_dissenters(1)
    limit = min(rates) + 1e-9
    where = {at for at, rate in zip(DISSENTERS_ANSWERING, rates, strict=True) if rate <= limit}
    answering = sorted({percent for _, percent in where})
    everywhere = {people for people, _ in DISSENTERS_ANSWERING}
    assert all({people for people, at in where if at == one} == everywhere for one in answering)
    return f"where {' or '.join(map(str, answering))} % answer, in companies of every size tried"


EXAMPLES: dict[str, Callable[[], str]] = {
    "six-of-six": _six_of_six,
    "difference": _difference,
    "fall-of-sums": _fall_of_sums,
    "weighted": _weighted,
    "year": _year,
    "factors": _factors,
    "moves": _moves,
    "feasible": _feasible,
    "odds-of-60": lambda: _odds(28, 39, 60),
    "odds-of-200": lambda: _odds(100, 130, 200),
    "needed-answers": _needed_answers,
    "worst-of-dissenters": _worst_of_dissenters,
}
