"""A year of waves, and a quarter of thirds: the mean of the waves' values, never a sum of answers.

Adding up answers takes a shift of response between departments for a change of the service: it
called an unchanged company clearly down in about half of all reports. So each wave gives its own
stratified value, and waves count alike. The range is that of one wave of mean size, which is the
cautious end of what is true for people who are of one mind all year.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from survey.statistics.difference import mover_interval
from survey.statistics.values import Difference, Interval, checked_values, quantile
from survey.statistics.waves import Mix, Wave, is_counted, mean_of_waves, mix_shift, moments_of
from survey.statistics.wilson import Summary

YEAR_METHOD = "generalised Wilson, mean of waves"


@dataclass(frozen=True, slots=True)
class YearValue:
    """The value of several waves together, and the places (in the order given) of those in it.

    `interval` is None where none counts, or where all must and one does not.
    """

    interval: Interval | None
    counted: tuple[int, ...]
    waves: int

    @property
    def is_complete(self) -> bool:
        """Whether all waves that were given are in."""
        return len(self.counted) == self.waves


def year_interval(
    waves: Sequence[Wave],
    values: Sequence[float],
    confidence: float = 0.95,
    *,
    needs_all: bool = False,
) -> YearValue:
    """The mean of the waves' stratified values, with a range as wide as one mean wave has.

    In the unit of `values`; the range is about the process. A wave is in when it has at least 10
    answers, decided by that number alone. With `needs_all` (a quarter of thirds) there is no value
    unless all are in. Refuses no waves, and what `stratified_interval` refuses.

    In the example 90 and 60 per cent of the two departments are satisfied in both waves, and
    another department answers more the second time:

    >>> from survey.statistics import Stratum
    >>> march = [Stratum(100, (8, 67)), Stratum(100, (18, 27))]
    >>> june = [Stratum(100, (5, 40)), Stratum(100, (30, 45))]
    >>> year = year_interval([march, june], (0, 1))
    >>> i = year.interval
    >>> round(i.estimate, 3), round(i.low, 3), round(i.high, 3), year.counted
    (0.746, 0.658, 0.817, (0, 1))
    """
    z = quantile(confidence)
    scale = checked_values(values)
    counted = _places_counted("waves", waves)
    if not counted or (needs_all and len(counted) < len(waves)):
        return YearValue(None, counted, len(waves))
    summary = _summarise([waves[at] for at in counted], scale)
    (low,), (high,) = summary.limits(z)
    lowest, width = scale[0], scale[-1] - scale[0]
    interval = Interval(
        lowest + width * float(summary.mean[0]),
        lowest + width * float(low),
        lowest + width * float(high),
        confidence,
        YEAR_METHOD,
    )
    return YearValue(interval, counted, len(waves))


def year_difference(
    first: Sequence[Wave],
    second: Sequence[Wave],
    values: Sequence[float],
    confidence: float = 0.95,
    invited: tuple[Mix, Mix] | None = None,
) -> Difference | None:
    """The value of the `first` waves minus that of the `second`, with range and p-value.

    Put the later year first. None where either side has no wave with 10 answers. `invited` holds
    the groups of all waves of each side with the people invited; the result then says how far
    their mix moved (see `mix_shift`). Refuses what `year_interval` refuses.

    >>> from survey.statistics import Stratum
    >>> wave = [Stratum(60, (13, 29))]
    >>> d = year_difference([wave, wave], [[Stratum(60, (20, 20))]], (0, 1))
    >>> round(d.estimate, 3), round(d.p_value, 3)
    (0.19, 0.078)
    """
    z = quantile(confidence)
    scale = checked_values(values)
    later = [first[at] for at in _places_counted("first", first)]
    before = [second[at] for at in _places_counted("second", second)]
    if not later or not before:
        return None
    sides = _summarise(later, scale), _summarise(before, scale)
    shift = mix_shift(*invited) if invited else 0.0
    found = mover_interval(sides[0], sides[1], scale[-1] - scale[0], z)[0]
    return found.with_mix_shift(shift)


def _summarise(waves: Sequence[Wave], scale: Sequence[float]) -> Summary:
    """The mean of the waves' values and the mean of their effective numbers, as one cell."""
    return mean_of_waves([moments_of(wave, scale) for wave in waves])


def _places_counted(name: str, waves: Sequence[Wave]) -> tuple[int, ...]:
    """The places of the waves with enough answers; refuses no waves."""
    if not len(waves):
        raise ValueError(f"{name} must hold at least one wave")
    return tuple(at for at, wave in enumerate(waves) if is_counted(wave))
