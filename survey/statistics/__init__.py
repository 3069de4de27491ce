"""Intervals, differences and verdicts from counts: pure functions, one method a file.

Each file's docstring names its paper; docs/statistics.md explains the methods. A function in the
plural takes arrays with one entry per cell (a question in a group); the singular is the same for
one cell.
"""

from survey.statistics.difference import (
    adjust_p_values,
    difference_interval,
    difference_intervals,
    stratified_difference,
    stratified_differences,
)
from survey.statistics.levels import (
    mean_interval,
    mean_intervals,
    nps_interval,
    nps_intervals,
    proportion_interval,
    proportion_intervals,
)
from survey.statistics.silence import break_even, break_evens, feasible_range, feasible_ranges
from survey.statistics.stratified import (
    effective_answers,
    stratified_interval,
    stratified_intervals,
    stratified_process_interval,
    stratified_process_intervals,
)
from survey.statistics.values import Difference, Differences, Interval, Intervals, Stratum

__all__ = [
    "Difference",
    "Differences",
    "Interval",
    "Intervals",
    "Stratum",
    "adjust_p_values",
    "break_even",
    "break_evens",
    "difference_interval",
    "difference_intervals",
    "effective_answers",
    "feasible_range",
    "feasible_ranges",
    "mean_interval",
    "mean_intervals",
    "nps_interval",
    "nps_intervals",
    "proportion_interval",
    "proportion_intervals",
    "stratified_difference",
    "stratified_differences",
    "stratified_interval",
    "stratified_intervals",
    "stratified_process_interval",
    "stratified_process_intervals",
]
