"""Is it getting better? A straight line through the values of five to eight waves.

Weighted least squares, each wave by its effective number of answers (Cochran, Sampling Techniques,
1977; Draper & Smith, Applied Regression Analysis, 1998). The error is the larger of two: what the
numbers of answers explain (`within`), and how far the waves really lie from the line (`between`).
So a service that swings from wave to wave for everybody at once, by an outage or a season, is not
called changed for it. The second alone is a t-test with two degrees of freedom less than waves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from survey.statistics.difference import stratified_difference
from survey.statistics.values import (
    Difference,
    Differences,
    Floats,
    checked_reals,
    checked_values,
    checked_whole,
    quantile,
    refuse_where,
)
from survey.statistics.waves import Mix, Wave, answers_in, is_counted, moments_of
from survey.statistics.wilson import Moments

FEWEST_WAVES, MOST_WAVES = 5, 8
SWINGS_FROM = 6  # waves: how far they swing is known well enough for the test of a change


@dataclass(frozen=True, slots=True)
class DatedWave:
    """One wave of a trend: its date in units of the cadence, and its groups.

    So quarterly waves lie 1 apart, and a void wave leaves a gap of 2.
    """

    time: float
    groups: Wave


@dataclass(frozen=True, slots=True)
class Trend:
    """The rise (fall, if negative) of the line over its whole span, in the unit of the values.

    `low` and `high` are its range, `p_value` is two-sided; `counted` are the places of the waves in
    it, in the order given, the first of them where the span begins; `fewest_answers` is the number
    of answers of its smallest wave. `degrees` are those of the t-test, None where the numbers of
    answers explain all swings and the test is normal.
    """

    rise: float
    low: float
    high: float
    p_value: float
    confidence: float
    counted: tuple[int, ...]
    fewest_answers: int
    degrees: int | None

    @property
    def difference(self) -> Difference:
        """The rise as a difference between the end and the beginning, for `direction`."""
        return Difference(self.rise, self.low, self.high, self.p_value)


@dataclass(frozen=True, slots=True)
class Line:
    """Straight lines through the waves of each cell, on the unit scale of the values.

    `slope` is per unit of time, `error` its standard error; `by_swings` says where how far the
    waves lie from the line is the larger error. `degrees` are waves less two.
    """

    slope: Floats
    error: Floats
    by_swings: Floats
    degrees: int


def fit_lines(times: Floats, waves: Moments) -> Line:
    """Fits a line per cell; `waves` holds moments of cells x waves, `times` has one per wave.

    >>> from survey.statistics.wilson import moments
    >>> counts = [[(30 - 2 * at, 30 + 2 * at) for at in range(5)]]
    >>> fit_lines(np.arange(5.0), moments(counts, (0, 1))).slope.round(4).tolist()
    [0.0333]
    """
    weight = waves.answers / waves.answers.mean(axis=1, keepdims=True)
    total = weight.sum(axis=1, keepdims=True)
    away = times - (weight * times).sum(axis=1, keepdims=True) / total
    middle = (weight * waves.mean).sum(axis=1, keepdims=True) / total
    spread = (weight * away**2).sum(axis=1)
    slope = (weight * away * (waves.mean - middle)).sum(axis=1) / spread
    residual = waves.mean - middle - slope[:, None] * away
    degrees = len(times) - 2
    swings = (weight * residual**2).sum(axis=1) / degrees
    within = (waves.variance / waves.answers).mean(axis=1)
    error = np.sqrt(np.maximum(swings, within) / spread)
    return Line(slope, error, swings > within, degrees)


def p_values_of(line: Line) -> Floats:
    """The two-sided p-values of the slopes: by t where the swings are larger, else normal."""
    from scipy.special import ndtr, stdtr

    ratio = -np.abs(line.slope) / line.error
    p: Floats = 2 * np.where(line.by_swings, stdtr(line.degrees, ratio), ndtr(ratio))
    return p


def trend(
    waves: Sequence[DatedWave], values: Sequence[float], confidence: float = 0.95
) -> Trend | None:
    """The line through the last eight waves with at least 10 answers; None with fewer than five.

    Give the comparable waves, oldest first, imported, baseline and early-closed ones included. The
    number of answers alone decides which are in. Refuses times that do not ascend, and what
    `stratified_interval` refuses.

    >>> from survey.statistics import Stratum
    >>> satisfied = [11, 14, 19, 20, 26, 29, 36, 39]
    >>> waves = [DatedWave(at, [Stratum(60, (58 - x, x))]) for at, x in enumerate(satisfied)]
    >>> found = trend(waves, (0, 1))
    >>> round(found.rise, 2), round(found.low, 2), round(found.high, 2), found.p_value < 0.001
    (0.49, 0.36, 0.62, True)
    """
    z = quantile(confidence)
    scale = checked_values(values)
    times = _checked_times(waves)
    counted = tuple(at for at, wave in enumerate(waves) if is_counted(wave.groups))[-MOST_WAVES:]
    if len(counted) < FEWEST_WAVES:
        return None
    chosen = [waves[at] for at in counted]
    line = fit_lines(times[list(counted)], _moments_of_all([w.groups for w in chosen], scale))
    width = (scale[-1] - scale[0]) * (chosen[-1].time - chosen[0].time)
    rise, is_swinging = width * float(line.slope[0]), bool(line.by_swings[0])
    needed = _t_quantile(confidence, line.degrees) if is_swinging else z
    half = width * float(line.error[0]) * needed
    most = scale[-1] - scale[0]  # a line can rise by more than its scale; no value can
    ends = [min(max(end, -most), most) for end in (rise, rise - half, rise + half)]
    return Trend(
        ends[0],
        ends[1],
        ends[2],
        float(p_values_of(line)[0]),
        confidence,
        counted,
        min(answers_in(wave.groups) for wave in chosen),
        line.degrees if is_swinging else None,
    )


def change_within_trend(
    waves: Sequence[DatedWave],
    values: Sequence[float],
    first: int = -1,
    second: int = -2,
    confidence: float = 0.95,
    invited: tuple[Mix, Mix] | None = None,
) -> Difference:
    """The value of the wave at place `first` minus that at `second`, judged by how waves swing.

    `waves` are the comparable ones, oldest first; `first` and `second` are places among them. Where
    six or more of the last eight have 10 answers, these two included, the range holds both MOVER's
    and that of a t-test by how far all waves lie from a line, and p is the larger of the two: below
    1 - confidence exactly when the range leaves out zero. With fewer waves it is
    `stratified_difference`. `invited` as there.

    Without it, weeks that are good or bad for everybody by 5 points (standard deviation) give false
    changes in one of five comparisons with 120 answers, and in more than one of three with 300.

    >>> from survey.statistics import Stratum
    >>> satisfied = [40, 30, 41, 29, 42, 31, 43]
    >>> waves = [DatedWave(at, [Stratum(60, (50 - x, x))]) for at, x in enumerate(satisfied)]
    >>> round(change_within_trend(waves, (0, 1)).p_value, 3)
    0.274
    >>> round(change_within_trend(waves[-2:], (0, 1)).p_value, 3)
    0.007
    """
    scale = checked_values(values)
    times = _checked_times(waves)
    sides = [waves[at].groups for at in (first, second)]
    found = stratified_difference(sides[0], sides[1], scale, confidence, invited)
    counted = [at for at, wave in enumerate(waves) if is_counted(wave.groups)][-MOST_WAVES:]
    if len(counted) < SWINGS_FROM:
        return found
    pair = tuple(range(len(waves))[at] for at in (first, second))
    if not set(pair) <= set(counted):
        return found
    all_waves = _moments_of_all([waves[at].groups for at in counted], scale)
    places = counted.index(pair[0]), counted.index(pair[1])
    swings, degrees = swings_beside(times[counted], all_waves, places)
    single = Differences(*(np.array([part]) for part in _parts_of(found)))
    width = scale[-1] - scale[0]
    widened = widen_by_swings(single, width * swings, degrees, confidence)[0]
    return widened.with_mix_shift(found.mix_shift)


def degrees_of_swings(waves: int) -> int:
    """The degrees of freedom of a change that so many counted waves judge: waves less three.

    Refuses fewer than six, of which `change_within_trend` does not ask.

    >>> degrees_of_swings(8)
    5
    """
    number = int(checked_whole("waves", waves, lowest=SWINGS_FROM))
    return number - 3


def swings_beside(times: Floats, waves: Moments, places: tuple[int, int]) -> tuple[Floats, int]:
    """The standard error of the difference of two waves by how far all lie from a line, per cell.

    On the unit scale, with its degrees of freedom: waves less three. `waves` are moments of cells x
    waves, `places` the two waves. The first of the two has a parameter of its own beside the line's
    two, so that its change cannot enlarge the swings it is judged by: with it inside, six waves
    could call nothing clear, for |t| would stay below 2.1.
    """
    weight = waves.answers / waves.answers.mean(axis=1, keepdims=True)
    root = np.sqrt(weight)
    contrast = np.zeros_like(root)
    contrast[:, places[0]] = 1 / root[:, places[0]]
    contrast[:, places[1]] = -1 / root[:, places[1]]
    own = np.zeros_like(root)
    own[:, places[0]] = 1.0
    design = np.stack([root, root * (times - times.mean()), own], axis=2)
    basis, _ = np.linalg.qr(design)
    values = (root * waves.mean)[..., None]
    residual = values - basis @ (np.swapaxes(basis, 1, 2) @ values)
    degrees = degrees_of_swings(len(times))
    mean_square = (residual[..., 0] ** 2).sum(axis=1) / degrees
    return np.sqrt(mean_square * (contrast**2).sum(axis=1)), degrees


def widen_by_swings(
    found: Differences, error: Floats, degrees: int, confidence: float = 0.95
) -> Differences:
    """Differences of two waves, no surer than the swings of all waves allow.

    `error` and `degrees` are those of `swings_beside`, the error in the unit of the differences.
    The ranges hold both kinds; p is the larger.
    """
    from scipy.special import stdtr

    half = _t_quantile(confidence, degrees) * error
    ratio = -np.abs(found.estimate) / np.maximum(error, np.finfo(float).tiny)
    return Differences(
        found.estimate,
        np.minimum(found.low, found.estimate - half),
        np.maximum(found.high, found.estimate + half),
        np.maximum(found.p_value, 2 * stdtr(degrees, ratio)),
    )


def _parts_of(difference: Difference) -> tuple[float, float, float, float]:
    """The estimate, both ends and the p-value of a difference."""
    return difference.estimate, difference.low, difference.high, difference.p_value


def _moments_of_all(waves: Sequence[Wave], scale: Sequence[float]) -> Moments:
    """The moments of several waves as one cell: arrays of 1 x waves."""
    found = [moments_of(wave, scale) for wave in waves]
    parts = ("answers", "mean", "centre", "dispersion")
    return Moments(*(np.stack([getattr(wave, part) for wave in found], axis=1) for part in parts))


def _t_quantile(confidence: float, degrees: int) -> float:
    """The two-sided quantile of Student's t: 2.45 for 0.95 and 6 degrees."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + confidence) / 2))


def _checked_times(waves: Sequence[DatedWave]) -> Floats:
    """The waves' dates; refuses dates that are no numbers or do not ascend."""
    times = checked_reals("time", [wave.time for wave in waves])
    late = np.diff(times) <= 0
    refuse_where(late, lambda at: f"time must ascend: {times[at]} is not before {times[at[0] + 1]}")
    return times
