"""Intervals, differences and verdicts: counts in, honest ranges out. Pure functions; see docs for each method's paper."""

from survey.statistics.difference import adjust_p_values, difference_interval
from survey.statistics.levels import mean_interval, nps_interval, proportion_interval
from survey.statistics.silence import break_even, feasible_range
from survey.statistics.stratified import stratified_interval
from survey.statistics.values import Difference, Interval, Stratum

__all__ = [
    "Difference",
    "Interval",
    "Stratum",
    "adjust_p_values",
    "break_even",
    "difference_interval",
    "feasible_range",
    "mean_interval",
    "nps_interval",
    "proportion_interval",
    "stratified_interval",
]
