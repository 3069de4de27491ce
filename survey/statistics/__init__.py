"""Intervals, differences and verdicts: counts in, honest ranges out."""
