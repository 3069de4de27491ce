"""Intervals, differences and verdicts from counts: pure functions, one method a file.

Each file's docstring names its paper; docs/statistics.md explains the methods. A function in the
plural takes arrays with one entry per cell (a question in a group); the singular is the same for
one cell.
"""

from survey.statistics.against_rest import (
    group_against_rest,
    groups_against_rest,
    values_of_rests,
)
from survey.statistics.detectable import (
    Detectable,
    detectable_factor,
    detectable_in_family,
    detectable_moves,
    detectable_rise,
    possible_moves,
)
from survey.statistics.difference import (
    adjust_p_values,
    difference_interval,
    difference_intervals,
    stratified_difference,
    stratified_differences,
)
from survey.statistics.families import (
    Compared,
    Comparing,
    Family,
    adjust_by_family,
    assign_families,
    family_sizes,
)
from survey.statistics.levels import (
    mean_interval,
    mean_intervals,
    nps_interval,
    nps_intervals,
    proportion_interval,
    proportion_intervals,
)
from survey.statistics.rebounds import (
    rebound,
)
from survey.statistics.silence import (
    ResponseOdds,
    break_even,
    break_even_people,
    break_evens,
    feasible_range,
    feasible_ranges,
    response_odds,
)
from survey.statistics.stratified import (
    effective_answers,
    stratified_interval,
    stratified_intervals,
    stratified_process_interval,
    stratified_process_intervals,
)
from survey.statistics.trends import (
    DatedWave,
    Trend,
    change_within_trend,
    degrees_of_swings,
    trend,
)
from survey.statistics.values import (
    Difference,
    Differences,
    Interval,
    Intervals,
    Stratum,
)
from survey.statistics.waves import (
    mix_shift,
)
from survey.statistics.widest import (
    too_few_to_say,
    widest_range,
)
from survey.statistics.years import (
    YearValue,
    year_difference,
    year_interval,
)

__all__ = [
    "Compared",
    "Comparing",
    "DatedWave",
    "Detectable",
    "Difference",
    "Differences",
    "Family",
    "Interval",
    "Intervals",
    "ResponseOdds",
    "Stratum",
    "Trend",
    "YearValue",
    "adjust_by_family",
    "adjust_p_values",
    "assign_families",
    "break_even",
    "break_even_people",
    "break_evens",
    "change_within_trend",
    "degrees_of_swings",
    "detectable_factor",
    "detectable_in_family",
    "detectable_moves",
    "detectable_rise",
    "difference_interval",
    "difference_intervals",
    "effective_answers",
    "family_sizes",
    "feasible_range",
    "feasible_ranges",
    "group_against_rest",
    "groups_against_rest",
    "mean_interval",
    "mean_intervals",
    "mix_shift",
    "nps_interval",
    "nps_intervals",
    "possible_moves",
    "proportion_interval",
    "proportion_intervals",
    "rebound",
    "response_odds",
    "stratified_difference",
    "stratified_differences",
    "stratified_interval",
    "stratified_intervals",
    "stratified_process_interval",
    "stratified_process_intervals",
    "too_few_to_say",
    "trend",
    "values_of_rests",
    "widest_range",
    "year_difference",
    "year_interval",
]
