"""Which questions go together with the overall one, and whether the first survives resampling.

Johnson, A heuristic method for estimating the relative weight of predictor variables, Multivariate
Behavioral Research 35 (2000): the predictors are replaced by their nearest orthogonal twins, whose
shares of the explained variance are handed back to the predictors. An association is no cause; what
is published is which comes first, never the weights.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survey.statistics.suppression import DRIVERS_FROM, RANKED_FROM
from survey.statistics.values import Floats, checked_reals, checked_whole

DRAWS = 500
MOST_BLOCKS = 500
STABLE = 0.8
TOP_GROUP = 0.95
_SEED = 20_000  # the same answers must always give the same order
_FLAT = 1e-9


@dataclass(frozen=True, slots=True)
class KeyDrivers:
    """The predictors most associated with the outcome, by their column numbers (`places`).

    Where `ranked`, all that vary, the strongest first; else those that may come first, in the order
    of their columns. `answers` is the number of people. Say `first` and `behind`: which comes
    second is right in 27 to 68 % of waves only, and the whole order in 0 to 36 %.
    """

    answers: int
    ranked: bool
    places: tuple[int, ...]

    @property
    def first(self) -> int | None:
        """The column of the strongest predictor; None where several may be it."""
        return self.places[0] if self.ranked else None

    @property
    def behind(self) -> tuple[int, ...]:
        """The others in the order of their columns; where none is first, those that may be it."""
        return tuple(sorted(self.places[1:] if self.ranked else self.places))


def relative_weights(predictors: ArrayLike, outcome: ArrayLike) -> Floats:
    """Johnson's weights: each predictor's part of the explained variance; they add up to R squared.

    `predictors` is people x predictors, `outcome` has one entry per person. Refuses a table without
    any person.

    >>> x = np.array([[1, 0], [2, 1], [3, 0], [4, 1], [5, 0], [6, 1]])
    >>> relative_weights(x, x[:, 0]).round(2).tolist()
    [0.96, 0.04]
    """
    table = _as_table(checked_reals("predictors", predictors), checked_reals("outcome", outcome))
    if not len(table):
        raise ValueError("predictors must hold at least one person")
    weights: Floats = _weights(_sum_products(table)[None])[0]
    return weights


def key_drivers(predictors: ArrayLike, outcome: ArrayLike) -> KeyDrivers | None:
    """The predictors most associated with the outcome; None where nothing can be said.

    `predictors` is people x predictors, whole answers; `outcome` has one per person. Nothing can be
    said below 100 people, with fewer than two predictors that vary, or an outcome that does not.

    From 100 people it is an unordered group of those that may come first, which is right in 95 % of
    the draws; from 200 the first, but only when the same one comes first in at least 80 % of them.
    The draws are a bootstrap with a fixed seed; above 500 people it draws blocks of people, so that
    its cost does not grow with them.
    """
    table = _as_table(
        checked_whole("predictors", predictors, lowest=-(10**6)),
        checked_whole("outcome", outcome, lowest=-(10**6)),
    )
    people, columns = table.shape
    if people < DRIVERS_FROM:
        return None
    table = table - table.mean(axis=0)
    varying = [column for column in range(columns - 1) if np.ptp(table[:, column]) > 0]
    if len(varying) < 2 or not np.ptp(table[:, -1]):
        return None
    strongest = _draw_strongest(table[:, [*varying, columns - 1]])
    share_first = np.bincount(strongest, minlength=len(varying)) / len(strongest)
    if people >= RANKED_FROM and share_first.max() >= STABLE:
        first = varying[int(share_first.argmax())]
        weights = relative_weights(table[:, varying], table[:, -1])
        order = [varying[index] for index in np.argsort(-weights, kind="stable")]
        behind = (column for column in order if column != first)
        return KeyDrivers(people, True, (first, *behind))
    likely_first = np.argsort(-share_first, kind="stable")
    covered = np.cumsum(share_first[likely_first])
    enough = int(np.searchsorted(covered, TOP_GROUP - _FLAT)) + 1
    top_group = sorted(varying[index] for index in likely_first[:enough])
    return KeyDrivers(people, False, tuple(top_group))


def _as_table(predictors: ArrayLike, outcome: ArrayLike) -> Floats:
    """One table of people x (predictors, outcome); refuses unequal numbers of people."""
    columns, last = np.asarray(predictors, dtype=float), np.asarray(outcome, dtype=float)
    if columns.ndim != 2 or last.shape != columns.shape[:1]:
        raise ValueError(
            f"predictors and outcome must hold as many people: {columns.shape} and {last.shape}"
        )
    return np.column_stack([columns, last])


def _draw_strongest(table: Floats) -> NDArray[np.int64]:
    """The index of the predictor with the largest weight, in each of 500 bootstrap draws.

    The draws are of blocks of people, with a fixed seed.
    """
    source = np.random.default_rng(_SEED)
    shuffled = table[source.permutation(len(table))]
    blocks = min(len(table), MOST_BLOCKS)
    products = np.stack([_sum_products(block) for block in np.array_split(shuffled, blocks)])
    times = source.multinomial(blocks, np.full(blocks, 1 / blocks), size=DRAWS)
    weights = _weights(np.tensordot(times.astype(float), products, axes=1))
    strongest: NDArray[np.int64] = weights.argmax(axis=1)
    return strongest


def _sum_products(rows: Floats) -> Floats:
    """Sums of products of (1, columns) over rows, which give all means, variances, correlations."""
    with_ones = np.column_stack([np.ones(len(rows)), rows])
    products: Floats = with_ones.T @ with_ones
    return products


def _weights(products: Floats) -> Floats:
    """Johnson's relative weights (draws x predictors); a predictor that does not vary has weight 0.

    `products` are the sums of `_sum_products` of each draw: draws x columns x columns, in the order
    1, predictors, outcome. With the correlations R among the predictors and r with the outcome, the
    orthogonal twins have the slopes R^(-1/2) r, and the weights are (R^(1/2))^2 slopes^2, squared
    entry by entry. Roots come from the eigenvalues and eigenvectors of R.
    """
    correlation = _correlate(products)
    among = correlation[:, :-1, :-1]
    with_outcome = correlation[:, :-1, -1]
    eigenvalues, eigenvectors = np.linalg.eigh(among)
    eigenvalues = np.maximum(eigenvalues, 0)
    root = _compose(np.sqrt(eigenvalues), eigenvectors)
    inverse_roots = 1 / np.sqrt(np.maximum(eigenvalues, _FLAT))
    inverse_root = _compose(np.where(eigenvalues > _FLAT, inverse_roots, 0), eigenvectors)
    slopes = np.einsum("dij,dj->di", inverse_root, with_outcome)
    weights: Floats = np.einsum("dij,dj->di", root**2, slopes**2)
    return weights


def _compose(eigenvalues: Floats, eigenvectors: Floats) -> Floats:
    """The symmetric matrices (draws x i x j) that have these eigenvalues and eigenvectors."""
    matrices: Floats = np.einsum("dik,dk,djk->dij", eigenvectors, eigenvalues, eigenvectors)
    return matrices


def _correlate(products: Floats) -> Floats:
    """The correlations (draws x columns x columns) from the sums of `_sum_products`.

    Those of a column that does not vary are 0; a predictor that does not vary has 1 with itself.
    """
    number = products[:, 0, 0][:, None, None]
    mean = products[:, 0, 1:] / number[:, 0]
    covariance = products[:, 1:, 1:] / number - mean[:, :, None] * mean[:, None, :]
    spread = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0))
    flat = spread <= _FLAT
    scale = np.where(flat, 1, spread)
    correlation = np.where(
        flat[:, :, None] | flat[:, None, :],
        0,
        covariance / (scale[:, :, None] * scale[:, None, :]),
    )
    correlation[:, :-1, :-1] += np.eye(correlation.shape[1] - 1) * flat[:, :-1, None]
    return correlation
