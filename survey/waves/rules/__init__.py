"""Surveys and waves as values, and what may be decided about them."""
