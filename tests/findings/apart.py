"""The formulas of all comparisons once more, apart from the product's: straight from the design.

A cell is (satisfied, answers). A value comes with a function that gives its ends for a z.
"""

from collections.abc import Callable, Mapping, Sequence
from math import hypot, sqrt
from statistics import fmean

import numpy as np
from scipy.optimize import brentq
from scipy.stats import false_discovery_control, hypergeom, norm, t

Ends = Callable[[float], tuple[float, float]]
Cells = Mapping[str, tuple[int, int]]
Place = tuple[str, str, str | None]  # kind of comparison, question, group
Z = norm.ppf(0.975)


def wilson(mean: float, effective: float) -> Ends:
    """Wilson's ends for a share of so many answers."""

    def ends(z: float) -> tuple[float, float]:
        middle, half = (
            mean + z * z / (2 * effective),
            z * sqrt(mean * (1 - mean) / effective + z * z / (4 * effective**2)),
        )
        return (middle - half) / (1 + z * z / effective), (middle + half) / (1 + z * z / effective)

    return ends


def weighted(cells: Cells, invited: Mapping[str, int]) -> tuple[float, Ends]:
    """The value weighted by the people of each group, and its ends, without the population."""
    total = sum(invited[group] for group in cells)
    mean = centre = variance = 0.0
    for group, (x, n) in cells.items():
        share, guess = invited[group] / total, (x + 1) / (n + 2)
        mean += share * x / n
        centre += share * guess
        variance += share**2 * guess * (1 - guess) / n
    return mean, wilson(mean, centre * (1 - centre) / variance)


def kish(cells: Cells, invited: Mapping[str, int]) -> float:
    """How many evenly spread answers a wave's answers are worth."""
    total = sum(invited[group] for group in cells)
    return 1 / sum((invited[group] / total) ** 2 / n for group, (_, n) in cells.items())


def of_year(waves: Sequence[Cells], invited: Mapping[str, int]) -> tuple[float, Ends]:
    """The mean of the waves' values, worth as many answers as they are worth on average."""
    mean = fmean(weighted(cells, invited)[0] for cells in waves)
    return mean, wilson(mean, fmean(kish(cells, invited) for cells in waves))


def contrast(one: tuple[float, Ends], two: tuple[float, Ends]) -> dict[str, float]:
    """Newcombe's tenth method, and p at the z where the nearer end reaches zero."""
    d = one[0] - two[0]

    def ends(z: float) -> tuple[float, float]:
        (low_1, high_1), (low_2, high_2) = one[1](z), two[1](z)
        return d - hypot(one[0] - low_1, high_2 - two[0]), d + hypot(
            high_1 - one[0], two[0] - low_2
        )

    low, high = ends(Z)
    p = (
        1.0
        if d == 0
        else 2 * norm.sf(brentq(lambda z: ends(z)[0 if d > 0 else 1], 1e-9, 37, xtol=1e-12))
    )
    return {"estimate": d, "low": low, "high": high, "p_value": p}


def fisher_mid_p(one: tuple[int, int], two: tuple[int, int]) -> float:
    """Fisher's two-sided test of the plain table, tables as odd as ours counted half."""
    answers = one[1] + two[1]
    tables = hypergeom(answers, one[0] + two[0], one[1])
    masses = [tables.pmf(x) for x in range(one[1] + 1)]
    ours = tables.pmf(one[0])
    odder = sum(mass for mass in masses if mass < ours * (1 - 1e-7))
    as_odd = sum(mass for mass in masses if abs(mass - ours) <= ours * 1e-7)
    return float(odder + as_odd / 2)


def against_rest(cells: Cells, group: str, invited: Mapping[str, int]) -> dict[str, float]:
    """A group less all others weighted by their people, its p the larger of two tests."""
    others = {name: cell for name, cell in cells.items() if name != group}
    x, n = cells[group]
    difference = contrast((x / n, wilson(x / n, n)), weighted(others, invited))
    plain = sum(x for x, _ in others.values()), sum(n for _, n in others.values())
    exact = fisher_mid_p((x, n), plain)
    return difference | {"p_value": max(difference["p_value"], exact)}


def line(days: Sequence[int], waves: Sequence[tuple[float, float]]) -> dict[str, float]:
    """The rise of the weighted least squares line over its span; waves are (value, effective)."""
    when = np.array(days, float) - days[0]
    values, answers = (np.array(part) for part in zip(*waves, strict=True))
    weights = answers / answers.mean()
    design = np.column_stack([np.ones(len(when)), when]) * np.sqrt(weights)[:, None]
    coefficients, *_ = np.linalg.lstsq(design, values * np.sqrt(weights), rcond=None)
    residuals = values - coefficients[0] - coefficients[1] * when
    guess = (values * answers + 1) / (answers + 2)
    within = float((guess * (1 - guess) / answers).mean())
    between = float((weights * residuals**2).sum() / (len(when) - 2))
    centre = np.average(when, weights=weights)
    error = sqrt(max(within, between) / float((weights * (when - centre) ** 2).sum()))
    law = t(len(when) - 2) if between > within else norm
    rise, half = coefficients[1] * when[-1], law.ppf(0.975) * error * when[-1]
    p = 2 * law.sf(abs(coefficients[1]) / error)
    return {
        "estimate": float(rise),
        "low": max(float(rise - half), -1.0),
        "high": min(float(rise + half), 1.0),
        "p_value": float(p),
    }


def within_swings(
    change: Mapping[str, float], days: Sequence[int], waves: Sequence[tuple[float, float]]
) -> dict[str, float]:
    """The change between the last two waves, widened by how far all waves lie from a line.

    The step between the two has a parameter of its own beside the line's two.
    """
    when = np.array(days, float) - days[0]
    values, answers = (np.array(part) for part in zip(*waves, strict=True))
    weights = answers / answers.mean()
    step = np.zeros(len(when))
    step[-1], step[-2] = 1 / weights[-1], -1 / weights[-2]
    columns = np.column_stack([np.ones(len(when)), when, step]) * np.sqrt(weights)[:, None]
    fitted = values * np.sqrt(weights)
    coefficients, *_ = np.linalg.lstsq(columns, fitted, rcond=None)
    law = t(len(when) - 3)
    mean_square = float(((fitted - columns @ coefficients) ** 2).sum()) / (len(when) - 3)
    error = sqrt(mean_square * (1 / weights[-1] + 1 / weights[-2]))
    half, p = law.ppf(0.975) * error, float(2 * law.sf(abs(change["estimate"]) / error))
    return {
        "estimate": change["estimate"],
        "low": min(change["low"], change["estimate"] - half),
        "high": max(change["high"], change["estimate"] + half),
        "p_value": max(change["p_value"], p),
    }


def adjusted(p_values: Mapping[Place, float], families: Mapping[Place, int]) -> dict[Place, float]:
    """Benjamini and Hochberg's q by place, adjusted within each family; that of the first is p."""
    q_values = dict(p_values)
    for family in (2, 3):
        places = [place for place in p_values if families[place] == family]
        if places:
            q = false_discovery_control([p_values[place] for place in places])
            q_values |= dict(zip(places, map(float, q), strict=True))
    return q_values
