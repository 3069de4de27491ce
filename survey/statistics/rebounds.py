"""The worst of many measures usually reads better next time, even if nothing changes.

It is the lowest partly because it is bad and partly by chance, and the chance does not last:
Andrews, Kitagawa & McCloskey, Inference on Winners, Quarterly Journal of Economics 139 (2024). How
much, is found by a parametric bootstrap: answers are drawn anew from the counts, and the lowest
measures of each draw are compared with where they really are.
"""

from collections.abc import Sequence

import numpy as np

from survey.statistics.stratified import as_arrays, checked_strata
from survey.statistics.values import Floats, checked_values, checked_whole
from survey.statistics.waves import Wave

DRAWS_OF_REBOUND = 400
REBOUND_FROM = 0.03  # of the scale: less is not worth a sentence
_SEED = 3_000  # the same answers must always give the same number


def rebound(measures: Sequence[Wave], values: Sequence[float], lowest: int = 1) -> float:
    """By how much the `lowest` measures of this wave would rise next time if nothing changed.

    In the unit of `values`, the mean of these measures; 0 or more. `measures` are the wave's
    measures, each as its groups; all on one scale. Say it from `REBOUND_FROM` of the scale on.
    Refuses fewer measures than `lowest`, and what `stratified_interval` refuses.

    >>> from survey.statistics import Stratum
    >>> equal = [[Stratum(60, (12, 28))] for _ in range(8)]
    >>> round(rebound(equal, (0, 1)), 3)
    0.102
    >>> round(rebound([[Stratum(60, (35, 5))], *equal[1:]], (0, 1)), 3)
    0.0
    """
    scale = checked_values(values)
    chosen = int(checked_whole("lowest", lowest, lowest=1))
    if len(measures) < max(chosen, 1):
        raise ValueError(f"measures must hold at least {chosen}: {len(measures)}")
    source = np.random.default_rng(_SEED)
    drawn = np.column_stack([_draw_values(measure, scale, source) for measure in measures])
    frozen = np.array([_draw_values(measure, scale, None)[0] for measure in measures])
    places = np.argsort(drawn, axis=1, kind="stable")[:, :chosen]
    fallen = np.take_along_axis(drawn, places, axis=1) - frozen[places]
    return max(0.0, -float(fallen.mean()))


def _draw_values(
    measure: Wave, scale: Sequence[float], source: np.random.Generator | None
) -> Floats:
    """The stratified value of a measure in each draw; in its own counts without a `source`."""
    people, table = as_arrays(measure)
    strata = checked_strata(people, table, scale)
    counts = strata.counts[0]
    drawn = counts[None]
    if source is not None:
        answers = counts.sum(axis=1)
        drawn = np.stack(
            [
                source.multinomial(n, row / n, DRAWS_OF_REBOUND)
                for n, row in zip(answers.tolist(), counts, strict=True)
            ],
            axis=1,
        )
    means = drawn @ np.array(scale) / drawn.sum(axis=2)
    result: Floats = means @ strata.weight[0]
    return result
