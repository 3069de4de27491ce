"""Surveys, their waves, and what is frozen when one opens."""
